"""The drawing itself: XML that stands alone, and marks where the plan says."""

from __future__ import annotations

import itertools
import math
import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from solver.drawing import timeline_svg
from solver.drawing.sheet import LANE, LEFT, MEMORY
from solver.drawing.style import DARK, LIGHT, Palette, box_colors
from tests.drawing.documents import GIB, Json, action, document, forwards_of_a_v, gpipe
from tests.verify.plans import NAMES, plan

SVG = "{http://www.w3.org/2000/svg}"
BOXES = re.compile(r"[FBW]\d+")
LARGEST = 2 * 2**20


def _root(found: Json) -> Element:
    return ElementTree.fromstring(timeline_svg(found).encode())


def _of_class(root: Element, name: str) -> list[Element]:
    return [element for element in root.iter() if element.get("class") == name]


def _boxes(root: Element) -> list[Element]:
    return [e for e in root.iter(f"{SVG}rect") if e.find(f"{SVG}title") is not None]


def _words(root: Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


@pytest.mark.parametrize("name", NAMES)
def test_a_drawing_stands_alone_and_says_what_it_is(name: str) -> None:
    text = timeline_svg(plan(name)[1])
    root = ElementTree.fromstring(text.encode())
    assert root.tag == f"{SVG}svg"
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags == {"svg", "title", "desc", "style", "defs", "pattern", "path", "rect", "g", "text"}
    outside = re.findall(r"\b(?:https?:|href|url\([^#]|@import|@font-face|data:)", text)
    assert outside == ["http:"]  # the name space
    named = [root.find(f"*[@id='{key}']") for key in root.get("aria-labelledby", "").split()]
    assert [e is not None and e.tag for e in named] == [f"{SVG}title", f"{SVG}desc"]
    assert root.get("role") == "img"


def test_every_operator_is_a_box_at_its_time() -> None:
    found = gpipe(3, 4)
    root = _root(found)
    lanes = [e for e in _of_class(root, "lane") if e.get("height") == str(int(LANE))]
    tops = [float(lane.get("y", "")) for lane in lanes]
    assert len(tops) == 3
    pixels = float(lanes[0].get("width", "")) / found["step_time_s"]
    drawn = sorted(
        (float(e.get("y", "")), float(e.get("x", "")), float(e.get("width", "")), e.get("class"))
        for e in _boxes(root)
    )
    schedule = found["pipeline"]["schedule"]
    expected = sorted(
        (
            tops[a["device"]],
            LEFT + a["start_s"] * pixels,
            (a["end_s"] - a["start_s"]) * pixels,
            f"{a['phase']}0",
        )
        for a in schedule
    )
    for (*place, kind), (*wanted, phase) in zip(drawn, expected, strict=True):
        assert place == pytest.approx(wanted, abs=1.0)
        assert kind == phase
    numbers = [int(e.text or "") for e in _of_class(root, "number")]
    assert sorted(numbers) == sorted(a["microbatch"] for a in schedule)


def test_narrow_operators_are_all_there_without_words() -> None:
    found = gpipe(2, 600)
    root = _root(found)
    paths = [e for e in root.iter(f"{SVG}path") if BOXES.fullmatch(e.get("class", ""))]
    drawn = sum((e.get("d") or "").count("z") for e in paths) + len(_boxes(root))
    assert paths
    assert drawn == len(found["pipeline"]["schedule"])


def test_the_memory_curve_reaches_its_peak_below_the_limit() -> None:
    found = gpipe(1, 4)  # 12 GiB of activations above 2 GiB
    found["memory"][0]["limit_bytes"] = 20 * GIB
    root = _root(found)
    (lane,) = (e for e in _of_class(root, "lane") if e.get("height") == str(int(MEMORY)))
    base = float(lane.get("y", "")) + MEMORY
    (curve,) = (e for e in _of_class(root, "activations") if e.tag == f"{SVG}path")
    heights = [base - float(y) for y in re.findall(r"V([\d.]+)", curve.get("d") or "")]
    assert max(heights) == pytest.approx(MEMORY * 14 / 20, abs=0.01)
    assert min(heights) == pytest.approx(MEMORY * 2 / 20, abs=0.01)
    limit = _of_class(root, "limit")[-1].get("d") or ""
    assert base - float(re.findall(r" ([\d.]+)H", limit)[0]) == pytest.approx(MEMORY, abs=0.01)
    assert {"peak 14 GiB", "limit 20 GiB"} <= set(_words(root))


def test_idle_time_is_in_words_for_who_cannot_see_it() -> None:
    description = _root(gpipe(2, 2)).findtext(f"{SVG}desc") or ""
    assert "Step time 12 s, 2 stages, 2 micro-batches." in description
    assert "Makespan bubble 33.3 % (4 s)" in description
    assert "stage 0: idle 4 s, of it 4 s between its operators; memory 8 GiB of 1000 GiB." in (
        description
    )


def test_only_what_is_there_is_drawn_and_explained() -> None:
    bare = [action(0, 0, "F", 0.0, 1.0), action(0, 0, "B", 1.0, 3.0)]
    plain = document(bare, 1, 1, 3.0, [0.0])
    plain["pipeline"]["fused"] = [True]
    found = _words(_root(plain))
    assert "B backward" in found
    assert not {"W weight gradient", "once per step", "B input gradient"} & set(found)
    full = timeline_svg(gpipe(2, 2, tail=1.0))
    assert {"W weight gradient", "once per step", "B input gradient"} <= set(
        _words(ElementTree.fromstring(full.encode()))
    )
    assert full.count('fill="url(#mmp-once-per-step)"') == 3  # two stages and the legend
    assert "url(#" not in timeline_svg(plain)


def test_collectives_once_per_step_have_a_thin_row() -> None:
    """A reduction from 7 to 9 s of a step of 12, and a gather that ends 1 s after it: that second
    is drawn at the start, where the next step has it. Without them there is no such row."""
    found = gpipe(2, 2)
    entry = {"stage": 1, "chunk": 0, "stream": "communication"}
    found["pipeline"]["step_operators"] = [
        {**entry, "phase": "reduce", "start_s": 7.0, "end_s": 9.0},
        {"stage": 1, "chunk": None, "phase": "update", "stream": "compute"}
        | {"start_s": 9.0, "end_s": 10.0},
        {**entry, "phase": "gather", "start_s": 10.0, "end_s": 13.0},
    ]
    root = _root(found)
    lane = next(e for e in _of_class(root, "lane") if e.get("height") == str(int(LANE)))
    pixels = float(lane.get("width", "")) / 12
    (_, reduce), (_, *gathers) = _of_class(root, "reduce"), _of_class(root, "gather")  # legend
    assert float(reduce.get("x", "")) == pytest.approx(LEFT + 7 * pixels, abs=0.01)
    assert float(reduce.get("width", "")) == pytest.approx(2 * pixels, abs=0.01)
    places = [(float(e.get("x", "")), float(e.get("width", ""))) for e in gathers]
    assert places[0] == pytest.approx((LEFT + 10 * pixels, 2 * pixels), abs=0.01)
    assert places[1] == pytest.approx((LEFT, pixels), abs=0.01)
    assert "gather of updated parameters" in _words(root)
    titles = [e.text for e in root.iter(f"{SVG}title")]
    assert (
        "gather of updated parameters, once per step: 3 s, in part beside the next step" in titles
    )
    plain = _root(gpipe(2, 2))
    assert float(root.get("height", "")) > float(plain.get("height", ""))
    assert "reduction of gradients" not in _words(plain)


def test_later_chunks_are_fainter() -> None:
    root = _root(forwards_of_a_v())
    assert [e.get("class") for e in _boxes(root)] == ["F0", "F1", "F0", "F1"]
    assert "fainter: later chunks of a device" in _words(root)
    assert "F of micro-batch 0, chunk 1: 3 to 4 s" in [e.text for e in root.iter(f"{SVG}title")]


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_text_can_be_read(palette: Palette) -> None:
    """WCAG 2.1, 1.4.3: text has a contrast of at least 4.5 to what is behind it."""
    for fill in box_colors(palette, 4).values():
        assert _contrast(palette.on_box, fill) >= 4.5
    for text, ground in itertools.product((palette.text, palette.faint), (palette.plate,)):
        assert _contrast(text, ground) >= 4.5
    assert _contrast(palette.limit, palette.lane) >= 3  # 1.4.11: what is no text


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_no_two_colours_are_alike(palette: Palette) -> None:
    grounds = (palette.lane, palette.constant, palette.activations, palette.plate)
    for one, other in itertools.combinations((*box_colors(palette, 2).values(), *grounds), 2):
        assert math.dist(_channels(one), _channels(other)) > 24, (one, other)


def test_dark_colours_are_for_dark_viewers_only() -> None:
    style = _root(gpipe(1, 1)).findtext(f"{SVG}style") or ""
    light, dark = style.split("@media (prefers-color-scheme: dark) {")
    for rules, own, other in ((light, LIGHT, DARK), (dark, DARK, LIGHT)):
        for color in (own.text, own.plate, own.lane, *own.boxes, own.limit):
            assert color in rules
        for color in (other.text, other.plate, other.lane, *other.boxes):
            assert color not in rules
    assert style.count("{") == style.count("}")


def test_a_large_drawing_is_small_enough() -> None:
    text = timeline_svg(gpipe(16, 64))
    assert len(text.encode()) < LARGEST
    assert len(_boxes(ElementTree.fromstring(text.encode()))) == 3 * 16 * 64


def test_names_that_xml_cannot_hold() -> None:
    found = gpipe(1, 1)
    found["sources"][0]["path"] = "a<b>&\x01\udcff\"'.mmp"
    assert "Timeline of a step: a<b>&\ufffd\ufffd\"'.mmp" in _words(_root(found))


def test_a_step_of_no_time_is_drawn() -> None:
    found = document([action(0, 0, "F", 0.0, 0.0)], 1, 1, 0.0, [0.0])
    assert "Step time 0 s, 1 stage, 1 micro-batch" in _words(_root(found))


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: str) -> float:
    """Relative luminance (WCAG 2.1)."""
    values = [value / 255 for value in _channels(color)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _channels(color: str) -> list[int]:
    return [int(color[at : at + 2], 16) for at in (1, 3, 5)]
