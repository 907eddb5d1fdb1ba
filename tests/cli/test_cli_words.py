"""Numbers and names as the report writes them."""

from __future__ import annotations

import pytest

from solver.cli.report.names import fold, ranges
from solver.cli.report.words import amount, count, number, percent, seconds, size


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 s"),
        (4.808, "4.808 s"),
        (123.456, "123.5 s"),
        (98765.4, "98765 s"),
        (0.0123, "12.30 ms"),
        (1.5e-6, "1.500 us"),
        (3e-9, "3.000 ns"),
        (2e-10, "0.2 ns"),
    ],
)
def test_seconds(value: float, text: str) -> None:
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (1023, "1023 B"), (2**20, "1.000 MiB"), (72 * 2**30, "72.00 GiB")],
)
def test_size(value: float, text: str) -> None:
    assert size(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (532843.0, "532,843"),
        (651833115436, "651,833,115,436"),
        (-7.5, "-7.5"),
        (0.1 + 0.2, "0.3"),
        (1234567.89, "1,234,568"),
    ],
)
def test_number(value: float, text: str) -> None:
    assert number(value) == text
    assert amount("value", value) == text


def test_other_words() -> None:
    assert [percent(x) for x in (0.0, 0.00842, 0.25, 1.0)] == ["0 %", "0.84 %", "25.0 %", "100.0 %"]
    assert (amount("memory", 2**30), amount("step_time", 1.0)) == ("1.000 GiB", "1.000 s")
    assert (count(1, "pin"), count(2, "pin")) == ("1 pin", "2 pins")


def test_ranges() -> None:
    assert ranges([3, 0, 1, 2, 7, 9, 10]) == "0..3,7,9..10"


def test_folding_needs_the_same_signature() -> None:
    paths = [
        (f"net.layers[{layer}].mlp.{name}", "f" if layer < 2 else "-")
        for layer in range(4)
        for name in ("gate", "up")
    ]
    assert fold([*paths, ("net.head", "v")]) == [
        ("net.layers[0..1].mlp.{gate,up}", "f"),
        ("net.layers[2..3].mlp.{gate,up}", "-"),
        ("net.head", "v"),
    ]


def test_folding_nested_repeats() -> None:
    paths = [(f"n.a[{i}].b[{j}].x", None) for i in range(3) for j in range(2)]
    assert fold(paths) == [("n.a[0..2].b[0..1].x", None)]


def test_folding_does_not_claim_what_is_not_there() -> None:
    paths = [("n.a[0].b[0].x", 1), ("n.a[0].b[1].x", 1), ("n.a[1].b[0].x", 1)]
    folded = [name for name, _ in fold(paths)]
    assert folded == ["n.a[0..1].b[0].x", "n.a[0].b[1].x"]
