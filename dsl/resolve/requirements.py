"""The parts of a pin as requirements on the operators, parameters and units it hits."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from dsl import spec, syntax
from dsl.diagnostic import Label
from dsl.resolve.arguments import expand_axes
from dsl.resolve.expressions import integer
from dsl.resolve.hardware import prime_factors, sub_axes
from dsl.resolve.report import RejectedError, Reporter
from dsl.resolve.targets import Targets
from dsl.resolve.values import Names
from dsl.span import Span
from dsl.suggest import did_you_mean


@dataclass(frozen=True, slots=True)
class PartResolver:
    """Resolves the parts of one pin. `targets` None: the model has errors, so only what does not
    depend on it is checked. `stages` is the largest number of stages, None when open."""

    targets: Targets | None
    selector: syntax.Selector
    mesh: spec.Mesh
    stages: int | None
    is_forbid: bool
    names: Names
    report: Reporter

    def resolve(self, parts: Sequence[syntax.PinPart]) -> tuple[spec.Requirement, ...]:
        """All requirements; every part is looked at before RejectedError."""
        found: list[spec.Requirement] = []
        failed = self.targets is None
        for part in parts:
            try:
                found.extend(self._part(part))
            except RejectedError:
                failed = True
        if failed:
            raise RejectedError("pin")
        cuts = [part for part in parts if isinstance(part, syntax.Cut)]
        if not self.is_forbid:
            self._check_together(cuts, [r for r in found if isinstance(r, spec.CutOver)])
        return tuple(found)

    def _part(self, part: syntax.PinPart) -> list[spec.Requirement]:
        match part:
            case syntax.Cut():
                return self._cut(part)
            case syntax.Split():
                return self._split(part)
            case syntax.WholePart():
                hit = self._having(part.index, must_cut=False)
                return [spec.WholeIndex(o.name, part.index.text) for o in hit]
            case syntax.OnStage():
                low, high = self._stages(part)
                return [spec.OnStage(unit, low, high) for unit in self._units(part)]
            case syntax.Stored():
                return self._stored(part)
            case syntax.RecomputePart():
                return [spec.Recomputed(unit, part.wanted) for unit in self._units(part)]

    # ---- indices ---------------------------------------------------------------------------

    def _having(self, index: syntax.Name, *, must_cut: bool) -> list[spec.Operator]:
        """The operators hit whose index of that name may be cut (or that just have it).

        Errors: MMP407 when there is none, MMP418 when only parameters were hit.
        """
        targets = self._hit(index)
        name = index.text
        hit = [o for o in targets.operators if name in o.cuttable]
        having = [o for o in targets.operators if any(i.name == name for i in o.indices)]
        if not must_cut:
            hit = having
        if hit:
            return hit
        if having:
            raise self._not_cuttable(index, having)
        known = dict.fromkeys(i for o in targets.operators for i in o.cuttable)
        hint = did_you_mean(name, known) if len(name) > 2 else ""
        listed = ", ".join(f"`{i}`" for i in known)
        hint = hint or (f"indices that can be cut here: {listed}" if listed else "")
        message = f"nothing selected has an index `{name}`"
        raise self.report.error("MMP407", message, index.span, hint=hint)

    def _not_cuttable(self, index: syntax.Name, having: Sequence[spec.Operator]) -> RejectedError:
        operator, name = having[0], index.text
        drivers = dict(operator.ties).get(name)
        if drivers:
            listed = " or ".join(f"`{driver}`" for driver in drivers)
            message = f"index `{name}` of `{operator.name}` is cut where {listed} is"
            hint = f"pin {listed} instead"
        else:
            message = f"index `{name}` of `{operator.name}` cannot be cut"
            listed = ", ".join(f"`{i}`" for i in operator.cuttable) or "none"
            hint = f"its indices that can be cut: {listed}"
        label = Label(operator.span, f"a `{operator.kind}` operator")
        return self.report.error("MMP407", message, index.span, label, hint=hint)

    def _hit(self, part: syntax.Name | syntax.PinPart) -> Targets:
        """What was hit, for a part about operators."""
        if self.targets is None:
            raise RejectedError("model")
        if self.targets.only_parameters:
            message = "only `stored over` applies to a parameter"
            label = Label(self.selector.span, "this selects parameters")
            raise self.report.error("MMP418", message, part.span, label)
        return self.targets

    def _units(self, part: syntax.PinPart) -> tuple[str, ...]:
        return self._hit(part).units

    def _cut(self, part: syntax.Cut) -> list[spec.Requirement]:
        parts = sub_axes(expand_axes(part.axes, self.names), self.mesh, self.report)
        name = part.index.text
        hit = self._having(part.index, must_cut=True)
        if not self.is_forbid:
            degree = math.prod(p.size for p in self.mesh.parts if p.name in parts)
            self._check_divides(hit, part.index, degree, part.span)
        return [spec.CutOver(operator.name, name, parts) for operator in hit]

    def _split(self, part: syntax.Split) -> list[spec.Requirement]:
        available = Counter(p.size for p in self.mesh.parts)
        needed: Counter[int] = Counter()
        wanted: dict[str, list[tuple[str, int]]] = {}
        order: dict[str, None] = {}
        seen: dict[str, syntax.Name] = {}
        for index, degree in part.degrees:
            if index.text in seen:
                label = Label(seen[index.text].span, "first here")
                message = f"index `{index.text}` is split twice"
                raise self.report.error("MMP410", message, index.span, label)
            seen[index.text] = index
            if degree < 1:
                message = "a degree is at least 1"
                raise self.report.error("MMP409", message, index.span)
            needed.update(prime_factors(degree))
            if needed - available:
                raise self._no_axes(index, degree, available)
            hit = self._having(index, must_cut=True)
            if not self.is_forbid:
                self._check_divides(hit, index, degree, index.span)
            for operator in hit:
                wanted.setdefault(operator.name, []).append((index.text, degree))
        order.update(dict.fromkeys(o.name for o in self._hit(part).operators))
        return [spec.SplitBy(name, tuple(wanted[name])) for name in order if name in wanted]

    def _no_axes(self, index: syntax.Name, degree: int, available: Counter[int]) -> RejectedError:
        primes = " x ".join(str(p) for p in sorted(available.elements())) or "1"
        message = f"the mesh cannot split `{index.text}` by {degree}"
        hint = f"its axes give {self.mesh.devices} = {primes}"
        label = Label(self.mesh.span, "the mesh")
        return self.report.error("MMP409", message, index.span, label, hint=hint)

    def _check_divides(
        self, hit: Sequence[spec.Operator], name: syntax.Name, degree: int, span: Span
    ) -> None:
        for operator in hit:
            size = next(i.size for i in operator.indices if i.name == name.text)
            if size % degree:
                message = f"index `{name.text}` of size {size} is not divisible by {degree}"
                label = Label(operator.span, f"`{operator.name}`")
                raise self.report.error("MMP408", message, span, label)

    def _check_together(self, cuts: Sequence[syntax.Cut], found: Sequence[spec.CutOver]) -> None:
        """One pin: no sub-axis cuts two indices of an operator, all cuts of one divide it."""
        owner: dict[tuple[str, str], str] = {}
        for requirement in found:
            for part in requirement.parts:
                key = (requirement.operator, part)
                if key not in owner:
                    owner[key] = requirement.index
                    continue
                other, index = owner[key], requirement.index
                spans = [c.span for c in cuts if c.index.text == index]
                if other == index:
                    message = f"`{part}` cuts `{index}` twice"
                else:
                    message = f"`{part}` cannot cut both `{other}` and `{index}` of one operator"
                    hint = f"`{requirement.operator}` has both"
                    raise self.report.error("MMP410", message, spans[-1], hint=hint)
                raise self.report.error("MMP410", message, spans[-1])

    # ---- stages and storage ----------------------------------------------------------------

    def _stages(self, part: syntax.OnStage) -> tuple[int, int]:
        if part.where == "first":
            return 0, 0
        if part.where == "last" or isinstance(part.where, str):
            return -1, -1
        low, high = self._stage(part.where.low), self._stage(part.where.high)
        if low > high:
            message = f"the range {low}..{high} is empty"
            raise self.report.error("MMP206", message, part.where.span)
        return low, high

    def _stage(self, expr: syntax.Expr | None) -> int:
        if expr is None:  # `auto` is no stage, and the grammar does not let it through
            raise RejectedError("stage")
        stage = integer(expr, self.names, self.report, 0, "a stage")
        if self.stages is not None and stage >= self.stages:
            message = f"there are at most {self.stages} stages, 0 to {self.stages - 1}"
            raise self.report.error("MMP416", message, expr.span)
        return stage

    def _stored(self, part: syntax.Stored) -> list[spec.Requirement]:
        parts = sub_axes(expand_axes(part.axes, self.names), self.mesh, self.report)
        if self.targets is None:
            raise RejectedError("model")
        if not self.targets.parameters:
            message = "nothing selected has a parameter to store"
            raise self.report.error("MMP418", message, part.span)
        what = cast(Literal["parameters", "gradients", "optimizer"], part.what)
        return [spec.StoredOver(p, what, parts) for p in self.targets.parameters]
