"""Selectors: which operators, parameters, blocks and iterations a path with globs means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import translate

from dsl import syntax
from dsl.resolve.expressions import integer
from dsl.resolve.models.tree import Node
from dsl.resolve.report import RejectedError, Reporter
from dsl.resolve.values import Names
from dsl.suggest import did_you_mean

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A segment made ready: `pattern` matches names; `ranges` None without a subscript, empty for
    `[*]`. Negative numbers count from the last iteration."""

    segment: syntax.Segment
    pattern: re.Pattern[str]
    ranges: Ranges | None
    deep: bool  # `**`: any number of segments


def select(
    selector: syntax.Selector, roots: Sequence[Node], names: Names, report: Reporter
) -> list[Node]:
    """The nodes that match, in program order, each once.

    Errors (MMP406) when nothing does, with the nearest name at the first segment that fails.
    """
    steps = [_step(segment, names, report) for segment in selector.segments]
    top = Node("block", "", "", selector.span, children=list(roots))
    level = [top]
    for position, step in enumerate(steps):
        following = _advance(level, step)
        if not following:
            raise _nothing(selector, steps, position, level, report)
        level = following
    return [node for node in level if node is not top]


def _step(segment: syntax.Segment, names: Names, report: Reporter) -> Step:
    # fnmatch would take `?` and `[` as special, but the grammar allows neither in a name.
    pattern = re.compile(translate(segment.glob))
    ranges: Ranges | None = None
    if segment.subscript == "*":
        ranges = ()
    elif isinstance(segment.subscript, tuple):
        ranges = tuple(
            (_position(low, names, report), _position(high, names, report))
            for low, high in segment.subscript
        )
    return Step(segment, pattern, ranges, segment.glob == "**")


def _position(expr: syntax.Expr, names: Names, report: Reporter) -> int:
    return integer(expr, names, report, -(10**9), "an iteration")


def _advance(level: Sequence[Node], step: Step) -> list[Node]:
    """The nodes one step further, in program order without repetition."""
    if step.deep:
        found = [inner for node in level for inner in node.walk()]
    else:
        found = [inner for node in level for inner in _children(node, step)]
    return list({id(node): node for node in found}.values())


def _children(node: Node, step: Step) -> list[Node]:
    named = [
        child
        for child in node.children
        if child.sort != "iteration" and step.pattern.match(child.name)
    ]
    if step.ranges is None:
        return named
    iterations = [child.children for child in named if child.sort == "repeat"]
    return [
        iteration
        for repeat in iterations
        for iteration in repeat
        if _within(iteration.position, step.ranges, len(repeat))
    ]


def _within(position: int, ranges: Ranges, count: int) -> bool:
    if not ranges:
        return True
    return any(
        (low if low >= 0 else count + low) <= position <= (high if high >= 0 else count + high)
        for low, high in ranges
    )


def _nothing(
    selector: syntax.Selector,
    steps: Sequence[Step],
    position: int,
    level: Sequence[Node],
    report: Reporter,
) -> RejectedError:
    """The error for a selector that matches nothing from this step on."""
    step = steps[position]
    shown = show(selector)
    message = f"`{shown}` matches nothing"
    return report.error(
        "MMP406", message, step.segment.span, hint=_hint(step, steps[:position], level)
    )


def _hint(step: Step, before: Sequence[Step], level: Sequence[Node]) -> str:
    repeats = [node for node in level if node.sort == "repeat"]
    if repeats and len(repeats) == len(level):
        return f"`{before[-1].segment.glob}` is repeated: write `{before[-1].segment.glob}[*]`"
    named = [c for node in level for c in node.children if step.pattern.match(c.name)]
    if step.ranges is not None and named:
        counts = [len(child.children) for child in named if child.sort == "repeat"]
        if not counts:
            return f"`{step.segment.glob}` is not repeated"
        return f"`{step.segment.glob}` has iterations 0..{max(counts) - 1}"
    candidates = [child.name for node in level for child in node.children]
    listed = ", ".join(f"`{name}`" for name in list(dict.fromkeys(candidates))[:8])
    return did_you_mean(step.segment.glob, candidates) or (f"there are {listed}" if listed else "")


def show(selector: syntax.Selector) -> str:
    """The selector as it would be written (subscripts that are not plain numbers as `[..]`)."""
    return ".".join(segment.glob + _subscript(segment) for segment in selector.segments)


def _subscript(segment: syntax.Segment) -> str:
    if segment.subscript is None:
        return ""
    if isinstance(segment.subscript, str):
        return "[*]"
    shown = []
    for low, high in segment.subscript:
        if not isinstance(low, syntax.Quantity) or not isinstance(high, syntax.Quantity):
            return "[..]"
        ends = (f"{low.value:g}", f"{high.value:g}")
        shown.append(ends[0] if ends[0] == ends[1] else "..".join(ends))
    return f"[{', '.join(shown)}]"
