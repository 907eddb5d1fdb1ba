"""Plans that exports are tested with: documents of one day, so that no search is needed.

`cases/NAME.mmp` is the spec, on a device of its own; `cases/NAME.json` the plan that was found.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from dsl.load import load
from dsl.spec import Spec
from solver import json_text
from solver.export.saved import SavedPlan

CASES = Path(__file__).parent / "cases"
NAMES = tuple(sorted(path.stem for path in CASES.glob("*.mmp")))

Change = Callable[[dict[str, Any]], None]


@cache
def _read(name: str) -> tuple[str, Spec]:
    text = (CASES / f"{name}.json").read_text(encoding="utf-8")
    return text, load(str(CASES / f"{name}.mmp"), {})


def saved(name: str) -> SavedPlan:
    """The plan of a case."""
    text, spec = _read(name)
    return SavedPlan(f"{name}.json", text, json.loads(text), spec)


def changed(name: str, change: Change) -> SavedPlan:
    """The plan of a case after a change of its document, which no verification has passed."""
    text, spec = _read(name)
    document = copy.deepcopy(json.loads(text))
    change(document)
    return SavedPlan(f"{name}.json", json_text.dumps(document), document, spec)
