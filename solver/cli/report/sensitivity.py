"""The report of `mmp sensitivity`: how far each number may be off, and what comes then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from dsl.spec import Spec
from solver.cli.report.page import draw
from solver.cli.report.summary import title
from solver.cli.report.table import heading, table
from solver.cli.report.words import percent, seconds
from solver.events import Document
from solver.sensitivity.difference import difference
from solver.sensitivity.ranges import Reach
from solver.sensitivity.sides import numbers


def render(spec: Spec, plan: Document, reaches: Sequence[Reach]) -> str:
    """The report as text."""
    return draw(lambda _width: _page(spec, plan, reaches))


def _page(spec: Spec, plan: Document, reaches: Sequence[Reach]) -> Iterator[list[RenderableType]]:
    yield [title(spec), Text(f"  step time  {seconds(plan['step_time_s'])}")]
    yield list(_ranges(reaches))
    moving = sorted(
        (reach for reach in reaches if reach.rival is not None), key=lambda reach: -reach.gain
    )
    if moving:
        yield list(_rivals(plan, moving))


def _ranges(reaches: Sequence[Reach]) -> Iterator[RenderableType]:
    yield heading("Ranges", "in which the plan stays best; searched two deviations either way")
    ends = {(reach.side.parameter, reach.side.end): reach for reach in reaches}
    rows = []
    for parameter in numbers([reach.side for reach in reaches]):
        low, high = (ends.get((parameter, end)) for end in ("low", "high"))
        gain = max(reach.gain for reach in (low, high) if reach is not None)
        rows.append((parameter.name, _end(low), _end(high), percent(gain) if gain else "nothing"))
    yield table(("", "from", "to", "another plan gains up to"), rows)


def _end(reach: Reach | None) -> str:
    """A factor; an end that was reached is the last one that was looked at."""
    if reach is None:
        return "peak"
    if reach.limit is None:
        return f"{'<' if reach.side.end == 'low' else '>'} x {reach.side.factor:.2f}"
    return f"x {reach.limit:.2f}"


def _rivals(plan: Document, moving: Sequence[Reach]) -> Iterator[RenderableType]:
    yield heading("What moves the decision", "at the end of the range, largest gain first")
    rows = []
    for reach in moving:
        rival = reach.rival
        words = "" if rival is None else difference(plan, rival)
        where = f"{reach.side.parameter.name} x {reach.side.factor:.2f}"
        rows.append((where, words, percent(reach.gain)))
    yield table(("", "the better plan", "gain"), rows, left=2)
