"""megatron-core 0.16.1 reads the flags: its own layout parser, configurations, ranks and order."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from megatron.core.distributed.distributed_data_parallel_config import (
    DistributedDataParallelConfig,
)
from megatron.core.parallel_state import RankGenerator
from megatron.core.pipeline_parallel.schedules import get_pp_rank_microbatches, get_schedule_table
from megatron.core.transformer.enums import LayerType
from megatron.core.transformer.pipeline_parallel_layer_layout import PipelineParallelLayerLayout
from megatron.core.transformer.transformer_config import TransformerConfig

KINDS = {"tensor": "tp", "context": "cp", "data": "dp", "stages": "pp"}


def main(folder: Path) -> None:
    flags = {}
    for file in ("parallelism.flags", "model.flags"):
        for line in (folder / file).read_text().splitlines():
            name, _, value = line.partition(" ")
            assert name not in flags
            flags[name] = value
    plan = json.loads((folder / "expected.json").read_text())
    check_layout(flags, plan)
    check_ranks(flags, plan)
    check_order(plan)
    check_configurations(flags, plan)
    stages = plan["stages"]
    samples = int(flags["--micro-batch-size"]) * plan["microbatches"]
    assert samples * len(plan["groups"].get("data", [[0]])[0]) == int(flags["--global-batch-size"])
    assert stages == int(flags["--pipeline-model-parallel-size"])


def check_layout(flags: dict[str, str], plan: dict) -> None:
    stages = plan["stages"]
    if stages == 1:
        assert "--pipeline-model-parallel-layout" not in flags
        return
    layout = PipelineParallelLayerLayout.from_str(flags["--pipeline-model-parallel-layout"], stages)
    layout.validate_layer_layout(int(flags["--num-layers"]), None)
    for chunk, (stage, count) in enumerate(zip(plan["places"], plan["layers"], strict=True)):
        assert layout.layout[stage][chunk // stages].count(LayerType.decoder) == count


def check_ranks(flags: dict[str, str], plan: dict) -> None:
    """Devices of the plan's groups are ranks of Megatron-LM's, in its order of dimensions."""
    order = "tp-cp-ep-dp-pp" if "--use-tp-pp-dp-mapping" not in flags else "tp-cp-ep-pp-dp"
    sizes = {short: len(plan["groups"].get(role, [[0]])[0]) for role, short in KINDS.items()}
    ranks = RankGenerator(ep=1, order=order, **sizes)
    for role, groups in plan["groups"].items():
        assert sorted(ranks.get_ranks(KINDS[role])) == groups, role
    assert sizes["tp"] == int(flags["--tensor-model-parallel-size"])
    assert sizes["cp"] == int(flags["--context-parallel-size"])
    ep = len(plan["experts"][0])
    assert ep == int(flags.get("--expert-model-parallel-size", 1))
    if ep > 1:
        world = sizes["tp"] * sizes["cp"] * sizes["dp"]
        experts = RankGenerator(tp=1, ep=ep, dp=world // ep, pp=sizes["pp"], cp=1, order=order)
        assert sorted(experts.get_ranks("ep")) == plan["experts"]


def check_order(plan: dict) -> None:
    """The order of 1F1B as Megatron-LM's own functions count it."""
    stages, count = plan["stages"], plan["microbatches"]
    if stages == 1:
        return  # any order of the plan becomes that of one micro-batch after another
    chunks = len(plan["places"]) // stages
    table = get_schedule_table(count, chunks, stages)
    for stage, row in enumerate(plan["rows"]):
        group = SimpleNamespace(size=lambda: stages, rank=lambda stage=stage: stage)
        virtual = chunks if chunks > 1 else None
        fake = SimpleNamespace(pp_group=group, virtual_pipeline_model_parallel_size=virtual)
        total, _, warmup, _ = get_pp_rank_microbatches(count, chunks, stages, p2p_communicator=fake)
        forward = [("F", chunk * stages + stage, batch) for batch, chunk in table]
        backward = [("B", (chunks - 1 - chunk) * stages + stage, batch) for batch, chunk in table]
        wanted = forward[:warmup]
        for number in range(total - warmup):
            wanted += [forward[warmup + number], backward[number]]
        wanted += backward[total - warmup :]
        assert [tuple(x) for x in row if x[0] != "W"] == wanted, stage


def check_configurations(flags: dict[str, str], plan: dict) -> None:
    level = {"optim_grads": 2, "optim_grads_params": 3}
    strategy = flags.get("--data-parallel-sharding-strategy", "no_shard")
    parallel = DistributedDataParallelConfig(
        use_distributed_optimizer="--use-distributed-optimizer" in flags,
        use_megatron_fsdp="--use-megatron-fsdp" in flags,
        data_parallel_sharding_strategy=strategy,
    )
    entry = plan["parameters"]["net.embed.table"]
    is_cut = entry["stored"] != entry["used"]
    assert (level.get(parallel.data_parallel_sharding_strategy, 0) == 3) == is_cut
    recompute = {
        "recompute_granularity": flags.get("--recompute-granularity"),
        "recompute_method": flags.get("--recompute-method"),
        "recompute_num_layers": int(flags["--recompute-num-layers"])
        if "--recompute-num-layers" in flags
        else None,
    }
    TransformerConfig(
        num_layers=int(flags["--num-layers"]),
        hidden_size=int(flags["--hidden-size"]),
        num_attention_heads=int(flags["--num-attention-heads"]),
        num_query_groups=int(flags.get("--num-query-groups", flags["--num-attention-heads"])),
        kv_channels=int(flags["--kv-channels"]),
        ffn_hidden_size=int(flags.get("--ffn-hidden-size", 96)),
        num_moe_experts=int(flags["--num-experts"]) if "--num-experts" in flags else None,
        gated_linear_unit="--swiglu" in flags,
        add_bias_linear="--disable-bias-linear" not in flags,
        normalization=flags["--normalization"],
        tensor_model_parallel_size=int(flags["--tensor-model-parallel-size"]),
        sequence_parallel="--sequence-parallel" in flags,
        context_parallel_size=int(flags["--context-parallel-size"]),
        cp_comm_type=flags.get("--cp-comm-type"),
        expert_model_parallel_size=int(flags.get("--expert-model-parallel-size", 1)),
        pipeline_model_parallel_size=plan["stages"],
        pipeline_model_parallel_layout=flags.get("--pipeline-model-parallel-layout"),
        virtual_pipeline_model_parallel_size=len(plan["places"]) // plan["stages"]
        if len(plan["places"]) > plan["stages"]
        else None,
        bf16="--bf16" in flags,
        params_dtype=torch.bfloat16,
        pipeline_dtype=torch.bfloat16,
        **recompute,
    )
    count = int(flags.get("--recompute-num-layers", 0))
    for again in plan["recomputed"]:
        assert again == [number < count for number in range(len(again))]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
