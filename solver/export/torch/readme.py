"""The README of an exported package."""

from __future__ import annotations

import math
from pathlib import Path

from solver.export.saved import SavedPlan
from solver.reference.runtime.program import Program


def readme(saved: SavedPlan, made: Program) -> str:
    """What the files are, and how to run them."""
    processes = math.prod(axis.size for axis in made.mesh)
    mesh = " x ".join(f"{axis.name} {axis.size}" for axis in made.mesh) or "one device"
    across = ", ".join(axis.name for axis in made.mesh if axis.pipeline)
    stages = f"; {across} number the pipeline stages" if across else ""
    return f"""# {Path(saved.path).name} in PyTorch

A plan of `mmp` for {Path(saved.spec.path).name}: {processes} processes, mesh {mesh}{stages}.
Written for torch 2.13.0; nothing else is needed.

    torchrun --nproc-per-node {processes} train.py
    torchrun --nproc-per-node {processes} train.py --device cpu --steps 1

| file | holds |
|---|---|
| `plan.py` | the mesh, the placements of every operator and parameter, layers by stage |
| `schedule.csv` | what each stage runs in which order, for `_PipelineScheduleRuntime._load_csv` |
| `train.py` | training with AdamW on random data; put your own in `random_batch` |
| `runtime/` | runs any such plan: operators, redistributions, stored parameters, the pipeline |

Process r is device r of the mesh, axes from the outermost. Every redistribution is one collective
over one group, as the plan counts them. Parameters stored finer than they are used are gathered
for the forward of every micro-batch, let go, and gathered again for its backward; their gradients
are scattered as they arise. (`fully_shard` of PyTorch gathers a stage once for all its
micro-batches, which is another plan: more memory, fewer collectives.)
"""
