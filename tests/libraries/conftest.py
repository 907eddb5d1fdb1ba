"""A folder with libraries for each test."""

from __future__ import annotations

from pathlib import Path

import pytest
from playing import Playground


@pytest.fixture
def ground(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Playground:
    return Playground(tmp_path, monkeypatch, capsys)
