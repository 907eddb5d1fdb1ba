"""The table of a sweep: a row per point, why some have no plan, and which are the best."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from solver.cli.report.page import draw
from solver.cli.report.summary import ending
from solver.cli.report.table import heading, table
from solver.cli.report.words import amount, count, gib, percent, seconds, size
from solver.sweep.grid import Axis, label
from solver.sweep.outcome import Outcome, pareto
from solver.sweep.pareto import Costs

_ON_FRONT = "*"
_WITH_PLAN = {
    "limit": "limit",
    "exhausted": "exhausted",
    "interrupted": "interrupted",
    "failed": "solver failed",
    "proved": "gap",
}
_WITHOUT = {
    "proved": "no plan",
    "limit": "none found",
    "exhausted": "none found",
    "interrupted": "interrupted",
    "failed": "solver failed",
    "rejected": "rejected",
}
_REASONS = {
    "limit": "the time was up; whether there is a plan is not known",
    "exhausted": "nothing left to try; whether there is a plan is not known",
    "interrupted": "interrupted before a plan was found",
    "failed": "the solver process failed before it found a plan",
}
_BEST: tuple[tuple[str, Callable[[Costs], Costs], Callable[[Costs], str]], ...] = (
    ("fastest", lambda cost: cost, lambda cost: seconds(cost[0])),
    ("least memory", lambda cost: (cost[1], cost[0], cost[2]), lambda cost: size(cost[1])),
    (
        "fewest devices",
        lambda cost: (cost[2], cost[0], cost[1]),
        lambda cost: f"{count(int(cost[2]), 'device')}, {seconds(cost[0])}",
    ),
)


def render(spec: str, axes: Sequence[Axis], outcomes: Sequence[Outcome]) -> str:
    """The report of a sweep as text; rows in the order of the product."""
    return draw(lambda _width: _page(spec, axes, outcomes))


def summary_line(outcome: Outcome) -> str:
    """`depth=2: 3.259 ms, optimal`: what became of one point."""
    plan = outcome.plan
    what = _word(outcome) if plan is None else f"{seconds(plan['step_time_s'])}, {_word(outcome)}"
    return f"{label(outcome.values)}: {what}"


def _page(
    spec: str, axes: Sequence[Axis], outcomes: Sequence[Outcome]
) -> Iterator[list[RenderableType]]:
    on_front = pareto(outcomes)
    planned = sum(outcome.plan is not None for outcome in outcomes)
    over = ", ".join(axis.name for axis in axes)
    yield [
        Text(spec, style="bold").append(
            f": {count(len(outcomes), 'point')} over {over}; {planned} with a plan, "
            f"{sum(on_front)} on the Pareto front of time, memory and devices",
            "not bold",
        )
    ]
    yield [_table(axes, outcomes, on_front)]
    if planned < len(outcomes):
        reasons = [
            (label(outcome.values), _reason(outcome))
            for outcome in outcomes
            if outcome.plan is None
        ]
        yield [heading("Without a plan"), table(("", ""), reasons, left=2)]
    if planned:
        yield [heading("Best"), table(("", "", ""), _best(outcomes), left=3)]


def _table(
    axes: Sequence[Axis], outcomes: Sequence[Outcome], on_front: Sequence[bool]
) -> RenderableType:
    """A row per point. Bounds and gaps are those of the objective: it has a column of its own
    where it is not the step time (a price that was paid, another objective)."""
    texts = [axis.name for axis in axes] + ["outcome"]
    is_own = any(
        plan["objective"]["value"] != plan["step_time_s"]
        for plan in (outcome.plan for outcome in outcomes)
        if plan is not None
    )
    middle = ["objective"] if is_own else []
    numbers = ["devices", "step time", *middle, "bound", "gap", "peak GiB", "front"]
    rows = []
    for outcome, is_best in zip(outcomes, on_front, strict=True):
        devices = "" if outcome.devices is None else str(outcome.devices)
        figures = _figures(outcome, is_own) or [""] * (len(numbers) - 2)
        mark = _ON_FRONT if is_best else ""
        values = [value for _, value in outcome.values]
        rows.append([*values, _word(outcome), devices, *figures, mark])
    return table(texts + numbers, rows, left=len(texts))


def _figures(outcome: Outcome, has_objective: bool) -> list[str]:
    """Step time to peak; nothing without a plan."""
    plan, peak = outcome.plan, outcome.peak_bytes
    if plan is None or peak is None:
        return []
    objective = plan["objective"]
    name, bound, gap = objective["name"], objective["bound"], objective["gap"]
    return [
        seconds(plan["step_time_s"]),
        *([amount(name, objective["value"])] if has_objective else []),
        "none" if bound is None else amount(name, bound),
        "" if gap is None else percent(max(0.0, gap)),
        gib(peak),
    ]


def _word(outcome: Outcome) -> str:
    plan = outcome.plan
    if plan is None:
        return _WITHOUT[_ending(outcome)]
    return "optimal" if plan["outcome"]["plan"] == "optimal" else _WITH_PLAN[ending(plan)]


def _ending(outcome: Outcome) -> str:
    """Why a point without a plan ended; one that never ran has nothing but its own word."""
    document = outcome.document
    return outcome.stopped if document is None or "solver" not in document else ending(document)


def _reason(outcome: Outcome) -> str:
    if outcome.diagnostics:
        found = outcome.diagnostics[0]
        return f"{found.span}: {found.message}"
    if outcome.failure:
        return outcome.failure
    document = outcome.document or {}
    if outcome.stopped != "proved":
        return _REASONS[_ending(outcome)]
    entries = document.get("conflict", [])
    if not entries:
        return "no pin or limit is to blame: mesh, memory, batch and `train` alone leave none"
    reason = " with ".join(f"{e['text']} ({e['file']}:{e['line']})" for e in entries)
    ways = document.get("relaxations", [])
    return f"{reason}; a way out: {ways[0]['change']}" if ways else reason


def _best(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, str, str]]:
    """What won in each respect; of equal points the first."""
    known = [
        (outcome.costs, label(outcome.values)) for outcome in outcomes if outcome.costs is not None
    ]
    for title, order, words in _BEST:
        cost, point = min(known, key=lambda entry: order(entry[0]))
        yield (title, words(cost), point)
