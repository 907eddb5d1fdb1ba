"""Chunks of pipeline stages: how many, how they are placed, and which schedules take them."""

from __future__ import annotations

from typing import Literal, cast

from dsl import spec, syntax
from dsl.diagnostic import Label
from dsl.resolve.report import Reporter
from dsl.span import Span
from dsl.suggest import did_you_mean

Placement = Literal["loop", "v"]

ONE_CHUNK = ("one_f_one_b", "zb_h1", "zb_h2")
"""Families of one chunk per stage."""
LOOPED = ("interleaved",)
"""Families of several chunks per stage, dealt out in turn."""
V_SHAPED = ("zb_v", "v_half", "v_min")
"""Families of two chunks per stage, there and back."""
FAMILIES = ("gpipe", "one_f_one_b", "interleaved", "zb_h1", "zb_h2", "zb_v", "v_half", "v_min")
"""Schedule families with a fixed order of operators; without one the solver orders them."""


def check_family(family: syntax.Name, report: Reporter) -> None:
    """MMP412 for a schedule that does not exist."""
    if family.text not in FAMILIES:
        hint = did_you_mean(family.text, FAMILIES) or "known are " + ", ".join(FAMILIES)
        raise report.error("MMP412", f"unknown schedule `{family.text}`", family.span, hint=hint)


def resolve_chunks(
    item: syntax.TrainItem, stages: int | None, report: Reporter
) -> tuple[int, int, Placement]:
    """The fewest and the most chunks per stage and their placement, of at most `stages` stages;
    MMP419 where the schedule or the placement takes another number."""
    family = item.word.text if item.word is not None else None
    written = item.chunks
    count = written.count if written is not None else 2 if family in V_SHAPED else 1
    most = written.most if written is not None else count
    span = written.span if written is not None else item.span
    wrong = _wrong_count(family, count, stages) or _wrong_count(family, most, stages)
    if most < count:
        wrong = f"the range {count}..{most} is empty", ""
    if wrong is not None:
        label = () if item.word is None else (Label(item.word.span, "the schedule"),)
        raise report.error("MMP419", wrong[0], span, *label, hint=wrong[1])
    if most == 1:
        return 1, 1, "loop"
    return count, most, _placement(family, count, most, written, span, report)


def _wrong_count(family: str | None, count: int, stages: int | None) -> tuple[str, str] | None:
    """What is wrong with a number of chunks, and what would be right."""
    if count < 1:
        return "a stage has at least one chunk", ""
    if family in LOOPED and count == 1:
        return f"`{family}` needs several chunks per stage", f"write `2 chunks {family}`"
    if family in ONE_CHUNK and count > 1:
        return f"`{family}` takes one chunk per stage, not {count}", "leave the chunks out"
    if family in V_SHAPED and count != 2:
        return f"`{family}` takes 2 chunks per stage, not {count}", "leave the chunks out"
    if count > 1 and stages == 1:
        return "a single stage has one chunk", ""
    return None


def _placement(
    family: str | None,
    count: int,
    most: int,
    written: syntax.Chunks | None,
    span: Span,
    report: Reporter,
) -> Placement:
    """How several chunks are placed: as written, or as the family or a range of counts implies."""
    word = written.placement if written is not None else None
    implied = "loop" if family in LOOPED else "v" if family in V_SHAPED else None
    chosen = word.text if word is not None else implied
    if chosen is None and most > count:
        return "loop"
    if chosen is None:
        message = f"how are {count} chunks placed on their stages?"
        hint = f"write `{count} chunks loop`" + (" or `2 chunks v`" if count == 2 else "")
        raise report.error("MMP419", message, span, hint=hint)
    if implied is not None and chosen != implied:
        message = f"the chunks of `{family}` are placed as `{implied}`, not as `{chosen}`"
        raise report.error("MMP419", message, word.span if word is not None else span)
    if chosen == "v" and most > count:
        raise report.error("MMP419", "a range of chunks is placed as a `loop`", span)
    if chosen == "v" and count != 2:
        hint = "write `2 chunks v`, or `loop`"
        raise report.error("MMP419", f"a `v` has 2 chunks per stage, not {count}", span, hint=hint)
    return cast(Placement, chosen)


def check_recompute(item: syntax.TrainItem | None, family: str | None, report: Reporter) -> None:
    """MMP419 for full recomputation under a schedule that it leaves nothing to order."""
    full = item is not None and item.word is not None and item.word.text == "full"
    if item is not None and full and family in V_SHAPED:
        message = f"`{family}` needs weight gradients apart, which recomputation joins"
        raise report.error("MMP419", message, item.span, hint="write `recompute none`")


def check_groups(
    pipeline: spec.Pipeline, low: int, high: int, span: Span, report: Reporter
) -> None:
    """MMP419 where `interleaved` finds no multiple of its stages in `low..high` micro-batches."""
    if pipeline.family not in LOOPED or pipeline.high is None or pipeline.span is None:
        return
    stages = range(pipeline.low, min(pipeline.high, high) + 1)
    if any(high // count * count >= low for count in stages):
        return
    found = f"{low} is not" if low == high else f"no number in {low}..{high} is"
    counts = f"{pipeline.low}..{pipeline.high}" if len(stages) > 1 else f"{pipeline.high}"
    needs = f"a multiple of the number of stages ({counts}), as `{pipeline.family}` needs"
    raise report.error("MMP419", f"{found} {needs}", span, Label(pipeline.span, "the stages"))
