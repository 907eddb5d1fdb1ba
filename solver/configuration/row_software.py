"""What a row does not say of its software, by the customs of that software."""

from __future__ import annotations

import re
from collections.abc import Mapping

from solver.configuration.architecture import Architecture
from solver.configuration.cells import positive, text
from solver.configuration.configuration import Attention, Precision, Runtime
from solver.configuration.row_words import Sharding, release_of

CONTAINER = re.compile(r"^2\d\.\d\d")
EAGER = re.compile(r"\beager\b|nocompile|full_shard|no compile", re.IGNORECASE)
COMPILES = re.compile(r"\+ ?compile\b|torch\.compile", re.IGNORECASE)
RECENT = re.compile(r"[HB][1-38]00|GB[23]00|H20\b", re.IGNORECASE)
TENSOR = re.compile(r"\btp\b")
ASYNC_TENSOR = re.compile(r"async[- ]?tp|tp[- ]?async")
WIDE_GRADIENTS = re.compile(r"(fp32|float32) (main )?grad", re.IGNORECASE)
FLASH = re.compile(r"flash|sdpa|flexattn|fused attention|cudnn attention", re.IGNORECASE)


def is_compiled(runtime: Runtime, words: str) -> bool:
    """Megatron's modules are fused; PyTorch's are compiled unless a word says that they are not."""
    if runtime == "fsdp":
        return bool(COMPILES.search(words)) or not EAGER.search(words)
    return runtime == "megatron"


def drops_tokens(words: str) -> bool:
    """Whether tokens beyond an expert's share are dropped: where a word says so, and in the
    container releases up to 25.09, whose recipes did unless they say "dropless"."""
    lowered = words.lower()
    if "tokendrop" in lowered or "dropless" in lowered:
        return "dropless" not in lowered
    release = release_of(words)
    return bool(CONTAINER.match(release)) and release[:5] <= "25.09"


def attention_of(
    architecture: Architecture, device: str, precision: Precision, runtime: Runtime, words: str
) -> Attention:
    """Fused where a word says so. Unknown: not in FP16, nor in Megatron's GPT (learned positions)
    on devices before Hopper, whose fused kernel was softmax alone; fused elsewhere."""
    if FLASH.search(words):
        return "flash"
    early = device.startswith(("v100", "a100", "a800"))
    if precision == "fp16":
        return "unfused"
    if runtime == "megatron" and architecture.positions == "learned" and early:
        return "unfused"
    return "flash"


def gradient_bytes_of(
    precision: Precision, sharding: Sharding, runtime: Runtime, words: str
) -> int:
    """Gradients accumulate and travel in four bytes. In two where FP16 replicas are plain and no
    word says otherwise (Megatron-LM before its distributed optimizer), in InternEvo, and in the
    NeMo and Megatron-Bridge releases that carry a container's number (25.04 prints 44.27e9 bytes
    allocated for 8.03e9 parameters on 8 ranks: 2 + 2 + 12 / 8 each)."""
    plain = precision == "fp16" and sharding.level == "none" and not WIDE_GRADIENTS.search(words)
    container = runtime == "megatron" and CONTAINER.match(release_of(words))
    return 2 if plain or container or runtime == "internevo" else 4


def overlaps_of(row: Mapping[str, str], runtime: Runtime) -> dict[str, bool]:
    """What runs beside compute.

    A word says so (`dp,tp,pp`; `none`; `no gradient bucketing overlap`). Without one, gradients of
    PyTorch's, nanotron's and InternEvo's data parallelism overlap; Megatron's do not, whose option
    is off by default.
    """
    words = text(row, "overlap").lower()
    notes = text(row, "notes").lower()
    silent = (words.startswith("no") and not words.startswith("nano")) or "without overlap" in notes
    tensor = TENSOR.search(words) or (ASYNC_TENSOR.search(notes) and "vanilla tp" not in notes)
    recent = not words and runtime == "megatron" and bool(RECENT.search(text(row, "gpu")))
    sends = recent or bool(re.search(r"\bpp\b", words))
    gradients = not silent and (bool(words) or runtime != "megatron")
    return {
        "overlap_gradients": gradients,
        "overlap_gathers": gradients,
        "overlap_tensor": bool(tensor) and not silent,
        "overlap_pipeline": sends and (positive(row, "vp") or 1) > 1,
    }
