"""Decisions for the specs of `build`, written down as briefly as they can be."""

from __future__ import annotations

from collections.abc import Mapping

from dsl.spec import Operator, Spec
from solver.verify.decisions import Cuts, Decisions, OperatorChoice, ParameterChoice, TensorChoice
from solver.verify.figures import Phase
from solver.verify.wiring import wire


def choose(
    problem: Spec,
    *,
    cuts: Mapping[str, Mapping[str, str]] = {},
    shared: Mapping[str, Mapping[str, str]] = {},
    used: Mapping[str, Mapping[str, str]] = {},
    levels: Mapping[str, int] = {},
    stage: Mapping[str, int] = {},
    recompute: str = "",
    pipeline: str = "",
    microbatches: int = 1,
    family: str | None = None,
) -> Decisions:
    """Decisions, all uncut and on stage 0 but for what is said. Sub-axes are space-separated.

    `cuts` is per operator (under `*`: of every operator that may cut the index), `shared` per
    tensor with the extra key `partial`, `levels` per mesh axis for every parameter that has it
    free, `stage` and `recompute` per unit.
    """
    graph = problem.graph
    wiring = wire(graph)
    operators = {}
    for operator in graph.operators:
        chosen = {**_applicable(operator, cuts.get("*", {})), **cuts.get(operator.name, {})}
        operators[operator.name] = OperatorChoice(
            cuts=None if operator.variants else _cuts(chosen),
            stage=stage.get(operator.unit, 0),
            recompute=operator.unit in recompute.split(),
            variant=operator.variants[0].name if operator.variants else None,
        )
    return Decisions(
        operators=operators,
        tensors={
            name: TensorChoice(
                _cuts({k: v for k, v in shared.get(name, {}).items() if k != "partial"}),
                tuple(shared.get(name, {}).get("partial", "").split()),
            )
            for name in wiring.shared
        },
        parameters={
            name: _parameter(problem, operators, name, used, levels, pipeline)
            for name in wiring.parameters
        },
        pipeline=tuple(pipeline.split()),
        microbatches=microbatches,
        family=family,
        schedule=(),
    )


def _applicable(operator: Operator, cuts: Mapping[str, str]) -> dict[str, str]:
    return {index: parts for index, parts in cuts.items() if index in operator.cuttable}


def _cuts(chosen: Mapping[str, str]) -> Cuts:
    return tuple((index, tuple(parts.split())) for index, parts in chosen.items() if parts)


def _parameter(
    problem: Spec,
    operators: Mapping[str, OperatorChoice],
    name: str,
    used: Mapping[str, Mapping[str, str]],
    levels: Mapping[str, int],
    pipeline: str,
) -> ParameterChoice:
    """Used as its only reader cuts it, or as `used` says; levels where a sub-axis is free."""
    readers = wire(problem.graph).readers[name]
    dims = [dim.name for dim in problem.graph.tensors[name].dims]
    cuts = _cuts(used.get(name, {}))
    if len(readers) == 1:
        read = readers[0]
        chosen = dict(operators[read.operator.name].cuts or ())
        pairs = zip(dims, read.use.indices, strict=True)
        cuts = tuple((dim, chosen[index]) for dim, index in pairs if index in chosen)
    taken = [*pipeline.split(), *(part for _, parts in cuts for part in parts)]
    free = [part.axis for part in problem.mesh.parts if part.name not in taken]
    return ParameterChoice(cuts, tuple((a, n) for a, n in levels.items() if a in free and n))


PHASES: dict[str, Phase] = {"F": "F", "B": "B", "W": "W"}


def row(text: str) -> list[tuple[Phase, int]]:
    """`F0 F1 B0`: the order of one stage."""
    return [(PHASES[word[0]], int(word[1:])) for word in text.split()]


def in_order(stages: int, microbatches: int, phases: str = "FBW") -> list[list[tuple[Phase, int]]]:
    """Every stage: all of the first phase, all of the second, all of the third."""
    one = [(PHASES[phase], j) for phase in phases for j in range(microbatches)]
    return [list(one) for _ in range(stages)]
