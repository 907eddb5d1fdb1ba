"""The page in a headless Chromium: clicks, keys, zoom, screenshots, paper.

`pip install "mmp[browser]"` brings the browser; `pytest -m slow -n 0 tests/page` runs these tests.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from solver.drawing.style import DARK, LIGHT
from solver.page.page import page
from solver.page.scale import DRAWN, LANE, LEFT, PLOT, TOP, WIDTH
from tests.page.saved import large, solved

if TYPE_CHECKING:
    from tests.page.browser import Browser

pytestmark = pytest.mark.slow
SPAN = "document.getElementById('plot').getAttribute('viewBox').split(' ').map(Number)"
DETAIL = "document.getElementById('detail').textContent"


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    from tests.page.browser import Browser

    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture
def browser(window: Browser, tmp_path: Path) -> Browser:
    """A window with the page of the saved plan."""
    spec, document = solved()
    path = tmp_path / "report.html"
    path.write_text(page(document, spec, ""), encoding="utf-8")
    window.page.said.clear()
    window.asked.addresses.clear()
    window.open(path)
    return window


def _spot(browser: Browser, x: float, y: float) -> tuple[float, float]:
    """Where a point of the timeline is on the screen, once it is in view."""
    browser.middle("#picture")
    left, top, width = browser.run(
        "(b => [b.left, b.top, b.width])"
        "(document.getElementById('picture').getBoundingClientRect())"
    )
    return left + x * width / WIDTH, top + y * width / WIDTH


def _shares(browser: Browser) -> tuple[float, float]:
    """The window of time, as shares of the step."""
    start, _, span, _ = browser.run(SPAN)
    return start / DRAWN, (start + span) / DRAWN


def test_it_loads_itself_alone_and_its_script_has_no_errors(browser: Browser) -> None:
    assert browser.page.said == []
    assert len(browser.asked.addresses) == 1
    assert browser.asked.addresses[0].startswith("file:///")
    assert browser.run("document.querySelectorAll('#ticks text').length") > 4
    assert browser.run("document.querySelectorAll('#numbers text').length") > 10


def test_a_click_on_an_operator_says_what_it_is(browser: Browser) -> None:
    """The first operator of stage 0 is the forward of micro-batch 0."""
    browser.click(*_spot(browser, LEFT + 4, TOP + LANE / 2))
    said = browser.run(DETAIL)
    assert re.fullmatch(
        r"stage 0: forward of micro-batch 0, 0 ms to [\d.]+ ms \([\d.]+ ms\), "
        r"[\d.]+ GiB in use as it starts",
        said,
    )
    box = browser.run("(b => [b.x, b.y])(document.getElementById('choice').getBBox())")
    assert box == [pytest.approx(LEFT), pytest.approx(TOP)]
    browser.key("n")
    assert "of micro-batch 1" in browser.run(DETAIL)


def test_the_buttons_zoom(browser: Browser) -> None:
    browser.click_on("[data-do=in]")
    assert _shares(browser) == pytest.approx((0.25, 0.75))
    browser.click_on("[data-do=in]")
    browser.click_on("[data-do=right]")
    assert _shares(browser) == pytest.approx((0.425, 0.675))
    first = browser.run("document.querySelector('#ticks text').textContent")
    assert float(first) > 0
    browser.click_on("[data-do=all]")
    assert _shares(browser) == (0.0, 1.0)


def test_a_zoomed_picture_shows_what_runs_then(browser: Browser) -> None:
    """The colour of a place is that of the phase that the script finds there."""
    browser.key("Escape")
    for _ in range(3):
        browser.click_on("[data-do=in]")
    places = [_spot(browser, LEFT + PLOT * share, TOP + 4) for share in (0.1, 0.35, 0.6, 0.85)]
    colors = {"forward": LIGHT.boxes[0], "input": LIGHT.boxes[1], "weight": LIGHT.boxes[2]}
    seen = []
    for place in places:
        seen.append(browser.color(*place))
        browser.click(*place)
        phase = browser.run(DETAIL).split(": ")[1].split(" ")[0]
        assert seen[-1] == colors[phase]
    assert len(set(seen)) > 1


def test_keys_do_all_that_the_buttons_do(browser: Browser) -> None:
    browser.click_on("h1")
    for _ in range(40):
        browser.key("Tab")
        if browser.run("document.activeElement.id") == "picture":
            break
    assert browser.run("document.activeElement.id") == "picture"
    outline = browser.run("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"  # where the focus is can be seen
    browser.key("+")
    browser.key("Right")
    assert _shares(browser) == pytest.approx((0.35, 0.85))
    browser.key("Left")
    browser.key("-")
    assert _shares(browser) == (0.0, 1.0)
    browser.key("n")
    assert browser.run(DETAIL).startswith("stage 0: forward of micro-batch 0")
    browser.key("Down")
    assert browser.run(DETAIL).startswith("stage 1: forward of micro-batch 0")
    browser.key("p")
    browser.key("Up")
    assert browser.run(DETAIL).startswith("stage 0: ")
    browser.key("Escape")
    assert browser.run(DETAIL) == ""


def test_dragging_moves_and_the_wheel_zooms_where_it_is(browser: Browser) -> None:
    start = _spot(browser, LEFT + PLOT / 4, TOP + LANE / 2)
    browser.wheel(start, 3)
    low, high = _shares(browser)
    assert high - low < 1
    assert low + (high - low) / 4 == pytest.approx(0.25, abs=0.01)
    left, _ = _spot(browser, LEFT, 0)
    right, _ = _spot(browser, LEFT + PLOT, 0)
    browser.drag(start, -(right - left) / 10)
    assert _shares(browser)[0] == pytest.approx(low + (high - low) / 10, abs=0.01)
    assert browser.run(DETAIL) == ""  # a drag chooses nothing


SEEN = """
import sys
from pathlib import Path
from tests.page.browser import Browser
browser = Browser()
browser.open(Path(sys.argv[1]))
place = browser.middle("#picture")
left, top, width = browser.run(
    "(b => [b.left, b.top, b.width])(document.getElementById('picture').getBoundingClientRect())"
)
x, y, whole = map(float, sys.argv[2:])
print(browser.color(3, 3), browser.color(left + x * width / whole, top + y * width / whole))
browser.close()
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_are_the_users_choice(scheme: str, tmp_path: Path) -> None:
    """A browser of its own, since what the user prefers is known when it starts."""
    pytest.importorskip("PySide6.QtWebEngineCore", reason="needs the extra `browser`")
    spec, document = solved()
    path = tmp_path / "report.html"
    path.write_text(page(document, spec, ""), encoding="utf-8")
    flags = "--disable-gpu"
    if scheme == "dark":
        flags += " --blink-settings=preferredColorScheme=0"
    done = subprocess.run(
        [sys.executable, "-c", SEEN, str(path), str(LEFT + 3), str(TOP + 4), str(WIDTH)],
        env={**os.environ, "QTWEBENGINE_CHROMIUM_FLAGS": flags},
        capture_output=True,
        text=True,
        check=True,
    )
    palette = {"light": LIGHT, "dark": DARK}[scheme]
    assert done.stdout.split() == [palette.plate, palette.boxes[0]]


def test_it_fits_narrow_windows(browser: Browser) -> None:
    for width in (1200, 420):
        browser.view.resize(width, 900)
        browser.settle()
        assert browser.run("document.documentElement.scrollWidth") <= width
    browser.view.resize(1200, 900)


def test_paper_has_everything_open_and_no_buttons(browser: Browser, tmp_path: Path) -> None:
    from PySide6.QtPdf import QPdfDocument

    browser.click_on("[data-do=in]")
    path = tmp_path / "report.pdf"
    path.write_bytes(browser.pdf())
    assert _shares(browser) == (0.0, 1.0)
    document = QPdfDocument()
    document.load(str(path))
    pages = [document.getAllText(number).text() for number in range(document.pageCount())]
    text = "".join(pages)
    assert "Calls of a step on all stages together" in text  # a table that is closed on the screen
    assert "Sharding of" not in text
    assert "whole step" not in text
    document.close()


def test_a_large_schedule_zooms_at_once(window: Browser, tmp_path: Path) -> None:
    path = tmp_path / "large.html"
    path.write_text(page(large(16, 64, 4), None, ""), encoding="utf-8")
    window.page.said.clear()
    window.open(path)
    slowest = window.run(
        "(() => { let slow = 0; for (let i = 0; i < 10; i += 1) { const now = performance.now();"
        "document.querySelector(`[data-do=${i < 5 ? 'in' : 'out'}]`).click();"
        "document.getElementById('picture').getBoundingClientRect();"
        "slow = Math.max(slow, performance.now() - now); } return slow; })()"
    )
    assert slowest < 250  # milliseconds
    looks = []
    for name in ("all", *["in"] * 5):
        window.click_on(f"[data-do={name}]")
        looks.append(window.run("document.getElementById('plot').getAttribute('class')"))
    assert looks[0] == "dense"  # operators of a pixel have no seams, which would hide them
    assert looks[-1] == ""
    assert window.page.said == []
