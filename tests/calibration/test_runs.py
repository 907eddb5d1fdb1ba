"""Tables of measured runs: what is read, and what is wrong with a line."""

from __future__ import annotations

import pytest

from solver.calibration.runs import GIB, RunsError, read_runs

SPECS = ("plans/small.mmp", "plans/wide.mmp")


def test_a_run_names_its_spec_and_what_it_sets() -> None:
    text = (
        "# by hand\nspec,batch,step_time_s,peak_mem_gib\nsmall,16,0.5,20\n\nplans/wide.mmp,,0.7,\n"
    )
    small, wide = read_runs(text, SPECS)
    assert (small.spec, small.overrides) == ("plans/small.mmp", {"batch": "16"})
    assert (small.step_seconds, small.peak_bytes) == (0.5, 20 * GIB)
    assert (wide.spec, wide.overrides, wide.peak_bytes) == ("plans/wide.mmp", {}, None)
    assert small.name == "small (batch = 16)"
    assert wide.name == "wide"


def test_one_spec_needs_no_name() -> None:
    (run,) = read_runs("step_time_s\n1.5\n", SPECS[:1])
    assert run.spec == "plans/small.mmp"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the table has no header"),
        ("spec,time\nsmall,1\n", "line 1: no column `step_time_s`"),
        ("spec,step_time_s\nsmall\n", "line 2: 1 cells under a header of 2"),
        ("spec,step_time_s\nhuge,1\n", "line 2: `spec` is `huge`, which is not one of small, wide"),
        ("spec,step_time_s\nsmall,fast\n", "line 2: `step_time_s` is `fast`, not a number"),
        ("# a\nspec,step_time_s\nsmall,-1\n", "line 3: `step_time_s` is -1; it must be above zero"),
        ("spec,step_time_s,peak_mem_gib\nsmall,,3\n", "no row has a `step_time_s`"),
    ],
)
def test_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(RunsError, match="^" + message.replace("`", "`") + "$"):
        read_runs(text, SPECS)
