"""Ways out that lead out, and `mmp explain` as a whole."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from dsl.load import load
from dsl.spec import Spec
from solver.cli.exit_codes import ExitCode
from solver.cli.main import main
from solver.events import Options
from solver.explain.answers import Answer
from solver.explain.feasible import Verdict, feasible
from solver.explain.price import Known
from solver.explain.ways_out import tried, ways_out
from tests.explain.toy import Document, changed_toy

EXAMPLES = Path(__file__).parents[2] / "examples"
UNSOLVABLE = Path(__file__).parents[1] / "mistakes" / "unsolvable"


# ---- ways out ------------------------------------------------------------------------------


def test_a_limit_on_the_step_time_is_raised_to_what_is_found(
    best: Document, tmp_path: Path
) -> None:
    tight = changed_toy("limit memory <= 1 GiB per device", "limit step_time <= 1 us", tmp_path)
    (limit,) = tight.limits
    row = {"text": limit.text, "file": limit.span.file, "line": limit.span.line}
    document = {"conflict": [row], "relaxations": [{**row, "change": "drop line 35"}]}
    (way,) = ways_out(tight, document, lambda _: None)
    assert way.spec.limits == ()
    found = tried(way, Answer(best, Known(0.0, 1.0, False)))
    assert found is not None
    number, unit = found["change"].removeprefix("step_time >= ").split()
    raised = float(number) * {"ms": 1e-3, "us": 1e-6}[unit]
    assert best["step_time_s"] <= raised <= best["step_time_s"] * 1.01
    assert tried(way, None) is not None


def _apply(way: Document, folder: Path) -> None:
    """Change the text of a spec as a way out says."""
    path = folder / way["file"]
    lines = path.read_text(encoding="utf-8").splitlines()
    at = way["line"] - 1
    if way["change"].startswith("drop line "):
        del lines[at]
    else:
        words = way["change"].replace(">=", "<=")
        lines[at] = f"limit {words} per device"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


INFEASIBLE = sorted((*UNSOLVABLE.glob("[!l]*.mmp"), EXAMPLES / "infeasible.mmp"))


@pytest.mark.slow
@pytest.mark.parametrize("path", INFEASIBLE, ids=lambda path: path.stem)
def test_every_way_out_that_is_offered_leads_out(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = {file.name: file.read_text(encoding="utf-8") for file in path.parent.glob("*.mmp")}
    monkeypatch.chdir(tmp_path)
    _write(texts, tmp_path)
    assert main(["explain", path.name, "--json", "--reproducible"]) == ExitCode.INFEASIBLE
    document = json.loads(capsys.readouterr().out)
    assert document["outcome"] == {"stopped": "proved", "plan": "none"}
    assert document["explanation"] == "complete"
    assert document["relaxations"]
    for way in document["relaxations"]:
        assert way["outcome"]["plan"] in ("optimal", "feasible")
        _write(texts, tmp_path)
        _apply(way, tmp_path)
        changed = load(path.name)
        verdict = feasible(changed, 1.0, Options(), threading.Event())
        assert verdict is Verdict.YES, way["change"]


def _write(texts: dict[str, str], folder: Path) -> None:
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


# ---- the command ---------------------------------------------------------------------------


@pytest.mark.slow
def test_alternatives_are_planned_anew(
    spec: Spec, best: Document, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _saved(spec, best, tmp_path)
    arguments = ["explain", str(path), "net.head", "--alternatives", "1", "--json"]
    assert main([*arguments, "--reproducible"]) == ExitCode.DONE
    document = json.loads(capsys.readouterr().out)
    (choice,) = document["choices"]
    (only,) = choice["alternatives"]
    assert choice["chosen"]["cuts"] == best["operators"]["net.head"]["cuts"]
    assert only["outcome"]["plan"] == "optimal"
    assert only["costs"]["exact"]
    difference = only["step_time_s"] - best["step_time_s"]
    assert only["costs"]["least_s"] == pytest.approx(
        max(0.0, difference), abs=1e-3 * best["step_time_s"]
    )
    assert all(move["text"] for move in only["moves"])


def _saved(spec: Spec, document: Document, folder: Path) -> Path:
    """The plan in a file, as `mmp solve` writes it."""
    sources = [{"path": source.path, "sha256": source.sha256} for source in spec.sources]
    sources.sort(key=lambda source: source["path"] != spec.path)
    path = folder / "plan.json"
    path.write_text(json.dumps({**document, "sources": sources}), encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("selector", [(), ("net.layers[0].down.w",), ("stage", "0")])
def test_the_report_says_what_the_document_does(
    spec: Spec,
    best: Document,
    selector: tuple[str, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = _saved(spec, best, tmp_path)
    assert main(["explain", str(path), *selector, "--reproducible", "--json"]) == ExitCode.DONE
    document = json.loads(capsys.readouterr().out)
    assert main(["explain", str(path), *selector, "--reproducible"]) == ExitCode.DONE
    report = " ".join(capsys.readouterr().out.split())
    assert document["format"] == "mmp-explain/1"
    for row in (*document["prices"], *document["margins"]):
        assert " ".join((row.get("text") or row["change"]).split()) in report
    assert len(document["margins"]) == (0 if selector else 5)
    for choice in document["choices"]:
        assert choice["selector"] in report
        assert choice["alternatives"]
        costs = [o["costs"]["least_s"] for o in choice["alternatives"] if o["costs"]]
        assert costs == sorted(costs)
