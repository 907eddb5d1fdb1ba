"""What a plan decides, read from its document: everything else is derived from these values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from solver.verify.fields import Fields
from solver.verify.figures import Action, Phase
from solver.verify.report import Violation

Cuts = tuple[tuple[str, tuple[str, ...]], ...]
"""Index or dimension name -> names of the sub-axes that cut it."""


@dataclass(frozen=True, slots=True)
class OperatorChoice:
    """The cuts of an operator (tied indices are not written), its stage, and its unit's recompute.

    `cuts` is None where the document leaves it to the measured variant. `turn` is the number of its
    chunk among those of the stage.
    """

    cuts: Cuts | None
    stage: int
    recompute: bool
    variant: str | None = None
    turn: int = 0


@dataclass(frozen=True, slots=True)
class TensorChoice:
    """The shared layout of a tensor: its cut dimensions, and the sub-axes that are `partial`."""

    cuts: Cuts
    partial: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParameterChoice:
    """The used layout of a parameter and its storage level (0..3) per mesh axis (absent: 0)."""

    used: Cuts
    levels: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Decisions:
    """All choices of a plan, by the names of the spec.

    `pipeline` are the sub-axes given to stages; `schedule` is in the document's order.
    """

    operators: Mapping[str, OperatorChoice]
    tensors: Mapping[str, TensorChoice]
    parameters: Mapping[str, ParameterChoice]
    pipeline: tuple[str, ...]
    microbatches: int
    family: str | None
    schedule: tuple[Action, ...]


def read_decisions(document: Fields, found: list[Violation]) -> Decisions:
    """The decisions of a document. Malformed fields add `field-missing`, `field-type` or
    `field-value` violations to `found`; the result means something only when there are none."""
    pipeline = document.nested("pipeline")
    return Decisions(
        operators={
            name: _operator(entry) for name, entry in document.nested("operators").nested_entries()
        },
        tensors={
            name: TensorChoice(read_cuts(entry, "cuts"), entry.names("partial"))
            for name, entry in document.nested("tensors").nested_entries()
        },
        parameters={
            name: _parameter(entry)
            for name, entry in document.nested("parameters").nested_entries()
        },
        pipeline=pipeline.names("axes"),
        microbatches=pipeline.integer("microbatches"),
        family=pipeline.text_or_null("family"),
        schedule=tuple(_action(entry, found) for entry in pipeline.nested_list("schedule")),
    )


def read_cuts(entry: Fields, key: str) -> Cuts:
    """An object of lists of sub-axis names; empty lists say nothing and are dropped."""
    cuts = entry.nested(key)
    pairs = ((name, cuts.names(name)) for name in cuts.field_names)
    return tuple((name, parts) for name, parts in pairs if parts)


def _operator(entry: Fields) -> OperatorChoice:
    variant = entry.text_or_null("variant")
    has_cuts = variant is None or "cuts" in entry.field_names
    return OperatorChoice(
        cuts=read_cuts(entry, "cuts") if has_cuts else None,
        stage=entry.integer("stage"),
        recompute=entry.boolean("recompute"),
        variant=variant,
        turn=entry.integer("chunk") if "chunk" in entry.field_names else 0,
    )


def _parameter(entry: Fields) -> ParameterChoice:
    levels = entry.nested("levels")
    return ParameterChoice(
        used=read_cuts(entry, "used"),
        levels=tuple((axis, levels.integer(axis)) for axis in levels.field_names),
    )


def _action(entry: Fields, found: list[Violation]) -> Action:
    phases: dict[str, Phase] = {"F": "F", "B": "B", "W": "W"}
    phase = entry.text("phase")
    if phase not in phases:
        found.append(Violation("field-value", "a phase is one of F, B, W", f"{entry.where}.phase"))
    action = Action(
        stage=entry.integer("stage"),
        microbatch=entry.integer("microbatch"),
        phase=phases.get(phase, "F"),
        start=entry.number("start_s"),
        end=entry.number("end_s"),
        turn=entry.integer("chunk"),
    )
    if entry.integer("device") != action.stage:
        message = "a stage is on the device of its own number"
        found.append(Violation("field-value", message, entry.where))
    return action
