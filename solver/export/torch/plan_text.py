"""A program as Python text: `plan.py` of an exported package, in the words of `runtime/words.py`.

Layers that differ in their names only are one function, called once for each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from solver.reference.runtime.program import (
    PARTIAL,
    WHOLE,
    Dim,
    Layout,
    Operator,
    Port,
    Program,
    Unit,
    Value,
    Weight,
)

_WORDS = (
    "P, R, S, axis, chunk, dim, layer, model_input, operator, program, read, share, weight, write"
)


def plan_text(program: Program, title: str) -> str:
    """The text of `plan.py`. `title` is the first sentence of its docstring."""
    layers = _Layers(program)
    calls = [layers.call(unit) for unit in program.units.values()]
    lines = [
        f'"""{title}',
        "",
        "Placements are those of DTensor, one per mesh axis that cuts operators, in the order of",
        "MESH: R the same on every device, S(i) cut in dimension i, P summands. `dim` gives sizes",
        "of a whole micro-batch, and the axes that cut the dimension anywhere.",
        '"""',
        "",
        "from pathlib import Path",
        "",
        f"from runtime.words import (\n    {_WORDS},\n)".replace(
            _WORDS, ",\n    ".join(_WORDS.split(", "))
        ),
        "",
        "MESH = (",
        *(
            f"    axis({_q(a.name)}, {a.size}{', pipeline=True' if a.pipeline else ''}),"
            for a in program.mesh
        ),
        ")",
        "",
        *layers.functions,
        "",
        "LAYERS = (",
        *(f"    {call}," for call in calls),
        ")",
        "",
        "PROGRAM = program(",
        "    mesh=MESH,",
        f"    microbatches={program.microbatches},",
        "    inputs=(",
        *(
            f"        {_input(value, layers)},"
            for value in program.values.values()
            if value.is_input
        ),
        "    ),",
        "    layers=LAYERS,",
        "    chunks=(",
        *_chunks(program),
        "    ),",
        '    schedule=Path(__file__).with_name("schedule.csv"),',
        f"    outputs={_list(program.outputs)},",
        ")",
    ]
    return "\n".join(lines) + "\n"


@dataclass(slots=True)
class _Layers:
    """The functions that make layers, by their text."""

    program: Program
    functions: list[str] = field(default_factory=list)
    _known: dict[str, str] = field(default_factory=dict)
    _declared: set[str] = field(default_factory=set)

    def call(self, unit: Unit) -> str:
        """The call that makes a layer; the function is written when it is new."""
        names = _Names(unit.name)
        body = "\n".join(self._body(unit, names))
        signature = ", ".join(("unit", *names.outside.values()))
        key = f"({signature}):\n{body}"
        if key not in self._known:
            label = re.sub(r"\W+", "_", re.sub(r"\[\d+\]", "", unit.name)).strip("_")
            self._known[key] = f"{label}_{len(self._known)}"
            self.functions.append(f"\ndef {self._known[key]}{key}\n")
        given = ", ".join(_q(name) for name in (unit.name, *names.outside))
        return f"{self._known[key]}({given})"

    def dims(self, dims: Sequence[Dim]) -> str:
        """Dimensions with the names of their axes."""
        axes = [a.name for a in self.program.axes]
        words = (
            f"dim({', '.join((_q(d.name), str(d.size), *(_q(axes[a]) for a in d.cut_by)))})"
            for d in dims
        )
        return f"[{', '.join(words)}]"

    def _body(self, unit: Unit, names: _Names) -> Iterator[str]:
        yield "    return layer("
        yield "        unit,"
        for name in unit.operators:
            operator = self.program.operators[name]
            yield from self._declarations(operator, names)
            yield from self._operator(operator, names)
        if unit.recompute:
            yield "        recompute=True,"
        yield "    )"

    def _declarations(self, operator: Operator, names: _Names) -> Iterator[str]:
        """What is declared where it is first read: parameters and shared layouts."""
        for port in operator.reads:
            if port.tensor in self._declared:
                continue
            weight = self.program.weights.get(port.tensor)
            shared = self.program.shared.get(port.tensor)
            if weight is None and shared is None:
                continue
            self._declared.add(port.tensor)
            name = names.of(port.tensor)
            if weight is not None:
                yield from self._weight(weight, name)
            elif shared is not None:
                meet = _placed(shared.gradient)
                yield f"        share({name}, {_placed(shared.layout)}, {meet}),"

    def _weight(self, weight: Weight, name: str) -> Iterator[str]:
        axes = [a.name for a in self.program.axes]
        yield "        weight("
        yield f"            {name},"
        yield f"            {self.dims(weight.dims)},"
        yield f"            used={_placed(weight.used)},"
        before = weight.used
        for label in ("stored", "gradient", "optimizer"):
            layout: Layout = getattr(weight, label)
            if layout != before:
                yield f"            {label}={_placed(layout)},"
            before = layout
        if weight.summed:
            yield f"            summed={_list([axes[a] for a in weight.summed])},"
        if not weight.trained:
            yield "            trained=False,"
        yield "        ),"

    def _operator(self, operator: Operator, names: _Names) -> Iterator[str]:
        axes = [a.name for a in self.program.axes]
        yield "        operator("
        yield f"            {names.of(operator.name)},"
        yield f"            {_q(operator.kind)},"
        yield "            reads=["
        for port in operator.reads:
            yield f"                {_read(port, names)},"
        yield "            ],"
        yield "            writes=["
        for port in operator.writes:
            yield f"                write({self._write(port, names)}),"
        yield "            ],"
        cut = {axes[a]: " ".join(indices) for a, indices in enumerate(operator.cuts) if indices}
        groups = {axes[a]: index for a, index in operator.groups}
        for label, words in (("cut", cut), ("options", operator.options), ("groups", groups)):
            if words:
                yield f"            {label}={_mapping(words)},"
        yield "        ),"

    def _write(self, port: Port, names: _Names) -> str:
        dims = self.dims(self.program.values[port.tensor].dims)
        tail = "" if port.gradient is None else f", {_placed(port.gradient)}"
        return f"{names.of(port.tensor)}, {dims}, {_placed(port.layout)}{tail}"


@dataclass(slots=True)
class _Names:
    """Names of tensors and operators as Python expressions inside a layer's function: those of the
    layer itself by `unit`, others as parameters."""

    unit: str
    outside: dict[str, str] = field(default_factory=dict)

    def of(self, name: str) -> str:
        """The expression for a name."""
        if name == self.unit:
            return "unit"
        if name.startswith((f"{self.unit}.", f"{self.unit}[")):
            return f'f"{{unit}}{name[len(self.unit) :]}"'
        if name not in self.outside:
            self.outside[name] = f"x{len(self.outside)}"
        return self.outside[name]


def _read(port: Port, names: _Names) -> str:
    tail = "" if port.gradient is None else f", {_placed(port.gradient)}"
    return (
        f"read({names.of(port.tensor)}, {_q(' '.join(port.indices))}, {_placed(port.layout)}{tail})"
    )


def _input(value: Value, layers: _Layers) -> str:
    below = f", below={value.below}" if value.is_number else ""
    return f"model_input({_q(value.name)}, *{layers.dims(value.dims)}{below})"


def _chunks(program: Program) -> Iterator[str]:
    for chunk in program.chunks:
        yield "        chunk("
        yield f"            stage={chunk.stage},"
        yield "            layers=["
        yield from (f"                {_q(name)}," for name in chunk.units)
        yield "            ],"
        yield f"            receives={_list(chunk.receives)},"
        yield f"            sends={_list(chunk.sends)},"
        yield "        ),"


def _placed(layout: Layout) -> str:
    words = {WHOLE: "R", PARTIAL: "P"}
    return f"[{', '.join(words.get(at, f'S({at})') for at in layout)}]"


def _list(names: Sequence[str]) -> str:
    return f"[{', '.join(map(_q, names))}]"


def _mapping(words: Mapping[str, object]) -> str:
    return f"{{{', '.join(f'{_q(k)}: {json.dumps(v)}' for k, v in words.items())}}}"


def _q(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
