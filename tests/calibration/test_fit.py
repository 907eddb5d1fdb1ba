"""The fit: numbers that runs tell are found, the others stay, and it says which are which."""

from __future__ import annotations

import math

import pytest

from solver.calibration.fit import NOISE, fit
from solver.calibration.parameters import Parameter

RATE = Parameter("chip", "compute", "bf16", 100.0, 200.0, 0.3)
WIRE = Parameter("chip", "bandwidth", "cable", 10.0, None, 0.3)
WAIT = Parameter("chip", "latency", "cable", 1e-6, None, 0.7)
PARAMETERS = (RATE, WIRE, WAIT)


def seconds(work: float, sent: float, values: dict[Parameter, float]) -> float:
    return work / values[RATE] + sent / values[WIRE] + values[WAIT]


def predict(values: dict[Parameter, float]) -> list[float]:
    return [seconds(100.0, 1.0, values), seconds(100.0, 10.0, values)]


def test_numbers_that_runs_tell_are_found() -> None:
    truth = {RATE: 60.0, WIRE: 7.0, WAIT: 1e-6}
    found = fit(PARAMETERS, predict(truth), predict)
    rate, wire, wait = found.numbers
    assert rate.value == pytest.approx(60.0, rel=0.03)
    assert wire.value == pytest.approx(7.0, rel=0.05)
    assert found.after == pytest.approx(predict(truth), rel=0.01)
    assert found.before == pytest.approx(predict({p: p.value for p in PARAMETERS}))
    assert rate.told > 0.9 > 0.0 == pytest.approx(wait.told, abs=1e-6)


def test_a_number_that_no_run_depends_on_stays() -> None:
    found = fit(PARAMETERS, predict({RATE: 60.0, WIRE: 7.0, WAIT: 1e-6}), predict)
    wait = found.numbers[2]
    assert wait.value == WAIT.value
    assert wait.factor == pytest.approx(math.exp(0.7), rel=1e-3)


def test_one_run_knows_two_numbers_only_together() -> None:
    def once(values: dict[Parameter, float]) -> list[float]:
        return [seconds(100.0, 10.0, values)]

    found = fit(PARAMETERS, once({RATE: 60.0, WIRE: 7.0, WAIT: 1e-6}), once)
    assert found.together == ((WIRE, RATE),)
    assert found.after[0] == pytest.approx(found.before[0] * (100 / 60 + 10 / 7) / 2, rel=0.05)


def test_the_most_telling_candidate_is_the_one_that_differs() -> None:
    def compute_bound(values: dict[Parameter, float]) -> list[float]:
        return [seconds(100.0, 0.0, values), seconds(200.0, 0.0, values)]

    def candidates(values: dict[Parameter, float]) -> list[float]:
        return [seconds(300.0, 0.0, values), seconds(10.0, 30.0, values)]

    measured = compute_bound({RATE: 60.0, WIRE: 7.0, WAIT: 1e-6})
    found = fit(PARAMETERS, measured, compute_bound, candidates)
    again, wires = found.candidates
    assert again < NOISE < wires


def test_rates_stay_below_their_peaks() -> None:
    measured = predict({RATE: 500.0, WIRE: 10.0, WAIT: 1e-6})
    assert fit(PARAMETERS, measured, predict).numbers[0].value <= 200.0
