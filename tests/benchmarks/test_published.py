"""Specs of published configurations: those of every table are read, and priced as pinned."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsl.format import format_text
from dsl.load import check, load
from solver.configuration.table import Table, read_table
from solver.pinned.evaluate import evaluate_pinned
from tests.benchmarks.published import main, specs_of

DATA = Path(__file__).resolve().parents[1] / "data" / "published"
TABLES = sorted(DATA.glob("e2e_*.csv"))
SAMPLES = 3


def samples(path: Path) -> list[tuple[str, str]]:
    """Specs of a few rows that lie evenly in a table."""
    table = read_table(path.read_text(encoding="utf-8"))
    count = len(table.rows)
    some = tuple(table.rows[count * k // SAMPLES] for k in range(SAMPLES))
    found = specs_of(path, Table(table.columns, some, table.remarks))
    return [(name, spec) for name, spec, _ in found if spec]


@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.stem)
def test_samples_of_every_table_are_sound(table: Path, tmp_path: Path) -> None:
    for name, spec in samples(table):
        assert format_text(spec, name) == spec
        path = tmp_path / f"{name}.mmp"
        path.write_text(spec, encoding="utf-8")
        assert check(path) == ()


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.stem)
def test_samples_of_every_table_are_priced_without_search(table: Path, tmp_path: Path) -> None:
    for name, spec in samples(table):
        path = tmp_path / f"{name}.mmp"
        path.write_text(spec, encoding="utf-8")
        found = evaluate_pinned(load(path))
        assert 0 < found.figures.step_time < 1000
        assert all(bill.satisfied for bill in found.figures.bills if bill.kind != "limit")


def test_the_command_writes_files_and_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "e2e_few.csv"
    table.write_text(
        "row_id,model,gpu,n_gpus,precision,seq_len,gbs,mbs,tp,pp,notes\n"
        "few#1,llama3-8b,H100-SXM-80GB,8,BF16,8192,128,1,1,1,\n"
        "few#2,llama3-8b,H100-SXM-80GB,8,BF16,8192,128,1,1,1,the same\n"
        "few#3,llama3-8b,H100-SXM-80GB,8,BF16,8192,126,4,1,1,\n"
        "few#4,some-model,H100-SXM-80GB,8,BF16,8192,128,1,1,1,\n"
    )
    out = tmp_path / "out"
    assert main(["--data", str(tmp_path), "-o", str(out), "--distinct"]) == 0
    assert [path.name for path in out.iterdir()] == ["e2e_few_1.mmp"]
    said = capsys.readouterr().err
    assert "1 specs written" in said
    assert "126 samples do not divide into micro-batches" in said
    assert "model `some-model` is not in the library" in said
