"""The trace is one that Perfetto opens, and says what the plan says."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest

from solver.export.perfetto import export
from solver.export.perfetto.messages import crossings
from solver.export.saved import SavedPlan
from tests.export.saved_cases import NAMES, saved

Event = dict[str, Any]


def events(plan: SavedPlan) -> list[Event]:
    trace = json.loads(export(plan)["trace.json"])
    assert trace["displayTimeUnit"] == "ns"
    return list(trace["traceEvents"])


def of(plan: SavedPlan, kind: str) -> list[Event]:
    return [event for event in events(plan) if event["ph"] == kind]


@pytest.mark.parametrize("name", NAMES)
def test_slices_are_the_operators_and_never_overlap(name: str) -> None:
    plan = saved(name)
    tracks: dict[tuple[int, int], list[Event]] = defaultdict(list)
    for event in of(plan, "X"):
        tracks[event["pid"], event["tid"]].append(event)
    for track in tracks.values():
        ordered = sorted(track, key=lambda e: (e["ts"], e["dur"]))
        for one, other in pairwise(ordered):
            assert one["ts"] + one["dur"] <= other["ts"] + 1e-6
    pipeline = plan.document["pipeline"]
    wanted = len(pipeline["schedule"]) + len(pipeline["step_operators"])
    assert sum(map(len, tracks.values())) == wanted
    longest = max(e["ts"] + e["dur"] for track in tracks.values() for e in track)
    assert longest <= plan.document["step_time_s"] * 1e6 + 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_counters_reach_the_peak_and_end_with_nothing_in_flight(name: str) -> None:
    plan = saved(name)
    for row in plan.document["memory"]:
        values: dict[str, list[float]] = defaultdict(list)
        for event in of(plan, "C"):
            if event["pid"] == row["device"]:
                values[event["name"]].append(event["args"]["bytes"])
        assert max(values["memory"]) == pytest.approx(row["peak_bytes"], rel=1e-12)
        assert max(values["activations"]) == pytest.approx(row["terms"]["activations"], rel=1e-12)
        assert values["activations"][-1] == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_arrows_join_slices(name: str) -> None:
    """Every arrow has one start inside a slice and one end at the start of a later slice."""
    plan = saved(name)
    slices: dict[int, list[Event]] = defaultdict(list)
    for event in of(plan, "X"):
        if event["tid"] == 0:
            slices[event["pid"]].append(event)
    starts = {event["id"]: event for event in of(plan, "s")}
    ends = {event["id"]: event for event in of(plan, "f")}
    forward, backward = crossings(plan)
    count = (len(forward) + len(backward)) * plan.document["pipeline"]["microbatches"]
    assert starts.keys() == ends.keys() == set(range(1, count + 1))
    assert len(of(plan, "s")) == len(of(plan, "f")) == count
    for identity, start in starts.items():
        end = ends[identity]
        assert end["bp"] == "e"
        sent = [s for s in slices[start["pid"]] if s["ts"] < start["ts"] < s["ts"] + s["dur"]]
        awaited = [s for s in slices[end["pid"]] if s["ts"] == end["ts"]]
        assert len(sent) == 1
        phase, microbatch = sent[0]["name"][0], sent[0]["args"]["microbatch"]
        assert phase == {"activations": "F", "gradients": "B"}[start["name"]]
        assert (phase, microbatch) in [(s["name"][0], s["args"]["microbatch"]) for s in awaited]
        assert sent[0]["ts"] + sent[0]["dur"] <= end["ts"] + 1e-6


def test_tracks_are_named_after_stages() -> None:
    names = [e["args"]["name"] for e in of(saved("vee"), "M") if e["name"] == "process_name"]
    assert names == ["stage 0 (4 devices)", "stage 1 (4 devices)"]
