"""The `mmp-eval/1` document: a price without search, for programs to read."""

from __future__ import annotations

from typing import Any

from dsl.spec import Spec
from solver.pinned.evaluate import Evaluated
from solver.pinned.terms import Term, fullest, memory_terms, time_terms

FORMAT = "mmp-eval/1"


def document(evaluated: Evaluated, spec: Spec) -> dict[str, Any]:
    """Step time, memory, every term with how it is known, what was assumed, pins and limits."""
    figures, stage = evaluated.figures, fullest(evaluated)
    memory = figures.memory[stage]
    return {
        "format": FORMAT,
        "sources": [{"path": s.path, "sha256": s.sha256} for s in spec.sources],
        "overrides": dict(spec.overrides),
        "devices": spec.mesh.devices,
        "step_time_s": figures.step_time,
        "bubble": figures.bubble,
        "peak_bytes": memory.peak,
        "limit_bytes": memory.limit,
        "fits": memory.peak <= memory.limit,
        "fullest_stage": stage,
        "time": [_term(term, "seconds") for term in time_terms(evaluated)],
        "memory": [_term(term, "bytes") for term in memory_terms(evaluated, stage)],
        "assumptions": [
            {"rule": one.rule, "subjects": list(one.subjects)} for one in evaluated.assumptions
        ],
        "pins": [
            {"text": bill.text, "kind": bill.kind, "satisfied": bill.satisfied, "paid": bill.paid}
            for bill in figures.bills
        ],
    }


def _term(term: Term, unit: str) -> dict[str, Any]:
    return {"name": term.name, unit: term.amount, "known": term.known, "by": term.by}
