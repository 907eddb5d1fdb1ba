"""Numbers of a whole step that every device shares until it states its own."""

from __future__ import annotations

STEP: dict[str, float] = {
    # overlap.py
    "overlap_slowdown": 0.101,
    # share of tensor-parallel collectives that kernels cut in pieces hide
    "tensor_overlap": 0.57,
    # passes over memory of chains that are not fused, by those that are
    "eager_passes": 2.29,
    "early_passes": 1.65,
    # attention kernels of PyTorch by those of the vendor
    "attention_portable": 1.37,
    # ZeRO-3 by broadcasts: share of one network card's rate
    "deepspeed_rail": 0.738,
    # share of compute that its messages do not hide
    "deepspeed_exposed": 0.37,
    # passes over logits by those of `head.py`
    "loss_passes": 0.878,
    # share of a layer's forward that selective recompute of PyTorch modules repeats
    "selective_share": 0.492,
    # every owner's broadcast of its updated parameters
    "broadcast_s": 0.0028,
    # host.py
    "host_step_s": 0.0111,
    "host_update_layer_s": 0.0038,
    "host_layer_s": 0.000934,
    "host_eager": 1.87,
    "host_backward_ratio": 1.44,
    "host_collective_s": 0.01e-3,
    "host_rank_s": 0.0,
    "pipeline_wait_s": 4.8e-3,
    "pipeline_wait_rank_s": 1.75e-3,
    "pipeline_wait_pair_s": 0.056e-3,
    "hooked_wait_s": 0.52,
    "optimizer_passes": 1.06,
}
