"""A headless Chromium (Qt WebEngine, extra `browser`) with real clicks, keys and screenshots."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# Before Qt is loaded. Chromium cannot confine itself where root runs it.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QTWEBENGINE_CHROMIUM_FLAGS", "--disable-gpu")
if os.geteuid() == 0:
    os.environ["QTWEBENGINE_DISABLE_SANDBOX"] = "1"

core = pytest.importorskip("PySide6.QtWebEngineCore", reason="needs the extra `browser`")

import shiboken6  # noqa: E402
from PySide6.QtCore import QEventLoop, QPoint, QPointF, Qt, QTimer, QUrl  # noqa: E402
from PySide6.QtGui import QColor, QImage, QWheelEvent  # noqa: E402
from PySide6.QtTest import QTest  # noqa: E402
from PySide6.QtWebEngineWidgets import QWebEngineView  # noqa: E402
from PySide6.QtWidgets import QApplication  # noqa: E402

PATIENCE_MS = 30_000


class _Asked(core.QWebEngineUrlRequestInterceptor):
    """Notes every address that a page asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def interceptRequest(self, info: Any) -> None:  # noqa: N802
        self.addresses.append(info.requestUrl().toString())


class _Page(core.QWebEnginePage):
    """Notes what the page writes to the console, errors of its script among it."""

    def __init__(self, profile: Any) -> None:
        super().__init__(profile)
        self.said: list[str] = []

    def javaScriptConsoleMessage(  # noqa: N802
        self, _level: Any, message: str, line: int, _source: str
    ) -> None:
        self.said.append(f"{line}: {message}")


class Browser:
    """One window. Pixels are those of the page, from the corner of what is seen of it."""

    def __init__(self, width: int = 1200, height: int = 900) -> None:
        self.application = QApplication.instance() or QApplication([])
        self.profile = core.QWebEngineProfile()
        self.asked = _Asked()
        self.profile.setUrlRequestInterceptor(self.asked)
        self.page = _Page(self.profile)
        self.view = QWebEngineView()
        self.view.setPage(self.page)
        self.view.resize(width, height)
        self.view.show()

    def close(self) -> None:
        """A page must go before its profile."""
        self.view.close()
        shiboken6.delete(self.view)
        shiboken6.delete(self.page)

    def open(self, path: Path) -> None:
        """Load a file and wait until it is there."""
        loop = QEventLoop()
        self.view.loadFinished.connect(lambda _ok: loop.quit())
        self.view.load(QUrl.fromLocalFile(str(path)))
        self._wait(loop)
        self.settle()

    def run(self, script: str) -> Any:
        """The value of an expression in the page, as JSON knows values."""
        text = f"JSON.stringify({script})"
        found = self._answer(lambda done: self.page.runJavaScript(text, done))
        return json.loads(found) if found else None

    def settle(self) -> None:
        """Wait for two frames, so that what is drawn is what is there."""
        QTest.qWait(250)

    def click(self, x: float, y: float) -> None:
        """The left button at a place."""
        QTest.mouseClick(self._target(), Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y)))
        self.settle()

    def click_on(self, selector: str) -> None:
        """The middle of an element, brought into view first."""
        self.click(*self.middle(selector))

    def middle(self, selector: str) -> tuple[float, float]:
        """Where the middle of an element is, once it is in view."""
        place = self.run(
            f"(() => {{ const e = document.querySelector({selector!r});"
            "e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
            "return [b.left + b.width / 2, b.top + b.height / 2]; })()"
        )
        self.settle()
        return place[0], place[1]

    def drag(self, start: tuple[float, float], by: float) -> None:
        """The left button down, along, and up."""
        target, button = self._target(), Qt.MouseButton.LeftButton
        x, y = start
        QTest.mousePress(target, button, pos=QPoint(round(x), round(y)))
        for share in (0.25, 0.5, 0.75, 1.0):
            QTest.mouseMove(target, QPoint(round(x + share * by), round(y)))
            QTest.qWait(30)
        QTest.mouseRelease(target, button, pos=QPoint(round(x + by), round(y)))
        self.settle()

    def wheel(self, at: tuple[float, float], notches: int) -> None:
        """The wheel with Ctrl; up is positive."""
        target, place = self._target(), QPointF(*at)
        event = QWheelEvent(
            place,
            QPointF(target.mapToGlobal(place.toPoint())),
            QPoint(0, 0),
            QPoint(0, 120 * notches),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.ControlModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(target, event)
        self.settle()

    def key(self, name: str) -> None:
        """A key by its letter or sign, or by Qt's name of it."""
        code = getattr(Qt.Key, f"Key_{name}", None)
        QTest.keyClick(self._target(), name if code is None else code)
        self.settle()

    def screenshot(self) -> QImage:
        """What is seen."""
        return self.view.grab().toImage()

    def color(self, x: float, y: float) -> str:
        """The colour that is seen at a place, `#rrggbb`."""
        return QColor(self.screenshot().pixel(round(x), round(y))).name()

    def pdf(self) -> bytes:
        """The page on paper."""
        return bytes(self._answer(self.page.printToPdf).data())

    def _target(self) -> Any:
        """The widget inside the view that takes input."""
        return self.view.focusProxy()

    def _answer(self, ask: Callable[[Callable[[Any], None]], Any]) -> Any:
        loop, found = QEventLoop(), []

        def done(value: Any) -> None:
            found.append(value)
            loop.quit()

        ask(done)
        if not found:
            self._wait(loop)
        return found[0]

    def _wait(self, loop: QEventLoop) -> None:
        timer = QTimer()
        timer.setSingleShot(True)
        late: list[bool] = []
        timer.timeout.connect(lambda: (late.append(True), loop.quit()))
        timer.start(PATIENCE_MS)
        loop.exec()
        timer.stop()
        assert not late, "the browser did not answer"
