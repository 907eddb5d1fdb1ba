"""The numbers that cost rules ask of devices and links: `physics NAME VALUE`.

The list of names is closed, so that a slip is found where it is written. A name says what its
number is: one that ends in `_s` is a time, in `_bytes` a size, in `_bytes_per_s` a bandwidth, in
`_flop_per_s` a rate; all others are plain numbers. What each means is said by the rule that asks
for it, in `solver/cost/physics`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dsl import syntax
from dsl.diagnostic import Label
from dsl.resolve import units
from dsl.resolve.fields import measure
from dsl.resolve.modules import Module
from dsl.resolve.physics_names import NAMES
from dsl.resolve.report import RejectedError, Reporter
from dsl.suggest import did_you_mean

_SUFFIXES = (
    ("_bytes_per_s", units.BANDWIDTH),
    ("_flop_per_s", units.RATE),
    ("_bytes", units.BYTES),
    ("_per_s", units.PLAIN),
    ("_s", units.TIME),
    ("_s_per_tensor_rank", units.TIME),
)


def resolve_physics(
    items: Sequence[syntax.Physics], module: Module, report: Reporter
) -> Mapping[str, float]:
    """The numbers of a device or a link: those of its sets, in the order they are named, and over
    them its own. MMP411 for a number given twice."""
    found: dict[str, float] = {}
    own: dict[str, syntax.Physics] = {}
    for item in items:
        if item.value is None:
            segment = syntax.Segment(item.name.text, None, item.name.span)
            path = syntax.Selector((segment,), item.name.span)
            home, statement = module.declaration(path, syntax.PhysicsSet)
            found |= resolve_physics_set(statement, home, report)
    for item in items:
        if item.value is not None:
            _once(item.name, own, item, report)
            found[item.name.text] = _number(item.name, item.value, module, report)
    return found


def resolve_physics_set(
    statement: syntax.PhysicsSet, module: Module, report: Reporter
) -> Mapping[str, float]:
    """The numbers of a set, each looked at before RejectedError."""
    found: dict[str, float] = {}
    seen: dict[str, syntax.Field] = {}
    failed = False
    for entry in statement.fields:
        try:
            _once(entry.key, seen, entry, report)
            found[entry.key.text] = _number(entry.key, entry.value, module, report)
        except RejectedError:
            failed = True
    if failed:
        raise RejectedError(statement.name.text)
    return found


def _once(
    name: syntax.Name,
    seen: dict[str, syntax.Physics] | dict[str, syntax.Field],
    item: syntax.Physics | syntax.Field,
    report: Reporter,
) -> None:
    if name.text in seen:
        label = Label(seen[name.text].span, "first given here")
        raise report.error("MMP411", f"`{name.text}` is given twice", item.span, label)
    seen[name.text] = item  # type: ignore[assignment]


def _number(name: syntax.Name, value: syntax.Expr, module: Module, report: Reporter) -> float:
    """The value in base units. MMP101 for a name that no rule knows."""
    if name.text not in NAMES:
        hint = did_you_mean(name.text, NAMES)
        raise report.error("MMP101", f"unknown number `{name.text}`", name.span, hint=hint)
    kinds = (kind for suffix, kind in _SUFFIXES if name.text.endswith(suffix))
    return measure(value, next(kinds, units.PLAIN), module, report, f"`{name.text}`")
