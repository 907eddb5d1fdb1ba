"""A schedule as text for a terminal, and its bubbles as numbers.

Two measures of idle time are in use, and papers differ; both are seconds on one device:
- the *makespan* bubble: the makespan less the work of the device (1F1B and GPipe papers);
- the *span* bubble: from the start of its first to the end of its last operator, less its work (the
  zero-bubble papers); the ramps at both ends and the tail do not count.
"""

from __future__ import annotations

from collections.abc import Sequence

from solver.schedule.problem import Action, Schedule, ScheduleProblem


def makespan_bubble(problem: ScheduleProblem, schedule: Schedule) -> tuple[float, ...]:
    """Per device the makespan less its work; a tail counts as idle."""
    return tuple(schedule.makespan - _work(row) for row in by_device(problem, schedule.actions))


def span_bubble(problem: ScheduleProblem, schedule: Schedule) -> tuple[float, ...]:
    """Per device the idle time between its first and its last operator (0 without operators)."""
    return tuple(
        row[-1].end - row[0].start - _work(row) if row else 0.0
        for row in by_device(problem, schedule.actions)
    )


def by_device(problem: ScheduleProblem, actions: Sequence[Action]) -> list[list[Action]]:
    """The actions of every device, by start."""
    rows: list[list[Action]] = [[] for _ in range(problem.devices)]
    for action in actions:
        rows[problem.chunks[action.chunk].device].append(action)
    return rows


def render_timeline(problem: ScheduleProblem, schedule: Schedule, width: int = 100) -> str:
    """One row per device: F, B or W where it runs at the middle of a column, `.` idle, `=` its
    tail.

    A row is `width` columns for the whole makespan. With several chunks on a device, odd visits
    (second, fourth chunk) are lower case. Raises ValueError when `width` is not positive.
    """
    if width < 1:
        raise ValueError("a timeline needs at least one column")
    label = len(str(problem.devices - 1))
    scale = schedule.makespan / width
    return "\n".join(
        f"{device:>{label}} |{_row(problem, device, row, scale, width)}|"
        for device, row in enumerate(by_device(problem, schedule.actions))
    )


def _row(
    problem: ScheduleProblem, device: int, row: Sequence[Action], scale: float, width: int
) -> str:
    rank = {c: i for i, c in enumerate(_chunks_on(problem, device))}
    last = row[-1].end if row else 0.0
    letters: list[str] = []
    here = 0
    for column in range(width):
        middle = (column + 0.5) * scale
        while here < len(row) and row[here].end <= middle:
            here += 1
        if here < len(row) and row[here].start <= middle:
            action = row[here]
            letters.append(action.phase.lower() if rank[action.chunk] % 2 else action.phase)
        else:
            letters.append("=" if last <= middle < last + problem.tails[device] else ".")
    return "".join(letters)


def _chunks_on(problem: ScheduleProblem, device: int) -> list[int]:
    return [c for c, chunk in enumerate(problem.chunks) if chunk.device == device]


def _work(row: Sequence[Action]) -> float:
    return sum(action.end - action.start for action in row)
