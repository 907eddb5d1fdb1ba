"""Numbers of a whole step that every device shares until it states its own."""

from __future__ import annotations

STEP: dict[str, float] = {
    # overlap.py
    "overlap_slowdown": 0.173,
    # share of tensor-parallel collectives that kernels cut in pieces hide
    "tensor_overlap": 0.468,
    "tensor_async": 0.359,
    # passes over memory of chains that are not fused, by those that are
    "eager_passes": 3.29,
    "early_passes": 1.38,
    # random numbers per second of a dropout kernel
    "dropout_per_s": 184000000000.0,
    # attention kernels of PyTorch by those of the vendor
    "attention_portable": 1.26,
    # ZeRO-3 by broadcasts: share of one network card's rate
    "deepspeed_rail": 0.753,
    # share of compute that its messages do not hide
    "deepspeed_exposed": 0.43,
    # passes over logits by those of `head.py`
    "loss_passes": 0.821,
    # share of a layer's forward that selective recompute of PyTorch modules repeats
    "selective_share": 0.47,
    # every owner's broadcast of its updated parameters
    "broadcast_s": 0.00313,
    # host.py
    "host_step_s": 0.0091,
    "host_update_layer_s": 0.00543,
    "host_layer_s": 0.000993,
    "host_eager": 1.82,
    "host_backward_ratio": 1.32,
    "host_collective_s": 0.01e-3,
    "host_rank_s": 0.0,
    "pipeline_wait_s": 0.0052,
    "pipeline_wait_rank_s": 0.00148,
    "pipeline_wait_pair_s": 5.22e-05,
    "stall_s": 0.5,
    # share of a device's memory beyond which the allocator gives back and takes again
    "memory_full": 0.93,
    "optimizer_passes": 2.5,
}
