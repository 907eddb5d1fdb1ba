"""Is every decision one that the spec allows? One rule per function, one code per rule.

Rules run in the order of `PHASES`; a later phase may rely on what an earlier one has found sound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from solver.verify.families import FIXED_FAMILIES
from solver.verify.legal_cuts import cut_violations
from solver.verify.proposal import Proposal
from solver.verify.report import Violation
from solver.verify.virtual_stages import number

Rule = Callable[[Proposal], Iterable[Violation]]


def violations(proposal: Proposal) -> tuple[Violation, ...]:
    """What the first phase that finds anything finds (nothing: the decisions are legal)."""
    for phase in PHASES:
        found = tuple(v for rule in phase for v in rule(proposal))
        if found:
            return found
    return ()


def names_match(proposal: Proposal) -> Iterator[Violation]:
    """Every operator, shared tensor and read parameter is decided, and nothing else is listed."""
    graph = proposal.spec.graph
    declared = [name for name, tensor in graph.tensors.items() if tensor.role == "parameter"]
    yield from _same_names(
        "operators",
        proposal.decisions.operators,
        proposal.wiring.operators,
        proposal.wiring.operators,
    )
    yield from _same_names(
        "tensors", proposal.decisions.tensors, proposal.wiring.shared, proposal.wiring.shared
    )
    yield from _same_names(
        "parameters", proposal.decisions.parameters, proposal.wiring.parameters, declared
    )


def _same_names(
    section: str, listed: Mapping[str, Any], wanted: Iterable[str], known: Iterable[str]
) -> Iterator[Violation]:
    for name in wanted:
        if name not in listed:
            yield Violation("missing", f"`{name}` has no decision", section)
    known_names = frozenset(known)
    for name in listed:
        if name not in known_names:
            yield Violation("unknown", f"the spec has no such entry: `{name}`", section)


def pipeline_axes(proposal: Proposal) -> Iterator[Violation]:
    """The pipeline's sub-axes exist, are listed once, and are among those the spec names."""
    where = "pipeline.axes"
    allowed = proposal.spec.train.pipeline.parts
    known = [part.name for part in proposal.spec.mesh.parts]
    for at, name in enumerate(proposal.decisions.pipeline):
        if name not in known:
            yield Violation("pipeline-axis", f"the mesh has no sub-axis `{name}`", where)
        elif name in proposal.decisions.pipeline[:at]:
            yield Violation("pipeline-axis", f"`{name}` is listed twice", where)
        elif allowed is not None and name not in allowed:
            yield Violation("pipeline-axis", f"the spec keeps stages off `{name}`", where)


def stage_devices(proposal: Proposal) -> Iterator[Violation]:
    """All devices of a stage are of one kind."""
    for stage, kinds in enumerate(proposal.kinds):
        if len(kinds) > 1:
            names = ", ".join(proposal.spec.mesh.kinds[kind].name for kind in sorted(kinds))
            message = f"stage {stage} has devices of several kinds: {names}"
            yield Violation("stage-devices", message, "pipeline.axes")
            return


def stage_count(proposal: Proposal) -> Iterator[Violation]:
    """The number of stages is within the spec's range and that of the units."""
    count = proposal.stages
    wish = proposal.spec.train.pipeline
    high = len(proposal.spec.graph.units) if wish.high is None else wish.high
    if not wish.low <= count <= high:
        message = f"{count} stages are outside {wish.low}..{high}"
        yield Violation("stage-count", message, "pipeline.axes")


def family(proposal: Proposal) -> Iterator[Violation]:
    """The schedule family is the spec's; where it names none, none or one of fixed order."""
    wanted = proposal.spec.train.pipeline.family
    found = proposal.decisions.family
    if wanted is not None and found != wanted:
        yield Violation("family", f"the spec asks for `{wanted}`", "pipeline.family")
    elif wanted is None and found is not None and found not in FIXED_FAMILIES:
        message = f"it must be null or one of {', '.join(FIXED_FAMILIES)}"
        yield Violation("family", message, "pipeline.family")


def microbatches(proposal: Proposal) -> Iterator[Violation]:
    """The micro-batch count is positive, within the spec's range, and divides batch indices."""
    where = "pipeline.microbatches"
    count = proposal.decisions.microbatches
    if count < 1:
        yield Violation("microbatches", "there must be at least one micro-batch", where)
        return
    wish = proposal.spec.train.microbatches
    if wish is not None and not wish[0] <= count <= wish[1]:
        yield Violation("microbatches", f"{count} is outside {wish[0]}..{wish[1]}", where)
    indices = (index for operator in proposal.spec.graph.operators for index in operator.indices)
    dims = (dim for tensor in proposal.spec.graph.tensors.values() for dim in tensor.dims)
    sizes = {i.name: i.size for source in (indices, dims) for i in source if i.batch}
    for name, size in sizes.items():
        if size % count:
            message = f"{count} micro-batches do not divide index `{name}` of size {size}"
            yield Violation("microbatches", message, where)


def stages_exist(proposal: Proposal) -> Iterator[Violation]:
    """Operators sit on stages and in chunks that exist, all of a unit in one, and none is empty."""
    count, places = proposal.stages, proposal.places
    used: list[bool] = [False] * len(places)
    for unit in proposal.spec.graph.units:
        choices = {name: proposal.decisions.operators[name] for name in unit.operators}
        first = next(iter(choices.values()))
        for name, choice in choices.items():
            stage, turn, where = choice.stage, choice.turn, f"operators.{name}"
            at = number(places, stage, turn)
            if not 0 <= stage < count:
                message = f"there is no stage {stage} of {count}"
                yield Violation("stage-range", message, f"{where}.stage")
            elif at is None:
                message = f"there is no chunk {turn} on stage {stage}"
                yield Violation("stage-range", message, f"{where}.chunk")
            elif stage != first.stage:
                message = f"unit `{unit.name}` is split between stages {first.stage} and {stage}"
                yield Violation("stage-unit", message, f"{where}.stage")
            elif turn != first.turn:
                message = f"unit `{unit.name}` is split between chunks {first.turn} and {turn}"
                yield Violation("stage-unit", message, f"{where}.chunk")
            else:
                used[at] = True
    for at, is_used in enumerate(used):
        if not is_used:
            yield Violation("stage-empty", f"no unit is {_say(places, at)}", "operators")


def stages_ascend(proposal: Proposal) -> Iterator[Violation]:
    """No tensor is read on an earlier stage, or in an earlier chunk, than it is made."""
    places, chosen = proposal.places, proposal.decisions.operators
    at = {name: number(places, choice.stage, choice.turn) for name, choice in chosen.items()}
    for name, write in proposal.wiring.producers.items():
        made = at[write.operator.name]
        for read in proposal.wiring.readers.get(name, ()):
            here = at[read.operator.name]
            if made is not None and here is not None and here < made:
                message = f"`{name}` is made {_say(places, made)} and read {_say(places, here)}"
                where = f"operators.{read.operator.name}.stage"
                yield Violation("stage-order", message, where)


def _say(places: Sequence[int], at: int) -> str:
    stage, turn = places[at], places[:at].count(places[at])
    chunk = f"in chunk {turn} of stage" if len(places) > len(set(places)) else "on stage"
    return f"{chunk} {stage}"


def recompute(proposal: Proposal) -> Iterator[Violation]:
    """A unit is recomputed as a whole, and as `recompute none` or `full` say."""
    mode = proposal.spec.train.recompute
    for unit in proposal.spec.graph.units:
        choices = [proposal.decisions.operators[name].recompute for name in unit.operators]
        where = f"unit {unit.name}"
        if any(choices) and not all(choices):
            yield Violation("recompute-unit", "a unit is recomputed as a whole", where)
        elif mode != "auto" and choices and choices[0] != (mode == "full"):
            yield Violation("recompute-mode", f"the spec says recompute {mode}", where)


PHASES: tuple[tuple[Rule, ...], ...] = (
    (names_match,),
    (pipeline_axes, microbatches, family),
    (stage_count, stage_devices, recompute),
    (stages_exist,),
    (stages_ascend, cut_violations),
)
