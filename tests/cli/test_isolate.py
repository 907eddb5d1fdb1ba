"""The parent's side of a search in a child process: every way to end, and what is kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from small_spec import small_spec

from solver.events import Event, Incumbent, Options
from solver.isolate.interrupts import Interrupts
from solver.isolate.run import KEPT_INCUMBENTS, Patience, Result, run

QUICK = Patience(startup=30.0, grace=1.0, overrun=0.2)


def _run(
    search: str,
    options: Options | None = None,
    observe: Callable[[Event], None] = lambda event: None,
    path: str = "spec.mmp",
) -> Result:
    with Interrupts() as interrupts:
        return run(
            f"fake_searches:{search}",
            small_spec(path),
            options or Options(),
            observe,
            interrupts,
            QUICK,
        )


def _signal_on_incumbent(number: int) -> Callable[[Event], None]:
    def observe(event: Event) -> None:
        if isinstance(event, Incumbent):
            os.kill(os.getpid(), number)

    return observe


def test_a_search_that_returns() -> None:
    events: list[Event] = []
    result = _run("returns", Options(seed=7), events.append)
    assert result.final == {"final": True, "seed": 7, "spec": "spec.mmp"}
    assert (result.asked, result.failure, result.bound) == ("no", None, 2.0)
    assert [type(event).__name__ for event in events] == ["Progress", "Incumbent"] * 2
    assert [document["objective"]["value"] for document in result.incumbents] == [4.0, 3.0]


@pytest.mark.parametrize(
    ("search", "summary", "details"),
    [
        ("exits", "it exited with code 3 and no result", ""),
        ("is_killed", "it was killed by SIGKILL (out of memory?)", ""),
        ("segfaults", "it was killed by SIGSEGV", "native code says: check failed"),
        ("raises", "MemoryError: no room for 10^9 booleans", "in raises"),
        ("half_a_frame", "it exited with code 0 and no result", "inside a frame"),
    ],
)
def test_a_crash_keeps_the_plan(search: str, summary: str, details: str) -> None:
    result = _run(search)
    assert result.final is None
    assert result.incumbents[-1]["objective"]["value"] == 3.0
    assert result.failure is not None
    assert result.failure.summary == summary
    assert details in result.failure.details


def test_a_search_that_does_not_exist() -> None:
    result = _run("nowhere")
    assert result.failure is not None
    assert result.failure.summary.startswith("AttributeError")


def test_a_document_that_is_no_json_is_a_failure() -> None:
    result = _run("not_json")
    assert result.final is None
    assert result.failure is not None
    assert result.failure.summary.startswith("ValueError")


def test_output_of_native_code_does_not_disturb_the_frames() -> None:
    assert _run("prints").final == {"final": True}


def test_only_the_newest_incumbents_are_kept() -> None:
    values = [d["objective"]["value"] for d in _run("many_incumbents").incumbents]
    assert values == [float(v) for v in range(KEPT_INCUMBENTS, 0, -1)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_gets_the_answer_of_the_search(number: int) -> None:
    result = _run("stops_when_asked", observe=_once(number))
    assert (result.final, result.asked, result.failure) == ({"final": True}, "interrupt", None)


def test_a_search_deaf_to_the_interrupt_is_killed_after_the_grace() -> None:
    result = _run("ignores_stop", observe=_once(signal.SIGINT))
    assert (result.final, result.asked, result.failure) == (None, "interrupt", None)
    assert result.incumbents[-1]["objective"]["value"] == 3.0
    assert 1.0 <= result.wall_s < 10.0


def test_a_second_interrupt_kills_at_once() -> None:
    started = time.monotonic()
    with Interrupts() as interrupts:
        result = run(
            "fake_searches:ignores_stop",
            small_spec(),
            Options(),
            _signal_on_incumbent(signal.SIGINT),
            interrupts,
            Patience(grace=50.0),
        )
    assert result.asked == "interrupt"
    assert time.monotonic() - started < 20.0


def test_a_search_past_its_limit_is_killed() -> None:
    result = _run("ignores_stop", Options(time_limit_s=0.2))
    assert (result.final, result.asked, result.failure) == (None, "limit", None)
    assert len(result.incumbents) == 2
    assert result.wall_s >= 0.2 + QUICK.overrun + QUICK.grace


def test_a_reproducible_search_gets_more_time() -> None:
    options = Options(time_limit_s=2.0, reproducible=True)
    assert QUICK.search(options) == pytest.approx(20.2)


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    _run("returns")
    assert signal.getsignal(signal.SIGTERM) == before


def test_works_outside_the_main_thread() -> None:
    results: list[Result] = []
    thread = threading.Thread(target=lambda: results.append(_run("returns")))
    thread.start()
    thread.join()
    assert results[0].final is not None


def test_the_third_interrupt_is_a_keyboard_interrupt() -> None:
    with Interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.count == 2
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_signal_the_caller_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGTERM)
            assert interrupts.count == 0
    finally:
        signal.signal(signal.SIGTERM, before)


def test_an_interrupt_before_the_search_starts() -> None:
    with Interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGINT)
        result = run(
            "fake_searches:stops_when_asked",
            small_spec(),
            Options(),
            lambda event: None,
            interrupts,
            Patience(grace=30.0),
        )
    assert (result.final, result.asked) == ({"final": True}, "interrupt")


def test_a_killed_search_takes_its_own_processes_along(tmp_path: Path) -> None:
    ids = tmp_path / "ids.json"
    result = _run("leaves_a_grandchild", Options(time_limit_s=0.1), path=str(ids))
    assert result.asked == "limit"
    for process in json.loads(ids.read_text(encoding="utf-8")):
        _wait_for(lambda process=process: _is_gone(process))


def test_nothing_remains_when_the_parent_is_killed(tmp_path: Path) -> None:
    ids = tmp_path / "ids.json"
    program = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from test_isolate import _run; _run('leaves_a_grandchild', path=sys.argv[1])"
    )
    here = Path(__file__).parent
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(ids), str(here), str(here.parent.parent)]
    )
    try:
        _wait_for(lambda: ids.exists() and bool(ids.read_text(encoding="utf-8")))
    finally:
        parent.kill()
        parent.wait()
    for process in json.loads(ids.read_text(encoding="utf-8")):
        _wait_for(lambda process=process: _is_gone(process))


def _once(number: int) -> Callable[[Event], None]:
    sent: list[int] = []

    def observe(event: Event) -> None:
        if isinstance(event, Incumbent) and not sent:
            sent.append(number)
            os.kill(os.getpid(), number)

    return observe


def _is_gone(process: int) -> bool:
    """True when there is no such process, or only its zombie that init has not collected yet."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state.split()[0] in ("Z", "X")


def _wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)
