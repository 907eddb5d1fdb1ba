"""What is recomputed where nobody says so, by one run and by runs of one recipe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from solver.configuration.configuration import Configuration
from solver.configuration.price_table import price_table
from solver.configuration.read import read_configuration
from solver.configuration.settle import in_recipes, recomputed_share, whole_recipe
from solver.configuration.table import Table, read_table
from solver.cost.physics.parameters import device_physics

DATA = Path(__file__).parents[1] / "data" / "published"
LLAMA = {
    "model": "Llama 3 70B",
    "gpu": "H100",
    "n_gpus": "64",
    "seq_len": "8192",
    "gbs": "128",
    "mbs": "1",
    "tp": "8",
}


def share(**cells: str) -> float:
    c = read_configuration({**LLAMA, **cells})
    return recomputed_share(c, device_physics(c.device))


def test_megatron_recomputes_as_many_layers_of_a_chunk_as_must_be() -> None:
    """80 layers in 2 stages of 1, 4 and 40 chunks: 40, 10 and 1 layers in each."""
    shares = [share(pp="2", vp=chunks, mbs="4", shard="zero1") for chunks in ("1", "4", "40")]
    assert [each * whole % 1 for each, whole in zip(shares, (40, 10, 1), strict=True)] == [0, 0, 0]
    assert 0.0 < shares[0] <= shares[1] < shares[2] == 1.0


def test_pytorch_recomputes_every_layer_or_none() -> None:
    assert share(tp="1", shard="fsdp", notes="torch 2.8", n_gpus="512", gbs="512") == 1.0
    assert share(tp="8", shard="fsdp", notes="torch 2.8", n_gpus="512", seq_len="1024") == 0.0


def nemo() -> Table:
    """Published rows of GPT 175B: one recipe on 64 to 1,024 devices; the first alone is tight."""
    whole = read_table((DATA / "e2e_nemo_launcher_a100.csv").read_text(encoding="utf-8"))
    return replace(whole, rows=tuple(row for row in whole.rows if row["model"] == "GPT3-175B"))


def steps(table: Table) -> list[float]:
    return [float(row["predicted_step_time_s"]) for row in price_table(table).rows]


def test_runs_of_one_recipe_recompute_alike() -> None:
    together = steps(nemo())
    alone = [steps(replace(nemo(), rows=(row,)))[0] for row in nemo().rows]
    assert together[0] == alone[0]
    assert all(1.15 < one / other < 1.4 for one, other in zip(together[1:], alone[1:], strict=True))


@pytest.mark.parametrize(
    ("changes", "same"),
    [({"gbs": "4096"}, True), ({"tp": "8"}, False), ({"recompute": "selective"}, False)],
)
def test_other_degrees_and_stated_recompute_are_another_recipe(
    changes: dict[str, str], same: bool
) -> None:
    def read(row: dict[str, str]) -> Configuration:
        return read_configuration({**row, "dp": ""})

    tight, loose = dict(nemo().rows[0]), dict(nemo().rows[-1])
    found = in_recipes(read({**loose, **changes}), {whole_recipe(read(tight))})
    assert (found.recompute == "full") == same
