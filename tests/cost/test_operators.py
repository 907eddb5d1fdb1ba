"""Predicted kernels: against published ones, and what must hold whatever the numbers."""

from __future__ import annotations

from pathlib import Path
from statistics import mean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver.cost.physics.attention import attention_seconds
from solver.cost.physics.expert_exchange import distinct_bins, expert_exchange_seconds
from solver.cost.physics.grouped import grouped_matmul_seconds
from solver.cost.physics.linear import linear_seconds
from solver.cost.physics.links import fabric
from solver.cost.physics.matmul import matmul_seconds
from solver.cost.physics.parameters import device_physics
from solver.cost.physics.pointwise import pointwise_seconds
from solver.cost.physics.quantisation import quantise_seconds
from tests.benchmarks.fit.operators_fit import report
from tests.benchmarks.fit.operators_rows import errors, operator_rows, shape_errors

README = Path(__file__).parents[2] / "solver" / "cost" / "physics" / "README.md"
ROWS = operator_rows(sorted((Path(__file__).parents[1] / "data" / "published").glob("op_*.csv")))
A100, H100, B300 = (device_physics(name) for name in ("a100_80", "h100_sxm", "b300"))
DEVICES = ("v100", "a100_80", "h100_sxm", "b200", "gb300", "mi300x")

devices = st.sampled_from(DEVICES).map(device_physics)
lengths = st.integers(1, 32768)


def chosen(source: str, kind: str) -> list[float]:
    """Relative errors of a table's kernels of one kind."""
    rows = [row for row in ROWS if row.source == source and row.kind == kind]
    return errors(rows, device_physics(rows[0].device))


def absolute(found: list[float]) -> float:
    """Mean absolute error."""
    return mean(abs(error) for error in found)


@pytest.mark.parametrize(
    ("source", "kind", "most"),
    [
        ("op_simumax_a100", "matmul", 0.03),
        ("op_simumax_a100", "attention", 0.06),
        ("op_simumax_a100", "grouped", 0.05),
    ],
)
def test_kernels_of_a100(source: str, kind: str, most: float) -> None:
    assert absolute(chosen(source, kind)) <= most


@pytest.mark.parametrize(
    ("source", "kind", "most"),
    [("op_deepgemm_h800", "matmul", 0.13), ("op_deepgemm_h800", "grouped", 0.08)],
)
def test_shapes_carry_over_to_another_device(source: str, kind: str, most: float) -> None:
    assert absolute(shape_errors(chosen(source, kind))) <= most


def test_readme_shows_the_table() -> None:
    assert report(ROWS, {}) in README.read_text(encoding="utf-8")


@given(devices, lengths, lengths, lengths)
def test_a_product_takes_at_least_its_roofline(device, m, n, k) -> None:  # type: ignore[no-untyped-def]
    took = matmul_seconds(m, n, k, device, "fp16")
    peak = device.peak_flop_per_s("fp16") * device.number("matmul_efficiency_fp16")
    bandwidth = device.memory_bandwidth_bytes_per_s
    assert took >= 2 * m * n * k / peak * 0.999
    assert took >= 2 * (m * k + n * k + m * n) / bandwidth


@given(devices, lengths, lengths, lengths)
def test_more_rows_never_take_less(device, m, n, k) -> None:  # type: ignore[no-untyped-def]
    assert matmul_seconds(2 * m, n, k, device, "fp16") >= matmul_seconds(m, n, k, device, "fp16")


def test_arrays_give_what_numbers_give() -> None:
    m, n, k = np.array([128.0, 4096.0, 5000.0]), 4096.0, np.array([64.0, 1024.0, 8192.0])
    apart = [matmul_seconds(a, n, b, A100, "bf16") for a, b in zip(m, k, strict=True)]
    assert np.allclose(matmul_seconds(m, n, k, A100, "bf16"), apart)
    heads = np.array([1.0, 8.0, 64.0])
    one = [attention_seconds(2.0, h, 4096, 4096, 128, H100) for h in heads]
    assert np.allclose(attention_seconds(2.0, heads, 4096, 4096, 128, H100), one)


def test_whole_waves_use_a_device_better() -> None:
    tiles = A100.number("sm_count")
    full = matmul_seconds(256 * tiles, 128, 8192, A100, "bf16")
    more = matmul_seconds(256 * (tiles + 1), 128, 8192, A100, "bf16")
    assert more > 1.02 * full


def test_a_summed_gradient_in_four_bytes_moves_more() -> None:
    args = (4096, 4096, 4096, H100, "bf16", "weight_gradient")
    assert linear_seconds(*args, main_gradient_bytes=4) > linear_seconds(
        *args, main_gradient_bytes=2
    )


def test_causal_attention_halves_long_sequences() -> None:
    full = attention_seconds(1, 32, 65536, 65536, 128, H100, causal=False)
    causal = attention_seconds(1, 32, 65536, 65536, 128, H100)
    assert causal == pytest.approx(full / 2, rel=0.05)


def test_unfused_attention_passes_over_the_scores() -> None:
    fused = attention_seconds(8, 32, 2048, 2048, 128, A100)
    unfused = attention_seconds(8, 32, 2048, 2048, 128, A100, kernel="unfused")
    scores = 8 * 32 * 2048 * 2048
    assert unfused > fused + pointwise_seconds(9.0 * scores, A100)


@pytest.mark.parametrize(
    ("precision", "milliseconds"), [("fp8", 0.721), ("fp8-mx", 0.482), ("fp4", 0.678)]
)
def test_quantisation_of_four_layers(precision: str, milliseconds: float) -> None:
    """Autocast less pre-quantised, forward, B300 (op_te_gemm_b300_h200nvl)."""
    tokens, widths = 15872, (4096, 4096, 4096, 16384)
    weights = 4096 * (12288 + 4096 + 2 * 16384)
    seconds = quantise_seconds(float(tokens * sum(widths) + weights), B300, precision)
    assert seconds * 1e3 == pytest.approx(milliseconds, rel=0.25)


def test_bf16_is_not_quantised() -> None:
    assert quantise_seconds(1e9, H100, "bf16") == 0


def test_experts_with_few_rows_waste_tiles() -> None:
    many = grouped_matmul_seconds(8192, 4096, 4096, 128, H100, "bf16")
    few = grouped_matmul_seconds(8192, 4096, 4096, 8, H100, "bf16")
    assert many > 1.2 * few


def test_the_fullest_rank_is_waited_for() -> None:
    even = grouped_matmul_seconds(65536, 4096, 4096, 8, H100, "bf16")
    uneven = grouped_matmul_seconds(65536, 4096, 4096, 8, H100, "bf16", imbalance=1.3)
    assert uneven == pytest.approx(1.3 * even, rel=0.05)


def test_distinct_bins() -> None:
    assert distinct_bins(8, 1) == pytest.approx(1)
    assert distinct_bins(8, 8) == pytest.approx(8 * (1 - (7 / 8) ** 8))
    assert distinct_bins(4, 1000) == pytest.approx(4)


def test_merged_copies_travel_once() -> None:
    wires = fabric(H100)
    args = (4096, 8, 2 * 7168, 8, 4, wires)
    assert expert_exchange_seconds(*args) < 0.6 * expert_exchange_seconds(*args, merged=False)
    assert expert_exchange_seconds(4096, 8, 2 * 7168, 1, 1, wires) == 0
