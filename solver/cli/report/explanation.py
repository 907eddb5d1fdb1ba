"""The report of `mmp explain`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from dsl.spec import Spec
from solver.cli.diagnostics import text_in
from solver.cli.report.conflict import conflict, indented
from solver.cli.report.names import fold
from solver.cli.report.page import draw, no_plan
from solver.cli.report.prices import in_words
from solver.cli.report.summary import bound_rows, title, verdict
from solver.cli.report.table import heading, table
from solver.cli.report.view import View
from solver.cli.report.words import amount, count, gib, seconds
from solver.events import Document
from solver.explain.answers import Answer, peak
from solver.explain.choices import LEVELS, Choice
from solver.explain.document import Bought, Explained, Other
from solver.explain.moves import moves
from solver.explain.price import Price

_MOVES = 12  # lines of what moves with an alternative
_STORES = {
    "stored": "parameters",
    "gradients_stored": "gradients",
    "optimizer_stored": "optimizer state",
}


def render(spec: Spec, explained: Explained) -> str:
    """The report of a plan as text."""
    return draw(lambda width: _page(View(explained.plan, spec, width), explained))


def render_none(spec: Spec, document: Document, ways: Sequence[Document]) -> str:
    """The report of a spec without a plan."""
    return draw(lambda _width: _none(spec, document, ways))


def _page(view: View, explained: Explained) -> Iterator[list[RenderableType]]:
    yield [title(view.spec), *_figures(view)]
    if explained.choices:
        for choice, others in explained.choices:
            yield list(_choice(view, choice, others))
        return
    if explained.prices:
        yield list(_prices(view, explained.prices))
    yield list(_margins(view, explained.margins))


def _figures(view: View) -> Iterator[RenderableType]:
    """How good the plan is, in a few lines."""
    name = view.objective["name"]
    yield Text("")
    yield verdict(view.document)
    rows = [("step time", seconds(view.document["step_time_s"]), "")]
    if name == "memory" or view.objective["penalty"]:
        rows.append(("objective", amount(name, view.objective["value"]), name.replace("_", " ")))
    rows += bound_rows(name, view.objective)
    rows.append(("peak", f"{gib(peak(view.document))} GiB", "on the fullest device"))
    yield table(("", "", ""), rows, left=3)


# ---- the whole spec ------------------------------------------------------------------------


def _prices(view: View, rows: Sequence[Document]) -> Iterator[RenderableType]:
    yield heading("What must hold", "and what each alone costs beside the best plan without it")
    name = view.objective["name"]
    lines = []
    for row in rows:
        where = row["file"] + ("" if row["line"] is None else f":{row['line']}")
        price = row["price"]
        words = in_words(None if price is None else Price(price["least_s"], price["most_s"]), name)
        lines.append((row["text"], where, words))
    yield table(("", "where", "costs"), lines, left=2)


def _margins(view: View, rows: Sequence[Bought]) -> Iterator[RenderableType]:
    yield heading("What more would bring", "the same spec planned with it")
    name = view.objective["name"]
    lines = [(row.margin.change, _saves(row, name), *_found(row.answer)) for row in rows]
    yield table(("", "saves", "step time found", "peak GiB"), lines, left=1)


def _saves(row: Bought, objective: str) -> str:
    if row.margin.why:
        return f"not asked: {row.margin.why}"
    if row.answer is not None and row.answer.is_impossible:
        return "there is no plan"
    return in_words(row.saves, objective)


def _found(answer: Answer | None) -> tuple[str, str]:
    if answer is None or answer.plan is None:
        return "", ""
    return seconds(answer.plan["step_time_s"]), gib(peak(answer.plan))


# ---- a choice ------------------------------------------------------------------------------


def _choice(view: View, choice: Choice, others: Sequence[Other]) -> Iterator[RenderableType]:
    rest = "" if choice.sort == "stage" else f"({count(len(choice.names), choice.sort)})"
    yield heading(choice.selector, rest)
    yield table(("", ""), list(_chosen(view, choice)), left=2)
    if not others:
        yield Text("  There is no other way to ask for.")
        return
    yield Text("")
    yield heading("Alternatives", "each planned anew; costs beside the plan above")
    yield table(
        ("", "", "costs", "step time found", "peak GiB", "difference"),
        [_alternative(view, choice, at, other) for at, other in enumerate(others, 1)],
        left=2,
    )
    for at, other in enumerate(others, 1):
        if other.answer is not None and other.answer.plan is not None:
            yield from _moves(view, choice, at, other.answer.plan)


def _chosen(view: View, choice: Choice) -> Iterator[tuple[str, str]]:
    found = choice.chosen
    if choice.sort == "operator":
        yield "cut", _cuts(view, found["cuts"])
        if "variant" in found:
            yield "measured as", str(found["variant"])
        yield "recomputed", "yes" if found["recompute"] else "no"
    elif choice.sort == "parameter":
        yield "used", _cuts(view, found["used"])
        yield from ((_STORES[level], _cuts(view, found[level])) for level in LEVELS)
    else:
        names = ", ".join(path for path, _ in fold((name, 0) for name in choice.names))
        yield "layers", names
        yield "forward", seconds(found["forward_s"])
        yield "backward", seconds(found["input_grad_s"] + found["weight_grad_s"])
        yield "once per step", seconds(found["tail_s"])
        yield "peak", f"{gib(found['peak_bytes'])} GiB on each of {found['devices']} devices"
        yield "recomputed", "yes" if found["recompute"] else "no"


def _alternative(view: View, choice: Choice, at: int, other: Other) -> tuple[str, ...]:
    name = view.objective["name"]
    answer = other.answer
    words = other.text[-1]
    if choice.sort == "operator":
        words = (
            "no other cut"
            if answer is None or answer.plan is None
            else _cut_of(view, choice, answer)
        )
    if answer is not None and answer.is_impossible:
        return str(at), words, "there is no plan", "", "", ""
    if answer is None or answer.plan is None:
        return str(at), words, "no plan found in the time", "", "", ""
    more = peak(answer.plan) - peak(view.document)
    sign = "+" if more >= 0 else "-"
    return (
        str(at),
        words,
        in_words(other.costs, name),
        *_found(answer),
        f"{sign}{gib(abs(more))}",
    )


def _cut_of(view: View, choice: Choice, answer: Answer) -> str:
    assert answer.plan is not None
    there = View(answer.plan, view.spec, view.width)
    return _cuts(there, answer.plan["operators"][choice.names[0]]["cuts"])


def _moves(view: View, choice: Choice, at: int, plan: Document) -> Iterator[RenderableType]:
    """What is decided otherwise beside the choice itself."""
    found = [move.text for move in moves(view.document, plan, choice)]
    yield Text("")
    if not found:
        yield heading(f"With alternative {at}", "nothing else moves")
        return
    yield heading(f"With alternative {at}", "these move as well")
    more = len(found) - _MOVES
    yield indented([*found[:_MOVES], *([f"and {more} more"] if more > 0 else [])])


def _cuts(view: View, cuts: dict[str, list[str]]) -> str:
    """`b/node f/gpu`; `whole` where nothing is cut."""
    return " ".join(f"{index}/{view.axes(parts)}" for index, parts in cuts.items()) or "whole"


# ---- no plan -------------------------------------------------------------------------------


def _none(
    spec: Spec, document: Document, ways: Sequence[Document]
) -> Iterator[list[RenderableType]]:
    yield [title(spec)]
    if document["outcome"]["stopped"] != "proved":
        yield [no_plan(document)]
        return
    yield list(conflict({**document, "relaxations": []}, spec, text_in(spec)))
    yield list(_ways_out(ways))


def _ways_out(ways: Sequence[Document]) -> Iterator[RenderableType]:
    if not ways:
        yield Text(
            "No single change of a pin, a limit or a setting was found to make a plan possible."
        )
        return
    yield heading("Ways out", "each alone makes a plan possible; each was tried, cheapest first")
    rows = []
    for way in ways:
        line = "" if way["line"] is None else f":{way['line']}"
        step, most = way["step_time_s"], way["peak_bytes"]
        rows.append(
            (
                way["change"],
                f"{way['file']}{line}: {way['text']}",
                "not known" if step is None else seconds(step),
                "" if most is None else gib(most),
            )
        )
    yield table(("", "", "step time", "peak GiB"), rows, left=2)
