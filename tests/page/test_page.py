"""The page of a plan: what is in it, that it stands alone, and that it can be read without sight
of its pictures."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from solver.cli.main import main
from solver.drawing.picture import read
from solver.page.colors import HUES, variables
from solver.page.page import PARTS, page
from solver.page.scale import DRAWN
from tests.page.reading import Node, by_id, parse
from tests.page.saved import Json, large, solved, stamped
from tests.verify.plans import NAMES, plan

REFERENCES = ("aria-labelledby", "aria-describedby")
HOSTILE = "</script><img src=x onerror=alert(1)>&\"'\u2028"


@pytest.fixture(scope="module")
def tree() -> Node:
    spec, document = solved()
    return parse(page(document, spec, ""))


def _page(document: Json) -> Node:
    return parse(page(document, None, "no spec"))


@pytest.mark.parametrize("name", NAMES)
def test_every_sort_of_plan_has_a_whole_page(name: str) -> None:
    spec, document = plan(name)
    root = parse(page(stamped(document), spec, ""))
    ids = [node.get("id") for node in root.all() if node.get("id")]
    assert len(set(ids)) == len(ids)
    for node in root.all():
        for reference in REFERENCES:
            assert all(one in ids for one in (node.get(reference) or "").split())
        link = node.get("href")
        assert link is None or link.removeprefix("#") in ids
    assert [node.get("id") for node in root.all("section")] == [name for name, _, _ in PARTS]
    pictures = [node for node in root.all("svg") if node.get("id") != "plot"]
    assert pictures
    assert all(node.get("role") and node.get("aria-label") for node in pictures)
    assert all(button.get("aria-label") for button in root.all("button"))
    assert all(table.children[0].tag == "caption" for table in root.all("table"))


def test_nothing_is_loaded(tree: Node) -> None:
    loading = {"src", "srcset", "action", "data", "xlink:href", "poster", "background"}
    assert not [node.tag for node in tree.all() if loading & set(node.attributes)]
    assert not {"link", "iframe", "object", "embed", "img", "base"} & {n.tag for n in tree.all()}
    (style,) = tree.all("style")
    assert not re.search(r"url\(|@import|https?:", style.text)
    *_, script = tree.all("script")
    assert not re.search(
        r"fetch|XMLHttpRequest|import\(|eval|innerHTML|https?:(?!//www.w3.org/2000/svg)",
        script.text,
    )
    policy = next(n for n in tree.all("meta") if n.get("http-equiv"))
    assert (policy.get("content") or "").startswith("default-src 'none'")


def test_the_figures_of_the_plan_are_on_it(tree: Node) -> None:
    _, document = solved()
    text = by_id(tree, "summary").text
    assert "12.06 ms" in text
    assert "2 stages" in text
    assert "DP 1 x TP 4 x PP 2" in text
    assert "1 broken" in text
    pins = by_id(tree, "pins").text
    assert all(pin["text"] in pins for pin in document["pins"])
    assert "Collectives" in by_id(tree, "time").text
    assert document["sources"][0]["sha256"] in by_id(tree, "origin").text


def test_broken_pins_are_told_by_more_than_colour(tree: Node) -> None:
    (line,) = (row for row in by_id(tree, "pins").all("tr") if row.get("class") == "broken")
    assert [cell.text for cell in line.children][2:] == ["broken", "1.000 us", "1.000 us"]


def test_a_layer_is_a_picture(tree: Node) -> None:
    """The last layers are alike; what the first ones exchange sets them apart."""
    drawn = {n.get("aria-label"): n for n in tree.all("svg") if n.get("class") == "block"}
    last = drawn["Sharding of net.layers[5..7]"]
    described = next(last.all("desc")).text
    assert described.startswith("up, matmul: f/gpu4")
    chips = [n for n in last.all("rect") if n.get("class") == "chip"]
    assert len(chips) == (3 + 2 + 2) + (2 + 2) + (3 + 2 + 2)  # indices, result, parameter
    arcs = [n for n in last.all("path") if (n.get("class") or "").startswith("arc")]
    assert len(arcs) == 3
    hues = {n.get("class") for n in last.all("rect")} - {"chip", "operator"}
    assert hues == {"hue1"}  # gpu, the second axis of the mesh
    moved = drawn["Sharding of net.layers[3]"]
    assert sum("moved" in (n.get("class") or "") for n in moved.all("path")) == 2
    assert "all-gather act over gpu.1" in moved.text


def test_without_the_spec_the_page_says_what_is_missing() -> None:
    _, document = solved()
    root = parse(page(document, None, "spec.mmp is not here"))
    assert "spec.mmp is not here" in by_id(root, "summary").text
    assert "No picture of the layers" in by_id(root, "sharding").text
    assert "f/gpu4" in by_id(root, "sharding").text
    assert not [n for n in root.all("svg") if n.get("class") == "block"]


@pytest.mark.parametrize("chunks", [1, 2])
def test_sixteen_stages_and_sixty_four_microbatches_are_small(chunks: int) -> None:
    document = large(16, 64, chunks)
    text = page(document, None, "")
    assert len(text.encode()) < 1_000_000
    root = parse(text)
    assert len(list(by_id(root, "plot").all("g"))) == 16


@pytest.mark.parametrize("chunks", [1, 3])
def test_the_script_reads_the_schedule_of_the_plan(chunks: int) -> None:
    document = large(3, 5, chunks)
    data = json.loads(by_id(_page(document), "schedule").text)
    step, units = data["step_s"], data["units"]
    for row, expected in zip(data["rows"], read(document).rows, strict=True):
        starts, ends, now = [], [], 0
        for gap, run in zip(row["gap"], row["run"], strict=True):
            starts.append(now + gap)
            ends.append(now := now + gap + run)
        boxes = expected.boxes
        assert row["phase"] == "".join(box.phase for box in boxes)
        assert row["m"] == [box.microbatch for box in boxes]
        assert row.get("c", [0] * len(boxes)) == [box.chunk for box in boxes]
        for moments, name in ((starts, "start"), (ends, "end")):
            told = [moment * step / units for moment in moments]
            assert told == pytest.approx([getattr(box, name) for box in boxes], abs=step * 1e-9)
        peak = row["constant"] + max(size for _, size in row["held"])
        assert peak == pytest.approx(expected.peak)


def test_what_is_drawn_lies_where_the_schedule_says() -> None:
    document = large(2, 4)
    step = document["step_time_s"]
    rows = list(by_id(_page(document), "plot").all("g"))
    for row, expected in zip(rows, read(document).rows, strict=True):
        found = []
        for path in row.all("path"):
            kind = re.fullmatch(r"box (\w)0", path.get("class") or "")
            pieces = re.findall(r"M(\d+) [\d.]+h(\d+)", path.get("d") or "") if kind else []
            found += [(int(a), int(a) + int(b), kind[1]) for a, b in pieces if kind]
        drawn = [
            (round(DRAWN * box.start / step), round(DRAWN * box.end / step), box.phase)
            for box in expected.boxes
        ]
        assert sorted(found) == sorted(drawn)


def test_the_search_is_drawn_in_steps() -> None:
    document = large(2, 2)
    moments = [(1.0, None, 1.0), (2.0, 9.0, 1.0), (3.0, 6.0, 5.0), (4.0, 6.0, 5.5)]
    names = ("wall_s", "value", "bound")
    document["solver"]["progress"] = [dict(zip(names, m, strict=True)) for m in moments]
    part = by_id(_page(document), "search")
    curves = {
        (n.get("class") or "").split()[-1]: re.findall(r"[\d.]+", n.get("d") or "")
        for n in part.all("path")
        if (n.get("class") or "").startswith("curve")
    }
    assert len(curves["value"]) == 2 * 3
    assert len(curves["bound"]) == 2 * 4
    heights = [float(y) for y in curves["value"][1::2]]
    assert heights == sorted(heights)  # a better plan is lower down
    assert [row.text for row in part.all("tr")][1:] == [
        "1.000 s 1.000 s",
        "2.000 s 9.000 s 1.000 s 88.9 %",
        "3.000 s 6.000 s 5.000 s 16.7 %",
        "4.000 s 6.000 s 5.500 s 8.3 %",
    ]


def test_a_search_without_a_record_says_so() -> None:
    document = large(1, 1)
    assert "no record of the search over time: the plan has none" in _page(document).text
    document["solver"]["reproducible"] = True
    assert "reproducible plans have none" in _page(document).text


def test_names_are_text_whatever_is_in_them() -> None:
    document = large(1, 2)
    document["sources"][0]["path"] = HOSTILE
    document["pins"] = [
        {
            "text": HOSTILE,
            "kind": "hard",
            "file": HOSTILE,
            "line": 1,
            "satisfied": True,
            "weight_s": None,
            "paid_s": 0.0,
        }
    ]
    document["operators"] = {HOSTILE: {"cuts": {}, "stage": 0, "recompute": False}}
    root = _page(document)
    assert "img" not in {node.tag for node in root.all()}
    shown = " ".join(HOSTILE.split())
    assert shown in by_id(root, "pins").text
    assert shown in by_id(root, "sharding").text
    assert len(list(root.all("script"))) == 2


def _channel(value: int) -> float:
    share = value / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


def _luminance(color: str) -> float:
    red, green, blue = (_channel(int(color[at : at + 2], 16)) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_text_on_colours_can_be_read_in_light_and_in_dark() -> None:
    """WCAG 2.1, 1.4.3: a contrast of at least 4.5."""
    schemes = re.findall(r":root\{(.*?)\}", variables(3))
    assert len(schemes) == 3  # light, dark, and light again for paper
    for scheme in schemes:
        colors = dict(re.findall(r"--([\w-]+):(#\w{6});", scheme))
        for name in [f"hue{n}" for n in range(HUES)] + ["F0", "B0", "W2"]:
            pair = sorted(_luminance(colors[one]) for one in (name, "on-box"))
            assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, (name, colors[name])


def test_every_class_that_is_drawn_has_a_look(tree: Node) -> None:
    (style,) = tree.all("style")
    classes = {word for node in tree.all() for word in (node.get("class") or "").split()}
    known = set(re.findall(r"\.([A-Za-z][\w-]*)", style.text))
    assert classes - known <= {"keys", "open", "small", "block", "bars"}


def test_a_page_is_written_from_a_plan_and_its_spec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    spec, document = solved()
    Path("spec.mmp").write_text(Path(spec.path).read_text(encoding="utf-8"), encoding="utf-8")
    document["sources"][0]["path"] = "spec.mmp"
    Path("plan.json").write_text(json.dumps(document), encoding="utf-8")
    assert main(["report", "plan.json", "-o", "report.html"]) == 0
    text = Path("report.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>\n")
    assert "Sharding of net.layers[5..7]" in text
    assert main(["report", "plan.json"]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == (text, "")

    with Path("spec.mmp").open("a", encoding="utf-8") as stream:
        stream.write("// changed\n")
    assert main(["report", "plan.json", "-o", "later.html"]) == 0
    missing = "spec.mmp is not what the plan was made from; without its spec the page has no"
    assert missing in capsys.readouterr().err
    assert missing in Path("later.html").read_text(encoding="utf-8")
    assert main(["report", "plan.json", "spec.mmp", "-o", "never.html"]) == 1
    Path("spec.mmp").unlink()
    assert main(["report", "plan.json", "-o", "alone.html"]) == 0
    assert "which is not here" in capsys.readouterr().err
    assert not Path("never.html").exists()


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (
            '{"format": "mmp-plan/1", "outcome": {"stopped": "proved", "plan": "none"}}',
            1,
            "no plan",
        ),
        ("[]", 1, "is not a plan document"),
        (None, 2, "cannot read"),
    ],
)
def test_what_has_no_page(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: str | None,
    code: int,
    message: str,
) -> None:
    path = tmp_path / "plan.json"
    if content is not None:
        path.write_text(content)
    assert main(["report", str(path), "-o", str(tmp_path / "report.html")]) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()


def test_a_plan_for_diff_may_say_less_than_one_for_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = large(1, 1)
    del document["pipeline"]["step_operators"]
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(document))
    assert main(["diff", str(path), str(path)]) == 0
    assert main(["report", str(path)]) == 1
    assert "`pipeline.step_operators` is missing" in capsys.readouterr().err


def test_bars_add_up_to_the_step() -> None:
    document = large(2, 3)
    (figure,) = (n for n in by_id(_page(document), "time").all("svg"))
    for row in figure.all("g"):
        lengths = [float(n.get("width") or 0) for n in row.all("rect")]
        assert math.fsum(lengths) == pytest.approx(820, abs=0.05)
        edges = [float(n.get("x") or 0) for n in row.all("rect")]
        assert all(a < b for a, b in itertools.pairwise(edges))


def _rename(document: Json) -> None:
    document["operators"]["net.layers[9].up"] = document["operators"].pop("net.layers[7].up")


def _forget(document: Json) -> None:
    del document["parameters"]["net.layers[2].up.w"]


def _cut_elsewhere(document: Json) -> None:
    document["operators"]["net.layers[2].up"]["cuts"] = {"b": ["rack.0"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_rename, "`operators` of plan.json are not those of its spec: net.layers[7].up"),
        (_forget, "`parameters` of plan.json are not those of its spec: net.layers[2].up.w"),
        (_cut_elsewhere, "`operators.net.layers[2].up.cuts` of plan.json are not of its spec's"),
    ],
)
def test_a_plan_that_is_none_of_its_spec_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Json], None],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    spec, document = solved()
    change(document)
    Path("plan.json").write_text(json.dumps(document), encoding="utf-8")
    assert main(["report", "plan.json", spec.path, "-o", "never.html"]) == 1
    assert message in capsys.readouterr().err
