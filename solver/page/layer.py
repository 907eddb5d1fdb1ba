"""Layers of a plan as they are drawn: operators in order, what they read, make and exchange.

Layers whose every row is the same are drawn once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dsl.spec import Operator, Unit, Use
from solver.cli.report.names import fold
from solver.cli.report.view import View
from solver.cli.report.words import seconds, size
from solver.comparison.axes import Axes
from solver.comparison.choices import levels_of
from solver.events import Document


@dataclass(frozen=True, slots=True)
class Chip:
    """A named index or dimension; `cuts` are (mesh axis, how many ways, in words)."""

    name: str
    cuts: tuple[tuple[str, int, str], ...]

    @property
    def label(self) -> str:
        """`s/gpu8`, or `s` where it is whole."""
        return "/".join((self.name, ",".join(words for _, _, words in self.cuts))).rstrip("/")


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor and how it lies; `partial` where its devices hold parts of a sum; `note` is how a
    parameter is stored, or the layout that a result is kept in for several readers."""

    name: str
    chips: tuple[Chip, ...]
    partial: str
    note: str


@dataclass(frozen=True, slots=True)
class Input:
    """What an operator reads: the row that makes it (None: another layer does, whose names do not
    matter here), and whether a collective brings it into the form that is needed."""

    tensor: str
    row: int | None
    is_moved: bool


@dataclass(frozen=True, slots=True)
class Row:
    """An operator with its results, its parameters, and the collectives it needs, in words."""

    name: str
    kind: str
    indices: tuple[Chip, ...]
    results: tuple[Value, ...]
    parameters: tuple[Value, ...]
    inputs: tuple[Input, ...]
    collectives: tuple[str, ...]
    recomputed: bool


@dataclass(frozen=True, slots=True)
class Layer:
    """Layers that are alike, folded into one name."""

    name: str
    count: int
    rows: tuple[Row, ...]


def layers(view: View, axes: Axes) -> tuple[Layer, ...]:
    """Every kind of layer of a plan, in the order of the first of each."""
    builder = _Builder(view, axes)
    groups: dict[tuple[Row, ...], list[str]] = {}
    for unit in view.spec.graph.units:
        groups.setdefault(builder.rows(unit), []).append(unit.name)
    return tuple(
        Layer(", ".join(name for name, _ in fold((n, None) for n in names)), len(names), rows)
        for rows, names in groups.items()
    )


class _Builder:
    def __init__(self, view: View, axes: Axes) -> None:
        self.view, self.axes = view, axes
        self.axis_of = {p.name: p.axis for p in view.spec.mesh.parts}
        self.calls: dict[str, list[Document]] = {}
        for call in view.document["communication"]:
            self.calls.setdefault(call["operator"], []).append(call)

    def rows(self, unit: Unit) -> tuple[Row, ...]:
        number = {name: place for place, name in enumerate(unit.operators)}
        made = {
            use.tensor: number[name]
            for name in unit.operators
            for use in self.view.operators[name].results
        }
        return tuple(self._row(self.view.operators[name], unit, made) for name in unit.operators)

    def _row(self, operator: Operator, unit: Unit, made: Mapping[str, int]) -> Row:
        cuts = self.view.cuts(operator.name)
        tensors = self.view.spec.graph.tensors
        own = [u for u in operator.inputs if tensors[u.tensor].role == "parameter"]
        mine = [u for u in own if self.view.first_reader[u.tensor] == operator.name]
        names = [operator.name, *(use.tensor for use in mine)]
        calls = [call for name in names for call in self.calls.get(name, ())]
        moved = {call.get("tensor") for call in calls if call["phase"] != "step"}
        return Row(
            _inside(operator.name, unit),
            operator.kind,
            tuple(self._chip(i.name, cuts.get(i.name, ())) for i in operator.indices),
            tuple(self._result(use, operator, cuts, unit) for use in operator.results),
            tuple(self._parameter(use, unit) for use in own),
            tuple(
                Input(_inside(u.tensor, unit), made.get(u.tensor), u.tensor in moved)
                if u.tensor in made
                else Input("from another layer", None, u.tensor in moved)
                for u in operator.inputs
                if tensors[u.tensor].role != "parameter"
            ),
            self._collectives(calls, unit),
            bool(self.view.document["operators"][operator.name].get("recompute")),
        )

    def _result(
        self, use: Use, operator: Operator, cuts: Mapping[str, list[str]], unit: Unit
    ) -> Value:
        """As the operator makes it: a cut index that the result does not have leaves sums."""
        chips = tuple(self._chip(name, cuts.get(name, ())) for name in use.indices)
        sums = [part for name in operator.sums for part in cuts.get(name, ())]
        made = self._layout({name: cuts.get(name, []) for name in use.indices}, sums)
        kept = self.view.document["tensors"].get(use.tensor)
        words = made if kept is None else self._layout(kept["cuts"], kept["partial"])
        note = "" if words == made else f"kept as {words}"
        return Value(_inside(use.tensor, unit), chips, self.axes.words(sums), note)

    def _layout(self, cuts: Mapping[str, list[str]], partial: list[str]) -> str:
        sums = self.axes.words(partial)
        return self.axes.cuts(cuts) + (f", sums over {sums}" if sums else "")

    def _parameter(self, use: Use, unit: Unit) -> Value:
        found = self.view.document["parameters"][use.tensor]
        dims = [dim.name for dim in self.view.spec.graph.tensors[use.tensor].dims]
        chips = tuple(self._chip(name, found["used"].get(name, ())) for name in dims)
        note = ", ".join(levels_of(found["levels"]))
        return Value(_inside(use.tensor, unit), chips, "", note)

    def _chip(self, name: str, parts: Iterable[str]) -> Chip:
        by_axis: dict[str, list[str]] = {}
        for part in parts:
            by_axis.setdefault(self.axis_of[part], []).append(part)
        sizes = self.view.part_sizes
        cuts = tuple(
            (axis, math.prod(sizes[part] for part in own), self.axes.words(own))
            for axis, own in by_axis.items()
        )
        return Chip(name, cuts)

    def _collectives(self, calls: Iterable[Document], unit: Unit) -> tuple[str, ...]:
        """`all-gather x over gpu4: F, B; 32 MiB, 71.2 us`; one line for all phases alike."""
        phases: dict[tuple[str, str], list[str]] = {}
        for call in calls:
            of = _inside(call.get("tensor") or "", unit)
            name = f"{call['collective'].replace('_', '-')} {of}".rstrip()
            words = f"{name} over {self.axes.words(call['axes'])}"
            figures = f"{size(call['bytes'])}, {seconds(call['seconds'])}"
            phases.setdefault((words, figures), []).append(call["phase"])
        return tuple(
            f"{words}: {', '.join(dict.fromkeys(found))}; {figures}"
            for (words, figures), found in phases.items()
        )


def _inside(path: str, unit: Unit) -> str:
    """A path as seen from inside a layer; of what is outside, its last word."""
    inside = path.removeprefix(f"{unit.name}.")
    return inside if inside != path or path == unit.name else path.rpartition(".")[2]
