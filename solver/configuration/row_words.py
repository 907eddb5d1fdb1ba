"""The words of a row that say how it is run: precision, sharding, recompute, schedule, software.

A word is looked for wherever its author may have put it; nothing here knows where a row comes
from. What no word says is assumed as the docstrings state.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from solver.configuration.cells import RowError
from solver.configuration.configuration import Precision, Recompute, Runtime, Schedule, Shard

HOPPER_BLOCK: Precision = "fp8-block"
BLACKWELL_BLOCK: Precision = "fp8-mx"
PLAIN: tuple[Precision, ...] = ("fp8", "bf16", "fp16", "tf32", "fp32")


def precision_of(cell: str, device: str) -> Precision:
    """The precision of products. Unknown: BF16, or FP16 on devices that have no BF16.

    Scaling by blocks is that of the device: 128 values on Hopper, microscaling on Blackwell. A
    scale per row costs what one per block does.
    """
    words = cell.lower()
    blackwell = "b200" in device or "b300" in device
    if not words:
        return "fp16" if device == "v100" else "bf16"
    if "fp4" in words:
        return "fp4"
    if "rowwise" in words:
        return HOPPER_BLOCK
    if re.search(r"mx|subchannel|block|\bsc\b", words) and ("8" in words or "mx" in words):
        return BLACKWELL_BLOCK if blackwell else HOPPER_BLOCK
    for name in PLAIN:
        if name in words:
            return name
    if "float8" in words or "f8" in words:
        return "fp8"
    raise RowError(f"precision `{cell}` is not known")


def split_precision(cell: str, precision: Precision) -> tuple[Precision, Precision]:
    """The precisions of linear layers and of experts, where a word limits it to one of the two
    ("mxfp8 linears", "mxfp8 grouped gemm"): the other stays in BF16."""
    words = cell.lower()
    linears, experts = bool(LINEARS.search(words)), bool(GROUPED.search(words))
    if linears == experts:
        return precision, precision
    return (precision, "bf16") if linears else ("bf16", precision)


@dataclass(frozen=True, slots=True)
class Sharding:
    """What a word of the `shard` column says; `group` None: all ranks of data parallelism."""

    level: Shard
    group: int | None = None
    within_node: bool = False


LEVELS: tuple[tuple[re.Pattern[str], Shard], ...] = (
    (re.compile(r"^(none|zero-?0|ddp|no\b)"), "none"),
    (re.compile(r"zero-?3|full_shard|fsdp|hsdp|hybrid_shard"), "zero3"),
    (re.compile(r"zero-?2|shard_grad_op"), "zero2"),
    (re.compile(r"zero-?1|distributed|dist[_ -]?opt"), "zero1"),
)
LINEARS = re.compile(r"\blinears?\b")
GROUPED = re.compile(r"\bgrouped|\bexperts?\b")
GROUP = re.compile(r"(?:group|shard|size|degree)\s*=\s*(\d+)|(?:fsdp|hsdp)(\d+)\b(?!\()")


def sharding_of(cell: str) -> Sharding:
    """Level and group. Unknown: nothing is sharded."""
    words = cell.lower()
    if not words:
        return Sharding("none")
    for pattern, level in LEVELS:
        if pattern.search(words):
            match = GROUP.search(words)
            group = int(match[1] or match[2]) if match else None
            # `fsdp2` without a bracket is the second version of FSDP, not a group of two.
            if match and match[0] == "fsdp2":
                group = None
            within = bool(re.search(r"within node|hsdp(?!\d)|hybrid_shard", words))
            return Sharding(level, group, within)
    raise RowError(f"sharding `{cell}` is not known")


def recompute_of(cell: str) -> tuple[Recompute, int]:
    """What is recomputed, and in which layers: every n-th. Unknown: nothing."""
    words = cell.lower()
    every = re.search(r"every (\d+)", words)
    if every:
        return "full", int(every[1])
    if not words or words.startswith("none") or "or none" in words:
        return "none", 1
    if "full" in words:
        return "full", 1
    if "selective" in words or "sac" in words or "core" in words:
        return "selective", 1
    raise RowError(f"recompute `{cell}` is not known")


SCHEDULES: tuple[tuple[re.Pattern[str], Schedule], ...] = (
    (re.compile(r"zb-?v-?half|v-?half"), "zb-vhalf"),
    (re.compile(r"zb-?v-?min|v-?min"), "zb-vmin"),
    (re.compile(r"zb-?v"), "zb-v"),
    (re.compile(r"zb-?(h?2)"), "zb-2p"),
    (re.compile(r"zb-?(h?1)"), "zb-1p"),
    (re.compile(r"interleaved|1f1b-i\b|vpp"), "interleaved"),
    (re.compile(r"1f1b"), "1f1b"),
    (re.compile(r"gpipe|afab"), "gpipe"),
)


def schedule_of(cell: str, pp: int, vp: int) -> Schedule:
    """The order of micro-batches. Unknown: 1F1B, interleaved where a device has several chunks."""
    words = cell.lower()
    if pp == 1:
        return "none"
    if not words or words == "none":
        return "interleaved" if vp > 1 else "1f1b"
    for pattern, schedule in SCHEDULES:
        if pattern.search(words):
            return "interleaved" if schedule == "1f1b" and vp > 1 else schedule
    raise RowError(f"schedule `{cell}` is not known")


RUNTIMES: tuple[tuple[re.Pattern[str], Runtime], ...] = (
    (re.compile(r"nanotron"), "nanotron"),
    (re.compile(r"internevo|pack_sample|micro_num"), "internevo"),
    (re.compile(r"megatron|\bnemo\b"), "megatron"),
    (re.compile(r"zero3\(deepspeed|zero2\(deepspeed"), "deepspeed"),
    (re.compile(r"fsdp|hsdp|full_shard|shard_grad_op|hybrid_shard|torchtitan"), "fsdp"),
)


def runtime_of(words: str) -> Runtime:
    """The kind of software, from the framework's own terms. Unknown: like Megatron-LM."""
    lowered = words.lower()
    for pattern, runtime in RUNTIMES:
        if pattern.search(lowered):
            return runtime
    return "megatron"


RELEASE = re.compile(
    r"\brelease (\d+\.\d+(?:\.\d+)?)|\bv(\d\d\.\d\d(?:\.\d\d)?)\b"
    r"|\((\d\d\.\d\d)\)|\btorch (\d\.\d+)|\b(20\d\d-[01]\d)\b"
)


def release_of(words: str) -> str:
    """The release of the software as printed, empty where it is not."""
    match = RELEASE.search(words)
    return next((group for group in match.groups() if group), "") if match else ""
