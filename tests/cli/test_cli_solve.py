"""`mmp solve` with searches that end in ways a good search does not: nothing is ever lost."""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from solver.cli.commands import solve
from solver.cli.exit_codes import CommandError, ExitCode
from solver.cli.main import main
from tests.cli.running import interrupt

HERE = Path(__file__).parent
TRANSCRIPT = (HERE / "transcripts" / "solve.txt").read_text(encoding="utf-8")
SPEC = TRANSCRIPT[TRANSCRIPT.index("\n") + 1 : TRANSCRIPT.index("\n>>>") + 1]


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("mlp.mmp")
    path.write_text(SPEC, encoding="utf-8")
    return path


def _solve(search: str, *given: str) -> ExitCode:
    parser = argparse.ArgumentParser()
    solve.add(parser.add_subparsers())
    arguments = parser.parse_args(["solve", "mlp.mmp", "--reproducible", *given])
    return solve.run(arguments, f"fake_searches:{search}")


def _plan(path: str = "plan.json") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return found


@pytest.mark.usefixtures("spec")
def test_a_crash_still_gives_the_plan(capsys: pytest.CaptureFixture[str]) -> None:
    assert _solve("plans_and_crashes", "-o", "plan.json") == ExitCode.SOLVER_FAILED
    assert _plan()["outcome"] == {"stopped": "failed", "plan": "feasible"}
    out, err = capsys.readouterr()
    assert "the solver process failed." in out
    assert "the solver process failed: it exited with code 9" in err
    assert main(["verify", "plan.json"]) == ExitCode.DONE


@pytest.mark.usefixtures("spec")
def test_a_rejected_plan_gives_way_to_the_one_before(capsys: pytest.CaptureFixture[str]) -> None:
    assert _solve("plans_and_lies", "-o", "plan.json") == ExitCode.SOLVER_FAILED
    assert "step-time step_time_s" in capsys.readouterr().err
    assert main(["verify", "plan.json"]) == ExitCode.DONE


@pytest.mark.usefixtures("spec")
@pytest.mark.parametrize("given", [(), ("--json",)])
def test_a_rejected_plan_is_never_printed(
    given: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _solve("lies", "-o", "plan.json", *given) == ExitCode.INTERNAL
    out, err = capsys.readouterr()
    assert out == ""
    assert "no plan passed verification" in err
    assert not Path("plan.json").exists()


@pytest.mark.usefixtures("spec")
def test_a_search_without_a_plan_keeps_the_old_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("plan.json").write_text("old", encoding="utf-8")
    assert _solve("finds_nothing", "-o", "plan.json", "--json") == ExitCode.LIMIT
    assert Path("plan.json").read_text(encoding="utf-8") == "old"
    out, err = capsys.readouterr()
    assert json.loads(out)["outcome"] == {"stopped": "limit", "plan": "none"}
    assert "there is no plan to write to plan.json" in err


@pytest.mark.usefixtures("spec")
def test_a_conflict_is_shown_with_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert _solve("blames") == ExitCode.INFEASIBLE
    out = capsys.readouterr().out
    pin = next(n for n, line in enumerate(SPEC.splitlines(), 1) if line.startswith("pin "))
    limit = next(n for n, line in enumerate(SPEC.splitlines(), 1) if line.startswith("limit "))
    assert "error[MMP501]: these 2 requirements cannot hold together" in out
    assert f"--> mlp.mmp:{pin}:1" in out
    assert f"::: mlp.mmp:{limit}:1" in out
    assert f"drop the pin  (mlp.mmp:{pin}: pin net.layers[*].up" in out


@pytest.mark.usefixtures("spec")
def test_a_plan_that_cannot_be_written_is_saved_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, text: str) -> None:
        raise CommandError("cannot write plan.json: No space left on device")

    monkeypatch.setattr("solver.cli.files.write_whole", full)
    with pytest.raises(CommandError, match="No space left on device; the plan is in ") as caught:
        _solve("plans_and_waits", "-o", "plan.json", "--time-limit", "0.1")
    saved = _plan(str(caught.value).rpartition(" ")[2])
    assert saved["outcome"]["plan"] != "none"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("search", "code", "outcome"),
    [("plans_and_waits", ExitCode.DONE, "optimal"), ("waits", ExitCode.INTERRUPTED, "none")],
)
def test_an_interrupt(spec: Path, search: str, code: ExitCode, outcome: str, number: int) -> None:
    waits = Path(f"{spec}.waits")
    exit_code, document = interrupt(f"fake_searches:{search}", spec, waits, number)
    assert exit_code == code
    assert document["outcome"]["plan"] == outcome
    assert document["outcome"]["stopped"] in ("interrupted", "proved")


def test_a_bug_is_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, spec: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(path: str, overrides: object) -> None:
        raise ZeroDivisionError("deep inside")

    monkeypatch.setattr("dsl.load.load", broken)
    assert main(["solve", str(spec)]) == ExitCode.INTERNAL
    err = capsys.readouterr().err
    assert "Traceback" not in err
    where = re.search(r"details are in (\S+)", err)
    assert where is not None
    assert "ZeroDivisionError: deep inside" in Path(where[1]).read_text(encoding="utf-8")


@pytest.mark.usefixtures("spec")
def test_a_terminal_gets_colours_and_its_own_width() -> None:
    """Through a pseudo-terminal, as a person would see it."""
    leader, follower = os.openpty()
    command = [sys.executable, "-m", "solver.cli.main", "solve", "mlp.mmp"]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "72"}
    environment.pop("NO_COLOR", None)
    running = subprocess.Popen(command, stdout=follower, stderr=follower, env=environment)
    os.close(follower)
    text = b""
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        text += chunk
    os.close(leader)
    assert running.wait() == ExitCode.DONE
    assert b"\x1b[32mProven optimal; verified." in text
    report = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text.decode()).split("\r\n")
    assert max(len(line) for line in report[report.index("") :]) <= 72
