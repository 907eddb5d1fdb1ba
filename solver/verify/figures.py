"""What the verifier recomputes, as frozen values. Seconds and bytes, per device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Phase = Literal["F", "B", "W"]


@dataclass(frozen=True, slots=True)
class Call:
    """One collective: `bytes` and `seconds` of one call (before overlap), `count` calls per step on
    one device. `axes` are sub-axis names in mesh order; `tensor` is None for an `across`. `exposed`
    seconds of a call cost time where overlap is scheduled; None for what that does not concern."""

    operator: str
    tensor: str | None
    phase: Literal["F", "B", "W", "step"]
    collective: str
    axes: tuple[str, ...]
    bytes: float
    count: int
    seconds: float
    exposed: float | None = None


@dataclass(frozen=True, slots=True)
class StageTime:
    """Seconds per micro-batch of each phase of a stage, and of its work once per step (`tail`); or
    of a virtual stage (`solver.verify.virtual_stages`), which has no tail.

    Where `fused`, `input_grad` holds the whole backward and `weight_grad` is 0.
    """

    forward: float
    input_grad: float
    weight_grad: float
    tail: float
    fused: bool

    @property
    def per_microbatch(self) -> float:
        """All three phases together."""
        return self.forward + self.input_grad + self.weight_grad

    def duration(self, phase: Phase) -> float:
        """Seconds of one operator of this phase."""
        match phase:
            case "F":
                return self.forward
            case "B":
                return self.input_grad
            case "W":
                return self.weight_grad


@dataclass(frozen=True, slots=True)
class Saved:
    """Bytes a micro-batch keeps for its backward, by the phase whose end frees them."""

    until_input_grad: float
    until_weight_grad: float

    @property
    def total(self) -> float:
        """Both together: what the forward allocates."""
        return self.until_input_grad + self.until_weight_grad

    def __add__(self, other: Saved) -> Saved:
        return Saved(
            self.until_input_grad + other.until_input_grad,
            self.until_weight_grad + other.until_weight_grad,
        )


@dataclass(frozen=True, slots=True)
class Edge:
    """Virtual stage `target` reads what `source` produced, `delay` seconds after it is done."""

    source: int
    target: int
    delay: float


@dataclass(frozen=True, slots=True)
class StageMemory:
    """Bytes on a device of a stage, by term. `limit` is what the peak may reach."""

    parameters: float
    gradients: float
    optimizer: float
    activations: float
    buffers: float
    reserve: float
    limit: float

    def terms(self) -> dict[str, float]:
        """The terms under the names of the plan document."""
        return {
            "parameters": self.parameters,
            "gradients": self.gradients,
            "optimizer": self.optimizer,
            "activations": self.activations,
            "buffers": self.buffers,
            "reserve": self.reserve,
        }

    @property
    def peak(self) -> float:
        """The sum of all terms."""
        return sum(self.terms().values())


@dataclass(frozen=True, slots=True)
class Action:
    """One operator of the schedule: a phase of a stage for a micro-batch, in seconds. `turn` is the
    number of its chunk among those of the stage."""

    stage: int
    microbatch: int
    phase: Phase
    start: float
    end: float
    turn: int = 0


@dataclass(frozen=True, slots=True)
class StepWork:
    """What a stage does once per step, in seconds: collectives of each of its chunks (`reduce`,
    `gather`), and the update with all that is never hidden. `wait` is what the reductions still
    take after the last operator, `rest` what the gathers take of the step."""

    reduce: tuple[float, ...]
    update: float
    gather: tuple[float, ...]
    wait: float
    rest: float

    @property
    def tail(self) -> float:
        """From the last operator to the end of the step."""
        return self.wait + self.update + self.rest


@dataclass(frozen=True, slots=True)
class StepAction:
    """An operator once per step; the update is that of the whole stage, not of a chunk (`turn`)."""

    stage: int
    turn: int | None
    phase: str
    stream: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Bill:
    """One pin or limit: does it hold, and what is paid for it (objective's unit).

    For a soft limit `weight` is the price of a byte or second over it, and `over_bytes` or
    `over_seconds` how much there is of it; elsewhere both are None.
    """

    text: str
    kind: Literal["hard", "soft", "forbid", "limit"]
    file: str
    line: int
    satisfied: bool
    weight: float | None
    paid: float
    over_bytes: float | None = None
    over_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything about a plan that follows from its decisions.

    `objective` is the value of the first objective with `penalty` (the sum of what the bills cost).
    """

    stages: tuple[StageTime, ...]
    memory: tuple[StageMemory, ...]
    calls: tuple[Call, ...]
    edges: tuple[Edge, ...]
    schedule: tuple[Action, ...]
    step_work: tuple[StepWork, ...]
    step_actions: tuple[StepAction, ...]
    step_time: float
    bubble: float
    bills: tuple[Bill, ...]
    penalty: float
    objective: float
