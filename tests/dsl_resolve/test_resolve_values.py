"""Units, arithmetic and `-D` overrides."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsl.load import check, load, read
from dsl.render import render_all
from dsl.resolve.expressions import evaluate
from dsl.resolve.mesh import dividing
from dsl.resolve.report import Reporter
from dsl.resolve.units import BANDWIDTH, BYTES, FLOP, PLAIN, RATE, TIME, Dimension
from dsl.resolve.values import Number, Value
from dsl.syntax import Let
from dsl.text.parser import parse

HERE = Path(__file__).parent


class NoNames:
    """A scope without names."""

    def find(self, name: str) -> Value | None:
        return None

    def visible(self) -> tuple[str, ...]:
        return ()


def value_of(text: str) -> Value:
    file, diagnostics = parse(f"let x = {text}", "t.mmp")
    assert not diagnostics
    (statement,) = file.statements
    assert isinstance(statement, Let)
    return evaluate(statement.value, NoNames(), Reporter())


@pytest.mark.parametrize(
    ("text", "value", "dimension"),
    [
        ("72 GiB", 72 * 2**30, BYTES),
        ("80 GB", 80 * 10**9, BYTES),
        ("0.5 GiB", 2**29, BYTES),
        ("1 KB", 1000, BYTES),
        ("1 TiB", 2**40, BYTES),
        ("900 GB/s", 900 * 10**9, BANDWIDTH),
        ("400 Gbit/s", 50 * 10**9, BANDWIDTH),
        ("1 bit/s", 0.125, BANDWIDTH),
        ("989.4 TFLOP/s", 989400 * 10**9, RATE),
        ("3 GFLOP", 3 * 10**9, FLOP),
        ("180 us", 180e-6, TIME),
        ("2 ms", 0.002, TIME),
        ("7 ns", 7e-9, TIME),
        ("3 min", 180, TIME),
        ("2 h", 7200, TIME),
        ("25 %", 0.25, PLAIN),
        ("8 Ki", 8192, PLAIN),
        ("1 Mi", 2**20, PLAIN),
        ("7 / 2", 3.5, PLAIN),
        ("8 / 2", 4, PLAIN),
        ("7 % 4", 3, PLAIN),
        ("-3 + 2 * 4", 5, PLAIN),
        ("(1 + 2) * 3", 9, PLAIN),
        ("4 GiB / 2 ms", 2.0**31 * 1000, BANDWIDTH),
        ("2 GB / 1 GB/s", 2, TIME),
        ("3 TFLOP / 1 TFLOP/s", 3, TIME),
        ("6 GiB / 2 GiB", 3, PLAIN),
        ("2 B * 3 B", 6, Dimension(byte=2)),
        ("min(3 ms, 2 ms, 4 ms)", 0.002, TIME),
        ("max(3, 2)", 3, PLAIN),
        ("ceil(7 / 2)", 4, PLAIN),
        ("floor(-1 / 2)", -1, PLAIN),
        ("9007199254740991 * 3", 9007199254740991 * 3, PLAIN),
    ],
)
def test_quantities(text: str, value: float, dimension: Dimension) -> None:
    found = value_of(text)
    assert isinstance(found, Number)
    assert found.dimension == dimension
    assert found.value == value
    assert isinstance(found.value, int) == isinstance(value, int)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 GiB > 1 GB", True),
        ("1 s == 1000 ms", True),
        ("1 < 2 and not 2 < 1", True),
        ("false or 3 >= 3", True),
        ("false and 1 / 0 == 1", False),
        ("true or 1 / 0 == 1", True),
        ('"a" == "a"', True),
        ('"a" != "b"', True),
        ("true == false", False),
    ],
)
def test_truth(text: str, value: bool) -> None:
    assert value_of(text) is value


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_whole_numbers_stay_exact(left: int, right: int) -> None:
    """Sizes are products and quotients that come out even: no float may creep in."""
    product = value_of(f"{left} * {right} / {right}")
    assert product == Number(left)
    quotient = value_of(f"{left} / {right}")
    assert isinstance(quotient, Number)
    assert isinstance(quotient.value, int) == (left % right == 0)
    assert math.isclose(quotient.value, left / right)


@given(st.floats(0, 1e20), st.sampled_from(["KiB", "GB", "TB"]))
def test_units_scale(number: float, unit: str) -> None:
    factor = {"KiB": 1024, "GB": 10**9, "TB": 10**12}[unit]
    if number * factor > 1e23:
        number /= 1e12
    found = value_of(f"{number:.6f} {unit}")
    assert isinstance(found, Number)
    assert math.isclose(found.value, float(f"{number:.6f}") * factor)


# ---- overrides -----------------------------------------------------------------------------


def test_override_changes_the_mesh() -> None:
    spec = load(HERE / "valid" / "mesh.mmp", {"nodes": "2 + 1"})
    assert [axis.size for axis in spec.mesh.axes] == [1, 3, 12]
    assert spec.overrides == (("nodes", "2 + 1"),)


@pytest.mark.parametrize(
    ("overrides", "rendered"),
    [
        (
            {"node": "4"},
            "error[MMP111]: the spec has no parameter `node`\n"
            "  --> -D:1:5\n"
            "  |\n"
            "1 | -D: node=4\n"
            "  |     ^^^^\n"
            "  help: did you mean `nodes`?",
        ),
        (
            {"nodes": "3", "other": "1"},
            "error[MMP111]: the spec has no parameter `other`\n"
            "  --> -D:2:5\n"
            "  |\n"
            "2 | -D: other=1\n"
            "  |     ^^^^^\n"
            "  help: its parameters are nodes",
        ),
        (
            {"nodes": "4 GiB"},
            "error[MMP203]: expected a whole number, found a size in bytes\n"
            "  --> -D:1:11\n"
            "  |\n"
            "1 | -D: nodes=4 GiB\n"
            "  |           ^^^^^",
        ),
        (
            {"nodes": "4 let b = 5"},
            "error[MMP203]: this is no value for `nodes`\n"
            "  --> -D:1:5\n"
            "  |\n"
            "1 | -D: nodes=4 let b = 5\n"
            "  |     ^^^^^^^^^^^^^^^^^",
        ),
    ],
)
def test_wrong_overrides(overrides: dict[str, str], rendered: str) -> None:
    loaded = read(HERE / "valid" / "mesh.mmp", overrides)
    assert loaded.spec is None
    assert render_all(loaded.diagnostics, loaded.sources.get) == rendered


def test_strings_need_no_quotes_on_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "s.mmp"
    path.write_text('param mode: string = "slow"\nlet fast = mode == "fast" and 1 / 0 == 1\n')
    assert check(path) == ()
    assert [d.code for d in check(path, {"mode": "fast"})] == ["MMP204"]
    assert [d.code for d in check(path, {"mode": '"fast"'})] == ["MMP204"]


@pytest.mark.parametrize(
    ("runs", "sizes"),
    [
        ("2 of lab + 2 of old", {"node.0": 2}),
        ("1 of lab + 3 of old", {"node.0": 2, "node.1": 2}),
        ("1 of lab + 1 of old + 1 of lab + 1 of old", {"node.1": 2}),
        ("2 of lab + 4 of old", {"node.0": 2, "node.1": 3}),
        ("3 of lab + 3 of old", {"node.0": 2}),
        ("4 of lab + 2 of lab", {}),
        ("64 of lab + 192 of old", {"node.0": 2, "node.1": 2}),
    ],
)
def test_kinds_of_devices_change_along_sub_axes(
    tmp_path: Path, runs: str, sizes: dict[str, int]
) -> None:
    path = tmp_path / "mixed.mmp"
    lab = (HERE / "lib" / "lab.mmp").read_text()
    devices = "\n".join((lab, lab.replace("device lab", "device old").replace("language 1", "")))
    model = "model m() { batch index b = 8  input x[b]  y[b] = gelu(x) }\nmodel net = m()\n"
    path.write_text(f"{devices}\n{model}mesh pod = [node: {runs}, gpu: 4]\n")
    assert {part.name: part.size for part in dividing(load(path).mesh)} == sizes
