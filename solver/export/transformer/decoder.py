"""The model of a spec as a decoder: embedding, layers, norm, head, loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dsl.spec import Operator, Spec, Unit
from solver.export.refusals import Refusal
from solver.export.transformer.template import NEEDED, NORMS, PRODUCTS, Role, layer

_NAMED = 3  # missing operators that a finding names
_HELP = "decoders with the layers of models.llama, models.gpt and models.mixtral can be exported"


@dataclass(frozen=True, slots=True)
class Decoder:
    """`layers` in order; `first` (embedding, positions) and `last` (norm, head, loss) are the units
    around them. `roles` has every operator, `inside` its name within its layer."""

    spec: Spec
    layers: tuple[Unit, ...]
    first: tuple[Unit, ...]
    last: tuple[Unit, ...]
    roles: Mapping[str, Role]

    def inside(self, number: int, name: str) -> Operator | None:
        """The operator of a name, such as `attn.q`, in a layer; None where the layer has none."""
        full = f"{self.layers[number].name}.{name}"
        return next((o for o in self.spec.graph.operators if o.name == full), None)

    def has(self, number: int, name: str) -> bool:
        """Whether a layer has an operator of this name."""
        return f"{self.layers[number].name}.{name}" in self.layers[number].operators


def read_decoder(spec: Spec, who: str) -> Decoder | tuple[Refusal, ...]:
    """The decoder, or what in the model is none to the framework `who`."""
    units = spec.graph.units
    layers = tuple(unit for unit in units if unit.repeat is not None)
    if not layers or len({unit.repeat for unit in layers}) > 1:
        reason = f"is in a model without one stack of layers, as {who} builds models"
        return (_refusal(spec.graph.operators[0].name, reason),)
    start = units.index(layers[0])
    first, last = units[:start], tuple(u for u in units[start:] if u.repeat is None)
    operators = {operator.name: operator for operator in spec.graph.operators}
    roles: dict[str, Role] = {}
    stream, found = _before(first, operators, roles, who)
    for unit in layers:
        found += list(_layer(unit, stream, operators, roles, who))
        stream = operators[unit.operators[-1]].results[0].tensor
    found += list(_after(last, stream, operators, roles, who))
    found = found or list(_without_indices(operators, roles, who))
    return tuple(found) if found else Decoder(spec, layers, first, last, roles)


def _before(
    units: tuple[Unit, ...], operators: Mapping[str, Operator], roles: dict[str, Role], who: str
) -> tuple[str, list[Refusal]]:
    """The embedding, then positions where there are any; and the tensor that enters the layers."""
    found, stream = [], ""
    wanted: list[tuple[Role, str]] = [("vocabulary", "embed"), ("positions", "position_add")]
    names = [name for unit in units for name in unit.operators]
    for place, name in enumerate(names):
        role, kind = wanted[place] if place < len(wanted) else ("tokens", "")
        if operators[name].kind != kind or (place and _activations(operators, name) != [stream]):
            found.append(_refusal(name, f"stands before the layers, where {who} has none such"))
        roles[name] = role
        stream = operators[name].results[0].tensor
    return stream, found


def _layer(
    unit: Unit,
    stream: str,
    operators: Mapping[str, Operator],
    roles: dict[str, Role],
    who: str,
) -> Iterator[Refusal]:
    """Operators that the layer's template lacks, has otherwise, or has alone."""
    start = len(unit.name) + 1
    names = {name[start:]: name for name in unit.operators}
    template = layer(frozenset(names))
    for short, name in names.items():
        step, kind = template.get(short), operators[name].kind
        if step is None or kind not in step.kinds:
            yield _refusal(name, f"is an operator `{kind}` that no layer of {who} has there")
            continue
        roles[name] = step.role
        wanted = [stream if x == "x" else f"{unit.name}.{x}" for x in step.inputs]
        if _activations(operators, name) != wanted:
            yield _refusal(name, f"does not read what it reads in the layers of {who}")
    missing = [f"`{short}`" for short in template if short not in names]
    if 0 < len(missing) < len(template):
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        words = f"is in a layer without {', '.join(missing[:_NAMED])}{more}, which {who} has"
        yield _refusal(unit.operators[0], words)


def _after(
    units: tuple[Unit, ...],
    stream: str,
    operators: Mapping[str, Operator],
    roles: dict[str, Role],
    who: str,
) -> Iterator[Refusal]:
    """A norm, the head and the loss."""
    wanted: list[tuple[Role, tuple[str, ...]]] = [
        ("tokens", NORMS),
        ("vocabulary", PRODUCTS),
        ("vocabulary", ("cross_entropy",)),
    ]
    names = [name for unit in units for name in unit.operators]
    for place, name in enumerate(names):
        role, kinds = wanted[place] if place < len(wanted) else ("tokens", ())
        if operators[name].kind not in kinds or _activations(operators, name)[:1] != [stream]:
            yield _refusal(name, f"stands behind the layers, where {who} has none such")
        roles[name] = role
        stream = operators[name].results[0].tensor
    if len(names) < len(wanted):
        end = list(operators)[-1]
        yield _refusal(end, f"ends a model without the norm, head and loss that {who} has")


def _without_indices(
    operators: Mapping[str, Operator], roles: Mapping[str, Role], who: str
) -> Iterator[Refusal]:
    """Operators whose indices do not have the names by which roles cut them."""
    for name, role in roles.items():
        has = {index.name for index in operators[name].indices}
        for index in NEEDED[role]:
            if index not in has:
                yield _refusal(name, f"has no index `{index}`, by which {who} cuts it")


def _activations(operators: Mapping[str, Operator], name: str) -> list[str]:
    """What an operator reads beside parameters."""
    uses = operators[name].inputs
    return [use.tensor for use in uses if use.tensor in operators]


def _refusal(name: str, reason: str) -> Refusal:
    return Refusal("MMP734", name, reason, ("operators", name), _HELP)
