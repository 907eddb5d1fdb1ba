"""Element types of tensors."""

from __future__ import annotations

from dsl.resolve.report import Reporter
from dsl.suggest import did_you_mean
from dsl.syntax import Name

ELEMENT_BYTES: dict[str, float] = {
    "bool": 1.0,
    "int4": 0.5,
    "int8": 1.0,
    "uint8": 1.0,
    "int16": 2.0,
    "int32": 4.0,
    "int64": 8.0,
    "fp4": 0.5,
    "fp8": 1.0,
    "fp16": 2.0,
    "bf16": 2.0,
    "tf32": 4.0,
    "fp32": 4.0,
    "fp64": 8.0,
}


def element_bytes(dtype: Name, report: Reporter) -> float:
    """Bytes of one element; Errors (MMP314) for an unknown type."""
    size = ELEMENT_BYTES.get(dtype.text)
    if size is None:
        hint = did_you_mean(dtype.text, ELEMENT_BYTES) or "known are " + ", ".join(ELEMENT_BYTES)
        message = f"unknown element type `{dtype.text}`"
        raise report.error("MMP314", message, dtype.span, hint=hint)
    return size
