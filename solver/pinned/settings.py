"""The division of the mesh and the batch, where the `train` block leaves one."""

from __future__ import annotations

from dataclasses import dataclass

from dsl.spec import OnStage, Recomputed, Spec, SubAxis
from solver.pinned.findings import OpenError
from solver.space.mesh import microbatch_counts, pipeline_choices


@dataclass(frozen=True, slots=True)
class Settings:
    """Sub-axes given to stages, the number of micro-batches, and how many stages that makes."""

    pipeline: tuple[SubAxis, ...]
    microbatches: int
    stages: int


def settings_of(spec: Spec) -> Settings:
    """The only division that the spec allows. Raises OpenError with everything it leaves open."""
    train, opened = spec.train, []
    everywhere = frozenset(part.name for part in spec.mesh.parts)
    divisions = pipeline_choices(spec, everywhere)
    counts = microbatch_counts(spec)
    if len(divisions) != 1:
        opened.append(_stages(spec, len(divisions)))
    if len(counts) != 1:
        opened.append(_microbatches(counts))
    if train.pipeline.most_chunks > train.pipeline.chunks:
        opened.append("the number of chunks per stage (`chunks` has a range)")
    if len(divisions) == 1 and divisions[0] and train.pipeline.family is None:
        opened.append("the order of operators (name a schedule family behind `pipeline`)")
    if train.recompute == "auto" and not _says_all_recomputed(spec):
        opened.append("what is recomputed (`recompute auto`; say `none` or `full`)")
    if opened:
        raise OpenError(tuple(opened))
    stages = 1
    for part in divisions[0]:
        stages *= part.size
    return Settings(divisions[0], counts[0], stages)


def _stages(spec: Spec, found: int) -> str:
    if not found:
        return "the stages: no set of mesh axes makes the number that `pipeline` asks for"
    wanted = spec.train.pipeline
    if wanted.low != (wanted.high or 0):
        return "the number of stages (`pipeline` has a range)"
    return "the mesh axes that make stages (`pipeline ... over AXES`)"


def _microbatches(counts: list[int]) -> str:
    if not counts:
        return "the micro-batches: no number that `microbatches` allows divides the batch"
    return "the number of micro-batches (`microbatches` is `auto` or a range)"


def _says_all_recomputed(spec: Spec) -> bool:
    """Whether pins say of every layer if it is recomputed."""
    wishes = (wish for pin in spec.pins for wish in pin.requirements)
    said = {wish.unit for wish in wishes if isinstance(wish, Recomputed)}
    return all(unit.name in said for unit in spec.graph.units if unit.repeat is not None)


def pins_stages(spec: Spec) -> dict[str, tuple[int, int]]:
    """Unit -> the range of stages that pins give it."""
    return {
        wish.unit: (wish.low, wish.high)
        for pin in spec.pins
        if pin.kind != "forbid"
        for wish in pin.requirements
        if isinstance(wish, OnStage)
    }
