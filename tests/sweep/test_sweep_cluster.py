"""Points on a Dask cluster of two workers in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client, LocalCluster
from sweep_tiny import write

from solver.cli.main import main
from tests.cli.running import wait_for


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        yield cluster.scheduler_address


def test_points_run_on_the_workers(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = str(write(tmp_path))
    over = ["--over", "ranks=4,2,x", "--reproducible", "--json"]
    assert main(["sweep", spec, *over, "--cluster", address]) == 0
    far = json.loads(capsys.readouterr().out)
    assert main(["sweep", spec, *over, "--jobs", "2"]) == 0
    here = json.loads(capsys.readouterr().out)
    for point in [*far["points"], *here["points"]]:
        del point["wall_s"]
    assert far == here
    assert [point["outcome"]["plan"] for point in far["points"]] == ["optimal", "optimal", "none"]


def test_prices_run_on_the_workers(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["solve", str(write(tmp_path)), "--prices", "--reproducible", "--json"]
    assert main([*arguments, "--cluster", address]) == 0
    far = json.loads(capsys.readouterr().out)
    assert main([*arguments, "--jobs", "2"]) == 0
    here = json.loads(capsys.readouterr().out)
    assert far["pins"] == here["pins"]
    assert far["prices"] == here["prices"]
    assert [one["kind"] for one in far["prices"]] == ["stages", "schedule"]
    assert all(one["price"] is not None for one in [*far["pins"], *far["prices"]])


def _wait_at_two_ranks(waits: str, here: str) -> None:
    """On a worker: the search of the tests instead of the real one."""
    from solver.cli.tasks import spec

    sys.path.insert(0, here)
    os.environ["WAITS"] = waits
    spec.SEARCH = "sweep_tiny:waits_at_two_ranks"


@pytest.mark.slow
def test_an_interrupt_reaches_the_workers(address: str, tmp_path: Path) -> None:
    spec, waits = write(tmp_path), tmp_path / "waits"
    with Client(address) as client:
        client.run(_wait_at_two_ranks, str(waits), str(Path(__file__).parent))
    running = subprocess.Popen(
        [
            *(sys.executable, "-m", "solver.cli.main", "sweep", str(spec)),
            *("--over", "ranks=2", "--json", "--time-limit", "100", "--cluster", address),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(waits)
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 0
    (point,) = json.loads(out)["points"]
    assert point["outcome"]["plan"] == "optimal"  # told to stop, it gave what it had


@pytest.mark.slow
def test_a_cluster_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    over = ["--over", "ranks=2", "--cluster", "tcp://127.0.0.1:1"]
    assert main(["sweep", str(write(tmp_path)), *over]) == 2
    assert "mmp: cannot reach the cluster at tcp://127.0.0.1:1: " in capsys.readouterr().err
