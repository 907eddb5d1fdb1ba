"""The flags of the plan: degrees, stages, micro-batches, storage, recomputation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from solver.export.transformer.ranks import Numbering, Positions, positions, rank_refusals
from solver.export.transformer.reading import Reading, layers_of

WHO = "Megatron-LM"
MAPPINGS: Mapping[str, Numbering] = {
    "": Numbering(
        ("stages", "data", "context", "tensor"),
        ("stages", "expert_data", "expert", "expert_tensor"),
    ),
    "--use-tp-pp-dp-mapping": Numbering(
        ("data", "stages", "context", "tensor"),
        ("expert_data", "stages", "expert", "expert_tensor"),
    ),
}
"""Flag -> how ranks are numbered. With the flag, stages are inside data parallelism."""
_FSDP = (
    "--use-megatron-fsdp",
    "--no-gradient-accumulation-fusion",
    "--ckpt-format fsdp_dtensor",
)


def parallelism_flags(reading: Reading) -> Iterator[str]:
    """All flags that the plan decides; `refusals` has found nothing."""
    axes = reading.axes
    yield f"--tensor-model-parallel-size {axes.degree('tensor')}"
    if axes.degree("tensor") > 1 and axes.sequence_parallel:
        yield "--sequence-parallel"
    yield f"--context-parallel-size {axes.degree('context')}"
    if axes.degree("context") > 1:
        kind = "all_gather" if axes.context == "gathered" else "a2a"
        yield f"--cp-comm-type {kind}"
    if axes.experts:
        yield f"--expert-model-parallel-size {axes.degree('expert')}"
        yield f"--expert-tensor-parallel-size {axes.degree('expert_tensor')}"
        yield "--moe-token-dispatcher-type alltoall"
    yield from _pipeline(reading)
    yield f"--micro-batch-size {reading.microbatch_size}"
    yield f"--global-batch-size {reading.size('b')}"
    yield from _storage(reading)
    count = prefix(reading)
    if count:
        yield "--recompute-granularity full"
        yield "--recompute-method block"
        yield f"--recompute-num-layers {count}"


def layout(reading: Reading) -> str:
    """The layers of every chunk, `E` embedding, `t` layer, `L` head and loss: chunk k of the model
    is the k-th entry, which is how Megatron-LM numbers them too."""
    chunks = ["t" * len(layers_of(chunk)) for chunk in reading.chunks()]
    chunks[0] = "E" + chunks[0]
    chunks[-1] += "L"
    return "|".join(chunks)


def mapping(reading: Reading) -> str | None:
    """The flag of the mapping of ranks that fits (none: an empty text); None where neither does."""
    plan = reading.saved.plan
    for flag, order in MAPPINGS.items():
        if not any(rank_refusals(plan, rank_positions(reading, order), WHO)):
            return flag
    return None


def rank_positions(reading: Reading, numbering: Numbering) -> list[Positions]:
    """Where a mapping of ranks has every sub-axis."""
    axes = reading.axes
    return positions(reading.saved.plan, numbering, axes.roles, axes.experts)


def prefix(reading: Reading) -> int:
    """How many first layers the chunk with the most of them recomputes, before one it does not."""
    again = reading.saved.plan.recomputed
    most = 0
    for chunk in reading.chunks():
        flags = [again[unit.name] for unit in layers_of(chunk)]
        most = max(most, flags.index(False) if False in flags else len(flags))
    return most


def _pipeline(reading: Reading) -> Iterator[str]:
    yield f"--pipeline-model-parallel-size {reading.stages}"
    if reading.stages > 1:
        yield f"--pipeline-model-parallel-layout {layout(reading)}"
        if flag := mapping(reading):
            yield flag


def _storage(reading: Reading) -> Iterator[str]:
    train, level = reading.saved.spec.train, reading.storage.level
    if level:
        yield "--use-distributed-optimizer"
    if level > 1:
        strategy = "optim_grads" if level == 2 else "optim_grads_params"
        yield from _FSDP
        yield f"--data-parallel-sharding-strategy {strategy}"
    if train.overlap != 0:
        yield "--overlap-grad-reduce"
        if level:
            yield "--overlap-param-gather"
