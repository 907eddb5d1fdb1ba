"""A sharding problem under a pattern of stages as a `solver.engine.problem.Problem`, and back.

Nodes, in this order: those of the sharding problem with the strategies of the domain; parameters
whose storage is a choice of its own, one strategy per [label, option] pair, tied to the node that
decides the label; levels of working memory (`solver.sharding.lower.memory`); cuts from schedules
(`solver.sharding.lower.cuts`). Edges from a node to itself are part of its costs.

Step time is the largest of several rows. What every row charges is a plain cost, and the rest a
soft resource of capacity 0 and price 1 with a point per row: its overflow is the largest row. The
storage of a parameter that only has plain costs is no choice: the cheapest option of each label is
added to the cost of the node.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from solver.engine import problem as engine
from solver.engine.evaluate import use
from solver.sharding.lower.builder import Builder, Storing
from solver.sharding.lower.cuts import CutPoints, cut_points
from solver.sharding.lower.levels import Level, bytes_gathered
from solver.sharding.lower.memory import MemoryLimit, memory
from solver.sharding.lower.rates import row_rates
from solver.sharding.lower.tables import StoreTable, Tables
from solver.sharding.problem import Selection
from solver.sharding.terms import Cut, SoftLimit, StageTerms


@dataclass(frozen=True, slots=True)
class Aim:
    """What is minimised (step time in seconds, or the peak of memory in bytes), and the limits of
    the step: one that must hold, and `soft` ones."""

    minimizes: Literal["time", "memory"] = "time"
    step_limit: float = math.inf
    soft: tuple[SoftLimit, ...] = ()


STEP_TIME = Aim()


@dataclass(frozen=True, slots=True, eq=False)
class Lowered:
    """The engine's problem, and the ways between its selections and those of the sharding problem.

    `levels` and `cuts` are the last nodes of the problem.
    """

    problem: engine.Problem
    tables: Tables
    storing: tuple[Storing, ...]
    levels: tuple[Level, ...]
    cuts: CutPoints | None
    cut_resource: int

    def selection(self, chosen: engine.Selection) -> Selection:
        """Strategies and storage; levels and cuts say nothing more."""
        strategies, storage = [], []
        for node, k in zip(self.tables.nodes, chosen, strict=False):
            strategies.append(int(node.kept[k]))
        for store, how in zip(self.tables.stores, self.storing, strict=True):
            pair = how.cheapest[_label(store, chosen)] if how.node is None else chosen[how.node]
            storage.append(int(store.pair_option[pair]))
        return Selection(tuple(strategies), tuple(storage))

    def of(self, selection: Selection) -> engine.Selection | None:
        """The way in; None for a selection outside the domain.

        Its value is that of the selection, or less where it stores a parameter in a way that was
        left out for one that costs no more. Where more is needed than every level allows, the
        highest is taken, which is not feasible either.
        """
        rows = zip(self.tables.nodes, selection.strategies, strict=True)
        chosen = [int(node.place[k]) for node, k in rows]
        if min(chosen, default=0) < 0:
            return None
        pairs: list[int] = []
        for number, (store, how) in enumerate(zip(self.tables.stores, self.storing, strict=True)):
            pairs.append(int(store.place[_label(store, chosen), selection.storage[number]]))
            if how.node is not None:
                chosen.append(pairs[-1])
        if min(pairs, default=0) < 0:
            return None
        for level in self.levels:
            least = [self.tables.nodes[n].working[chosen[n]] for n in level.nodes]
            least += [2 * bytes_gathered(self.tables, c, pairs) for c in level.classes]
            strategy = int(level.needed(np.array(least)).max())
            chosen.append(min(strategy, len(level.amounts) - 1))
        return self._with_cuts(chosen)

    def _with_cuts(self, chosen: list[int]) -> engine.Selection:
        """Every cut takes a duration that is smaller, or "as long" where none is."""
        if self.cuts is None:
            return engine.as_selection(chosen)
        longest = [len(points) for points in self.cuts.points]
        durations = use(self.problem, engine.as_selection([*chosen, *longest]))[self.cut_resource]
        for points in self.cuts.points:
            smaller = durations[points] <= self.cuts.smaller[points]
            chosen.append(int(np.argmax(smaller)) if smaller.any() else len(points))
        return engine.as_selection(chosen)


def _label(store: StoreTable, chosen: Sequence[int] | engine.Selection) -> int:
    return int(store.labels[chosen[store.node]])


def lower(
    tables: Tables, terms: StageTerms, aim: Aim = STEP_TIME, cuts: Sequence[Cut] = ()
) -> Lowered:
    """The problem of the best selection under a pattern; soft pins are charged in the unit of the
    aim. Cuts are for the least step time."""
    assert not cuts or aim.minimizes == "time"
    builder = Builder(tables)
    rows = row_rates(tables.problem, terms)
    plain = rows.common()
    if aim.minimizes == "memory" or cuts:
        plain = plain.less(plain)
    cut = cut_points(tables, cuts) if cuts else None
    cuts_too = 0 if cut is None else len(cut.least)
    if aim.minimizes == "time":
        builder.add_step_time(rows.less(plain), cuts_too)
    for limit in _step_limits(aim):
        builder.add_step_limit(limit, rows, cuts_too)
    limits = _memory_limits(terms, aim)
    found = memory(tables, terms, limits) if limits else None
    if found is not None:
        builder.add_memory(found, limits)
    if cut is not None:
        builder.cut_resource = builder.add_resource(
            "durations", cut.capacity(), math.inf, cut.rates
        )
    builder.add_choices(plain)
    if found is not None:
        builder.add_levels(found.levels, len(limits))
    if cut is not None:
        builder.add_cuts(cut, len(rows))
    builder.add_pins()
    levels = found.levels if found is not None else ()
    storing, durations = tuple(builder.storing), builder.cut_resource
    return Lowered(builder.problem(), tables, storing, levels, cut, durations)


def _step_limits(aim: Aim) -> list[SoftLimit]:
    hard = [SoftLimit(aim.step_limit, math.inf)] if math.isfinite(aim.step_limit) else []
    return [*hard, *aim.soft]


def _memory_limits(terms: StageTerms, aim: Aim) -> list[MemoryLimit]:
    limits, everywhere = [], np.ones(len(terms.capacity))
    if aim.minimizes == "memory":
        limits.append(MemoryLimit("peak", 0.0 * everywhere, 1.0))
    if np.isfinite(terms.capacity).any():
        limits.append(MemoryLimit("memory", terms.capacity, math.inf))
    soft = [MemoryLimit("soft memory", x.value * everywhere, x.price) for x in terms.soft]
    return limits + soft
