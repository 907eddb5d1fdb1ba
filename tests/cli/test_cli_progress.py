"""What is said while the search runs."""

from __future__ import annotations

from solver.cli.progress import SPARSE_S, Sparse, Status
from solver.events import Incumbent, Progress


def test_lines_without_a_terminal_are_sparse() -> None:
    now = [0.0]
    lines: list[str] = []
    sparse = Sparse(Status("step_time", started=0.0), lines.append, lambda: now[0])
    for tick in range(200):
        now[0] = tick / 10
        sparse.take(Progress(None, None, f"step {tick}"))
    assert lines == [
        "mmp:   5.0 s  no plan yet  step 50",
        "mmp:  10.0 s  no plan yet  step 100",
        "mmp:  15.0 s  no plan yet  step 150",
    ]
    assert SPARSE_S == 5.0


def test_a_line_shows_value_bound_and_gap() -> None:
    status = Status("step_time", started=10.0)
    status.take(Incumbent({"objective": {"value": 4.0, "bound": None}}))
    assert status.line(11.0) == "  1.0 s  step_time 4.000 s  starting"
    status.take(Progress(4.0, 3.9, "choosing shardings"))
    assert status.line(12.5) == (
        "  2.5 s  step_time 4.000 s  bound 3.900 s  gap 2.5 %  choosing shardings"
    )


def test_memory_is_shown_in_bytes() -> None:
    status = Status("memory", started=0.0)
    status.take(Progress(3 * 2.0**30, 0.0, "packing"))
    assert "memory 3.000 GiB  bound 0 B  gap 100.0 %" in status.line(0.0)
