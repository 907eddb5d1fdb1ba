"""One process of level `gloo`: `python -m solver.execution.gloo_worker FOLDER RANK COUNT`.

Runs a step of the exported package in FOLDER, with the package's own code, compares its gradients
with those of the same model on one device, and writes `resultRANK.json`.
"""

from __future__ import annotations

import importlib
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as distributed

from solver.execution import titan


def main(folder: Path, rank: int, count: int) -> None:
    """Meet the others, run, compare, write."""
    torch.set_num_threads(1)
    sys.path.insert(0, str(folder))
    distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder}/meeting",
        rank=rank,
        world_size=count,
        timeout=timedelta(seconds=300),
    )
    program = importlib.import_module("plan").PROGRAM
    runtime: Any = importlib.import_module("runtime.pipeline")
    wanted = _undivided(program, folder / "undivided.pt", rank)
    schedule = folder / "schedule.csv"
    pipeline = runtime.Pipeline(program, schedule, torch.device("cpu"), torch.float64)
    found = [_step(program, pipeline, wanted, "torch")]
    if titan.allows(program):
        pipeline.forget()
        pipeline.load(schedule, titan.load)
        found.append(_step(program, pipeline, wanted, "torchtitan"))
    (folder / f"result{rank}.json").write_text(json.dumps(found))
    distributed.barrier()
    distributed.destroy_process_group()


def _step(program: Any, pipeline: Any, wanted: dict[str, Any], loader: str) -> dict[str, Any]:
    """A step in the order as `loader` has loaded it, against that of one device."""
    loss = pipeline.step()
    found = {"loader": loader, "loss": None if loss is None else loss.item()}
    return found | {"wanted": wanted["loss"]} | compare(program, pipeline, wanted)


def compare(program: Any, pipeline: Any, wanted: dict[str, Any]) -> dict[str, Any]:
    """The largest error of this device's gradients, relative to the largest element of each; of
    those that are nothing but rounding (biases of keys, which softmax ignores), relative to a
    ten-thousandth of the largest of all."""
    layouts: Any = importlib.import_module("runtime.layouts")
    worst, where, names = 0.0, "", []
    least = max(float(whole.abs().max()) for whole in wanted["gradients"].values()) / 1e4
    for name, gradient in pipeline.gradients().items():
        weight = program.weights[name]
        whole = wanted["gradients"][name]
        before = (-1,) * len(program.axes)
        own = layouts.relayout(whole, weight.dims, before, weight.optimizer, pipeline.wires)
        error = ((gradient - own).abs().max() / whole.abs().max().clamp(min=least)).item()
        names.append(name)
        if not error <= worst:
            worst, where = error, name
    return {"worst": worst, "where": where, "gradients": names}


def _undivided(program: Any, path: Path, rank: int) -> dict[str, Any]:
    """The step of one device: made by the first process, read by the others."""
    if rank == 0:
        training: Any = importlib.import_module("runtime.training")
        step = training.train_undivided(program, torch.device("cpu"), torch.float64)
        torch.save({"loss": step.loss, "gradients": dict(step.gradients)}, path)
    distributed.barrier()
    loaded: dict[str, Any] = torch.load(path, mmap=True)
    return loaded


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
