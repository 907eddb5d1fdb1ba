"""Numbers of a whole step that every device shares until it states its own."""

from __future__ import annotations

STEP: dict[str, float] = {
    # overlap.py
    "overlap_slowdown": 0.161,
    # share of tensor-parallel collectives that kernels cut in pieces hide
    "tensor_overlap": 0.452,
    "tensor_async": 0.352,
    # passes over memory of chains that are not fused, by those that are
    "eager_passes": 3.22,
    "early_passes": 1.44,
    # random numbers per second of a dropout kernel
    "dropout_per_s": 149000000000.0,
    # attention kernels of PyTorch by those of the vendor
    "attention_portable": 1.27,
    # ZeRO-3 by broadcasts: share of one network card's rate
    "deepspeed_rail": 0.756,
    # share of compute that its messages do not hide
    "deepspeed_exposed": 0.438,
    # passes over logits by those of `head.py`
    "loss_passes": 0.909,
    # share of a layer's forward that selective recompute of PyTorch modules repeats
    "selective_share": 0.466,
    # every owner's broadcast of its updated parameters
    "broadcast_s": 0.00315,
    # host.py
    "host_step_s": 0.00885,
    "host_update_layer_s": 0.00583,
    "host_layer_s": 0.000999,
    "host_eager": 1.8,
    "host_backward_ratio": 1.3,
    "host_collective_s": 0.01e-3,
    "host_rank_s": 0.0,
    "pipeline_wait_s": 0.0045,
    "pipeline_wait_rank_s": 0.0017,
    "pipeline_wait_pair_s": 5.6e-05,
    "stall_s": 0.5,
    # share of a device's memory beyond which the allocator gives back and takes again
    "memory_full": 0.93,
    "optimizer_passes": 2.43,
}
