"""The wishes of a spec that have a price, each with the spec without it.

A wish is what its author wrote as one statement: a hard `pin`, `order` or `forbid`; an `apply` with
all the hard pins that it stands for; a limit that must hold; a setting of the `train` block that
narrows what may be chosen. What is soft has its price already: its weight.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from dsl.render import TextOf
from dsl.resolve.pins.wishes import source_text
from dsl.span import Span
from dsl.spec import Pipeline, Spec
from solver.events import Document

Kind = Literal["pin", "apply", "limit", "stages", "schedule", "microbatches", "recompute"]


@dataclass(frozen=True, slots=True)
class Wish:
    """A wish by its text and place (None: no place is known).

    `entries` are its numbers among the `pins` of a plan document: every pin of the spec, then every
    limit; a setting has none. `without` is the spec without it. `is_free`: it costs nothing,
    whatever the plans are.
    """

    kind: Kind
    text: str
    span: Span | None
    entries: tuple[int, ...]
    without: Spec
    is_free: bool = False


def wishes(spec: Spec, text_of: TextOf) -> tuple[Wish, ...]:
    """All of them: pins in the order of the spec, an `apply` where its first pin is, then limits
    and settings. `text_of` gives the text of a file, for that of an `apply`."""
    return (*_pins(spec, text_of), *_limits(spec), *_settings(spec))


def near(wish: Wish, document: Document) -> Spec | None:
    """The spec without the wish, but with the stages and micro-batches of a plan: what is cheaper
    without the wish is found sooner there. None where the wish is about just these."""
    if wish.kind in ("stages", "microbatches"):
        return None
    return around(wish.without, document)


def around(spec: Spec, document: Document) -> Spec:
    """The spec with the stages and micro-batches of a plan."""
    plan, train = document["pipeline"], spec.train
    stages, count = len(plan["stages"]), plan["microbatches"]
    pipeline = replace(train.pipeline, low=stages, high=stages, parts=tuple(plan["axes"]))
    return replace(spec, train=replace(train, pipeline=pipeline, microbatches=(count, count)))


def _pins(spec: Spec, text_of: TextOf) -> Iterator[Wish]:
    hard = [(i, pin) for i, pin in enumerate(spec.pins) if pin.weight is None]
    groups: dict[Span, list[int]] = {}
    for number, pin in hard:
        if pin.via:  # the outermost `apply` is the one in the author's file
            groups.setdefault(pin.via[-1], []).append(number)
    for number, pin in hard:
        if not pin.via:
            yield Wish("pin", pin.text, pin.span, (number,), _without_pins(spec, (number,)))
        elif (members := tuple(groups[pin.via[-1]]))[0] == number:
            span = pin.via[-1]
            text = source_text(text_of(span.file) or "", span) or "apply"
            yield Wish("apply", text, span, members, _without_pins(spec, members))


def _limits(spec: Spec) -> Iterator[Wish]:
    """A limit on the step time is free where nothing but the step time is paid: the best plan of
    all keeps it, if any plan does."""
    weights = [pin.weight for pin in spec.pins] + [limit.weight for limit in spec.limits]
    is_soft = any(weight is not None for weight in weights)
    for number, limit in enumerate(spec.limits):
        if limit.weight is None:
            rest = tuple(other for i, other in enumerate(spec.limits) if i != number)
            yield Wish(
                "limit",
                limit.text,
                limit.span,
                (len(spec.pins) + number,),
                replace(spec, limits=rest),
                limit.quantity == spec.objective[0] == "step_time" and not is_soft,
            )


def _settings(spec: Spec) -> Iterator[Wish]:
    """Settings of `train`. The number of micro-batches is none where operators are measured: their
    times are those of one size of micro-batch, and another number would be other work."""
    train, pipeline = spec.train, spec.train.pipeline
    if pipeline.low > 1 or pipeline.high is not None or pipeline.parts is not None:
        free = replace(pipeline, low=1, high=None, parts=None)
        found = replace(train, pipeline=free)
        yield Wish("stages", _stages(pipeline), pipeline.span, (), replace(spec, train=found))
    if pipeline.family is not None:
        found = replace(train, pipeline=replace(pipeline, family=None))
        yield Wish("schedule", pipeline.family, pipeline.span, (), replace(spec, train=found))
    is_measured = any(operator.variants for operator in spec.graph.operators)
    if train.microbatches is not None and not is_measured:
        text = f"microbatches {_range(*train.microbatches)}"
        found = replace(train, microbatches=None)
        yield Wish("microbatches", text, None, (), replace(spec, train=found))
    if train.recompute != "auto":
        found = replace(train, recompute="auto")
        text = f"recompute {train.recompute}"
        yield Wish("recompute", text, None, (), replace(spec, train=found))


def _stages(pipeline: Pipeline) -> str:
    """The number of stages and the sub-axes they are over, as a spec says them."""
    words = ["pipeline"]
    if pipeline.high is not None:
        words.append(_range(pipeline.low, pipeline.high))
        words.append("stage" if pipeline.high == 1 else "stages")
    if pipeline.parts is not None:
        words.append("over " + ", ".join(pipeline.parts))
    return " ".join(words)


def _range(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low}..{high}"


def _without_pins(spec: Spec, numbers: tuple[int, ...]) -> Spec:
    pins = tuple(pin for number, pin in enumerate(spec.pins) if number not in numbers)
    return replace(spec, pins=pins)
