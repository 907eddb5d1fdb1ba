"""What a timeline says in words: heading, bubbles, and a summary for who cannot see it."""

from __future__ import annotations

from solver.drawing.picture import Picture, Row, Transfer
from solver.drawing.units import Unit, percent, seconds


def title(picture: Picture) -> str:
    """`Timeline of a step: examples/llama3_8b.mmp`."""
    return "Timeline of a step" + (f": {picture.path}" if picture.path else "")


def shape(picture: Picture) -> str:
    """`Step time 5.137 s, 2 stages, 16 micro-batches, one_f_one_b`."""
    order = f", {picture.family}" if picture.family and len(picture.rows) > 1 else ""
    stages, microbatches = len(picture.rows), picture.microbatches
    return (
        f"Step time {seconds(picture.step_time)}, {count(stages, 'stage')}, "
        f"{count(microbatches, 'micro-batch', 'micro-batches')}{order}"
    )


def bubble(picture: Picture) -> tuple[str, str]:
    """Both measures of the idle time: over the makespan, and over the span of a device's work."""
    makespan, span = picture.makespan_bubble, picture.span_bubble
    return (
        f"Makespan bubble {_part(makespan, picture)}: idle in the step, mean of all devices; "
        "work once per step is not idle",
        f"Span bubble {_part(span, picture)}: of that, between the first and the last "
        "operator of a device",
    )


def row(found: Row, step_time: float, memory: Unit) -> str:
    """`stage 0: idle 5.1 ms, of it 1.2 ms between its operators; memory 75.6 GiB of 76 GiB`."""
    return (
        f"stage {found.device}: idle {seconds(found.idle_in(step_time))}, of it "
        f"{seconds(found.idle_between)} between its operators; memory "
        f"{memory.say(found.peak)} of {memory.say(found.limit)}"
    )


def transfer(found: Transfer, several: bool, step_time: float) -> str:
    """`reduce of gradients, once per step: 9.4 ms`."""
    what = {"reduce": "gradients", "gather": "updated parameters"}[found.phase]
    chunk = f" of chunk {found.chunk}" if several else ""
    late = ", in part beside the next step" if found.end > step_time else ""
    length = seconds(found.end - found.start)
    return f"{found.phase} of {what}{chunk}, once per step: {length}{late}"


def terms(found: Row, memory: Unit) -> str:
    """The peak of a device by term, terms of no bytes left out."""
    parts = ", ".join(f"{name} {memory.say(size)}" for name, size in found.terms if size)
    return f"stage {found.device}: {parts or 'nothing'}; limit {memory.say(found.limit)}"


def count(number: int, one: str, several: str | None = None) -> str:
    """`1 stage`, `4 stages`."""
    return f"{number} {one if number == 1 else several or one + 's'}"


def _part(idle: float, picture: Picture) -> str:
    share = idle / picture.step_time if picture.step_time else 0.0
    return f"{percent(share)} ({seconds(idle)})"
