"""The chunks of this device in the pipeline, run by PyTorch's own runtime in the plan's order.

`_PipelineScheduleRuntime` and `_load_csv` are private to torch 2.13; they are used here only.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.distributed.pipelining import PipelineStage
from torch.distributed.pipelining.schedules import _PipelineScheduleRuntime

from solver.reference.runtime.meshes import connect
from solver.reference.runtime.model import ChunkModule
from solver.reference.runtime.program import Program
from solver.reference.runtime.training import (
    gradients_of,
    loss_share,
    on,
    random_batch,
    whole_loss,
)

Loss = Callable[[Any, Any], torch.Tensor]
Build = Callable[[list[PipelineStage], Path, int, Loss], _PipelineScheduleRuntime]
"""Stages of this device, the schedule's file, micro-batches, loss -> a loaded runtime."""


def torch_runtime(
    stages: list[PipelineStage], schedule: Path, microbatches: int, loss: Loss
) -> _PipelineScheduleRuntime:
    """PyTorch's runtime with the order of a file."""
    runtime = _PipelineScheduleRuntime(stages, microbatches, loss_fn=loss, scale_grads=False)
    runtime._load_csv(str(schedule), format="compute_only")
    return runtime


class Pipeline:
    """The part of the model on this device. `dtype` is that of parameters and activations; the
    gradients of micro-batches are `summed_as`."""

    def __init__(
        self,
        program: Program,
        schedule: Path,
        device: torch.device,
        dtype: torch.dtype,
        summed_as: torch.dtype | None = None,
    ) -> None:
        self.program = program
        self.device, self.dtype = device, dtype
        self.wires, self.group = connect(program, device)
        stage = 0 if self.group is None else self.group.rank()
        self.chunks = {
            number: ChunkModule(chunk, program, self.wires)
            for number, chunk in enumerate(program.chunks)
            if chunk.stage == stage
        }
        for chunk in self.chunks.values():
            chunk.materialize(device, dtype, summed_as)
        self.runtime: _PipelineScheduleRuntime | None = None
        if len(program.chunks) > 1:
            self.load(schedule)

    def load(self, schedule: Path, build: Build = torch_runtime) -> None:
        """Take the order of a file."""
        stages = [self._stage(number) for number in self.chunks]
        self.runtime = build(
            stages,
            schedule,
            self.program.microbatches,
            lambda outputs, _target: loss_share(_tuple(outputs), self.program),
        )

    def step(self) -> torch.Tensor | None:
        """Forward and backward of all micro-batches; the loss, on the last stage."""
        count = self.program.microbatches
        batches = [on(random_batch(self.program, m, self.dtype), self.device) for m in range(count)]
        losses: list[torch.Tensor] = []
        if self.runtime is None:
            (chunk,) = self.chunks.values()
            for batch in batches:
                losses.append(loss_share(chunk(**batch), self.program))
                losses[-1].backward()
        else:
            for stage in self.runtime._stages:
                stage.has_backward = True
                stage.clear_runtime_states()
            self.runtime._step_microbatches(
                None, batches, [None] * count, losses, return_outputs=False
            )
        if len(self.program.chunks) - 1 not in self.chunks:
            return None
        return whole_loss(torch.stack(losses).sum(), self.program, self.wires)

    @property
    def speaks(self) -> bool:
        """Whether this is the first device of its stage."""
        return all(self.wires.coordinate(axis) == 0 for axis in range(len(self.wires.sizes)))

    def gradients(self) -> dict[str, torch.Tensor]:
        """The gradients of this device's parameters, reduced over devices."""
        found: dict[str, torch.Tensor] = {}
        for chunk in self.chunks.values():
            found |= gradients_of(chunk)
        return found

    def forget(self) -> None:
        """Let go of the gradients."""
        for chunk in self.chunks.values():
            for weight in chunk.weights().values():
                weight.handle.grad = None

    def _stage(self, number: int) -> PipelineStage:
        chunk = self.chunks[number]
        spec = self.program.chunks[number]
        given = chunk.metadata(spec.receives, self.dtype)
        made = chunk.metadata(spec.sends, self.dtype)
        return PipelineStage(
            _Adapter(chunk),
            number,
            len(self.program.chunks),
            self.device,
            input_args=tuple(x.requires_grad_() for x in given),
            output_args=tuple(x.requires_grad_() for x in made),
            group=self.group,
        )


class _Adapter(torch.nn.Module):
    """A chunk for the runtime, which gives every stage all inputs of the model by name, and wants
    one tensor where there is one."""

    def __init__(self, chunk: ChunkModule) -> None:
        super().__init__()
        self.chunk = chunk

    def forward(self, *received: torch.Tensor, **inputs: torch.Tensor) -> Any:
        made = self.chunk(*received, **inputs)
        return made[0] if len(made) == 1 else made


def _tuple(outputs: Any) -> tuple[torch.Tensor, ...]:
    return (outputs,) if isinstance(outputs, torch.Tensor) else tuple(outputs)
