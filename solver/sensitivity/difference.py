"""In words, what another plan does differently."""

from __future__ import annotations

from typing import Any

from solver.events import Document


def difference(plan: Document, other: Document) -> str:
    """The settings that differ, and how many operators and parameters are placed otherwise."""
    words = []
    for name, one, two in _settings(plan, other):
        if one != two:
            words.append(f"{two} {name} instead of {one}" if name else f"{two} instead of {one}")
    for kind, keys in (
        ("operators", ("cuts", "stage", "recompute")),
        ("parameters", ("stored", "gradients_stored", "optimizer_stored")),
    ):
        moved = _moved(plan[kind], other[kind], keys)
        if moved:
            words.append(f"{moved} of {len(plan[kind])} {kind} {_verb(kind)}")
    return ", ".join(words) or "the same decisions in another order"


def _settings(plan: Document, other: Document) -> list[tuple[str, str, str]]:
    rows = []
    one, two = plan["pipeline"], other["pipeline"]
    rows.append(("stages", str(len(one["stages"])), str(len(two["stages"]))))
    rows.append(("micro-batches", str(one["microbatches"]), str(two["microbatches"])))
    rows.append(("", str(one["family"]), str(two["family"])))
    return rows


def _moved(one: dict[str, Any], two: dict[str, Any], keys: tuple[str, ...]) -> int:
    return sum(
        any(one[name].get(key) != two[name].get(key) for key in keys) for name in one if name in two
    )


def _verb(kind: str) -> str:
    return "cut or placed otherwise" if kind == "operators" else "stored otherwise"


def same(one: Document, two: Document) -> bool:
    """Whether two plans decide the same."""
    keys = ("operators", "tensors", "parameters")
    alike = all(one[key] == two[key] for key in keys)
    return alike and all(
        one["pipeline"][key] == two["pipeline"][key] for key in ("microbatches", "family")
    )
