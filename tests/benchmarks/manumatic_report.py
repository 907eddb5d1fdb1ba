"""The report of one case: what each plan takes, and what the pins changed elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from solver.cli.report.degrees import degrees
from solver.cli.report.view import View
from solver.cli.report.words import gib, percent, seconds
from tests.benchmarks import manumatic_changes as changes
from tests.benchmarks.manumatic_cases import MACHINE, Case, Overlap, Planned
from tests.benchmarks.manumatic_changes import Change, Traffic

SHARES = (0.25, 0.5, 0.75)
"""Overlaps between that of the machine and the one believed, to show how much hangs on it."""


@dataclass(frozen=True, slots=True)
class Results:
    """The plans of a case: without and with pins as the planner believes, and without pins where
    it knows the machine."""

    case: Case
    unpinned: Planned
    pinned: Planned
    informed: Planned

    @property
    def believed(self) -> float:
        """The overlap that the planner takes for granted."""
        overlap = self.unpinned.spec.train.overlap
        assert not isinstance(overlap, str)
        return overlap

    def times(self, overlap: Overlap) -> tuple[float, float]:
        """Step times without and with pins."""
        return self.unpinned.on(overlap).step_time, self.pinned.on(overlap).step_time

    def factor(self, overlap: Overlap) -> float:
        """How many times faster the pinned plan is."""
        unpinned, pinned = self.times(overlap)
        return unpinned / pinned


def report(results: Results) -> str:
    """The whole text."""
    case = results.case
    before, after = (View(p.document, p.spec, 0) for p in (results.unpinned, results.pinned))
    blocks = (
        f"# {case.title}: {case.pins}",
        "Written by `python -m tests.benchmarks.manumatic`; [README.md](README.md) says what was "
        f"done. Unpinned: [{case.name}.mmp]({case.name}.mmp), pinned: "
        f"[{case.name}_pinned.mmp]({case.name}_pinned.mmp).",
        "## Step time",
        *_times(results),
        "## The two plans",
        _plans(before, after),
        "## What the pins changed",
        *_differences(before, after),
        "## Collectives",
        "Of a step, mean of all devices, nothing of it hidden.",
        _collectives(before, after, results),
    )
    return "\n\n".join(blocks) + "\n"


def row(results: Results) -> str:
    """The case in the table of the README."""
    case = results.case
    believed, machine = results.times(results.believed), results.times(MACHINE)
    cells = [f"[{case.title}]({case.name}.md)", case.pins]
    cells += [f"{seconds(a)} / {seconds(b)}" for a, b in (believed, machine)]
    factors = results.factor(MACHINE), results.factor("scheduled"), case.published
    return _line([*cells, *(f"{factor:.2f}" for factor in factors)])


def _times(results: Results) -> Iterator[str]:
    words: dict[Overlap, str] = {
        results.believed: f"{percent(results.believed)}, what the planner believes",
        **{share: percent(share) for share in sorted(SHARES, reverse=True)},
        MACHINE: f"{percent(MACHINE)}, the machine",
        "scheduled": "what computation beside it can hide, `overlap scheduled`",
    }
    rows = []
    for overlap, name in words.items():
        unpinned, pinned = results.times(overlap)
        rows.append([name, seconds(unpinned), seconds(pinned), f"{unpinned / pinned:.2f}"])
    yield _table(["hidden", "unpinned", "pinned", "unpinned / pinned"], rows)
    yield _verdict(results)


def _verdict(results: Results) -> str:
    """Where the pins pay, and how far the pinned plan is from one planned with the right figure."""
    unpinned, pinned = results.times(MACHINE)
    informed = results.informed.on(MACHINE).step_time
    words = (
        f"The pinned plan is the faster one where less than {percent(_break_even(results))} is "
        f"hidden. Planned with the right figure and without pins (`-D overlap={MACHINE:g}`), "
        f"`mmp solve` comes to {seconds(informed)} in {results.case.seconds:g} s: "
    )
    if pinned <= informed:
        return words + "more than the pinned plan takes, so pins help a search of that length too."
    share = percent((unpinned - pinned) / (unpinned - informed))
    return words + f"the pins win back {share} of what the belief costs."


def _break_even(results: Results) -> float:
    """The overlap at which both plans take the same time, by bisection to a thousandth."""
    low, high = MACHINE, results.believed
    while high - low > 1e-3:
        middle = (low + high) / 2
        unpinned, pinned = results.times(middle)
        low, high = (middle, high) if unpinned > pinned else (low, middle)
    return low


def _plans(before: View, after: View) -> str:
    rows = [
        ["parallelism", *(degrees(view).text() for view in (before, after))],
        ["micro-batches", *(str(view.microbatches) for view in (before, after))],
        ["layers of each stage", *(changes.layers_by_stage(view) for view in (before, after))],
        ["recomputed", *(str(len(view.recomputed)) for view in (before, after))],
        ["fullest device, GiB", *(_peak(view) for view in (before, after))],
        ["gap to the bound, as believed", *(_gap(view) for view in (before, after))],
    ]
    return _table(["", "unpinned", "pinned"], rows)


def _gap(view: View) -> str:
    gap = view.objective["gap"]
    return "no bound" if gap is None else percent(max(0.0, gap))


def _peak(view: View) -> str:
    return gib(max(stage["peak_bytes"] for stage in view.document["memory"]))


def _differences(before: View, after: View) -> Iterator[str]:
    named = changes.named_operators(after.spec)
    different = [n for n in after.operators if changes.cuts(before, n) != changes.cuts(after, n)]
    others = len([name for name in different if name not in named])
    yield (
        f"The pins say how {len(named)} of {len(after.operators)} operators (`*`) are cut. "
        f"{len(different)} are cut in another way, {others} of which no pin names. Storage and "
        "layouts follow; no pin asks for any."
    )
    for title, found in (
        ("operators", changes.operators(before, after)),
        ("parameters, as used and as stored", changes.parameters(before, after)),
        ("tensors with several readers", changes.tensors(before, after)),
    ):
        if found:
            yield _table([title, "unpinned", "pinned"], [_cells(change) for change in found])


def _cells(change: Change) -> list[str]:
    names = ", ".join(f"`{name}`" for name in change.names)
    return [f"{'* ' if change.is_named else ''}{names}", change.before, change.after]


def _collectives(before: View, after: View, results: Results) -> str:
    old = changes.traffic(before, results.unpinned.on(MACHINE))
    new = changes.traffic(after, results.pinned.on(MACHINE))
    none = Traffic(0.0, 0.0)
    rows = []
    for kind in sorted({*old, *new}, key=lambda k: (k[1], k[0], k[2])):
        pair = old.get(kind, none), new.get(kind, none)
        rows.append([*kind, *(word for x in pair for word in (seconds(x.seconds), gib(x.bytes)))])
    titles = ["collective", "of", "over", "unpinned", "GiB", "pinned", "GiB"]
    return _table(titles, rows)


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join([_line(titles), f"|{'---|' * len(titles)}", *(_line(row) for row in rows)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
