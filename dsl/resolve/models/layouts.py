"""Layouts of measured strategies: which mesh axes cut which index."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from dsl import spec, syntax
from dsl.diagnostic import Label
from dsl.resolve.mesh import sub_axes
from dsl.resolve.report import RejectedError, Reporter
from dsl.suggest import did_you_mean


def layout_cuts(
    layouts: Sequence[syntax.LayoutItem],
    uses: Mapping[str, tuple[str, ...]],
    indices: Sequence[spec.Index],
    mesh: spec.Mesh | None,
    report: Reporter,
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The sub-axes that cut each index, in index order. `uses`: tensor name -> its indices.

    Errors: MMP301 (no such tensor), MMP417 (index not of that tensor, or cut in two ways),
    MMP408 (not divisible), MMP410 (one sub-axis cuts two indices), MMP403.
    """
    if not layouts:
        return ()
    if mesh is None:  # its mistake is reported; what the axes mean is unknown
        raise RejectedError("mesh")
    cuts: dict[str, tuple[tuple[str, ...], syntax.Cut]] = {}
    for layout in layouts:
        own = _indices_of(layout, uses, report)
        for cut in layout.cuts:
            name = cut.index.text
            if name not in own:
                hint = did_you_mean(name, own) or "it has " + (", ".join(own) or "no indices")
                message = f"`{layout.tensor.text}` has no index `{name}`"
                raise report.error("MMP417", message, cut.index.span, hint=hint)
            parts = sub_axes(cut.axes, mesh, report)
            first = cuts.setdefault(name, (parts, cut))
            if first[0] != parts:
                label = Label(first[1].span, "first cut here")
                message = f"index `{name}` is cut in two ways by one strategy"
                hint = "an operator that changes the cut needs another index name for its result"
                raise report.error("MMP417", message, cut.span, label, hint=hint)
    _check(cuts, indices, mesh, report)
    order = [index.name for index in indices]
    return tuple((name, cuts[name][0]) for name in order if name in cuts)


def _indices_of(
    layout: syntax.LayoutItem, uses: Mapping[str, tuple[str, ...]], report: Reporter
) -> tuple[str, ...]:
    own = uses.get(layout.tensor.text)
    if own is None:
        hint = did_you_mean(layout.tensor.text, uses) or "it has " + ", ".join(uses)
        message = f"this operator reads and writes no `{layout.tensor.text}`"
        raise report.error("MMP301", message, layout.tensor.span, hint=hint)
    return own


def _check(
    cuts: Mapping[str, tuple[tuple[str, ...], syntax.Cut]],
    indices: Sequence[spec.Index],
    mesh: spec.Mesh,
    report: Reporter,
) -> None:
    sizes = {part.name: part.size for part in mesh.parts}
    owner: dict[str, syntax.Cut] = {}
    for index in indices:
        if index.name not in cuts:
            continue
        parts, cut = cuts[index.name]
        degree = math.prod(sizes[part] for part in parts)
        if index.size % degree:
            message = f"index `{index.name}` of size {index.size} is not divisible by {degree}"
            raise report.error("MMP408", message, cut.span)
        for part in parts:
            if part in owner:
                label = Label(owner[part].span, "and here")
                message = f"`{part}` cuts two indices of one operator"
                raise report.error("MMP410", message, cut.span, label)
            owner[part] = cut
