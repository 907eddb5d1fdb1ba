"""Least squares on the logarithm of step times, with the hardware library as prior.

With x the logarithms of the numbers by their library values, r(x) the logarithms of predicted by
measured seconds, s the noise of a run and d the priors' spreads, the fit minimises

    sum of (r / s)^2 + sum of (x / d)^2

(Tarantola, "Inverse Problem Theory", 2005, section 3.2). Near the minimum x is known with
covariance C = (J^T J / s^2 + diag(1 / d^2))^-1, J the slopes of r. Of the runs that are not
measured yet, the one with slopes j tells most where j^T C j is largest (D-optimal: Fedorov, "Theory
of Optimal Experiments", 1972).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from solver.calibration.parameters import Parameter

Floats = npt.NDArray[np.float64]
Predict = Callable[[dict[Parameter, float]], list[float]]

NOISE = 0.03  # of a run's step time: identical runs differ by 3 to 9 %
STEP = 1e-3
LEAST_SLOPE = 0.02
CORRELATED = 0.5


@dataclass(frozen=True, slots=True)
class Fitted:
    """A number: its value, and the factor within which it is known (one standard deviation).

    `told` is the share of the prior's uncertainty that the runs took away.
    """

    parameter: Parameter
    value: float
    factor: float
    told: float


@dataclass(frozen=True, slots=True)
class Fit:
    """The numbers, predicted seconds of the runs before and after, how much each candidate would
    tell (its prediction's standard deviation in logarithms), and the pairs of numbers that the runs
    know together only (correlated by `CORRELATED` or more, either way)."""

    numbers: tuple[Fitted, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]
    candidates: tuple[float, ...]
    together: tuple[tuple[Parameter, Parameter], ...]


def fit(
    parameters: Sequence[Parameter],
    measured: Sequence[float],
    predict: Predict,
    candidates: Predict | None = None,
) -> Fit:
    """Fit `parameters` to `measured` seconds of the runs that `predict` predicts.

    Only numbers that move some run by `LEAST_SLOPE` of their own change are fitted; the others
    stay as the library has them.
    """
    from scipy.optimize import least_squares

    spreads = np.array([parameter.spread for parameter in parameters])
    most = np.array([_most(parameter) for parameter in parameters])
    target = np.log(measured)

    def values(x: Floats) -> dict[Parameter, float]:
        pairs = zip(parameters, np.exp(x), strict=True)
        return {parameter: float(parameter.value * factor) for parameter, factor in pairs}

    origin: Floats = np.zeros(len(parameters))
    before = predict(values(origin))
    moved = np.abs(_slopes(predict, values, origin)).max(axis=0) >= LEAST_SLOPE

    def whole(part: Floats) -> Floats:
        x = origin.copy()
        x[moved] = part
        return x

    def residuals(part: Floats) -> Floats:
        errors = (np.log(predict(values(whole(part)))) - target) / NOISE
        return np.concatenate([errors, part / spreads[moved]])

    x: Floats = origin
    if moved.any():
        solved = least_squares(
            residuals,
            np.minimum(0.0, most[moved] - STEP),
            bounds=(-6 * spreads[moved], most[moved]),
            diff_step=[STEP] * int(moved.sum()),
            x_scale=spreads[moved],
            ftol=1e-4,
            max_nfev=8,
        )
        x = whole(np.asarray(solved.x, dtype=np.float64))
    slopes = _slopes(predict, values, x)
    weights = slopes.T @ slopes / NOISE**2 + np.diag(1 / spreads**2)
    covariance: Floats = np.asarray(np.linalg.inv(weights), dtype=np.float64)
    deviations = np.sqrt(np.diag(covariance))
    told: tuple[float, ...] = ()
    if candidates is not None:
        rows = _slopes(candidates, values, x)
        told = tuple(float(np.sqrt(row @ covariance @ row)) for row in rows)
    found = values(x)
    numbers = tuple(
        Fitted(one, found[one], math.exp(spread), float(1 - (spread / one.spread) ** 2))
        for one, spread in zip(parameters, deviations, strict=True)
    )
    together = tuple(
        (one, other)
        for at, one in enumerate(parameters)
        for by, other in enumerate(parameters[:at])
        if abs(covariance[at, by]) >= CORRELATED * deviations[at] * deviations[by]
    )
    return Fit(numbers, tuple(before), tuple(predict(found)), told, together)


def _most(parameter: Parameter) -> float:
    """The largest logarithm: up to a peak, else six deviations."""
    if parameter.most is None:
        return 6 * parameter.spread
    return math.log(max(parameter.most, parameter.value * (1 + 2 * STEP)) / parameter.value)


def _slopes(
    predict: Predict, values: Callable[[Floats], dict[Parameter, float]], x: Floats
) -> Floats:
    """Change of the logarithm of every prediction by that of every number, [run, number]."""
    here = np.log(predict(values(x)))
    columns = []
    for at in range(len(x)):
        moved = x.copy()
        moved[at] -= STEP
        columns.append((here - np.log(predict(values(moved)))) / STEP)
    return np.array(columns).T
