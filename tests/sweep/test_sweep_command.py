"""`mmp sweep` from end to end: rows in order, nothing lost to a point that fails or a signal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sweep_tiny import write

from solver.cli.main import main
from tests.cli.running import wait_for

HERE = Path(__file__).parent
RUNNER = """
import signal, sys
sys.path.insert(0, sys.argv[2])
signal.signal(signal.SIGINT, signal.default_int_handler)
from solver.cli.main import main
from solver.cli.tasks import spec
spec.SEARCH = sys.argv[1]
sys.exit(main(["sweep", *sys.argv[3:]]))
"""


def _command(search: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", RUNNER, f"sweep_tiny:{search}", str(HERE), *arguments]


def _points(text: str) -> list[dict[str, Any]]:
    document = json.loads(text)
    assert document["format"] == "mmp-sweep/1"
    found: list[dict[str, Any]] = document["points"]
    return found


def test_rows_are_in_the_order_of_the_product(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, plans = write(tmp_path), tmp_path / "plans"
    over = ["--over", "ranks=4,2,x", "--over", "room=1 GiB,1 MiB"]
    assert main(["sweep", str(spec), *over, "--jobs", "3", "--json", "-o", str(plans)]) == 0
    out, err = capsys.readouterr()
    found = _points(out)
    assert [tuple(point["values"].values()) for point in found] == [
        ("4", "1 GiB"),
        ("4", "1 MiB"),
        ("2", "1 GiB"),
        ("2", "1 MiB"),
        ("x", "1 GiB"),
        ("x", "1 MiB"),
    ]
    assert [point["outcome"]["stopped"] for point in found] == ["proved"] * 4 + ["rejected"] * 2
    assert [point["pareto"] for point in found] == [True, False, True, False, False, False]
    assert found[1]["conflict"][0]["text"] == "limit memory <= room per device"
    assert found[4]["diagnostics"][0]["code"] == "MMP101"
    assert err.count("error[MMP101]") == 1  # the same finding at two points
    assert sorted(path.name for path in plans.iterdir()) == [
        "ranks=2,room=1%20GiB.json",
        "ranks=4,room=1%20GiB.json",
    ]
    for point in found[0:4:2]:
        plan = json.loads(Path(point["file"]).read_text())
        assert plan["overrides"] == point["values"]
        assert plan["step_time_s"] == point["step_time_s"]
        assert plan["mesh"]["devices"] == point["devices"]
        assert main(["verify", point["file"]]) == 0


def test_a_plan_that_cannot_be_written_costs_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from solver.cli import files
    from solver.cli.exit_codes import CommandError

    def fails_once(path: Path, text: str) -> None:
        if "ranks=2" in path.name:
            raise CommandError(f"cannot write {path}: No space left on device")
        path.write_text(text)

    monkeypatch.setattr(files, "write_whole", fails_once)
    plans = tmp_path / "plans"
    code = main(["sweep", str(write(tmp_path)), "--over", "ranks=2,4", "--json", "-o", str(plans)])
    assert code == 2
    out, err = capsys.readouterr()
    lost, kept = _points(out)
    assert "No space left on device; the plan is in" in err
    assert json.loads(Path(lost["file"]).read_text())["mesh"]["devices"] == 2
    Path(lost["file"]).unlink()
    assert Path(kept["file"]) == plans / "ranks=4.json"


def test_a_search_that_dies_costs_no_other_point(tmp_path: Path) -> None:
    spec = write(tmp_path)
    command = _command("dies_at_two_ranks", str(spec), "--over", "ranks=2,4", "--json")
    done = subprocess.run(command, capture_output=True, text=True)
    died, planned = _points(done.stdout)
    assert done.returncode == 0
    assert (died["outcome"]["stopped"], died["outcome"]["plan"]) == ("failed", "none")
    assert "mmp: ranks=2: the solver process failed: it exited with code 3" in done.stderr
    assert planned["outcome"]["plan"] == "optimal"


def test_without_any_plan_the_exit_code_says_why(tmp_path: Path) -> None:
    command = _command("dies_at_two_ranks", str(write(tmp_path)), "--over", "ranks=2,x")
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 20
    assert "the solver process failed before it found a plan" in done.stdout


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_an_interrupt_keeps_what_is_done(tmp_path: Path, number: int) -> None:
    """Points of 4, 2 and 1 ranks, one at a time; the signal comes while the second one runs."""
    spec, waits, plans = write(tmp_path), tmp_path / "waits", tmp_path / "plans"
    over = [str(spec), "--over", "ranks=4,2,1", "--jobs", "1", "--json", "-o", str(plans)]
    running = subprocess.Popen(
        _command("waits_at_two_ranks", *over),
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "WAITS": str(waits)},
    )
    try:
        wait_for(waits)
        assert (plans / "ranks=4.json").is_file()  # written as soon as it is there
        running.send_signal(number)
        out, _ = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 0
    first, second, third = _points(out)
    assert first["outcome"] == {"stopped": "proved", "plan": "optimal"}
    assert second["outcome"]["plan"] == "optimal"  # told to stop, it gave what it had
    assert third["outcome"] == {"stopped": "interrupted", "plan": "none"}
    assert sorted(path.name for path in plans.iterdir()) == ["ranks=2.json", "ranks=4.json"]
