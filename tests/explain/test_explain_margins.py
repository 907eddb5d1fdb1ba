"""What more hardware is, what it brings, and what moves with an alternative."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from dsl.load import load
from dsl.spec import Spec
from solver.explain.answers import Answer, cost, gain
from solver.explain.choices import choices
from solver.explain.margins import margins, more_memory
from solver.explain.moves import moves
from solver.explain.price import Known, Price
from solver.explain.selection import pick
from tests.explain.toy import Document, changed_toy


def test_one_more_node_is_the_mesh_of_the_changed_text(spec: Spec, tmp_path: Path) -> None:
    found = {margin.change: margin for margin in margins(spec)}
    for words, size in (("one more node (3)", 3), ("twice as many on axis node (4)", 4)):
        changed = changed_toy("node: 2", f"node: {size}", tmp_path)
        asked = found[words].spec
        assert asked is not None
        assert asked.mesh.axes == changed.mesh.axes
        assert asked.train == replace(changed.train, pipeline=asked.train.pipeline)
        assert asked.train.pipeline.parts == changed.train.pipeline.parts
        assert [p.requirements for p in asked.pins] == [p.requirements for p in changed.pins]


def test_more_of_a_link_and_of_memory_is_that_of_the_changed_text(
    spec: Spec, tmp_path: Path
) -> None:
    found = {margin.change: margin.spec for margin in margins(spec)}
    wide = changed_toy("link net : 20", "link net : 40", tmp_path)
    asked = found["twice the bandwidth of net"]
    assert asked is not None
    assert [axis.parts for axis in asked.mesh.axes] == [axis.parts for axis in wide.mesh.axes]
    assert "twice the bandwidth of bus" in found
    roomy = more_memory(spec, 2.0**30, "1 GiB").spec
    assert roomy is not None
    assert [limit.value for limit in roomy.limits] == [2 * 2.0**30]
    assert roomy.mesh.device.memory_bytes == 17 * 2.0**30


def test_pins_on_a_part_of_the_nodes_have_no_more_nodes(tmp_path: Path) -> None:
    two = changed_toy("node: 2", "node: 4", tmp_path)
    text = (tmp_path / "changed.mmp").read_text(encoding="utf-8")
    named = tmp_path / "named.mmp"
    named.write_text(text + "pin net.head : b over node.0\n", encoding="utf-8")
    asked = [margin for margin in margins(load(named)) if margin.sort == "node"]
    assert [margin.why for margin in asked] == ["pins name parts of node"] * 2
    assert all(margin.spec for margin in margins(two))


def test_a_plan_is_worth_at_least_what_it_is_worth_there(spec: Spec, best: Document) -> None:
    value = best["objective"]["value"]
    unknown = Answer(None, Known(0.0, float("inf"), False))
    roomy = more_memory(spec, 2.0**30, "1 GiB").spec
    assert roomy is not None
    found = gain(best, roomy, unknown, True)
    assert found is None or found.least == 0
    half = Answer(best, Known(value / 2, value / 2, True))
    assert gain(best, roomy, half, True) == Price(value / 2, value / 2)
    twice = Answer(best, Known(2 * value, 2 * value, True))
    assert cost(best, twice) == Price(value, value)
    assert cost(best, unknown) is None


def test_what_moves_leaves_the_choice_itself_out(spec: Spec, best: Document) -> None:
    (head,) = choices(pick("net.head", spec.graph), spec, best)
    assert moves(best, best, head) == ()
    other = json.loads(json.dumps(best))
    other["pipeline"]["microbatches"] = 8
    other["operators"]["net.head"]["cuts"] = {}
    other["operators"]["net.layers[0].up"]["cuts"] = {}
    found = [(move.section, move.subject) for move in moves(best, other, head)]
    assert found == [("settings", "micro-batches"), ("shardings", "net.layers[0].up")]
