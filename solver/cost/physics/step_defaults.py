"""Numbers of a whole step that every device shares until it states its own."""

from __future__ import annotations

STEP: dict[str, float] = {
    # overlap.py
    "overlap_slowdown": 0.1,
    # share of tensor-parallel collectives that kernels cut in pieces hide
    "tensor_overlap": 0.6,
    # passes over memory of chains that are not fused, by those that are
    "eager_passes": 2.2,
    "early_passes": 1.5,
    # attention kernels of PyTorch by those of the vendor
    "attention_portable": 1.3,
    # ZeRO-3 by broadcasts: share of one network card's rate
    "deepspeed_rail": 0.73,
    # share of compute that its messages do not hide
    "deepspeed_exposed": 0.35,
    # passes over logits by those of `head.py`
    "loss_passes": 1.0,
    # share of a layer's forward that selective recompute of PyTorch modules repeats
    "selective_share": 0.5,
    # every owner's broadcast of its updated parameters
    "broadcast_s": 2.7e-3,
    # host.py
    "host_step_s": 0.011,
    "host_layer_s": 0.9e-3,
    "host_eager": 1.9,
    "host_backward_ratio": 1.5,
    "host_collective_s": 0.01e-3,
    "host_rank_s": 0.0,
    "pipeline_wait_s": 4.8e-3,
    "pipeline_wait_rank_s": 1.75e-3,
    "pipeline_wait_pair_s": 0.056e-3,
    "hooked_wait_s": 0.52,
    "optimizer_passes": 1.0,
}
