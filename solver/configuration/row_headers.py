"""Other headers than the common one, rewritten to it.

Tables of pipeline schedules count stages and micro-batches and print samples per second:
`stages_p, microbatches_m, microbatch_b, samples_per_gpu_per_s, memory_gb` are
`pp, gbs / (dp mbs), mbs, step_time_s, peak_mem_gib` (PyTorch prints GiB and says GB). They compare
orders of the same work: in FP16, without recompute, unless a column says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

from solver.configuration.cells import number, positive, text


def with_common_header(row: Mapping[str, str]) -> Mapping[str, str]:
    """The row under the common column names; unchanged where it uses them."""
    pp = positive(row, "stages_p")
    if pp is None:
        return row
    mbs = positive(row, "microbatch_b") or 1
    devices = positive(row, "n_gpus") or pp
    samples = (positive(row, "microbatches_m") or 1) * mbs * (devices // pp)
    renamed = {"pp": str(pp), "mbs": str(mbs), "gbs": str(samples)}
    if rate := number(row, "samples_per_gpu_per_s"):
        renamed["step_time_s"] = repr(samples / (rate * devices))
    if memory := number(row, "memory_gb"):
        renamed["peak_mem_gib"] = repr(memory)
    if not text(row, "precision"):
        renamed["precision"] = "fp16"
    if not text(row, "recompute"):
        renamed["recompute"] = "none"
    return {**row, **renamed, "notes": text(row, "notes")}
