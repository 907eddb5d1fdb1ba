"""The numbers of a spec moved to the ends of what they may be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dsl.spec import Spec
from solver.calibration.parameters import Parameter, parameters_of, with_values

DEVIATIONS = 2.0  # of a number's prior: how far it is moved
LEAST_CHANGE = 1.01  # an end nearer than this is the number itself


@dataclass(frozen=True, slots=True)
class Side:
    """One end of one number: `factor` is its ratio to the spec's value."""

    parameter: Parameter
    end: Literal["low", "high"]
    factor: float

    def spec(self, spec: Spec) -> Spec:
        """The spec with the number at this end."""
        return moved(spec, self.parameter, self.factor)


def moved(spec: Spec, parameter: Parameter, factor: float) -> Spec:
    """The spec with one number times a factor."""
    return with_values(spec, {parameter: parameter.value * factor})


def sides(spec: Spec) -> tuple[Side, ...]:
    """Both ends of every number; none where a rate is at its peak already."""
    found: list[Side] = []
    for parameter in parameters_of([spec]):
        reach = math.exp(DEVIATIONS * parameter.spread)
        high = reach if parameter.most is None else min(reach, parameter.most / parameter.value)
        found.append(Side(parameter, "low", 1 / reach))
        if high >= LEAST_CHANGE:
            found.append(Side(parameter, "high", high))
    return tuple(found)


def numbers(found: Sequence[Side]) -> tuple[Parameter, ...]:
    """The numbers of some sides, each once."""
    return tuple(dict.fromkeys(side.parameter for side in found))
