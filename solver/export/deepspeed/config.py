"""The JSON as values."""

from __future__ import annotations

from typing import Any

from solver.export.transformer.reading import Reading

LAYER_CLASS = "DecoderLayer"
"""What the classes of layers of a `PipelineModule` are called, as in Hugging Face's models."""


def config(reading: Reading) -> dict[str, Any]:
    """The configuration; `refusals` has found nothing."""
    train = reading.saved.spec.train
    found: dict[str, Any] = {
        "train_batch_size": reading.size("b"),
        "train_micro_batch_size_per_gpu": reading.microbatch_size,
        "gradient_accumulation_steps": reading.microbatches,
        "zero_optimization": _zero(reading),
    }
    if train.precision.name != "fp32":
        found[train.precision.name] = {"enabled": True}
    if train.optimizer.gradient_bytes == 4:
        found["data_types"] = {"grad_accum_dtype": "fp32"}
    if reading.axes.degree("context") > 1:
        found["sequence_parallel_size"] = reading.axes.degree("context")
    if reading.stages > 1:
        found["pipeline"] = {"stages": reading.stages, "partition": f"type:{LAYER_CLASS}"}
    return found


def _zero(reading: Reading) -> dict[str, Any]:
    level = reading.storage.level
    found: dict[str, Any] = {"stage": level}
    if level:
        found["overlap_comm"] = reading.saved.spec.train.overlap != 0
    if level == 3:
        # Without this, small parameters stay whole on every device.
        found["stage3_param_persistence_threshold"] = 0
    return found
