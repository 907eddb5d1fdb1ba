"""How choices enter stage times and bytes, and what a schedule teaches about them."""

from __future__ import annotations

from dataclasses import dataclass, field

from solver.cost.collectives import Floats
from solver.stages.pattern import Counts


@dataclass(frozen=True, slots=True)
class Weights:
    """One weighted sum of all quantities: `units` is [class, part, row] (`solver.cost.kinds`);
    `held` [store, row] replaces it for STATIC and STEP of parameters held once per stage."""

    units: Floats
    held: Floats


@dataclass(frozen=True, slots=True)
class SoftLimit:
    """Bytes or seconds that may be exceeded at `price` per unit, in the unit of the objective."""

    value: float
    price: float


@dataclass(frozen=True, slots=True)
class StageTerms:
    """How the quantities of a unit enter a stage's time and bytes.

    `time[row]` and `memory[stage]` are [class, part, row of a table] factors; a plan's step time is
    at least `time[row]` applied to all choices, for every row. `held_time[row]` and
    `held_memory[stage]` are [store, row of a table] factors of parameters held once per stage.
    `capacity` is in bytes per stage, for static, saved and buffers together (infinite: no limit);
    `soft` are limits of the same bytes on the fullest stage.
    """

    time: Floats
    memory: Floats
    held_time: Floats
    held_memory: Floats
    counts: Counts
    capacity: Floats
    soft: tuple[SoftLimit, ...] = ()


@dataclass(frozen=True, slots=True)
class CutPart:
    """One duration of a stage (or a transfer, or bytes): its factors and its value in a known plan.

    `sent` maps a node to seconds per strategy, for transfers; `exchanged` a parameter that several
    stages hold to the seconds per byte in which they sum its gradient. Where bytes are cut as well
    (scaled to the size of seconds), `gathered` maps a parameter to what a gathered byte counts.
    """

    factors: Floats
    held: Floats
    sent: dict[int, Floats]
    exchanged: dict[int, float]
    value: float
    gathered: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cut:
    """A plan with these durations takes at least `makespan` seconds."""

    parts: tuple[CutPart, ...]
    makespan: float
