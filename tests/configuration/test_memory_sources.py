"""Predicted peak memory against what runs printed, and whether they are said to fit.

The limits are the state of the model, a little rounded; `solver/configuration/README.md` shows the
same figures.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from statistics import mean

import pytest

from solver.configuration.configuration import Configuration
from solver.configuration.known import known_architectures
from solver.configuration.memory import PeakMemory, predict_memory
from solver.configuration.read import read_configuration
from solver.configuration.row_headers import with_common_header
from solver.cost.physics.parameters import device_physics

DATA = Path(__file__).parents[1] / "data" / "published"
GIB = 2.0**30

Row = dict[str, str]


@cache
def predicted(name: str) -> tuple[tuple[Row, Configuration, PeakMemory], ...]:
    """Every row of a table; comment lines are not shown to the reader of rows."""
    return tuple(_predicted(name))


def _predicted(name: str) -> Iterator[tuple[Row, Configuration, PeakMemory]]:
    lines = (DATA / f"{name}.csv").read_text().splitlines()
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        common = dict(with_common_header(row))
        configuration = read_configuration(row)
        device = device_physics(configuration.device)
        yield common, configuration, predict_memory(configuration, device)


def errors(name: str) -> list[float]:
    """Relative errors of the rows that ran and printed their memory."""
    return [
        peak.total_bytes / GIB / float(row["peak_mem_gib"]) - 1
        for row, _, peak in predicted(name)
        if row.get("peak_mem_gib") and row.get("status", "ok") == "ok"
    ]


@pytest.mark.parametrize(
    ("name", "rows", "mean_error", "too_low"),
    [
        ("e2e_ultrascale", 503, 0.078, 2),
        ("e2e_zero_bubble", 60, 0.031, 0),
        ("e2e_torchtitan", 16, 0.067, 0),
        ("e2e_misc_reports", 25, 0.056, 0),
        ("mem_internevo", 16, 0.045, 0),
    ],
)
def test_peak_memory_of_a_source(name: str, rows: int, mean_error: float, too_low: int) -> None:
    """Mean absolute percentage error, and how many are more than 5 % too low."""
    found = errors(name)
    assert len(found) == rows
    assert mean(abs(error) for error in found) <= mean_error
    assert sum(error < -0.05 for error in found) <= too_low
    assert min(found) > -0.1


@pytest.mark.parametrize(
    "name",
    [
        "e2e_ultrascale",
        "e2e_zero_bubble",
        "e2e_torchtitan",
        "e2e_misc_reports",
        "e2e_llmfoundry_mpt",
        "mem_internevo",
    ],
)
def test_rows_that_ran_fit(name: str) -> None:
    """99 % of them."""
    fits = [peak.fits for row, _, peak in predicted(name) if row.get("status", "ok") == "ok"]
    assert sum(fits) >= 0.99 * len(fits)


def test_most_failures_do_not_fit() -> None:
    """A failure is not told apart from a crash: those with 32 stages, and tensor parallelism over
    several nodes at large micro-batches, fail far below the device's memory."""
    fails = [
        (configuration, peak)
        for row, configuration, peak in predicted("e2e_ultrascale")
        if row["status"].startswith("fail(") and configuration.pp < 32 and configuration.tp <= 8
    ]
    assert sum(not peak.fits for _, peak in fails) >= 0.85 * len(fails)


def test_the_largest_micro_batch_that_fits() -> None:
    """Rows whose micro-batch is the largest that fits: one third more does not."""
    for row, configuration, peak in predicted("e2e_ultrascale_tp_dp_figures"):
        assert "largest batch that fits" in row["notes"]
        more = -(-configuration.micro_batch * 4 // 3) + 1
        device = device_physics(configuration.device)
        larger = replace(configuration, micro_batch=more, global_batch=more * configuration.dp)
        assert not predict_memory(larger, device).fits
        if configuration.tp < 32:
            assert peak.fits


def test_printed_peak_of_a_distributed_optimizer() -> None:
    """Two log lines (torch's counts): Llama 3.1 8B on 8 H100, sequence 8192 over 2 ranks, prints
    44,271,689,728 bytes after a step and a peak of 70,833,405,952."""
    row = {
        "model": "llama3.1-8b",
        "gpu": "H100-SXM-80GB",
        "n_gpus": "8",
        "gpus_per_node": "8",
        "precision": "BF16",
        "seq_len": "8192",
        "gbs": "128",
        "mbs": "1",
        "cp": "2",
        "shard": "zero1(distributed optimizer)",
        "notes": "v25.04.02",
    }
    configuration = read_configuration(row)
    peak = predict_memory(configuration, device_physics(configuration.device))
    assert peak.largest.states == pytest.approx(44_271_689_728, rel=0.003)
    assert peak.total_bytes == pytest.approx(70_833_405_952, rel=0.05)


def test_states_that_a_profiler_measured() -> None:
    """Model states of rank 0 with two layers less those with one, 8 ranks, every split of them
    between tensor and sharded data parallelism: 16 bytes per parameter of a layer over 8."""
    lines = (DATA / "op_galvatron_llama2_7b_a100.csv").read_text().splitlines()
    states: dict[str, dict[str, float]] = {}
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        if row["kind"].startswith("memory ms rank0 config(pp_tp_dp_opts)=1_"):
            states.setdefault(row["kind"], {})[row["layers"]] = float(row["value"])
    layer = known_architectures()["llama2_7b"].dense_layer_params
    assert len(states) >= 6
    for each in states.values():
        assert each["2"] - each["1"] == pytest.approx(16 * layer / 8 / 2**20, rel=0.015)
