"""The parts of a pin about cutting indices: `f over gpu`, `split s 2, h 4`, `whole f`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from dsl import spec, syntax
from dsl.diagnostic import Label
from dsl.resolve.mesh import prime_factors
from dsl.resolve.pins.targets import PinContext
from dsl.resolve.report import RejectedError
from dsl.span import Span
from dsl.suggest import did_you_mean


def cut_over(part: syntax.Cut, pin: PinContext) -> list[spec.CutOver]:
    """Requirements of `f over gpu`, on every operator hit that can cut that index."""
    parts = pin.parts(part.axes)
    hit = _cutting(part.index, pin)
    return [spec.CutOver(operator.name, part.index.text, parts) for operator in hit]


def whole(part: syntax.WholePart, pin: PinContext) -> list[spec.WholeIndex]:
    """Requirements of `whole f`, on every operator hit that has that index."""
    return [spec.WholeIndex(o.name, part.index.text) for o in _having(part.index, pin)]


def check_cuts(parts: Sequence[syntax.PinPart], pin: PinContext) -> None:
    """All cuts of one pin together, on every operator they share.

    Errors: MMP410 when a sub-axis cuts two indices of an operator or one index twice, MMP408 when
    the product of the sub-axes that cut an index does not divide it.
    """
    sizes = {part.name: part.size for part in pin.mesh.parts}
    cuts = [part for part in parts if isinstance(part, syntax.Cut)]
    chosen = [(cut, pin.parts(cut.axes)) for cut in cuts]
    for operator in pin.known_targets().operators:
        owner: dict[str, syntax.Cut] = {}
        degree: Counter[str] = Counter()
        for cut, names in chosen:
            index = cut.index.text
            if index not in operator.cuttable:
                continue
            for name in names:
                if name in owner:
                    raise _taken(name, cut, owner[name], operator, pin)
                owner[name] = cut
            degree[index] = max(degree[index], 1) * math.prod(sizes[name] for name in names)
            _check_divides(operator, index, degree[index], cut.span, pin)


def _taken(
    part: str, cut: syntax.Cut, first: syntax.Cut, operator: spec.Operator, pin: PinContext
) -> RejectedError:
    label = Label(first.span, "first here")
    if first.index.text == cut.index.text:
        message = f"`{part}` cuts `{cut.index.text}` twice"
        hint = "name every axis once"
        return pin.report.error("MMP410", message, cut.span, label, hint=hint)
    message = f"`{part}` cannot cut both `{first.index.text}` and `{cut.index.text}`"
    hint = f"`{operator.name}` has both indices; give them different axes"
    return pin.report.error("MMP410", message, cut.span, label, hint=hint)


def split(part: syntax.Split, pin: PinContext) -> list[spec.SplitBy]:
    """Requirements of `split s 2, h 4`: on every operator hit, the degrees of indices it can cut.

    Errors: MMP410 (an index named twice), MMP409 (degrees the sub-axes cannot form together),
    MMP408 (an index not divisible).
    """
    available = Counter(p.size for p in pin.mesh.parts)
    needed: Counter[int] = Counter()
    degrees: dict[str, int] = {}
    hit: dict[str, None] = {}
    for index, degree in part.degrees:
        if index.text in degrees:
            raise pin.report.error("MMP410", f"index `{index.text}` is split twice", index.span)
        if degree < 1:
            raise pin.report.error("MMP409", "a degree is at least 1", index.span)
        needed.update(prime_factors(degree))
        if any(needed[prime] > available[prime] for prime in needed):
            raise _no_axes(index, degree, pin)
        degrees[index.text] = degree
        for operator in _cutting(index, pin):
            if not pin.is_forbid:
                _check_divides(operator, index.text, degree, index.span, pin)
            hit[operator.name] = None
    return [
        spec.SplitBy(o.name, tuple((i, n) for i, n in degrees.items() if i in o.cuttable))
        for o in pin.known_targets().operators
        if o.name in hit
    ]


def _no_axes(index: syntax.Name, degree: int, pin: PinContext) -> RejectedError:
    primes = " x ".join(str(part.size) for part in pin.mesh.parts) or "1"
    message = f"the mesh cannot split `{index.text}` by {degree} here"
    hint = f"its {pin.mesh.devices} devices are {primes}, each factor for one index"
    label = Label(pin.mesh.span, "the mesh")
    return pin.report.error("MMP409", message, index.span, label, hint=hint)


def _check_divides(
    operator: spec.Operator, index: str, degree: int, span: Span, pin: PinContext
) -> None:
    size = next(i.size for i in operator.indices if i.name == index)
    if size % degree:
        message = f"index `{index}` of size {size} is not divisible by {degree}"
        label = Label(operator.span, f"`{operator.name}`")
        hint = f"the largest degree of it that divides is {math.gcd(size, degree)}"
        raise pin.report.error("MMP408", message, span, label, hint=hint)


def _cutting(index: syntax.Name, pin: PinContext) -> list[spec.Operator]:
    """The operators hit that can cut that index. Error MMP407 when none can."""
    having = _having(index, pin)
    hit = [operator for operator in having if index.text in operator.cuttable]
    if not hit:
        raise _not_cuttable(index, having[0], pin)
    return hit


def _having(index: syntax.Name, pin: PinContext) -> list[spec.Operator]:
    """The operators hit that have an index of that name. Error MMP407 when none has."""
    targets = pin.operators(index.span)
    having = [o for o in targets.operators if any(i.name == index.text for i in o.indices)]
    if having:
        return having
    known = list(dict.fromkeys(i for o in targets.operators for i in o.cuttable))
    listed = ", ".join(f"`{name}`" for name in known) or "none"
    # Most indices are one letter, where the nearest spelling means nothing.
    hint = did_you_mean(index.text, known) if len(index.text) > 2 else ""
    message = f"nothing selected has an index `{index.text}`"
    hint = hint or f"indices that can be cut here: {listed}"
    raise pin.report.error("MMP407", message, index.span, hint=hint)


def _not_cuttable(index: syntax.Name, operator: spec.Operator, pin: PinContext) -> RejectedError:
    label = Label(operator.span, f"a `{operator.kind}` operator")
    drivers = dict(operator.ties).get(index.text)
    if drivers:
        listed = " or ".join(f"`{driver}`" for driver in drivers)
        message = f"index `{index.text}` of `{operator.name}` is cut where {listed} is"
        hint = f"pin {listed} instead"
    else:
        message = f"index `{index.text}` of `{operator.name}` cannot be cut"
        known = ", ".join(f"`{name}`" for name in operator.cuttable) or "none"
        hint = f"its indices that can be cut: {known}"
    return pin.report.error("MMP407", message, index.span, label, hint=hint)
