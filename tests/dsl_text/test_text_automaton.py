"""The tables of the grammar are kept between runs, and never trusted blindly."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsl.text import automaton


@pytest.mark.parametrize("found", ["", "half a pickle", None])
def test_a_spoilt_cache_is_made_anew(found: str | None, tmp_path: Path) -> None:
    kept = tmp_path / "grammar"
    if found is not None:
        kept.write_text(found, encoding="utf-8")
    first = automaton.build(cache_file=kept)
    again = automaton.build(cache_file=kept)
    fresh = automaton.build()
    for one in (first, again):
        assert (
            one.parse_interactive().choices().keys() == fresh.parse_interactive().choices().keys()
        )
    assert kept.stat().st_size > 10_000


def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path: Path) -> None:
    folder = tmp_path / "file"
    folder.write_text("no folder")
    made = automaton.build(cache_file=folder / "grammar")
    assert made.parse_interactive().accepts()
