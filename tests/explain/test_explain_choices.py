"""Which choice a selector means, and which statements stand for its alternatives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dsl.load import LoadError
from dsl.spec import Pin, Spec
from solver.explain.alternatives import forbidding, others
from solver.explain.choices import NoStageError, choices, written
from solver.explain.selection import pick
from tests.explain.toy import Document, changed_toy

Names = tuple[str, ...]


# ---- selection -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "operators", "parameters", "stage"),
    [
        ("net.head", ("net.head",), (), None),
        ("net.x", ("net.head",), (), None),
        ("net.layers[*].up", ("net.layers[0].up", "net.layers[1].up"), (), None),
        ("net.layers[-1]", ("net.layers[1].up", "net.layers[1].down"), (), None),
        (
            "net.**.w",
            (),
            tuple(f"net.layers[{i}].{n}.w" for i in (0, 1) for n in ("up", "down")),
            None,
        ),
        ("stage 1", (), (), 1),
        ("stage:first", (), (), 0),
        ("stage last", (), (), -1),
    ],
)
def test_a_selector_picks_what_a_pin_would(
    spec: Spec,
    text: str,
    operators: tuple[str, ...],
    parameters: tuple[str, ...],
    stage: int | None,
) -> None:
    found = pick(text, spec.graph)
    assert (found.operators, found.parameters, found.stage) == (operators, parameters, stage)


@pytest.mark.parametrize(
    ("text", "code", "column", "hint"),
    [
        ("net.layer[*].up", "MMP406", 5, "did you mean `layers`?"),
        ("net.layers[2]", "MMP406", 5, "`layers` has iterations 0..1"),
        ("net.layers[*", "MMP010", 13, ""),
    ],
)
def test_a_wrong_selector_is_an_error_at_its_place(
    spec: Spec, text: str, code: str, column: int, hint: str
) -> None:
    with pytest.raises(LoadError) as caught:
        pick(text, spec.graph)
    (found,) = caught.value.diagnostics
    assert (found.code, found.span.line, found.span.column) == (code, 1, column)
    assert hint in found.help


def test_groups_are_written_as_selectors() -> None:
    names = [f"net.layers[{i}].mlp[1].up" for i in (0, 1, 2, 5)]
    assert written(names) == "net.layers[0..2, 5].mlp[1].up"
    assert written(names[:1]) == "net.layers[0].mlp[1].up"


def _alike(document: Document) -> Document:
    """The plan with the choices of the first layer in the second one."""
    found: Document = json.loads(json.dumps(document))
    found["operators"]["net.layers[1].up"]["cuts"] = found["operators"]["net.layers[0].up"]["cuts"]
    return found


def test_what_was_decided_alike_is_one_choice(spec: Spec, best: Document) -> None:
    (only,) = choices(pick("net.layers[*].up", spec.graph), spec, _alike(best))
    assert (only.selector, len(only.names)) == ("net.layers[*].up", 2)
    found = choices(pick("net", spec.graph), spec, best)
    assert sum(len(choice.names) for choice in found) == len(spec.graph.operators)
    for choice in found:
        for name in choice.names:
            assert best["operators"][name]["cuts"] == choice.chosen["cuts"]
    with pytest.raises(NoStageError, match="it has 2"):
        choices(pick("stage 2", spec.graph), spec, best)


# ---- alternatives --------------------------------------------------------------------------


def _own_pins(spec: Spec, text: str, folder: Path) -> list[Pin]:
    """The pins that a spec has with these statements in its text, at the end."""
    return list(changed_toy("minimize", f"{text}\n\nminimize", folder).pins[len(spec.pins) :])


@pytest.mark.parametrize("selector", ["net.layers[1].down", "net.head", "net.layers[0].up"])
def test_the_text_that_forbids_a_cut_means_the_pin(
    spec: Spec, best: Document, selector: str, tmp_path: Path
) -> None:
    (choice,) = choices(pick(selector, spec.graph), spec, best)
    pin = forbidding(choice, best, spec)
    (own,) = _own_pins(spec, pin.text, tmp_path)
    assert (own.kind, own.requirements) == (pin.kind, pin.requirements)


@pytest.mark.parametrize(
    "selector", ["net.layers[0].down.w", "net.head.scale", "stage 0", "stage 1"]
)
def test_the_text_of_other_ways_means_their_pins(
    spec: Spec, best: Document, selector: str, tmp_path: Path
) -> None:
    (choice,) = choices(pick(selector, spec.graph), spec, best)
    ways = others(choice, best, spec)
    assert ways
    for way in ways:
        own = _own_pins(spec, way.text, tmp_path)
        pins = way.spec.pins[len(spec.pins) :]
        assert [(p.kind, p.requirements) for p in own] == [(p.kind, p.requirements) for p in pins]


def test_a_stage_gives_a_layer_to_its_neighbour_or_recomputes(spec: Spec, best: Document) -> None:
    (first,) = choices(pick("stage 0", spec.graph), spec, best)
    texts = [way.text for way in others(first, best, spec)]
    last = best["pipeline"]["stages"][0]["units"][-1]
    assert texts[0] == f"pin {last} : on stage 1"
    assert len(texts) == 2
    assert texts[1].endswith((": recompute", ": no recompute"))
