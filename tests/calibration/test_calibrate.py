"""Specs and runs to a library file that predicts what was measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dsl.load import load
from solver.calibration.calibrate import Calibration, calibrate
from solver.calibration.library import library
from solver.calibration.parameters import Parameter, device_with, parameters_of, with_values
from solver.calibration.runs import GIB, Run
from solver.pinned.evaluate import evaluate_pinned

SPECS = Path(__file__).parent / "specs"
SMALL, WIDE = str(SPECS / "small.mmp"), str(SPECS / "wide.mmp")
SLOWER = 0.7


def changed(path: str, what: str, factor: float) -> float:
    """Seconds of a spec on devices that differ in one number."""
    spec = load(path, {})
    values = {p: p.value * factor for p in parameters_of([spec]) if p.what == what}
    return evaluate_pinned(with_values(spec, values)).figures.step_time


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    runs = [
        (Run(SMALL, {}, changed(SMALL, "compute", SLOWER), 9 * GIB), load(SMALL, {})),
        (Run(SMALL, {"batch": "32"}, None, 12 * GIB), load(SMALL, {"batch": "32"})),
    ]
    return calibrate(runs, {WIDE: load(WIDE, {})})


def test_a_slower_device_is_found(calibration: Calibration) -> None:
    compute = calibration.fit.numbers[0]
    assert compute.parameter.name == "h100_sxm compute bf16"
    assert compute.value / compute.parameter.value == pytest.approx(SLOWER, rel=0.05)
    measured = changed(SMALL, "compute", SLOWER)
    assert calibration.fit.after[0] == pytest.approx(measured, rel=0.03)
    assert calibration.fit.before[0] < 0.85 * measured


def test_numbers_of_the_specs() -> None:
    names = [parameter.name for parameter in parameters_of([load(WIDE, {}), load(SMALL, {})])]
    assert names == [
        "h100_sxm compute bf16",
        "h100_sxm attention",
        "h100_sxm memory bandwidth",
        "h100_sxm launch",
        "h100_sxm nvlink bandwidth",
        "h100_sxm nvlink latency",
        "h100_sxm infiniband bandwidth",
        "h100_sxm infiniband latency",
        "overlap",
    ]


@pytest.mark.parametrize("what", ["compute", "memory", "bandwidth"])
def test_faster_devices_take_less(what: str) -> None:
    assert changed(WIDE, what, 1.2) < changed(WIDE, what, 1.0)


def test_more_overlap_hides_more() -> None:
    assert changed(WIDE, "overlap", 1.5) < changed(WIDE, "overlap", 1.0)


def test_the_reserve_is_the_most_that_a_run_needed(calibration: Calibration) -> None:
    priced = [
        max(stage.peak - stage.reserve for stage in evaluate_pinned(spec).figures.memory)
        for spec in (load(SMALL, {}), load(SMALL, {"batch": "32"}))
    ]
    most = max(9 * GIB - priced[0], 12 * GIB - priced[1])
    assert calibration.reserve is not None
    assert calibration.reserve.bytes == pytest.approx(most)
    assert calibration.reserve.runs == 2


def test_the_library_is_imported_in_place_of_the_standard_one(
    calibration: Calibration, tmp_path: Path
) -> None:
    (tmp_path / "calibration.mmp").write_text(library(calibration), encoding="utf-8")
    text = Path(SMALL).read_text(encoding="utf-8")
    text = text.replace("import hardware.nvidia", 'import "calibration.mmp"')
    text = text.replace("(h100_sxm)", "(h100_sxm, overlap, reserve)", 1)
    text = text.replace("overlap 0.5", "overlap overlap").replace(
        "reserve 1 GiB", "reserve reserve"
    )
    (tmp_path / "small.mmp").write_text(text, encoding="utf-8")
    spec = load(str(tmp_path / "small.mmp"), {})
    seconds = evaluate_pinned(spec).figures.step_time
    assert seconds == pytest.approx(calibration.fit.after[0], rel=1e-4)
    fitted = {one.parameter: one.value for one in calibration.fit.numbers}
    known = device_with(load(SMALL, {}).mesh.device, fitted)
    device = spec.mesh.device
    assert device.physics.keys() == known.physics.keys()
    for name, value in known.physics.items():
        assert device.physics[name] == pytest.approx(value, rel=1e-5), name
    assert device.links[0].physics == pytest.approx(known.links[0].physics, rel=1e-5)


def test_only_the_named_device_changes() -> None:
    spec = load(SMALL, {})
    other = Parameter("another", "compute", "bf16", 1.0, None, 0.3)
    assert with_values(spec, {other: 2.0}) == replace(spec)
