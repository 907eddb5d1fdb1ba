"""The text of `mmp_plan.py`: a function that torchtitan calls by name, and what it is made from."""

from __future__ import annotations

import math
from collections.abc import Mapping

from solver.export.torchtitan.pipeline import built_in_name, modules
from solver.export.torchtitan.refusals import roles
from solver.export.transformer.reading import Reading

_TEXT = '''"""A plan as a configuration of torchtitan 0.3.0, by `mmp export --to torchtitan`.

Run it with `--module mmp_plan --config plan` on {devices} devices, this folder on PYTHONPATH. Data,
tokenizer, optimizer and checkpoints are torchtitan's defaults: change them in `plan` or by flags.
The base of the rotary positions is no part of a plan: set ROPE_THETA to the model's.
"""

from pathlib import Path

from torchtitan.components.loss import CrossEntropyLoss
from torchtitan.config import ParallelismConfig, TrainingConfig
from torchtitan.distributed.activation_checkpoint import FullAC
from torchtitan.distributed.pipeline_parallel import pipeline_llm
from torchtitan.models.common import ComplexRoPE, Embedding, Linear, RMSNorm
from torchtitan.models.llama3 import (
    _EMBEDDING_INIT,
    _NORM_INIT,
    Llama3Model,
    Llama3StateDictAdapter,
    _build_llama3_layers,
    _output_linear_init,
    parallelize_llama,
)
from torchtitan.protocols.model_spec import ModelSpec
from torchtitan.trainer import Trainer

HERE = Path(__file__).parent
ROPE_THETA = 500000
MODULES = [
{modules}
]
"""The modules of every chunk, in the order of the model."""


def model() -> Llama3Model.Config:
    """The decoder of the spec."""
    return Llama3Model.Config(
        dim={hidden},
        vocab_size={vocabulary},
        enable_weight_tying={tied},
        tok_embeddings=Embedding.Config(
            num_embeddings={vocabulary}, embedding_dim={hidden}, param_init=_EMBEDDING_INIT
        ),
        norm=RMSNorm.Config(normalized_shape={hidden}, param_init=_NORM_INIT),
        lm_head=Linear.Config(
            in_features={hidden},
            out_features={vocabulary},
            param_init=_output_linear_init({hidden}),
        ),
        layers=_build_llama3_layers(
            n_layers={layers},
            dim={hidden},
            n_heads={heads},
            n_kv_heads={groups},
            hidden_dim={ffn},
            rope=ComplexRoPE.Config(
                dim={head_size}, max_seq_len={sequence}, theta=ROPE_THETA, scaling="none"
            ),
            attn_backend="flex",
        ),
    )


def parallelism() -> ParallelismConfig:
    """Degrees, stages and their order."""
    return ParallelismConfig(
        data_parallel_replicate_degree={replicate},
        data_parallel_shard_degree={shard},
        fsdp_reshard_after_forward="always",
        context_parallel_degree={context},
        tensor_parallel_degree={tensor},
        enable_sequence_parallel={sequence_parallel},
        spmd_backend="partial_dtensor",
        pipeline_parallel_degree={stages},
{pipeline}    )


def plan() -> Trainer.Config:
    """The configuration of a run."""
    return Trainer.Config(
        loss=CrossEntropyLoss.Config(global_vocab_size={vocabulary}),
        model_spec=ModelSpec(
            name="llama3",
            flavor="mmp",
            model=model(),
            parallelize_fn=parallelize_llama,
            pipelining_fn=pipeline_llm,
            post_optimizer_build_fn=None,
            state_dict_adapter=Llama3StateDictAdapter,
        ),
        training=TrainingConfig(
            local_batch_size={local_batch},
            global_batch_size={batch},
            seq_len={sequence},
            disable_cuda_graphs=True,
        ),
        parallelism=parallelism(),
        activation_checkpoint={recompute},
    )
'''
_PIPELINE = """        pipeline_parallel_schedule="{name}",
        pipeline_parallel_schedule_csv=str(HERE / "schedule.csv"),
        pipeline_parallel_microbatch_size={microbatch},
        module_fqns_per_model_part=MODULES,
"""


def config_text(reading: Reading) -> str:
    """The module; `refusals` has found nothing."""
    microbatch, stages = reading.microbatch_size, reading.stages
    pipeline = ""
    if stages > 1:
        name = built_in_name(reading.saved)
        pipeline = _PIPELINE.format(name=name, microbatch=microbatch)
    chunks = modules(reading.saved, reading.decoder)
    lines = [f"    [{', '.join(repr(name) for name in chunk)}]," for chunk in chunks]
    return _TEXT.format(
        **_sizes(reading),
        **_degrees(reading),
        devices=reading.saved.spec.mesh.devices,
        modules="\n".join(lines).replace("'", '"'),
        sequence_parallel=reading.axes.sequence_parallel or reading.axes.degree("tensor") == 1,
        stages=stages,
        pipeline=pipeline,
        local_batch=microbatch * (reading.microbatches if stages > 1 else 1),
        recompute=_recompute(reading),
    )


def _sizes(reading: Reading) -> Mapping[str, object]:
    operators = reading.saved.plan.wiring.operators
    table = operators[reading.decoder.first[0].operators[0]]
    head = operators[reading.decoder.last[1].operators[0]]
    groups = reading.size("g", "attn.q")
    return {
        "hidden": reading.size("d"),
        "vocabulary": next(i.size for i in head.indices if i.name == "v"),
        "tied": table.inputs[1].tensor == head.inputs[1].tensor,
        "layers": len(reading.decoder.layers),
        "heads": groups * reading.size("r", "attn.q"),
        "groups": groups,
        "head_size": reading.size("k", "attn.q"),
        "ffn": reading.size("f", "mlp.gate"),
        "sequence": reading.size("s"),
        "batch": reading.size("b"),
    }


def _degrees(reading: Reading) -> Mapping[str, int]:
    sizes = {part.name: part.size for part in reading.axes.parts}
    of = roles(reading)
    return {
        kind: math.prod(sizes[name] for name, role in of.items() if role == kind)
        for kind in ("replicate", "shard", "context", "tensor")
    }


def _recompute(reading: Reading) -> str:
    first = reading.decoder.layers[0].name
    return "FullAC.Config()" if reading.saved.plan.recomputed[first] else "None"
