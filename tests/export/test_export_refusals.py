"""One change of a plan that a framework takes, and what it says then."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dsl.diagnostic import DiagnosticError
from solver.export.saved import SavedPlan
from tests.export.saved_cases import CASES, Change, changed, on_one_device, with_mesh

LAYER = "net.layers[1]"


def cuts(name: str, **to: str) -> Change:
    def change(document: dict[str, Any]) -> None:
        document["operators"][name]["cuts"] = {index: parts.split() for index, parts in to.items()}

    return change


def tensor(name: str, partial: str, **to: str) -> Change:
    def change(document: dict[str, Any]) -> None:
        document["tensors"][name] = {
            "cuts": {index: parts.split() for index, parts in to.items()},
            "partial": partial.split(),
        }

    return change


def stored(name: str, fields: str, **to: str) -> Change:
    def change(document: dict[str, Any]) -> None:
        for field in fields.split():
            document["parameters"][name][field] = {d: parts.split() for d, parts in to.items()}

    return change


def everywhere(fields: str, part: str) -> Change:
    """All parameters are stored over one more sub-axis."""

    def change(document: dict[str, Any]) -> None:
        for entry in document["parameters"].values():
            for field in fields.split():
                entry[field] = {**entry[field], "d": [*entry[field].get("d", []), part]}

    return change


def unit(name: str, key: str, value: object) -> Change:
    def change(document: dict[str, Any]) -> None:
        for operator, entry in document["operators"].items():
            if operator == name or operator.startswith(f"{name}."):
                entry[key] = value

    return change


def earlier(phase: str, microbatch: int, stage: int) -> Change:
    """An operator of the last stage runs before all others of its stage."""

    def change(document: dict[str, Any]) -> None:
        for action in document["pipeline"]["schedule"]:
            if (action["phase"], action["microbatch"], action["stage"]) == (
                phase,
                microbatch,
                stage,
            ):
                action["start_s"] = action["end_s"] = -1.0

    return change


CHANGES = [
    ("megatron", "three_d", "an operator of a layer", cuts(f"{LAYER}.mlp.up", b="data.0")),
    ("megatron", "three_d", "a norm", cuts(f"{LAYER}.mlp.norm", b="data.0 tensor.0")),
    ("megatron", "three_d", "the head", cuts("net.head", b="data.0", s="tensor.0")),
    ("megatron", "three_d", "the queries", cuts("net.layers[0].attn.q", b="data.0")),
    ("megatron", "three_d", "gathers", tensor(f"{LAYER}.attn.norm", "", b="data.0", s="tensor.0")),
    ("megatron", "three_d", "sums", tensor(f"{LAYER}.attn.norm", "", b="data.0")),
    ("megatron", "three_d", "a stream", tensor(f"{LAYER}.mlp.out", "", b="data.0")),
    ("megatron", "three_d", "one state", stored("net.head.w", "optimizer_stored", v="tensor.0")),
    (
        "megatron",
        "three_d",
        "one norm",
        stored("net.norm.scale", "optimizer_stored", d="data.0 tensor.0"),
    ),
    ("megatron", "three_d", "an order", earlier("F", 3, 1)),
    ("megatron", "three_d", "a late layer", unit("net.layers[3]", "recompute", True)),
    ("megatron", "three_d", "the loss", unit("net.loss", "recompute", True)),
    ("megatron", "three_d", "the norm", unit("net.norm", "stage", 0)),
    (
        "megatron",
        "moe",
        "experts",
        cuts(f"{LAYER}.moe.experts.up", e="expert.0 expert.1", f="data.0"),
    ),
    ("torchtitan", "vee", "a layer", unit("net.layers[3]", "recompute", True)),
    ("torchtitan", "vee", "an order", earlier("F", 3, 0)),
    (
        "torchtitan",
        "vee",
        "storage",
        everywhere("stored gradients_stored optimizer_stored", "data.0"),
    ),
    ("torchtitan", "vee", "the loss", unit("net.loss", "chunk", 0)),
    ("deepspeed", "zero1", "storage", everywhere("stored gradients_stored", "data.0")),
    ("deepspeed", "zero1", "a layer", unit("net.layers[1]", "stage", 1)),
    ("deepspeed", "zero1", "an order", earlier("F", 3, 1)),
    (
        "deepspeed",
        "ulysses",
        "a core",
        cuts("net.layers[0].attn.o", b="data.0", s="context.0 context.1"),
    ),
    ("mindspore", "zero1", "an order", earlier("F", 3, 1)),
    ("mindspore", "zero1", "one parameter", stored("net.head.w", "optimizer_stored")),
    ("jax", "zero1", "storage", stored(f"{LAYER}.attn.y.w", "stored", r="data.0 data.1")),
]


def said(target: str, plan: SavedPlan) -> str:
    with pytest.raises(DiagnosticError) as caught:
        importlib.import_module(f"solver.export.{target}").export(plan)
    helps = [f"  help: {d.help}\n" if d.help else "" for d in caught.value.diagnostics]
    lines = [f"{d.span}: {d.code}: {d.message}\n" for d in caught.value.diagnostics]
    return "".join(line + help for line, help in zip(lines, helps, strict=True))


def test_changes(golden: Callable[[Path, str], None], tmp_path: Path) -> None:
    parts = []
    for target, name, what, change in CHANGES:
        found = said(target, changed(name, change))
        parts.append(f"== {target}, {name}: {what}\n{found}")
    for target, name, mesh in [
        ("megatron", "three_d", "tensor: 2, data: 2, stage: 2"),
        ("megatron", "moe", "expert: 4, data: 2"),
        ("torchtitan", "fsdp_tp", "tensor: 4, data: 2"),
        ("deepspeed", "zero1", "data: 4, stage: 2"),
        ("mindspore", "zero1", "data: 4, stage: 2"),
    ]:
        found = said(target, with_mesh(name, mesh, tmp_path))
        parts.append(f"== {target}, {name}: [{mesh}]\n{found}")
    golden(CASES / "refused" / "changes.txt", "".join(parts))


def test_every_subject_is_shown() -> None:
    texts = "".join(path.read_text() for path in (CASES / "refused").glob("*.txt"))
    assert [f"MMP73{n}" for n in range(6) if f"MMP73{n}" not in texts] == []


SIZES = "layers: 2, d_model: 64, heads: 8, head_dim: 8, ffn: 128, vocab: 256, batch: 2, seq: 32"
GROUPED = f"{SIZES}, kv_heads: 4"
MIXTURE = f"{GROUPED}, experts: 4, topk: 2"
BARE = """model bare(batch: int) {
  batch index b = batch
  index d = 64
  input x[b, d]
  repeat 2 as layers {
    y[b, d] = gelu(x[b, d])
    x = y
  }
  output x
}"""
LACKING = """model lacking(batch: int) {
  batch index b = batch
  index s = 32, d = 64, f = 128
  input x[b, s, d]
  repeat 2 as layers {
    block mlp {
      up[b, s, f] = matmul(x[b, s, d], param w[d, f])
      act[b, s, f] = gelu(up[b, s, f])
      down[b, s, d] = matmul(act[b, s, f], param w[f, d])
      out[b, s, d] = add(x[b, s, d], down[b, s, d])
    }
    x = mlp.out
  }
  output x
}"""
MODELS = [
    ("llama, tied", "import models.llama (llama)", f"llama({GROUPED}, tied: true)"),
    ("llama, norms", "import models.llama (llama)", f"llama({GROUPED}, qk_norm: true)"),
    ("llama, biases", "import models.llama (llama)", f"llama({GROUPED}, qkv_bias: true)"),
    ("gpt", "import models.gpt (gpt)", f"gpt({SIZES}, max_seq: 64)"),
    ("mixtral, shared", "import models.mixtral (mixtral)", f"mixtral({MIXTURE}, shared_ffn: 64)"),
    (
        "mixtral, gated",
        "import models.mixtral (mixtral)",
        f"mixtral({MIXTURE}, shared_ffn: 64, shared_gate: true)",
    ),
    ("gpt_neox", "import models.gpt_neox (gpt_neox)", f"gpt_neox({SIZES})"),
    ("bloom", "import models.gpt_like (bloom)", f"bloom({SIZES})"),
    ("nemotron", "import models.gpt_like (nemotron)", f"nemotron({GROUPED})"),
    ("layers of one operator", BARE, "bare(batch: 2)"),
    ("layers without a norm", LACKING, "lacking(batch: 2)"),
]


@pytest.mark.parametrize("target", ["megatron", "torchtitan"])
def test_models(target: str, golden: Callable[[Path, str], None], tmp_path: Path) -> None:
    """Decoders that a framework builds, with the flags of their layers; others by operator."""
    export = importlib.import_module(f"solver.export.{target}").export
    parts = []
    for name, imports, model in MODELS:
        plan = on_one_device(imports, model, tmp_path)
        try:
            files = export(plan)
            text = files.get("model.flags", "taken\n")
        except DiagnosticError as error:
            text = "".join(f"{d.code}: {d.message}\n" for d in error.diagnostics)
        parts.append(f"== {name}\n{text}")
    golden(CASES / "refused" / f"models.{target}.txt", "".join(parts))
