"""The small spec of these tests, and the same with another text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dsl.load import load
from dsl.spec import Spec

TOY = Path(__file__).parent / "toy.mmp"
Document = dict[str, Any]


def changed_toy(old: str, new: str, folder: Path) -> Spec:
    """The spec with another text, which is left in `changed.mmp`."""
    text = TOY.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path = folder / "changed.mmp"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return load(path)
