"""DeepSpeed 0.19.8 reads the JSON; its own schedule and partition are the plan's."""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from deepspeed.runtime import utils
from deepspeed.runtime.config import DeepSpeedConfig
from deepspeed.runtime.pipe.schedule import BackwardPass, ForwardPass, TrainSchedule


def main(folder: Path) -> None:
    written = json.loads((folder / "ds_config.json").read_text())
    plan = json.loads((folder / "expected.json").read_text())
    data = len(plan["groups"].get("data", [[0]])[0])
    context = len(plan["groups"].get("context", [[0]])[0])
    ranks = SimpleNamespace(get_data_parallel_world_size=lambda: data)
    with patch("deepspeed.runtime.config.dist.get_rank", return_value=0):
        config = DeepSpeedConfig(written, mpu=ranks)
    assert config.train_batch_size == plan["batch"]
    assert config.gradient_accumulation_steps == plan["microbatches"]
    assert config.train_micro_batch_size_per_gpu * plan["microbatches"] * data == plan["batch"]
    assert written.get("sequence_parallel_size", 1) == context
    check_storage(config, plan)
    if plan["stages"] > 1:
        check_pipeline(config, plan)


def check_storage(config: DeepSpeedConfig, plan: dict) -> None:
    entry = plan["parameters"]["net.head.w"]
    fields = ("stored", "gradients_stored", "optimizer_stored")
    level = sum(entry[field] != entry["used"] for field in fields)
    assert config.zero_optimization_stage == level
    if level == 3:
        assert config.zero_config.param_persistence_threshold == 0


def check_pipeline(config: DeepSpeedConfig, plan: dict) -> None:
    stages = plan["stages"]
    assert config.pipeline["stages"] == stages
    assert config.pipeline["partition"] == "type:DecoderLayer"
    for stage, row in enumerate(plan["rows"]):
        ran = []
        for step in TrainSchedule(plan["microbatches"], stages, stage).steps():
            ran += ["F" for x in step if isinstance(x, ForwardPass)]
            ran += ["B" for x in step if isinstance(x, BackwardPass)]
        assert ran == [phase for phase, _, _ in row]
    # Embedding, layers, norm and head, of which `type:` counts the layers.
    weights = [0] + [1] * sum(plan["layers"]) + [0, 0]
    bounds = utils.partition_balanced(weights=weights, num_parts=stages)
    counts = [sum(weights[a:b]) for a, b in pairwise(bounds)]
    assert counts == plan["layers"]
    assert int(bounds[1]) > 1, "the embedding is with the first layers"
    assert int(bounds[-2]) < len(weights) - 2, "norm and head are with the last layers"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
