"""Points behind an executor: one that raises costs no other, and interrupts end them all."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sweep_tiny import write

from dsl.load import load
from solver.cli.exit_codes import ExitCode
from solver.cli.sweeping import Point, settled
from solver.isolate.interrupts import Interrupts
from solver.sweep.executors import local
from solver.sweep.relay import Branch, Relay
from solver.sweep.run import completed


def test_a_point_that_raises_costs_no_other() -> None:
    def divide(by: int) -> float:
        return 6 / by

    with local(1, Relay(Interrupts(), 3)) as place:
        work = {at: lambda by=by: divide(by) for at, by in enumerate((3, 0, 2))}
        found = dict(completed(place, work, Interrupts()))
    assert (found[0], found[2]) == (2.0, 3.0)
    assert isinstance(found[1], ZeroDivisionError)


def test_the_second_interrupt_gives_up_points_that_have_not_started() -> None:
    interrupts, started, go = Branch(), threading.Event(), threading.Event()

    def first() -> str:
        started.set()
        assert go.wait(60)
        return "first"

    with local(1, Relay(interrupts, 3)) as place:
        work = {0: first, 1: lambda: "second", 2: lambda: "third"}
        ended = completed(place, work, interrupts)
        threading.Thread(target=lambda: started.wait(60) and interrupts.hear(2)).start()
        given_up = [next(ended), next(ended)]
        go.set()
        rest = list(ended)
    assert given_up == [(1, None), (2, None)]
    assert rest == [(0, "first")]


def test_every_branch_hears_of_every_signal() -> None:
    source = Branch()
    source.hear(1)  # before there was anyone to tell
    relay = Relay(source, 2)
    heard: list[int] = []
    relay.branches[1].listen(heard.append)
    source.hear(2)
    assert [branch.count for branch in relay.branches] == [2, 2]
    assert heard == [2]


def test_what_a_point_raised_is_told_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    point = Point((("ranks", "2"),), load(write(tmp_path)))
    done = settled(point, MemoryError("too much\nof it"))
    assert done.code is ExitCode.SOLVER_FAILED
    assert (done.outcome.stopped, done.outcome.devices) == ("failed", 2)
    assert done.outcome.failure == "MemoryError: too much"
    told = capsys.readouterr().err
    assert told.startswith("mmp: ranks=2: MemoryError: too much; details are in ")
    details = Path(told.split()[-1])
    assert "MemoryError" in details.read_text()
    details.unlink()


def test_a_cancelled_point_was_interrupted(tmp_path: Path) -> None:
    done = settled(Point((("ranks", "2"),), load(write(tmp_path))), None)
    assert done.code is ExitCode.INTERRUPTED
    assert (done.outcome.stopped, done.outcome.plan) == ("interrupted", None)
