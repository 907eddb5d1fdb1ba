"""The numbers that rules ask for, and those that the hardware library gives: the same names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dsl.resolve.library import library_hardware
from dsl.resolve.physics_names import NAMES
from solver.cost.physics.parameters import device_physics

ROOT = Path(__file__).resolve().parents[2]
RULES = [
    *(ROOT / "solver" / "cost" / "physics").glob("*.py"),
    *(ROOT / "solver" / "configuration").rglob("*.py"),
]
HARDWARE = library_hardware()
DECLARED = ("memory_bytes", "memory_bandwidth_bytes_per_s", "launch_s")
# Devices that the planner knows and nobody has measurements of.
UNMEASURED = ("worker", "ascend_910b")


def test_every_name_is_given_somewhere() -> None:
    given = {name for numbers in HARDWARE.physics.values() for name in numbers}
    given |= {name for device in HARDWARE.devices.values() for name in device.physics}
    declared = {name for name in given if name.startswith("peak_") or name in DECLARED}
    assert given - declared == NAMES


def test_every_number_that_a_rule_asks_for_has_a_name() -> None:
    asked = set()
    for path in RULES:
        text = path.read_text(encoding="utf-8")
        asked |= set(re.findall(r'\bnumber\(\s*"(\w+)"', text))
    assert len(asked) > 50
    assert asked - NAMES - set(DECLARED) == set()


@pytest.mark.parametrize("name", [n for n in HARDWARE.devices if n not in UNMEASURED])
def test_devices_have_the_numbers_that_all_share(name: str) -> None:
    device = device_physics(name)
    assert set(HARDWARE.physics["every_device"]) <= set(device.numbers)
    for link in device.links:
        assert set(HARDWARE.physics["every_link"]) <= set(link.numbers)
        assert link.bandwidth_bytes_per_s > 1e9
    assert device.number("sm_count") >= 70


def test_a_network_of_another_kind_keeps_the_wire() -> None:
    device = device_physics("h100_sxm")
    changed = device.with_network("efa")
    assert changed.outer.bandwidth_bytes_per_s == device.outer.bandwidth_bytes_per_s
    assert changed.outer.number("ring_step_s") > device.outer.number("ring_step_s")
    assert changed.inner is device.inner


def test_a_device_says_what_it_computes_in() -> None:
    assert device_physics("h100_sxm").computes("fp8")
    assert not device_physics("a100_80").computes("fp8")
    assert not device_physics("v100").computes("bf16")
