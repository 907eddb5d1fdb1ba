"""The `pipeline` of a plan document: stages, their chunks, and the timed schedule (solver/README.md
section 9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from solver.plan.step_work import StepWork, step_operators, step_work
from solver.schedule.problem import Action
from solver.sharding.problem import Selection, ShardingProblem
from solver.stages.figures import StageFigures
from solver.stages.pattern import Pattern


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A scheduled stage map with the figures of its chunks and stages; seconds and bytes."""

    problem: ShardingProblem
    selection: Selection
    pattern: Pattern
    figures: StageFigures
    actions: tuple[Action, ...]
    step_time: float

    def document(self) -> dict[str, Any]:
        """The section; what stages of one chunk need not say is left out."""
        split, f, pattern = self.problem.split, self.figures, self.pattern
        wanted = self.problem.spec.train.pipeline
        work = split.microbatches * float(f.work.sum()) + float(f.tail.sum())
        total = pattern.stages * self.step_time
        once = step_work(self.problem, self.selection, pattern, f)
        several = {"chunks": wanted.chunks, "placement": wanted.placement}
        return {
            "microbatches": split.microbatches,
            "axes": [part.name for part in split.pipeline],
            "family": wanted.family,
            **(several if pattern.has_several_chunks else {}),
            "fused": [all(f.fused[c] for c in pattern.chunks_on(s)) for s in range(pattern.stages)],
            "stages": [self._stage(s, once) for s in range(pattern.stages)],
            "bubble": max(0.0, 1.0 - work / total) if total else 0.0,
            "schedule": [
                {
                    "stage": pattern.placement[a.chunk],
                    "chunk": pattern.round_of(a.chunk),
                    "device": pattern.placement[a.chunk],
                    "microbatch": a.microbatch,
                    "phase": a.phase,
                    "start_s": a.start,
                    "end_s": a.end,
                }
                for a in self.actions
            ],
            "step_operators": step_operators(once, pattern, self.actions),
        }

    def _stage(self, stage: int, once: StepWork) -> dict[str, Any]:
        chunks = self.pattern.chunks_on(stage)
        found = {"stage": stage, **self._content(chunks)}
        found["reduce_s"] = float(once.reduce[list(chunks)].sum())
        found["update_s"] = float(once.update[stage])
        found["gather_s"] = float(once.gather[list(chunks)].sum())
        found["tail_s"] = float(self.figures.tail[stage])
        if self.pattern.has_several_chunks:
            found["chunks"] = [
                {**self._content((c,)), "fused": self.figures.fused[c]} for c in chunks
            ]
        return found

    def _content(self, chunks: Sequence[int]) -> dict[str, Any]:
        """What some chunks hold, and what a micro-batch takes in them."""
        units = [
            unit
            for unit, chunk in zip(
                self.problem.spec.graph.units, self.pattern.chunk_of, strict=True
            )
            if chunk in chunks
        ]
        f, here = self.figures, list(chunks)
        return {
            "operators": [name for unit in units for name in unit.operators],
            "units": [unit.name for unit in units],
            "forward_s": float(f.forward[here].sum()),
            "input_grad_s": float(f.input_grad[here].sum()),
            "weight_grad_s": float(f.weight_grad[here].sum()),
            "activation_bytes": float(f.saved[here].sum()),
            "released_by_input_grad_bytes": float(f.saved_b[here].sum()),
        }


def peak_activations(actions: Sequence[Action], stage: int, f: StageFigures) -> float:
    """The most bytes in flight on a stage; at one moment frees come before allocations."""
    events: list[tuple[float, int, float]] = []
    for a in actions:
        if f.pattern.placement[a.chunk] != stage:
            continue
        on_b, on_w = float(f.saved_b[a.chunk]), float(f.saved_w[a.chunk])
        if a.phase == "F":
            events.append((a.start, 1, float(f.saved[a.chunk])))
        elif a.phase == "B":
            events.append((a.end, 0, -on_b))
        else:
            events.append((a.end, 0, -on_w))
    held = peak = 0.0
    for _, _, change in sorted(events, key=lambda e: (e[0], e[1])):
        held += change
        peak = max(peak, held)
    return peak
