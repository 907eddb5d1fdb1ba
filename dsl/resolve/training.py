"""Optimizers, precisions and the `train` settings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, cast

from dsl import spec, syntax
from dsl.diagnostic import Label
from dsl.resolve import units
from dsl.resolve.chunks import check_family, check_groups, check_recompute, resolve_chunks
from dsl.resolve.expressions import integer
from dsl.resolve.fields import measure
from dsl.resolve.mesh import dividing, sub_axes
from dsl.resolve.modules import Module
from dsl.resolve.report import RejectedError, Reporter, attempt
from dsl.span import Span

DEFAULT_OPTIMIZER = "adamw"
DEFAULT_PRECISION = "bf16"


def resolve_optimizer(
    statement: syntax.Optimizer, module: Module, report: Reporter
) -> spec.Optimizer:
    """Bytes per parameter; what is not given is 0."""
    fields = _byte_fields(statement.name, statement.fields, (), module, report)
    return spec.Optimizer(
        statement.name.text,
        fields.get("gradient", 0.0),
        fields.get("state", 0.0),
        fields.get("traffic", 0.0),
    )


def resolve_precision(
    statement: syntax.Precision, module: Module, report: Reporter
) -> spec.Precision:
    """A precision; every field must be given."""
    required = ("computes", "parameter", "activation")
    fields = _byte_fields(statement.name, statement.fields, required, module, report)
    computes = next(f.value for f in statement.fields if f.key.text == "computes")
    return spec.Precision(
        statement.name.text,
        cast(syntax.Selector, computes).dotted,
        fields["parameter"],
        fields["activation"],
    )


def _byte_fields(
    owner: syntax.Name,
    fields: tuple[syntax.Field, ...],
    required: tuple[str, ...],
    module: Module,
    report: Reporter,
) -> Mapping[str, float]:
    """The byte sizes among the fields; MMP411 for a field given twice or missing."""
    seen: dict[str, Span] = {}
    sizes: dict[str, float] = {}
    for entry in fields:
        key = entry.key.text
        if key in seen:
            label = Label(seen[key], "first given here")
            raise report.error("MMP411", f"`{key}` is given twice", entry.key.span, label)
        seen[key] = entry.key.span
        if key != "computes":
            sizes[key] = measure(entry.value, units.BYTES, module, report, f"`{key}`")
    missing = [key for key in required if key not in seen]
    if missing:
        listed = ", ".join(f"`{key}`" for key in missing)
        raise report.error("MMP411", f"`{owner.text}` does not say {listed}", owner.span)
    return sizes


class TrainSettings:
    """The items of all `train` statements by key, and one method per setting."""

    def __init__(self, statements: list[syntax.Train], module: Module, report: Reporter) -> None:
        self._module = module
        self._report = report
        self._items: dict[str, syntax.TrainItem] = {}
        for statement in statements:
            for item in statement.items:
                first = self._items.setdefault(item.key.text, item)
                if first is not item:
                    label = Label(first.span, "first given here")
                    message = f"`{item.key.text}` is given twice"
                    report.error("MMP411", message, item.key.span, label)

    def resolve(self, mesh: spec.Mesh | None) -> spec.Train:
        """All settings, each looked at before RejectedError; `over` axes need the mesh."""
        optimizer = attempt(self._optimizer)
        precision = attempt(self.precision)
        microbatches = attempt(self._range, "microbatches", "the number of micro-batches")
        pipeline = attempt(self._pipeline, mesh)
        overlap = attempt(self._overlap)
        transfer = self._transfer()
        if (
            optimizer is None
            or precision is None
            or microbatches is None
            or pipeline is None
            or overlap is None
        ):
            raise RejectedError("train")
        low, high = microbatches
        if low is not None and high is not None:
            check_groups(pipeline, low, high, self._items["microbatches"].span, self._report)
        item = self._items.get("recompute")
        check_recompute(item, pipeline.family, self._report)
        word = item.word.text if item is not None and item.word is not None else "auto"
        mode = cast(Literal["auto", "none", "full"], word)
        return spec.Train(
            optimizer,
            precision,
            None if low is None or high is None else (low, high),
            pipeline,
            mode,
            transfer,
            overlap,
        )

    def precision(self) -> spec.Precision:
        """The precision trained in."""
        path = self._path("precision", DEFAULT_PRECISION)
        module, statement = self._module.declaration(path, syntax.Precision)
        return resolve_precision(statement, module, self._report)

    def precision_span(self) -> Span | None:
        """Where the precision was chosen; None for the default."""
        item = self._items.get("precision")
        return None if item is None else item.span

    def microbatches_span(self) -> Span | None:
        """Where the number of micro-batches was given."""
        item = self._items.get("microbatches")
        return None if item is None else item.span

    def _optimizer(self) -> spec.Optimizer:
        path = self._path("optimizer", DEFAULT_OPTIMIZER)
        module, statement = self._module.declaration(path, syntax.Optimizer)
        return resolve_optimizer(statement, module, self._report)

    def _path(self, key: str, default: str) -> syntax.Selector:
        item = self._items.get(key)
        if item is not None and isinstance(item.value, syntax.Selector):
            return item.value
        span = Span(self._module.place.display, 1, 1, 1, 1)
        return syntax.Selector((syntax.Segment(default, None, span),), span)

    def _range(self, key: str, what: str) -> tuple[int, int] | tuple[None, None]:
        """Both ends of a range of at least 1; None and None for `auto` and when not given."""
        item = self._items.get(key)
        if item is None or item.range is None or item.range.low is None:
            return None, None
        low = integer(item.range.low, self._module, self._report, 1, what)
        high = low
        if item.range.high is not None:
            high = integer(item.range.high, self._module, self._report, 1, what)
        if high < low:
            message = f"the range {low}..{high} is empty"
            raise self._report.error("MMP206", message, item.range.span)
        return low, high

    def _pipeline(self, mesh: spec.Mesh | None) -> spec.Pipeline:
        item = self._items.get("pipeline")
        if item is None:
            return spec.Pipeline(1, None, None, None, None)
        low, high = self._range("pipeline", "the number of stages")
        family = None
        if item.word is not None:
            family = item.word.text
            check_family(item.word, self._report)
        parts = None
        if item.axes:
            if mesh is None:
                raise RejectedError("mesh")
            parts = sub_axes(item.axes, mesh, self._report)
        if low is not None and mesh is not None and low > mesh.devices:
            message = f"{low} stages need more devices than the mesh has ({mesh.devices})"
            label = Label(mesh.span, "the mesh")
            raise self._report.error("MMP416", message, item.span, label)
        if mesh is not None:
            self._check_kinds(item.span, high, parts, mesh)
        chunks, most, placement = resolve_chunks(item, high, self._report)
        return spec.Pipeline(low or 1, high, family, parts, item.span, chunks, placement, most)

    def _check_kinds(
        self, span: Span, high: int | None, parts: tuple[str, ...] | None, mesh: spec.Mesh
    ) -> None:
        """There can be enough stages, over the right axes, for devices of one kind in each."""
        needed = dividing(mesh)
        least = math.prod(part.size for part in needed)
        names = ", ".join(f"`{part.name}`" for part in needed)
        label = Label(mesh.span, f"its kinds of devices change along {names}")
        if high is not None and high < least:
            message = f"stages of one kind of devices each are at least {least}"
            raise self._report.error("MMP416", message, span, label)
        if parts is not None and not {part.name for part in needed} <= set(parts):
            message = "some stage would have devices of several kinds"
            hint = f"name {names} among the axes of the pipeline"
            raise self._report.error("MMP416", message, span, label, hint=hint)

    def _transfer(self) -> float | None:
        item = self._items.get("transfer")
        if item is None or item.value is None:
            return None
        return measure(item.value, units.TIME, self._module, self._report, "`transfer`")

    def _overlap(self) -> float | Literal["scheduled"]:
        item = self._items.get("overlap")
        if item is not None and item.word is not None:
            return "scheduled"
        if item is None or item.value is None:
            return 0.0
        share = measure(item.value, units.PLAIN, self._module, self._report, "`overlap`")
        if share > 1:
            message = f"`overlap` is a share of at most 1, found {share:g}"
            raise self._report.error("MMP206", message, item.value.span)
        return share
