"""Pins about storage that no use of the parameter can keep."""

from __future__ import annotations

from dataclasses import replace

from tests.solver.solving import plan
from tests.solver.specs import Draft

DRAFT = Draft("product", sizes=(4098, 1024, 2048), train="microbatches 1 pipeline 1 stage")
CUT = "pin net.a : f over gpu"
WHOLE = "forbid net.a : optimizer stored over gpu"


def test_a_cut_against_whole_storage_is_a_conflict() -> None:
    document = plan(replace(DRAFT, statements=(CUT, WHOLE)).spec(), reproducible=True)
    assert document["outcome"] == {"stopped": "proved", "plan": "none"}
    assert [row["text"] for row in document["conflict"]] == [CUT, WHOLE]
    assert [row["text"] for row in document["relaxations"]] == [CUT, WHOLE]


def test_whole_storage_rules_out_such_cuts_and_no_others() -> None:
    document = plan(replace(DRAFT, statements=(WHOLE,)).spec(), reproducible=True)
    assert document["outcome"]["plan"] == "optimal"
    assert list(document["operators"]["net.a"]["cuts"]) in ([], ["b"])
    assert document["parameters"]["net.a.w"]["optimizer_stored"] == {}
