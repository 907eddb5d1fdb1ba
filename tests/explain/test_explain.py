"""What `mmp explain` asks: which statements stand for alternatives, and which specs for more."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dsl.load import LoadError, load
from dsl.spec import Pin, Spec
from solver.cli.exit_codes import ExitCode
from solver.cli.main import main
from solver.events import Options
from solver.explain.alternatives import forbidding, others
from solver.explain.answers import Answer, cost, gain
from solver.explain.choices import NoStageError, choices, written
from solver.explain.feasible import Verdict, feasible
from solver.explain.margins import margins, more_memory
from solver.explain.moves import moves
from solver.explain.price import Known, Price
from solver.explain.selection import pick
from solver.explain.ways_out import tried, ways_out
from tests.solver.solving import plan

TOY = Path(__file__).parent / "toy.mmp"
EXAMPLES = Path(__file__).parents[2] / "examples"
UNSOLVABLE = Path(__file__).parents[1] / "mistakes" / "unsolvable"
Document = dict[str, Any]


@pytest.fixture(scope="module")
def spec() -> Spec:
    return load(TOY)


@pytest.fixture(scope="module")
def best(spec: Spec) -> Document:
    found = plan(spec)
    assert found["outcome"]["plan"] == "optimal"
    return found


def _changed(old: str, new: str, folder: Path) -> Spec:
    """The spec with another text."""
    text = TOY.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path = folder / "changed.mmp"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return load(path)


# ---- selection -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "operators", "parameters", "stage"),
    [
        ("net.head", ("net.head",), (), None),
        ("net.x", ("net.head",), (), None),
        ("net.layers[*].up", ("net.layers[0].up", "net.layers[1].up"), (), None),
        ("net.layers[-1]", ("net.layers[1].up", "net.layers[1].down"), (), None),
        (
            "net.**.w",
            (),
            tuple(f"net.layers[{i}].{n}.w" for i in (0, 1) for n in ("up", "down")),
            None,
        ),
        ("stage 1", (), (), 1),
        ("stage:first", (), (), 0),
        ("stage last", (), (), -1),
    ],
)
def test_a_selector_picks_what_a_pin_would(
    spec: Spec,
    text: str,
    operators: tuple[str, ...],
    parameters: tuple[str, ...],
    stage: int | None,
) -> None:
    found = pick(text, spec.graph)
    assert (found.operators, found.parameters, found.stage) == (operators, parameters, stage)


@pytest.mark.parametrize(
    ("text", "code", "column", "hint"),
    [
        ("net.layer[*].up", "MMP406", 5, "did you mean `layers`?"),
        ("net.layers[2]", "MMP406", 5, "`layers` has iterations 0..1"),
        ("net.layers[*", "MMP010", 13, ""),
    ],
)
def test_a_wrong_selector_is_an_error_at_its_place(
    spec: Spec, text: str, code: str, column: int, hint: str
) -> None:
    with pytest.raises(LoadError) as caught:
        pick(text, spec.graph)
    (found,) = caught.value.diagnostics
    assert (found.code, found.span.line, found.span.column) == (code, 1, column)
    assert hint in found.help


def test_groups_are_written_as_selectors() -> None:
    names = [f"net.layers[{i}].mlp[1].up" for i in (0, 1, 2, 5)]
    assert written(names) == "net.layers[0..2, 5].mlp[1].up"
    assert written(names[:1]) == "net.layers[0].mlp[1].up"


def _alike(document: Document) -> Document:
    """The plan with the choices of the first layer in the second one."""
    found: Document = json.loads(json.dumps(document))
    found["operators"]["net.layers[1].up"]["cuts"] = found["operators"]["net.layers[0].up"]["cuts"]
    return found


def test_what_was_decided_alike_is_one_choice(spec: Spec, best: Document) -> None:
    (only,) = choices(pick("net.layers[*].up", spec.graph), spec, _alike(best))
    assert (only.selector, len(only.names)) == ("net.layers[*].up", 2)
    found = choices(pick("net", spec.graph), spec, best)
    assert sum(len(choice.names) for choice in found) == len(spec.graph.operators)
    for choice in found:
        for name in choice.names:
            assert best["operators"][name]["cuts"] == choice.chosen["cuts"]
    with pytest.raises(NoStageError, match="it has 2"):
        choices(pick("stage 2", spec.graph), spec, best)


# ---- alternatives --------------------------------------------------------------------------


def _own_pins(spec: Spec, text: str, folder: Path) -> list[Pin]:
    """The pins that a spec has with these statements in its text, at the end."""
    return list(_changed("minimize", f"{text}\n\nminimize", folder).pins[len(spec.pins) :])


@pytest.mark.parametrize("selector", ["net.layers[1].down", "net.head", "net.layers[0].up"])
def test_the_text_that_forbids_a_cut_means_the_pin(
    spec: Spec, best: Document, selector: str, tmp_path: Path
) -> None:
    (choice,) = choices(pick(selector, spec.graph), spec, best)
    pin = forbidding(choice, best, spec)
    (own,) = _own_pins(spec, pin.text, tmp_path)
    assert (own.kind, own.requirements) == (pin.kind, pin.requirements)


@pytest.mark.parametrize(
    "selector", ["net.layers[0].down.w", "net.head.scale", "stage 0", "stage 1"]
)
def test_the_text_of_other_ways_means_their_pins(
    spec: Spec, best: Document, selector: str, tmp_path: Path
) -> None:
    (choice,) = choices(pick(selector, spec.graph), spec, best)
    ways = others(choice, best, spec)
    assert ways
    for way in ways:
        own = _own_pins(spec, way.text, tmp_path)
        pins = way.spec.pins[len(spec.pins) :]
        assert [(p.kind, p.requirements) for p in own] == [(p.kind, p.requirements) for p in pins]


def test_a_stage_gives_a_layer_to_its_neighbour_or_recomputes(spec: Spec, best: Document) -> None:
    (first,) = choices(pick("stage 0", spec.graph), spec, best)
    texts = [way.text for way in others(first, best, spec)]
    last = best["pipeline"]["stages"][0]["units"][-1]
    assert texts[0] == f"pin {last} : on stage 1"
    assert len(texts) == 2
    assert texts[1].endswith((": recompute", ": no recompute"))


# ---- what more would bring -----------------------------------------------------------------


def test_one_more_node_is_the_mesh_of_the_changed_text(spec: Spec, tmp_path: Path) -> None:
    found = {margin.change: margin for margin in margins(spec)}
    for words, size in (("one more node (3)", 3), ("twice as many on axis node (4)", 4)):
        changed = _changed("node: 2", f"node: {size}", tmp_path)
        asked = found[words].spec
        assert asked is not None
        assert asked.mesh.axes == changed.mesh.axes
        assert asked.train == replace(changed.train, pipeline=asked.train.pipeline)
        assert asked.train.pipeline.parts == changed.train.pipeline.parts
        assert [p.requirements for p in asked.pins] == [p.requirements for p in changed.pins]


def test_more_of_a_link_and_of_memory_is_that_of_the_changed_text(
    spec: Spec, tmp_path: Path
) -> None:
    found = {margin.change: margin.spec for margin in margins(spec)}
    wide = _changed("link net : 20", "link net : 40", tmp_path)
    asked = found["twice the bandwidth of net"]
    assert asked is not None
    assert [axis.parts for axis in asked.mesh.axes] == [axis.parts for axis in wide.mesh.axes]
    assert "twice the bandwidth of bus" in found
    roomy = more_memory(spec, 2.0**30, "1 GiB").spec
    assert roomy is not None
    assert [limit.value for limit in roomy.limits] == [2 * 2.0**30]
    assert roomy.mesh.device.memory_bytes == 17 * 2.0**30


def test_pins_on_a_part_of_the_nodes_have_no_more_nodes(tmp_path: Path) -> None:
    two = _changed("node: 2", "node: 4", tmp_path)
    text = (tmp_path / "changed.mmp").read_text(encoding="utf-8")
    named = tmp_path / "named.mmp"
    named.write_text(text + "pin net.head : b over node.0\n", encoding="utf-8")
    asked = [margin for margin in margins(load(named)) if margin.sort == "node"]
    assert [margin.why for margin in asked] == ["pins name parts of node"] * 2
    assert all(margin.spec for margin in margins(two))


def test_a_plan_is_worth_at_least_what_it_is_worth_there(spec: Spec, best: Document) -> None:
    value = best["objective"]["value"]
    unknown = Answer(None, Known(0.0, float("inf"), False))
    roomy = more_memory(spec, 2.0**30, "1 GiB").spec
    assert roomy is not None
    found = gain(best, roomy, unknown, True)
    assert found is None or found.least == 0
    half = Answer(best, Known(value / 2, value / 2, True))
    assert gain(best, roomy, half, True) == Price(value / 2, value / 2)
    twice = Answer(best, Known(2 * value, 2 * value, True))
    assert cost(best, twice) == Price(value, value)
    assert cost(best, unknown) is None


def test_what_moves_leaves_the_choice_itself_out(spec: Spec, best: Document) -> None:
    (head,) = choices(pick("net.head", spec.graph), spec, best)
    assert moves(best, best, head) == ()
    other = json.loads(json.dumps(best))
    other["pipeline"]["microbatches"] = 8
    other["operators"]["net.head"]["cuts"] = {}
    other["operators"]["net.layers[0].up"]["cuts"] = {}
    found = [(move.section, move.subject) for move in moves(best, other, head)]
    assert found == [("settings", "micro-batches"), ("shardings", "net.layers[0].up")]


# ---- ways out ------------------------------------------------------------------------------


def test_a_limit_on_the_step_time_is_raised_to_what_is_found(
    best: Document, tmp_path: Path
) -> None:
    tight = _changed("limit memory <= 1 GiB per device", "limit step_time <= 1 us", tmp_path)
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
