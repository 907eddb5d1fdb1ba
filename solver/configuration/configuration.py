"""One known training configuration: what a row of a table says, with every default settled.

Nothing here is searched. Facts about the software are fields of their own (`runtime`, `compiled`,
`attention` ...), so that no rule asks where a row comes from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from solver.configuration.architecture import Architecture

Shard = Literal["none", "zero1", "zero2", "zero3"]
Recompute = Literal["none", "selective", "full"]
Schedule = Literal[
    "none", "1f1b", "interleaved", "gpipe", "zb-1p", "zb-2p", "zb-v", "zb-vhalf", "zb-vmin"
]
Precision = Literal["fp32", "tf32", "fp16", "bf16", "fp8", "fp8-block", "fp8-mx", "fp4"]
Attention = Literal["flash", "unfused"]
# `megatron`: static graph of fused modules, one optimizer call; `fsdp`: PyTorch FSDP/FSDP2;
# `deepspeed`: ZeRO engine around Megatron-like models; `nanotron`: eager modules, DDP buckets;
# `internevo`: eager modules with flash kernels, hybrid ZeRO.
Runtime = Literal["megatron", "fsdp", "deepspeed", "nanotron", "internevo"]


@dataclass(frozen=True, slots=True)
class Configuration:
    """Degrees multiply to `devices` = tp x pp x cp x dp; `ep` lives inside dp x cp (x tp).

    `device` names one of the hardware library; `devices_per_node` are joined by the inner link.
    `shard_group` is the number of ranks that share one copy of what `shard` says (1: none).
    """

    architecture: Architecture
    device: str
    devices: int
    devices_per_node: int
    precision: Precision
    seq_len: int
    global_batch: int
    micro_batch: int
    tp: int = 1
    pp: int = 1
    vp: int = 1
    cp: int = 1
    ep: int = 1
    etp: int = 1
    dp: int = 1
    shard: Shard = "none"
    shard_group: int = 1
    sequence_parallel: bool = False
    # `full`: every layer; `selective`: the attention core; every `recompute_every`-th layer of it.
    recompute: Recompute = "none"
    recompute_every: int = 1
    # False: nobody said; memory then takes the least that fits.
    recompute_known: bool = True
    schedule: Schedule = "1f1b"
    attention: Attention = "flash"
    # bytes per element of the accumulated gradient, and of what is reduced
    main_gradient_bytes: int = 4
    reduced_gradient_bytes: int = 4
    # What may run beside compute.
    overlap_gradients: bool = True
    overlap_gathers: bool = True
    overlap_tensor: bool = False
    overlap_pipeline: bool = False
    runtime: Runtime = "megatron"
    # Pointwise chains are one kernel each (torch.compile or hand-written fusions).
    compiled: bool = True
    cuda_graphs: bool = False
    # Parameters are sharded one by one and copied out of gathered buffers and into reduced ones.
    gather_copies: bool = False
    # Attention and linear layers come from the device's vendor (Transformer Engine).
    vendor_kernels: bool = True
    # Gathers of sharded parameters carry FP8 bytes.
    fp8_gather: bool = False
    # Software release as printed ("25.11", "25.04.02"); empty: unknown.
    release: str = ""
    # Precision of the experts' products, where it is not that of the linear layers.
    expert_precision: Precision | None = None
    # Mixture of experts: tokens beyond an equal share are dropped; tokens routed evenly by force.
    token_drop: bool = False
    forced_balance: bool = False
    # Layers of multi-token prediction behind the last layer.
    mtp_layers: int = 0
    # The embedding's and the head's stages have this many layers fewer than the others.
    end_stage_layers_fewer: int = 0
    # The kind of network between nodes ("efa"); empty: the device's own.
    network: str = ""
    # Bytes/s per device and direction between nodes, where the row says so; None: the device's.
    inter_node_bytes_per_s: float | None = None
    activations_offloaded: bool = False
    # Only small adapters learn (LoRA): no weight gradient, main gradient or optimizer of the rest.
    frozen_base: bool = False

    @property
    def micro_batches(self) -> int:
        """Micro-batches per step and pipeline, the last perhaps not full."""
        return max(1, -(-self.global_batch // (self.dp * self.micro_batch)))

    @property
    def tokens_per_micro_batch(self) -> float:
        """Tokens of one micro-batch on one device at a layer's input, before a split by tp."""
        return self.micro_batch * self.seq_len / self.cp

    @property
    def activation_bytes(self) -> int:
        """Bytes per element of an activation between layers."""
        return 4 if self.precision in ("fp32", "tf32") else 2
