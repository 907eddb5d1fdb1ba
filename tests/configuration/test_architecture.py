"""Parameter counts: published totals, by the formulas of `Architecture` and from the library."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from solver.configuration.architecture import padded_vocab
from solver.configuration.known import known_architectures
from solver.configuration.names import preset_name

DATA = Path(__file__).resolve().parents[1] / "data"


def rows(name: str) -> list[dict[str, str]]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


MODELS = rows("model_defs.csv")


@pytest.mark.parametrize("row", MODELS, ids=lambda row: row["model"])
def test_published_total(row: dict[str, str]) -> None:
    """Every model of the table is known by its name, with exactly its parameters."""
    known = known_architectures()
    name = preset_name(row["model"], frozenset(known))
    assert name is not None
    found = known[name]
    assert found.params == int(row["official_params"] or row["computed_params"])
    assert found.layers == int(row["layers"])
    assert found.heads == int(row["heads"])
    if row["computed_active"]:
        assert found.active_params == int(row["computed_active"])


def test_parts_add_up() -> None:
    for architecture in known_architectures().values():
        layers = (architecture.layers - architecture.moe_layers) * architecture.dense_layer_params
        if architecture.moe_layers:
            layers += architecture.moe_layers * architecture.moe_layer_params
        parts = architecture.embedding_params + layers + architecture.head_params
        assert parts == architecture.params


def test_prediction_module_is_one_more_layer_behind_a_projection() -> None:
    from dataclasses import replace

    plain = known_architectures()["deepseek_v3"]
    extended = replace(plain, prediction_layers=1)
    added = extended.params - plain.params
    assert added == plain.moe_layer_params + 2 * 7168**2 + 3 * 7168


@pytest.mark.parametrize(
    ("vocab", "degree", "padded"), [(50257, 1, 50304), (50257, 8, 51200), (51200, 8, 51200)]
)
def test_padded_vocab_is_megatrons(vocab: int, degree: int, padded: int) -> None:
    assert padded_vocab(vocab, degree) == padded
