"""The search beside the joint model on one spec."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from dsl.spec import Spec
from tests.solver.joint.optimum import joint_optimum
from tests.solver.solving import GRAIN, plan

NEAR = 1e-5
"""Plans that are better by less than this share are not looked for."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the search says (None: no plan) beside the proven optimum (None: there is no plan), and
    the seconds that each took. `is_proved`: the search said that nothing better exists."""

    value: float | None
    bound: float | None
    optimum: float | None
    is_proved: bool
    search_s: float
    joint_s: float

    @property
    def loss(self) -> float:
        """How much worse the plan is than the best one, relative; infinite where only one of both
        has a plan."""
        if self.value is None or self.optimum is None:
            return 0.0 if self.value is self.optimum else math.inf
        return self.value / self.optimum - 1

    @property
    def is_equal(self) -> bool:
        """Whether both say the same, up to the grain of the search."""
        return self.loss <= GRAIN

    @property
    def is_sound(self) -> bool:
        """Whether nothing is claimed that the joint optimum contradicts."""
        if self.optimum is None:
            return self.value is None
        if self.value is None:
            return not self.is_proved
        bound = 0.0 if self.bound is None else self.bound
        lower = max(bound, self.value if self.is_proved else 0.0)
        return lower <= self.optimum * (1 + GRAIN) and self.value >= self.optimum * (1 - GRAIN)


def compare(spec: Spec, seconds: float, joint_seconds: float = 60.0) -> Comparison:
    """Search for so many seconds, then prove with the joint model what the optimum is. The plan of
    the search, which the verifier has priced, is the optimum where there is none below it;
    NotProvedError where that takes too long."""
    began = time.perf_counter()
    document = plan(spec, time_limit_s=seconds)
    searched = time.perf_counter()
    objective = document.get("objective")
    value = None if objective is None else float(objective["value"])
    best = joint_optimum(spec, math.inf if value is None else value * (1 - NEAR), joint_seconds)
    return Comparison(
        value=value,
        bound=None if objective is None else objective["bound"],
        optimum=value if best is None else best.value,
        is_proved=document["outcome"]["stopped"] == "proved",
        search_s=searched - began,
        joint_s=time.perf_counter() - searched,
    )
