"""Legal cuts of operators, shared layouts and parameters (`solver/README.md`, section 1)."""

from __future__ import annotations

from collections.abc import Iterator

from dsl.spec import Operator, Tensor
from solver.verify.decisions import Cuts, OperatorChoice, TensorChoice
from solver.verify.layouts import NONE, Frame, dimension_layout, product, shard
from solver.verify.proposal import Proposal
from solver.verify.report import Violation


def cut_violations(proposal: Proposal) -> Iterator[Violation]:
    """Every cut is of an index that may be cut, by a free sub-axis, without a remainder."""
    decisions, wiring, frame = proposal.decisions, proposal.wiring, proposal.frame
    for operator in wiring.graph.operators:
        choice = decisions.operators[operator.name]
        where = f"operators.{operator.name}"
        if operator.variants:
            yield from _measured(operator, choice, frame, where)
        else:
            yield from _formula(operator, choice, frame, f"{where}.cuts")
    for name in wiring.shared:
        tensor = wiring.graph.tensors[name]
        yield from _shared(tensor, decisions.tensors[name], frame, f"tensors.{name}")
    for name in wiring.parameters:
        if len(wiring.readers[name]) > 1:
            used = decisions.parameters[name].used
            where = f"parameters.{name}.used"
            yield from _dimensions(wiring.graph.tensors[name], used, frame, where)


def _measured(
    operator: Operator, choice: OperatorChoice, frame: Frame, where: str
) -> Iterator[Violation]:
    variant = next((v for v in operator.variants if v.name == choice.variant), None)
    if variant is None:
        names = ", ".join(f"`{v.name}`" for v in operator.variants)
        yield Violation("variant", f"the measured variants are {names}", f"{where}.variant")
        return
    if choice.cuts is not None and _plain(choice.cuts) != _plain(variant.cuts):
        message = f"variant `{variant.name}` was measured with other cuts"
        yield Violation("variant-cuts", message, f"{where}.cuts")
        return
    if choice.recompute and variant.recompute_forward is None:
        message = f"variant `{variant.name}` cannot be recomputed"
        yield Violation("recompute-variant", message, f"{where}.recompute")
    yield from _axes(variant.cuts, frame, where)
    yield from _remainders(operator, variant.cuts, frame, where)


def _formula(
    operator: Operator, choice: OperatorChoice, frame: Frame, where: str
) -> Iterator[Violation]:
    if choice.variant is not None:
        yield Violation("variant", "this operator has no measured variants", where)
        return
    cuts = choice.cuts or ()
    for index, _ in cuts:
        if index not in operator.cuttable:
            yield Violation("cut-index", f"index `{index}` cannot be cut here", where)
    yield from _axes(cuts, frame, where)
    yield from _remainders(operator, cuts, frame, where)


def _plain(cuts: Cuts) -> dict[str, frozenset[str]]:
    return {index: frozenset(parts) for index, parts in cuts if parts}


def _axes(cuts: Cuts, frame: Frame, where: str) -> Iterator[Violation]:
    """Sub-axes exist, are not given to stages, and cut one thing each."""
    free = [part.name for part in frame.parts]
    seen: list[str] = []
    for name, parts in cuts:
        for part in parts:
            if part not in free:
                yield Violation("cut-axis", f"`{part}` is no sharding sub-axis", f"{where}.{name}")
            elif part in seen:
                yield Violation("cut-twice", f"`{part}` cuts more than once", f"{where}.{name}")
            seen.append(part)


def _remainders(operator: Operator, cuts: Cuts, frame: Frame, where: str) -> Iterator[Violation]:
    sharding = shard(operator, cuts, frame)
    for index in operator.indices:
        degree = product(sharding.parts_of(index.name, frame))
        size = frame.size(index)
        if size % degree:
            message = f"degree {degree} does not divide index `{index.name}` of size {size}"
            yield Violation("cut-divides", message, where)


def _shared(tensor: Tensor, choice: TensorChoice, frame: Frame, where: str) -> Iterator[Violation]:
    if choice.partial and not tensor.needs_gradient:
        message = f"`{tensor.name}` needs no gradient, so none can be partial"
        yield Violation("partial", message, f"{where}.partial")
    cuts = (*choice.cuts, ("partial", choice.partial))
    yield from _axes(cuts, frame, where)
    yield from _named_dimensions(tensor, choice.cuts, frame, f"{where}.cuts")


def _dimensions(tensor: Tensor, cuts: Cuts, frame: Frame, where: str) -> Iterator[Violation]:
    yield from _axes(cuts, frame, where)
    yield from _named_dimensions(tensor, cuts, frame, where)


def _named_dimensions(tensor: Tensor, cuts: Cuts, frame: Frame, where: str) -> Iterator[Violation]:
    """Cuts name dimensions of the tensor and divide them."""
    names = [dim.name for dim in tensor.dims]
    for name, _ in cuts:
        if name not in names:
            yield Violation("cut-index", f"`{tensor.name}` has no dimension `{name}`", where)
    layout = dimension_layout(tensor, cuts, frame)
    for at, dim in enumerate(tensor.dims):
        parts = (p for p, place in zip(frame.parts, layout, strict=True) if place == at != NONE)
        degree = product(parts)
        if frame.size(dim) % degree:
            message = f"degree {degree} does not divide `{dim.name}` of size {frame.size(dim)}"
            yield Violation("cut-divides", message, where)
