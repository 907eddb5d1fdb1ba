"""Whether the ranks of a framework, in its own order of dimensions, fall on the plan's devices.

A framework numbers ranks with some kinds of parallelism inside others. Devices along one mesh axis
that are joined by one link are alike, so its sub-axes may change places; all others stand where the
mesh has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from dsl.spec import Mesh, SubAxis
from solver.export.refusals import Refusal
from solver.verify.plan import Plan

Positions = Mapping[str, int]
"""By sub-axis: 0 for the outermost kind of parallelism, larger for those inside it."""


@dataclass(frozen=True, slots=True)
class Numbering:
    """Kinds of parallelism from the outside in (`stages` among them), and those among experts."""

    kinds: tuple[str, ...]
    experts: tuple[str, ...] = ()


def positions(
    plan: Plan, numbering: Numbering, roles: Mapping[str, str], experts: Mapping[str, str]
) -> list[Positions]:
    """Where a framework has every sub-axis; and where it has it among experts, if there are any."""
    both = [(numbering.kinds, roles), (numbering.experts, experts)]
    return [
        {
            **{part.name: order.index("stages") for part in plan.pipeline},
            **{name: order.index(role) for name, role in of.items()},
        }
        for order, of in (both if experts else both[:1])
    ]


def rank_refusals(plan: Plan, wanted: Sequence[Positions], who: str) -> Iterator[Refusal]:
    """Pairs of neighbouring sub-axes that the framework has the other way round."""
    mesh = plan.spec.mesh
    parts = [part for run in _runs(mesh) for part in _sorted(run, wanted)]
    for outer, inner in pairwise(parts):
        if any(place[outer.name] > place[inner.name] for place in wanted):
            reason = f"is outside `{inner.name}`, where {who} numbers its ranks the other way round"
            yield Refusal("MMP735", outer.name, reason, ("mesh", "axes"))


def _sorted(run: list[SubAxis], wanted: Sequence[Positions]) -> list[SubAxis]:
    return sorted(run, key=lambda part: [place[part.name] for place in wanted])


def _runs(mesh: Mesh) -> Iterator[list[SubAxis]]:
    """Sub-axes that may change places: of one axis and link, unless devices differ along it."""
    first = mesh.axes[0].name
    for (axis, _), run in groupby(mesh.parts, key=lambda part: (part.axis, part.links)):
        parts = list(run)
        if mesh.runs and axis == first:
            yield from ([part] for part in parts)
        else:
            yield parts
