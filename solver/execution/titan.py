"""The exported order through torchtitan 0.3.0's own loader, where torchtitan is installed.

`_build_pipeline_schedule` is private to torchtitan; it is used here only. It wants as many chunks
on every stage, in a loop or a V.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any


def allows(program: Any) -> bool:
    """Whether torchtitan is there and takes the program's map of chunks to stages."""
    places = [chunk.stage for chunk in program.chunks]
    count = max(places) + 1
    loop = [chunk % count for chunk in range(len(places))]
    there_and_back = [min(chunk, 2 * count - 1 - chunk) for chunk in range(2 * count)]
    fits = len(places) > 1 and places in (loop, there_and_back)
    return fits and importlib.util.find_spec("torchtitan") is not None


def load(stages: list[Any], schedule: Path, microbatches: int, loss: Any) -> Any:
    """The runtime that torchtitan makes of a schedule's file."""
    loader: Any = importlib.import_module("torchtitan.distributed.pipeline_parallel")
    configs: Any = importlib.import_module("torchtitan.config.configs")
    parallelism = configs.ParallelismConfig(
        pipeline_parallel_degree=stages[0].group_size,
        pipeline_parallel_schedule_csv=str(schedule),
        pipeline_parallel_microbatch_size=1,
    )
    return loader._build_pipeline_schedule(
        parallelism=parallelism,
        local_batch_size=microbatches,
        stages=stages,
        loss_fn=lambda outputs, target: (loss(outputs, target), None),
    )
