"""Specs and measured runs to fitted numbers, what they leave open, and the reserve of memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dsl.spec import Device, Spec
from solver.calibration.fit import Fit, fit
from solver.calibration.parameters import Parameter, parameters_of, with_values
from solver.calibration.runs import Run
from solver.pinned.evaluate import Evaluated, evaluate_pinned


@dataclass(frozen=True, slots=True)
class Reserve:
    """Bytes per device beyond what is priced: the most that a run needed, over how many runs."""

    bytes: float
    runs: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fit, with the runs and specs it is of. `devices` are those of the hardware library;
    `candidates` names the specs without a run, as `fit.candidates` orders them."""

    fit: Fit
    runs: tuple[Run, ...]
    candidates: tuple[str, ...]
    devices: tuple[Device, ...]
    reserve: Reserve | None


def calibrate(runs: Sequence[tuple[Run, Spec]], unmeasured: Mapping[str, Spec]) -> Calibration:
    """Fit the devices of the runs' specs. Raises OpenError where a spec leaves something open."""
    timed = [(run, spec, run.step_seconds) for run, spec in runs if run.step_seconds is not None]
    specs = [spec for _, spec, _ in timed]
    parameters = parameters_of(specs)
    candidates = list(unmeasured.values())

    def predict(values: dict[Parameter, float]) -> list[float]:
        return [_seconds(with_values(spec, values)) for spec in specs]

    def predict_candidates(values: dict[Parameter, float]) -> list[float]:
        return [_seconds(with_values(spec, values)) for spec in candidates]

    found = fit(
        parameters,
        [seconds for _, _, seconds in timed],
        predict,
        predict_candidates if candidates else None,
    )
    kinds = {device.name: device for spec in specs for device in spec.mesh.kinds}
    return Calibration(
        found,
        tuple(run for run, _, _ in timed),
        tuple(unmeasured),
        tuple(kinds.values()),
        _reserve(runs),
    )


def _seconds(spec: Spec) -> float:
    return evaluate_pinned(spec).figures.step_time


def _reserve(runs: Sequence[tuple[Run, Spec]]) -> Reserve | None:
    """The most that a measured peak exceeds what is priced without the reserve that specs state."""
    beyond = [
        run.peak_bytes - _priced_bytes(evaluate_pinned(spec))
        for run, spec in runs
        if run.peak_bytes is not None
    ]
    return Reserve(max(0.0, *beyond), len(beyond)) if beyond else None


def _priced_bytes(evaluated: Evaluated) -> float:
    return max(stage.peak - stage.reserve for stage in evaluated.figures.memory)
