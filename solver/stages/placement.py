"""Which stage every chunk of a pipeline is on."""

from __future__ import annotations

from dsl.spec import Pipeline


def placement(pipeline: Pipeline, stages: int) -> tuple[int, ...]:
    """The stage of every chunk of a pipeline of so many stages: a `loop` deals the chunks out in
    turn, a `v` runs through the stages and back. One stage has one chunk."""
    if stages == 1:
        return (0,)
    there = tuple(range(stages))
    if pipeline.placement == "v":
        return there + there[::-1]
    return there * pipeline.chunks
