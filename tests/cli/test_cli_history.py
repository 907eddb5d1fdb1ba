"""What a plan document says of how its search got on."""

from __future__ import annotations

from typing import Any

from solver.cli.history import KEPT, History, thinned
from solver.events import Event, Incumbent, Progress


def _heard(*events: Event) -> tuple[History, list[Event]]:
    """A search whose events come a second apart, the first after one second."""
    seconds = iter(range(1000))
    passed: list[Event] = []
    history = History(passed.append, 0.5, lambda: float(next(seconds)))
    for event in events:
        history.take(event)
    return history, passed


def _document(reproducible: bool, wall_s: float = 9.0) -> dict[str, Any]:
    solver = {"reproducible": reproducible, "wall_s": wall_s}
    return {"solver": solver, "objective": {"value": 4.0, "bound": 3.5}}


EVENTS = (
    Progress(None, 1.0, "looking"),
    Progress(None, 1.0, "still looking"),
    Incumbent({"objective": {"value": 5.0, "bound": 1.0}}),
    Progress(6.0, 0.5, "elsewhere"),
    Progress(4.0, 3.0, "looking"),
)


def test_news_are_noted_and_every_event_is_passed_on() -> None:
    history, passed = _heard(*EVENTS)
    assert passed == list(EVENTS)
    assert [tuple(moment.values()) for moment in history.moments] == [
        (1.5, None, 1.0),
        (2.5, 5.0, 1.0),
        (3.5, 4.0, 3.0),
    ]


def test_the_record_ends_with_the_plan() -> None:
    history, _ = _heard(*EVENTS)
    progress = history.written(_document(False))["solver"]["progress"]
    assert progress[:-1] == history.moments
    assert progress[-1] == {"wall_s": 9.0, "value": 4.0, "bound": 3.5}
    early = history.written(_document(False, 2.6))["solver"]["progress"]
    assert [moment["wall_s"] for moment in early] == [1.5, 2.5, 2.6]


def test_reproducible_plans_and_missing_ones_have_no_record() -> None:
    history, _ = _heard(*EVENTS)
    for document in (_document(True), {"solver": {"reproducible": False, "wall_s": 1.0}}):
        assert history.written(document) == document


def test_a_long_record_is_thinned() -> None:
    moments = [{"wall_s": float(number)} for number in range(10 * KEPT)]
    kept = thinned(moments)
    assert len(kept) == KEPT
    assert (kept[0], kept[-1]) == (moments[0], moments[-1])
    assert kept == sorted(kept, key=lambda moment: moment["wall_s"])
    assert len({moment["wall_s"] for moment in kept}) == KEPT
