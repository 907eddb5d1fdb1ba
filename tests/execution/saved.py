"""Plans that were solved once, as data: what is tested here does not depend on the search."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from dsl.load import load
from solver.execution.orders import pipeline
from solver.export.saved import SavedPlan
from solver.reference.lower import program
from solver.reference.runtime.program import Program

PLANS = Path(__file__).parent / "plans"
NAMES = sorted(path.stem for path in PLANS.glob("*.json"))


@cache
def saved(name: str) -> SavedPlan:
    path = PLANS / f"{name}.json"
    text = path.read_text(encoding="utf-8")
    document = json.loads(text)
    return SavedPlan(path.name, text, document, load(PLANS / f"{name}.mmp"))


@cache
def small(name: str) -> Program:
    found = saved(name)
    return program(found.plan, pipeline(found), small=True)
