"""The architectures of the standard library's models, by name.

`stdlib/models/*.mmp` is the one place where sizes are written. A preset there is a case of a family
(`model llama3_8b(batch: int) = llama(layers: 32, ...)`): its arguments are read from the syntax
tree, without building a graph, and named as `Architecture` names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Any

from dsl import syntax
from dsl.resolve.files import STDLIB
from dsl.text.parser import parse
from solver.configuration.architecture import Architecture, LatentAttention
from solver.configuration.families import FAMILIES

Value = int | float | bool
# The names of a family's parameters, where `Architecture` has others.
RENAMED = {"d_model": "hidden", "expert_ffn": "moe_ffn"}
LATENT = {
    "q_latent": "query_rank",
    "kv_latent": "kv_rank",
    "content_dim": "content_dim",
    "rotary_dim": "rotary_dim",
    "value_dim": "value_dim",
}
FIELDS = frozenset(field.name for field in fields(Architecture))


@cache
def known_architectures() -> Mapping[str, Architecture]:
    """Every preset of the standard library whose family is a decoder of text."""
    models = _models()
    found = {}
    for name in models:
        family, arguments = _arguments(name, models)
        if family in FAMILIES and "layers" in arguments:
            found[name] = _architecture(family, arguments)
    return found


def _models() -> dict[str, syntax.Model]:
    """The models of every file under `stdlib/models`, by name."""
    models = {}
    for path in sorted((STDLIB / "models").glob("*.mmp")):
        tree, _ = parse(path.read_text(encoding="utf-8"), str(path))
        for statement in tree.statements:
            if isinstance(statement, syntax.Model):
                models[statement.name.text] = statement
    return models


def _arguments(name: str, models: Mapping[str, syntax.Model]) -> tuple[str, dict[str, Value]]:
    """The model at the end of the chain of cases, and what it is given; defaults included."""
    values: dict[str, Value] = {}
    while True:
        model = models[name]
        for parameter in model.parameters:
            if parameter.default is not None:
                values.setdefault(parameter.name.text, _value(parameter.default, values))
        if model.base is None:
            return name, values
        name = model.base.model.segments[-1].glob
        passed = {}
        for argument in model.base.arguments:
            if argument.label is not None:
                given = _known_value(argument.value, values)
                if given is not None:
                    passed[argument.label.text] = given
        values = passed


def _known_value(expression: syntax.Expr, values: Mapping[str, Value]) -> Value | None:
    """The value, or None where it is one that the caller chooses (`batch`, `seq`)."""
    try:
        return _value(expression, values)
    except KeyError:
        return None


def _value(expression: syntax.Expr, values: Mapping[str, Value]) -> Value:
    """A number, `true` or `false`, or the parameter of that name; KeyError where unknown."""
    match expression:
        case syntax.Quantity(value=value, is_integer=is_integer):
            return int(value) if is_integer else value
        case syntax.Selector(dotted="true"):
            return True
        case syntax.Selector(dotted="false"):
            return False
        case syntax.Selector(dotted=name):
            return values[name]
    raise KeyError(type(expression).__name__)


def _architecture(family: str, arguments: Mapping[str, Value]) -> Architecture:
    """The arguments under the names of `Architecture`; the family's facts go first."""
    named: dict[str, Any] = {RENAMED.get(name, name): value for name, value in arguments.items()}
    if "experts" in named and "moe_ffn" not in named:
        named["moe_ffn"] = named.pop("ffn")
    named.setdefault("ffn", 0)
    named.setdefault("kv_heads", named["heads"])
    if "kv_latent" in named:
        latent = LatentAttention(**{field: named[name] for name, field in LATENT.items()})
        named["latent"] = latent
        named["head_dim"] = latent.content_dim + latent.rotary_dim
    given = {name: value for name, value in named.items() if name in FIELDS}
    return Architecture(**{**FAMILIES[family], **given})
