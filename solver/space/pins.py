"""Pins as masks: which strategies, storage options, stages and recomputations break a pin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dsl.spec import (
    CutOver,
    OnStage,
    Pin,
    Recomputed,
    RunsBefore,
    SplitBy,
    StoredOver,
    WholeIndex,
)
from solver.sharding.problem import ShardingProblem

Bools = npt.NDArray[np.bool_]
STORED_LEVEL = {"optimizer": 1, "gradients": 2, "parameters": 3}


@dataclass(frozen=True, slots=True)
class UnitWish:
    """On which stages a unit may be (`stages`, None: any), or whether it is recomputed."""

    unit: int
    stages: tuple[int, int] | None
    again: bool | None
    inverted: bool


@dataclass(frozen=True, slots=True)
class PinMasks:
    """What breaks one pin. `nodes` maps a node to its breaking strategies; `stores` a store to its
    breaking [label, option] pairs. Orders of operators break with the schedule, which no mask tells
    (`solver.search.order_pins`)."""

    pin: Pin
    nodes: dict[int, Bools]
    stores: dict[int, Bools]
    units: tuple[UnitWish, ...]

    @property
    def is_hard(self) -> bool:
        """Whether the pin must hold."""
        return self.pin.weight is None


def compile_pins(problem: ShardingProblem) -> tuple[PinMasks, ...]:
    """The masks of every pin of the spec, in the spec's order."""
    units = {unit.name: i for i, unit in enumerate(problem.spec.graph.units)}
    return tuple(_compile(problem, pin, units) for pin in problem.spec.pins)


def _compile(problem: ShardingProblem, pin: Pin, units: dict[str, int]) -> PinMasks:
    nodes: dict[int, Bools] = {}
    stores: dict[int, Bools] = {}
    wishes: list[UnitWish] = []
    forbids = pin.kind == "forbid"
    for wish in pin.requirements:
        match wish:
            case OnStage():
                wishes.append(UnitWish(units[wish.unit], (wish.low, wish.high), None, forbids))
            case Recomputed():
                wishes.append(UnitWish(units[wish.unit], None, wish.wanted, forbids))
            case StoredOver():
                number = problem.store_of_parameter[wish.parameter]
                _merge(stores, number, _breaks_storage(problem, number, wish, forbids))
            case RunsBefore():
                pass
            case CutOver() | SplitBy() | WholeIndex():
                number = problem.node_of_operator[wish.operator]
                _merge(nodes, number, _breaks_operator(problem, number, wish, forbids))
    return PinMasks(pin, nodes, stores, tuple(wishes))


def _merge(into: dict[int, Bools], number: int, breaks: Bools) -> None:
    into[number] = into[number] | breaks if number in into else breaks


def _breaks_operator(
    problem: ShardingProblem, number: int, wish: CutOver | SplitBy | WholeIndex, forbids: bool
) -> Bools:
    states = problem.nodes[number].operator_states
    assert states is not None
    sharding = [part.name for part in problem.split.sharding]
    everything: Bools = np.ones(len(states.assigned), dtype=bool)
    if isinstance(wish, CutOver):
        members = [sharding.index(p) for p in wish.parts if p in sharding]
        cut = states.cut(wish.index)[:, members]
        if forbids:
            return np.asarray(cut.any(axis=1))
        return np.asarray(~cut.all(axis=1)) if len(members) == len(wish.parts) else everything
    if isinstance(wish, SplitBy):
        holds = everything
        for index, degree in wish.degrees:
            sizes = np.where(states.cut(index), problem.costing.wires.sizes, 1)
            holds = holds & (sizes.prod(axis=-1) == degree)
    else:
        holds = np.asarray(~states.cut(wish.index).any(axis=1))
    return holds if forbids else ~holds


def _breaks_storage(
    problem: ShardingProblem, number: int, wish: StoredOver, forbids: bool
) -> Bools:
    store = problem.stores[number]
    sharding = [part.name for part in problem.split.sharding]
    members = [sharding.index(p) for p in wish.parts if p in sharding]
    used = store.costs.used_cuts[:, None, members]
    stored = store.costs.sets[STORED_LEVEL[wish.what]][:, :, members] | used
    if forbids:
        return np.asarray(stored.any(axis=-1))
    if len(members) < len(wish.parts):
        return np.ones(stored.shape[:2], dtype=bool)
    return np.asarray(~stored.all(axis=-1))


def stage_allowed(wish: UnitWish, stage: int, stages: int) -> bool:
    """Whether a stage is fine for a wish about stages; negative numbers count from the end."""
    assert wish.stages is not None
    low, high = (x + stages if x < 0 else x for x in wish.stages)
    return (low <= stage <= high) != wish.inverted
