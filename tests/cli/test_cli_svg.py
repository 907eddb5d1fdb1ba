"""`mmp solve SPEC --svg FILE`: the timeline of the plan that is printed, or no file at all."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from solver.cli.commands import solve
from solver.cli.exit_codes import CommandError, ExitCode
from solver.cli.main import main
from solver.drawing import timeline_svg

HERE = Path(__file__).parent
TRANSCRIPT = (HERE / "transcripts" / "solve.txt").read_text(encoding="utf-8")
SPEC = TRANSCRIPT[TRANSCRIPT.index("\n") + 1 : TRANSCRIPT.index("\n>>>") + 1]
INSTANCE = HERE.parent / "instance" / "example.json"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("mlp.mmp").write_text(SPEC, encoding="utf-8")
    return tmp_path


def _solve(search: str, *given: str) -> ExitCode:
    parser = argparse.ArgumentParser()
    solve.add(parser.add_subparsers())
    arguments = parser.parse_args(["solve", "mlp.mmp", "--reproducible", *given])
    return solve.run(arguments, f"fake_searches:{search}")


def _labels(path: str) -> list[str]:
    root = ElementTree.parse(path).getroot()
    found = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
    return [text for text in found if text.startswith("stage ")]


def test_the_drawing_is_of_the_plan_that_is_written() -> None:
    given = ["-D", "depth=2", "-o", "plan.json", "--svg", "timeline.svg"]
    assert main(["solve", "mlp.mmp", *given]) == ExitCode.DONE
    document = json.loads(Path("plan.json").read_text(encoding="utf-8"))
    assert Path("timeline.svg").read_text(encoding="utf-8") == timeline_svg(document)
    assert _labels("timeline.svg") == ["stage 0", "stage 1"]


def test_the_best_plan_so_far_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    assert _solve("plans_and_crashes", "--svg", "timeline.svg") == ExitCode.SOLVER_FAILED
    assert _labels("timeline.svg") == ["stage 0"]
    assert "step time" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("search", "code"),
    [
        ("finds_nothing", ExitCode.LIMIT),
        ("blames", ExitCode.INFEASIBLE),
        ("lies", ExitCode.INTERNAL),
    ],
)
def test_without_a_plan_an_old_drawing_stays(
    search: str, code: ExitCode, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("timeline.svg").write_text("old", encoding="utf-8")
    assert _solve(search, "--svg", "timeline.svg") == code
    assert Path("timeline.svg").read_text(encoding="utf-8") == "old"
    said = "mmp: there is no plan to draw in timeline.svg\n" in capsys.readouterr().err
    assert said == (code is not ExitCode.INTERNAL)  # where every plan was rejected, that is said


def test_an_instance_has_no_timeline(capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(INSTANCE, "example.json")
    assert main(["solve", "example.json", "--svg", "timeline.svg"]) == ExitCode.USAGE
    message = "mmp: --svg draws the timeline of a spec's plan; example.json is none\n"
    assert capsys.readouterr().err == message
    assert not Path("timeline.svg").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--svg", "none/t.svg"], "cannot write none/t.svg: there is no folder none"),
        (["--svg", "."], "cannot write .: it is a folder"),
        (["-o", "./a", "--svg", "a"], "-o and --svg name the same file, a"),
    ],
)
def test_what_cannot_be_written_is_said_before_the_search(
    given: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["solve", "mlp.mmp", *given]) == ExitCode.USAGE
    assert capsys.readouterr().err == f"mmp: {message}\n"


def test_a_drawing_that_cannot_be_written_loses_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, text: str) -> None:
        if path.suffix == ".svg":
            raise CommandError(f"cannot write {path}: No space left on device")
        path.write_text(text, encoding="utf-8")

    monkeypatch.setattr("solver.cli.files.write_whole", full)
    given = ["--svg", "timeline.svg", "-o", "plan.json", "--json"]
    with pytest.raises(CommandError, match=r"cannot write timeline.svg: No space left"):
        _solve("plans_and_crashes", *given)
    assert json.loads(capsys.readouterr().out) == json.loads(
        Path("plan.json").read_text(encoding="utf-8")
    )
