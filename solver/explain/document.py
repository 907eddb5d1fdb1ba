"""The `mmp-explain/1` document (solver/README.md section 24)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from solver.events import Document
from solver.explain.answers import Answer, peak
from solver.explain.choices import Choice
from solver.explain.margins import Margin
from solver.explain.moves import moves
from solver.explain.price import Price

FORMAT = "mmp-explain/1"


@dataclass(frozen=True, slots=True)
class Bought:
    """What a change of the hardware brings; `answer` and `saves` None where nothing is known."""

    margin: Margin
    answer: Answer | None
    saves: Price | None


@dataclass(frozen=True, slots=True)
class Other:
    """An alternative: the statements that ask for it, what their searches found (None: nothing),
    and what it costs beside the plan in hand."""

    text: tuple[str, ...]
    answer: Answer | None
    costs: Price | None


@dataclass(frozen=True, slots=True)
class Explained:
    """What is said of a plan. `others` are the alternatives of each choice, best first."""

    plan: Document
    prices: tuple[Document, ...] = ()
    margins: tuple[Bought, ...] = ()
    choices: tuple[tuple[Choice, tuple[Other, ...]], ...] = ()


def price_rows(priced: Document) -> tuple[Document, ...]:
    """Pins and limits with a price of a plan document that has prices, then all other wishes."""
    kept = ("kind", "text", "file", "line", "price")
    own = [entry for entry in priced["pins"] if "price" in entry]
    return tuple({key: row[key] for key in kept} for row in (*own, *priced["prices"]))


def document(spec: str, found: Explained) -> Document:
    """The whole document; `spec` is the path of the spec."""
    plan = found.plan
    return {
        "format": FORMAT,
        "spec": spec,
        "outcome": plan["outcome"],
        "objective": plan["objective"],
        "step_time_s": plan["step_time_s"],
        "peak_bytes": peak(plan),
        "prices": list(found.prices),
        "margins": [_margin(one) for one in found.margins],
        "choices": [_choice(choice, others, plan) for choice, others in found.choices],
    }


def without_plan(spec: str, settled: Document, relaxations: Sequence[Document]) -> Document:
    """The document of a spec that has no plan."""
    return {
        "format": FORMAT,
        "spec": spec,
        "outcome": settled["outcome"],
        "conflict": settled.get("conflict", []),
        "relaxations": list(relaxations),
        "explanation": settled.get("explanation"),
    }


def found_plan(found: Answer | None) -> Document:
    """What became of a search: `outcome`, and the figures of its plan."""
    if found is None:
        return {"outcome": {"stopped": "failed", "plan": "none"}, **_FIGURES}
    if found.plan is None:
        stopped = "proved" if found.is_impossible else "limit"
        return {"outcome": {"stopped": stopped, "plan": "none"}, **_FIGURES}
    plan = found.plan
    return {
        "outcome": plan["outcome"],
        "step_time_s": plan["step_time_s"],
        "peak_bytes": peak(plan),
    }


_FIGURES: Mapping[str, Any] = {"step_time_s": None, "peak_bytes": None}


def _margin(one: Bought) -> Document:
    return {
        "kind": one.margin.sort,
        "change": one.margin.change,
        **found_plan(one.answer),
        "saves": None if one.saves is None else one.saves.to_json(),
        "why_not": one.margin.why or None,
    }


def _choice(choice: Choice, others: Sequence[Other], plan: Document) -> Document:
    return {
        "kind": choice.sort,
        "selector": choice.selector,
        "names": list(choice.names),
        "chosen": dict(choice.chosen),
        "alternatives": [_other(choice, other, plan) for other in others],
    }


def _other(choice: Choice, other: Other, plan: Document) -> Document:
    answer = other.answer
    there = None if answer is None else answer.plan
    return {
        "text": list(other.text),
        **found_plan(answer),
        "costs": None if other.costs is None else other.costs.to_json(),
        "peak_difference_bytes": None if there is None else peak(there) - peak(plan),
        "moves": []
        if there is None
        else [
            {
                "section": move.section,
                "subject": move.subject,
                "before": move.before,
                "after": move.after,
                "text": move.text,
            }
            for move in moves(plan, there, choice)
        ],
    }
