"""What `tests.benchmarks.plans` solves: the examples, variants of them, and hand strategies.

Cases of one group share model, mesh and training settings. The `free` case of a group is pinned
nowhere; every plan of the others is also one of its plans, so it should never be worse.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FREE = "free"

LLAMA_8B = EXAMPLES / "llama3_8b.mmp"
LLAMA_70B = EXAMPLES / "llama3_70b_megatron.mmp"
MIXTRAL = EXAMPLES / "mixtral_8x7b.mmp"

ZERO = "import strategies.zero as zero"
DATA = "import strategies.data_parallel as data"
MEGATRON = "import strategies.megatron as megatron"

DEEPSEEK = """language 1
import hardware.nvidia (h100_sxm)
import models.deepseek (deepseek_v3)

mesh pod = h100_sxm[node: 32, gpu: 8]

model net = deepseek_v3(batch: 1024)

train {
  optimizer adamw
  precision bf16
  microbatches auto
  pipeline auto
  recompute auto
}

limit memory <= 76 GiB per device, reserve 4 GiB

minimize step_time
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One solve: a group, a name within it, and the text of the spec."""

    group: str
    name: str
    text: str


def cases() -> tuple[Case, ...]:
    """Every case, group by group, the free one of a group first."""
    return (
        *_group("Llama 3 8B", _unpinned(LLAMA_8B), _HANDS),
        *_group("Llama 3 70B", _unpinned(LLAMA_70B), _HANDS | _PIPELINED),
        Case("Mixtral 8x7B", FREE, _unpinned(MIXTRAL)),
        Case("Mixtral 8x7B", "mixtral_8x7b.mmp", MIXTRAL.read_text(encoding="utf-8")),
        Case("DeepSeek-V3", FREE, DEEPSEEK),
        *(_example(name) for name in ("qwen2_5_72b", "vision_language", "soft_pin")),
        *(_example(name) for name in ("measured_pipeline", "measured_zero_bubble")),
    )


def _example(name: str) -> Case:
    text = (EXAMPLES / f"{name}.mmp").read_text(encoding="utf-8")
    return Case(f"{name}.mmp", "as it stands", text)


_OPINIONS = ("pin ", "apply ", "import strategies.", "//")
_EVERYWHERE = "over: (node, gpu)"
_TENSOR = f"""{MEGATRON}
apply megatron.sequence_parallel(net.layers[*], over: gpu)
apply megatron.vocabulary_parallel(net, over: gpu)
"""

_HANDS = {
    "data parallel": ("1 stage", f"{DATA}\napply data.data_parallel(net, {_EVERYWHERE})\n"),
    "FSDP": ("1 stage", f"{ZERO}\napply zero.fsdp(net, {_EVERYWHERE})\n"),
    "Megatron TP 8 + SP": (
        "1 stage",
        f"{DATA}\n{_TENSOR}apply data.data_parallel(net, over: node)\n",
    ),
}
"""Name -> its `pipeline`, and imports and pins. The first leaves storage to the planner."""

_PIPELINED = {
    "Megatron TP 8 + SP, any pipeline": ("1..8 stages", _TENSOR),
    "the same, 4 stages 1F1B": ("4 stages one_f_one_b", _TENSOR),
    "the same, 8 stages 1F1B": ("8 stages one_f_one_b", _TENSOR),
}


def _group(group: str, free: str, hands: dict[str, tuple[str, str]]) -> tuple[Case, ...]:
    """The free case and each hand strategy: the same text with its pipeline, imports and pins."""
    narrowed = (Case(group, name, _pinned(free, *hand)) for name, hand in hands.items())
    return (Case(group, FREE, free), *narrowed)


def _unpinned(path: Path) -> str:
    """An example without its pins and strategies, with any pipeline."""
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(_OPINIONS)]
    return "\n".join("  pipeline auto" if "  pipeline " in x else x for x in kept) + "\n"


def _pinned(free: str, pipeline: str, pins: str) -> str:
    imports = [line for line in pins.splitlines() if line.startswith("import ")]
    rest = [line for line in pins.splitlines() if line not in imports]
    text = free.replace("pipeline auto", f"pipeline {pipeline}")
    text = text.replace("\nimport ", "\n" + "\n".join(imports) + "\nimport ", 1)
    return text + "\n".join(rest) + "\n"
