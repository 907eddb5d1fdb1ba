"""The model of a row: by its name, by the sizes its notes state, by optional columns.

Sizes are looked up in this order, the first that says something wins: a column of the table
(`layers`, `hidden`, ...), a note (`layers=24 hidden=1024 vocab~50257`), the name itself
(`GPT-l24-h1024`, `... with 2 layers`), the preset of the standard library that the name means, and
the customs of the family that the name speaks of: GPT-like models have feed-forward blocks of four
times the hidden size without a gate, biases, learned positions and one table for embedding and
head; Llama-like ones a gate and none of these.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from solver.configuration.architecture import Architecture
from solver.configuration.cells import RowError, flag, whole
from solver.configuration.families import GPT, LLAMA
from solver.configuration.known import known_architectures
from solver.configuration.names import preset_name

WHOLE = (
    "layers",
    "hidden",
    "ffn",
    "heads",
    "kv_heads",
    "head_dim",
    "vocab",
    "experts",
    "topk",
    "moe_ffn",
    "shared_ffn",
    "dense_layers",
)
FLAGS = {"glu": "glu", "tied_embeddings": "tied"}
NOTED = re.compile(r"\b(\w+)[=~](\d+)\b")
NAMED = (
    (re.compile(r"-l(\d+)\b", re.IGNORECASE), "layers"),
    (re.compile(r"-h(\d+)\b", re.IGNORECASE), "hidden"),
    (re.compile(r"\bwith (\d+) layers\b"), "layers"),
)
MOST_LAYERS = 10_000
GPT_VOCAB, LLAMA_VOCAB = 50257, 32000
CUSTOMS = (
    (re.compile(r"\bmpt"), GPT | {"vocab": 50368}),
    (re.compile(r"gpt|megatron|turing|opt-|bloom"), GPT),
    (re.compile(r"llama|qwen|mistral|mixtral|intern|yi-|deepseek|moe"), LLAMA),
)
# The bracket of a name, or a note, that adds modules of multi-token prediction.
PREDICTION = re.compile(r"\bw(ith|/) ?MTP\b", re.IGNORECASE)
HYBRID = re.compile(r"nemotron[ -]?(v3|3|h)\b|mamba|jamba|qwen3[ -]?next|griffin", re.IGNORECASE)


def architecture_of(row: Mapping[str, str]) -> Architecture:
    """The model of a row; RowError where its sizes are nowhere."""
    name, notes = row.get("model", ""), row.get("notes", "")
    sizes = _sizes(row, name, notes)
    presets = known_architectures()
    preset = preset_name(name, frozenset(presets))
    if HYBRID.search(name) and "hidden" not in sizes:
        message = f"model `{name}` mixes attention with layers of another kind, which have no price"
        raise RowError(message)
    if preset is not None and sizes.get("hidden", presets[preset].hidden) == presets[preset].hidden:
        found = _changed(presets[preset], sizes)
    elif "layers" in sizes and "hidden" in sizes:
        found = _from_sizes(name, sizes, whole(row, "seq_len") or 0)
    else:
        known = "is not in the library, and its sizes (layers, hidden) are not given"
        raise RowError(f"model `{name}` {known}")
    _check(name, found)
    return replace(found, prediction_layers=1) if PREDICTION.search(f"{name} {notes}") else found


def _check(name: str, found: Architecture) -> None:
    """Refuse sizes that no model has."""
    ffn = found.moe_ffn if found.experts else found.ffn
    sizes = (found.hidden, found.heads, found.kv_heads, found.head_dim, found.vocab, ffn)
    if not 0 < found.layers <= MOST_LAYERS or min(sizes) < 1 or found.dense_layers > found.layers:
        raise RowError(f"model `{name}` has sizes that no model has")


def _sizes(row: Mapping[str, str], name: str, notes: str) -> dict[str, Any]:
    """What columns, notes and name state, under the names of `Architecture`."""
    found: dict[str, Any] = {}
    for pattern, key in NAMED:
        if match := pattern.search(name):
            found[key] = int(match[1])
    for key, value in NOTED.findall(notes):
        if key in WHOLE:
            found[key] = int(value)
    if match := re.search(r"\btied(=(\w+))?", notes):
        found["tied"] = (match[2] or "true").lower() == "true"
    for key in WHOLE:
        if (number := whole(row, key)) is not None:
            found[key] = number
    for column, key in FLAGS.items():
        if (value := flag(row, column)) is not None:
            found[key] = value
    return found


def _changed(preset: Architecture, sizes: Mapping[str, Any]) -> Architecture:
    """The preset with the stated sizes; a new number of heads splits the same projections."""
    changed = dict(sizes)
    if "heads" in sizes and sizes["heads"] != preset.heads and preset.latent is None:
        changed.setdefault("kv_heads", sizes["heads"])
        changed.setdefault("head_dim", preset.hidden // max(1, sizes["heads"]))
    return replace(preset, **changed)


def _from_sizes(name: str, sizes: Mapping[str, Any], seq_len: int) -> Architecture:
    """An architecture of the family that the name, or the gate, speaks of."""
    customs = _customs(name, sizes)
    given: dict[str, Any] = {**customs, **sizes}
    hidden = given["hidden"]
    heads = given.setdefault("heads", max(1, hidden // 128))
    given.setdefault("kv_heads", heads)
    given.setdefault("head_dim", hidden // max(1, heads))
    gated = given.get("glu", True)
    given.setdefault("vocab", LLAMA_VOCAB if gated else GPT_VOCAB)
    given.setdefault("ffn", -(-8 * hidden // 768) * 256 if gated else 4 * hidden)
    if given.get("positions") == "learned":
        given["max_seq"] = seq_len
    if given.get("experts"):
        given.setdefault("topk", 2)
        given.setdefault("moe_ffn", given["ffn"])
    return Architecture(**given)


def _customs(name: str, sizes: Mapping[str, Any]) -> Mapping[str, Any]:
    """What models of the family are like; without a family's name, GPT where nothing is gated."""
    for pattern, customs in CUSTOMS:
        if pattern.search(name.lower()):
            return customs
    gated = sizes.get("glu", "ffn" in sizes and sizes["ffn"] != 4 * sizes["hidden"])
    return LLAMA if gated or sizes.get("experts") else GPT
