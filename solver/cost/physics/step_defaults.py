"""Numbers of a whole step that every device shares until it states its own."""

from __future__ import annotations

STEP: dict[str, float] = {
    # overlap.py
    "overlap_slowdown": 0.117,
    # share of tensor-parallel collectives that kernels cut in pieces hide
    "tensor_overlap": 0.53,
    # passes over memory of chains that are not fused, by those that are
    "eager_passes": 3.0,
    "early_passes": 1.45,
    # random numbers per second of a dropout kernel
    "dropout_per_s": 142000000000.0,
    # attention kernels of PyTorch by those of the vendor
    "attention_portable": 1.34,
    # ZeRO-3 by broadcasts: share of one network card's rate
    "deepspeed_rail": 0.737,
    # share of compute that its messages do not hide
    "deepspeed_exposed": 0.393,
    # passes over logits by those of `head.py`
    "loss_passes": 0.892,
    # share of a layer's forward that selective recompute of PyTorch modules repeats
    "selective_share": 0.513,
    # every owner's broadcast of its updated parameters
    "broadcast_s": 0.00298,
    # host.py
    "host_step_s": 0.0103,
    "host_update_layer_s": 0.00412,
    "host_layer_s": 0.000967,
    "host_eager": 1.83,
    "host_backward_ratio": 1.38,
    "host_collective_s": 0.01e-3,
    "host_rank_s": 0.0,
    "pipeline_wait_s": 4.8e-3,
    "pipeline_wait_rank_s": 1.75e-3,
    "pipeline_wait_pair_s": 0.056e-3,
    "stall_s": 0.5,
    # share of a device's memory beyond which the allocator gives back and takes again
    "memory_full": 0.93,
    "optimizer_passes": 1.11,
}
