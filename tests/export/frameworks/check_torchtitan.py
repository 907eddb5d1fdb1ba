"""torchtitan 0.3.0 loads the configuration: its manager, its mesh, its split, its schedule.

On the meta device under a fake process group, once for each pipeline rank.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.testing._internal.distributed.fake_pg import FakeStore
from torchtitan.config.manager import ConfigManager
from torchtitan.distributed import ParallelDims, parallel_dims

SPLIT = {"FORWARD": "F", "BACKWARD_INPUT": "B", "BACKWARD_WEIGHT": "W"}
WHOLE = {"FORWARD": "F", "FULL_BACKWARD": "B"}


def main(folder: Path) -> None:
    sys.path.insert(0, str(folder))
    plan = json.loads((folder / "expected.json").read_text())
    config = ConfigManager().parse_args(["--module", "mmp_plan", "--config", "plan"])
    devices = sum(map(len, plan["groups"]["stages"]))
    parallel_dims.device_type = "cpu"
    for group in range(plan["stages"]):
        rank = plan["groups"]["stages"][0][group]
        dist.init_process_group("fake", rank=rank, world_size=devices, store=FakeStore())
        check_rank(config, plan, group, devices)
        dist.destroy_process_group()
        config = ConfigManager().parse_args(["--module", "mmp_plan", "--config", "plan"])


def check_rank(config: Any, plan: dict, stage: int, devices: int) -> None:
    dims = ParallelDims.from_config(config.parallelism, devices)
    dims.build_mesh()
    check_groups(dims, plan)
    config.model_spec.model.update_from_config(config=config)
    with torch.device("meta"):
        model = config.model_spec.model.build()
    common = {
        "parallel_dims": dims,
        "training": config.training,
        "parallelism": config.parallelism,
        "compile_config": config.compile,
        "ac_config": config.activation_checkpoint,
        "dump_folder": "",
    }
    split = config.model_spec.parallelize_fn
    if plan["stages"] == 1:
        check_storage([split(model, **common)], plan, 0)
        return
    schedule, parts, _, _ = config.model_spec.pipelining_fn(
        model,
        device=torch.device("cpu"),
        model_config=config.model_spec.model,
        parallelize_fn=split,
        loss_fn=None,
        **common,
    )
    check_schedule(schedule, plan, stage)
    check_storage(parts, plan, stage)
    for part, held in zip(parts, schedule._stages, strict=True):
        names = [name for name, _ in part.layers.named_children()]
        assert len(names) == plan["layers"][held.stage_index]


def check_groups(dims: ParallelDims, plan: dict) -> None:
    """This rank's tensor group is the plan's."""
    rank = dist.get_rank()
    group = next(g for g in plan["groups"].get("tensor", [[rank]]) if rank in g)
    if len(group) > 1:
        assert dims.get_mesh("tp").mesh.flatten().tolist() == group


def check_schedule(schedule: Any, plan: dict, stage: int) -> None:
    wanted = [tuple(x) for x in plan["rows"][stage]]
    split = any(phase == "W" for phase, _, _ in wanted)
    loaded = []
    for action in schedule.pipeline_order[stage]:
        if action is not None:
            phase = (SPLIT if split else WHOLE)[action.computation_type.name]
            loaded.append((phase, action.stage_index, action.microbatch_index))
    assert loaded == wanted
    assert schedule._n_microbatches == plan["microbatches"]


def check_storage(parts: list[Any], plan: dict, stage: int) -> None:
    """Elements of parameters on this device."""
    held = sum(p.to_local().numel() for part in parts for p in part.parameters())
    wanted = 0
    for name, entry in plan["parameters"].items():
        chunk = next(
            o["chunk"] for o in plan["operators"] if any(name == t for t, _ in o["inputs"])
        )
        if plan["places"][chunk] == stage:
            elements, pieces = 1, 1
            for size, parts_of in zip(entry["shape"], entry["stored"], strict=True):
                elements *= size
                for axis in parts_of:
                    pieces *= plan["sizes"][axis]
            wanted += -(-elements // pieces)
    assert held == wanted


if __name__ == "__main__":
    main(Path(sys.argv[1]))
