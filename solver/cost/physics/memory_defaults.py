"""Numbers of the memory terms that every device shares until it states its own."""

from __future__ import annotations

MEMORY: dict[str, float] = {
    # memory_terms/reserve.py: share of activations, GiB beside them, GiB outside the allocator
    "fragmentation": 0.06,
    # ... and what stays of it, and of what waits for a stream, when memory is short
    "reserve_kept": 0.2,
    "held_kept": 0.4,
    "workspace_bytes": 0.25 * 2**30,
    "context_bytes": 1.5 * 2**30,
    "driver_bytes": 2.5 * 2**30,
    # memory_terms/gathered.py: fitted to nanotron's runs
    "gathers_held": 0.75,
    "host_layer_s_per_tensor_rank": 2.5e-3,
    "gather_rate": 0.5,
}
