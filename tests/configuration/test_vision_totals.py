"""Published totals of vision and vision+language models, part by part.

Layers are those of `Architecture`, from the row's own sizes; what stands around them (patches,
positions, projections, mergers, gates) is counted here, as the released configurations have it.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from solver.configuration.architecture import Architecture

DATA = Path(__file__).resolve().parents[1] / "data"
CHANNELS, TILES, TILINGS = 3, 4, 9
Row = dict[str, str]
Part = Callable[[Row], int]


def tower(row: Row, **changes: object) -> Architecture:
    """Encoder layers of a row: no gate, biases everywhere, layer norms."""
    hidden, heads = int(row["hidden"]), int(row["heads"])
    plain = Architecture(
        layers=int(row["layers"]),
        hidden=hidden,
        ffn=int(row["ffn"]),
        heads=heads,
        kv_heads=heads,
        head_dim=hidden // heads,
        vocab=0,
        glu=False,
        tied=True,
        norm="layer",
        positions="none",
        linear_bias=True,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def decoder(
    layers: int, hidden: int, ffn: int, heads: tuple[int, int], vocab: int, **changes: object
) -> Architecture:
    """A Llama-like decoder; `heads` of queries and of keys."""
    plain = Architecture(layers, hidden, ffn, *heads, hidden // heads[0], vocab)
    return replace(plain, **changes)  # type: ignore[arg-type]


def projector(*widths: int) -> int:
    """Linear layers with biases one behind the other."""
    return sum((one + 1) * other for one, other in pairwise(widths))


def classifier(patch: int) -> Part:
    """ViT: patches with a bias, a class token, positions, a norm, 1,000 classes."""

    def part(row: Row) -> int:
        t, tokens = tower(row), int(row["tokens"])
        ends = (CHANNELS * patch**2 + 1 + 1 + tokens) * t.hidden + projector(t.hidden, 1000)
        return t.layers * t.dense_layer_params + t.norm_params + ends

    return part


def clip_vision(patch: int, projected: int) -> Part:
    """CLIP's tower: patches, a class token, positions, norms at both ends, a projection."""

    def part(row: Row) -> int:
        t, tokens = tower(row), int(row["tokens"])
        ends = (CHANNELS * patch**2 + 1 + tokens + projected) * t.hidden
        return t.layers * t.dense_layer_params + 2 * t.norm_params + ends

    return part


def clip_text(projected: int) -> Part:
    """CLIP's text tower: a table of words, positions, a projection."""

    def part(row: Row) -> int:
        t = tower(row, vocab=49408, positions="learned", max_seq=int(row["tokens"]))
        return t.params + projected * t.hidden

    return part


def qwen_vision(width: int) -> Part:
    """Patches of two frames; the merger of 2 x 2 tokens behind a norm."""

    def part(row: Row) -> int:
        t = tower(row)
        patches = CHANNELS * 2 * 14**2 * t.hidden
        merger = t.norm_params + projector(4 * t.hidden, 4 * t.hidden, width)
        return t.layers * t.dense_layer_params + patches + merger

    return part


def tiled_vision(row: Row) -> int:
    """Llama 3.2: attention without biases, two gates in each of 8 global layers; positions in a
    tile and, per tiling, in all tiles, before and behind the layers, behind gates."""
    t = tower(row)
    attention = t.attention_params - 4 * t.hidden
    layers = t.layers * (attention + 2 * t.norm_params + t.dense_ffn_params) + 8 * 2
    in_tile = int(row["tokens"]) // TILES * t.hidden
    positions = in_tile * (1 + TILINGS * TILES) + 1 + 2 * (TILINGS * TILES * t.hidden + 1)
    return layers + (CHANNELS * 14**2 + 1) * t.hidden + positions + 2 * t.norm_params


def crossed(plain: Architecture, cross: int) -> int:
    """A decoder with 8 more rows of its table, and `cross` layers that attend to the image: norms
    of queries and keys, two gates."""
    layer = replace(plain, qk_norm=True).dense_layer_params + 2
    return plain.params + 8 * plain.hidden + cross * layer


def stated(count: int) -> Part:
    """A part whose sizes stand in its name."""
    return lambda _: count


QWEN = {"qkv_bias": True}
LLAMA_8B = decoder(32, 4096, 14336, (32, 8), 128256)
LLAMA_70B = decoder(80, 8192, 28672, (64, 8), 128256)
MODELS: dict[str, tuple[Part, ...]] = {
    "vit-b16-224": (classifier(16),),
    "vit-l16-224": (classifier(16),),
    "vit-h14-224": (classifier(14),),
    "clip-vit-b32": (clip_vision(32, 512), clip_text(512)),
    "clip-vit-l14": (clip_vision(14, 768), clip_text(768)),
    "llava-1.5-7b": (
        clip_vision(14, 0),
        stated(projector(1024, 4096, 4096)),
        stated(decoder(32, 4096, 11008, (32, 32), 32064).params),
    ),
    "qwen2-vl-2b": (
        qwen_vision(1536),
        stated(decoder(28, 1536, 8960, (12, 2), 151936, tied=True, **QWEN).params),
    ),
    "qwen2-vl-7b": (
        qwen_vision(3584),
        stated(decoder(28, 3584, 18944, (28, 4), 152064, **QWEN).params),
    ),
    "qwen2-vl-72b": (
        qwen_vision(8192),
        stated(decoder(80, 8192, 29568, (64, 8), 152064, **QWEN).params),
    ),
    "llama-3.2-11b-vision (base, 448px)": (
        tiled_vision,
        stated(projector(7680, 4096)),
        stated(crossed(LLAMA_8B, 8)),
    ),
    "llama-3.2-11b-vision-instruct (560px)": (
        tiled_vision,
        stated(projector(7680, 4096)),
        stated(crossed(LLAMA_8B, 8)),
    ),
    "llama-3.2-90b-vision-instruct (560px)": (
        tiled_vision,
        stated(projector(7680, 8192)),
        stated(crossed(LLAMA_70B, 20)),
    ),
}
LOGIT_SCALE = ("clip-vit-b32", "clip-vit-l14")


def published() -> dict[str, list[Row]]:
    """Rows of the table by model, in its order."""
    lines = (DATA / "model_defs_vlm.csv").read_text(encoding="utf-8").splitlines()
    found: dict[str, list[Row]] = {}
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        found.setdefault(row["model"], []).append(row)
    return found


def test_every_model_of_the_table_is_counted() -> None:
    assert list(published()) == list(MODELS)


@pytest.mark.parametrize("model", MODELS)
def test_published_total(model: str) -> None:
    """Every part, and their sum; CLIP has one number more that scales its logits."""
    *rows, total = published()[model]
    counts = [part(row) for part, row in zip(MODELS[model], rows or [total], strict=True)]
    if rows:
        assert counts == [int(row["params"]) for row in rows]
    whole = sum(counts) + (model in LOGIT_SCALE)
    assert whole == int(total["official_total"] or total["params"])
