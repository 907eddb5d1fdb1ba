"""Searches to put behind `solver.isolate`: each one ends in its own way."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from dsl.spec import Spec
from solver.events import Document, Emit, Incumbent, Options, Progress
from solver.search.solve import solve


def _plan(value: float) -> Document:
    return {"objective": {"value": value, "bound": 1.0}, "outcome": {"plan": "feasible"}}


def _emit_two(emit: Emit) -> None:
    emit(Progress(None, 1.0, "starting"))
    emit(Incumbent(_plan(4.0)))
    emit(Progress(4.0, 2.0, "improving"))
    emit(Incumbent(_plan(3.0)))


def returns(spec: Spec, options: Options, emit: Emit, stop: threading.Event) -> Document:
    _emit_two(emit)
    return {"final": True, "seed": options.seed, "spec": spec.path}


def stops_when_asked(spec: Spec, options: Options, emit: Emit, stop: threading.Event) -> Document:
    _emit_two(emit)
    assert stop.wait(60)
    return {"final": True}


def ignores_stop(spec: Spec, options: Options, emit: Emit, stop: threading.Event) -> Document:
    _emit_two(emit)
    time.sleep(60)
    raise AssertionError("should have been killed")


def ignores_stop_without_plan(
    spec: Spec, options: Options, emit: Emit, stop: threading.Event
) -> Document:
    emit(Progress(None, 1.0, "looking"))
    time.sleep(60)
    raise AssertionError("should have been killed")


def exits(spec: Spec, options: Options, emit: Emit, stop: threading.Event) -> Document:
    _emit_two(emit)
    os._exit(3)


def is_killed(spec: Spec, options: Options, emit: Emit, stop: threading.Event) -> Document:
    _emit_two(emit)
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)
    raise AssertionError("unreachable")


def segfaults(spec: Spec, options: Options, emit: Emit, stop: threading.Event) -> Document:
    _emit_two(emit)
    os.write(2, b"native code says: check failed\n")
    ctypes.string_at(0)
    raise AssertionError("unreachable")


def raises(spec: Spec, options: Options, emit: Emit, stop: threading.Event) -> Document:
    _emit_two(emit)
    raise MemoryError("no room for 10^9 booleans\nsecond line")


def prints(spec: Spec, options: Options, emit: Emit, stop: threading.Event) -> Document:
    os.write(1, b"noise on standard output\n" * 1000)
    _emit_two(emit)
    return {"final": True}


def not_json(spec: Spec, options: Options, emit: Emit, stop: threading.Event) -> Document:
    return {"value": float("nan")}


def half_a_frame(spec: Spec, options: Options, emit: Emit, stop: threading.Event) -> Document:
    """Dies while it writes: finds its way out by looking for the pipe to the parent."""
    _emit_two(emit)
    for descriptor in range(3, 32):
        try:
            os.write(descriptor, b"\0\0\0\0\0\0\1\0{")
        except OSError:
            continue
    os._exit(0)


def many_incumbents(spec: Spec, options: Options, emit: Emit, stop: threading.Event) -> Document:
    for value in range(20, 0, -1):
        emit(Incumbent(_plan(float(value))))
    os._exit(1)


def leaves_a_grandchild(
    spec: Spec, options: Options, emit: Emit, stop: threading.Event
) -> Document:
    """Starts a process of its own, writes both ids to the file named by the spec, hangs."""
    grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
    Path(spec.path).write_text(json.dumps([os.getpid(), grandchild.pid]), encoding="utf-8")
    emit(Incumbent(_plan(1.0)))
    time.sleep(60)
    raise AssertionError("should have been killed")


def _solved(spec: Spec, options: Options, stop: threading.Event) -> Document:
    """A real plan by the real search."""
    return solve(spec, options, lambda event: None, stop)


def _lie(document: Document) -> Document:
    """A plan that promises half of the time."""
    return {**document, "step_time_s": document["step_time_s"] / 2}


def plans_and_crashes(spec: Spec, options: Options, emit: Emit, stop: threading.Event) -> Document:
    emit(Incumbent(_solved(spec, options, stop)))
    os._exit(9)


def plans_and_lies(spec: Spec, options: Options, emit: Emit, stop: threading.Event) -> Document:
    document = _solved(spec, options, stop)
    emit(Incumbent(document))
    return _lie(document)


def lies(spec: Spec, options: Options, emit: Emit, stop: threading.Event) -> Document:
    return _lie(_solved(spec, options, stop))


def plans_and_waits(spec: Spec, options: Options, emit: Emit, stop: threading.Event) -> Document:
    """Leaves a file beside the spec when it waits for the stop."""
    document = _solved(spec, options, stop)
    emit(Incumbent(document))
    Path(f"{spec.path}.waits").touch()
    assert stop.wait(60)
    return document


def waits_without_limits(
    spec: Spec, options: Options, emit: Emit, stop: threading.Event
) -> Document:
    """The search itself; of a spec without limits it first waits until it is told to stop."""
    document = _solved(spec, options, stop)
    if not spec.limits:
        Path(f"{spec.path}.waits").touch()
        assert stop.wait(60)
        return {**document, "outcome": {"stopped": "limit", "plan": "feasible"}}
    return document


def finds_only_parts_without_pins(
    spec: Spec, options: Options, emit: Emit, stop: threading.Event
) -> Document:
    """The search itself; of a spec without pins and of open micro-batches it only finds a bound."""
    if spec.pins or spec.train.microbatches:
        return _solved(spec, options, stop)
    emit(Progress(None, 1e-9, "bounding"))
    return finds_nothing(spec, options, emit, stop)


def dies_without_limits(
    spec: Spec, options: Options, emit: Emit, stop: threading.Event
) -> Document:
    if not spec.limits:
        os._exit(5)
    return _solved(spec, options, stop)


def waits(spec: Spec, options: Options, emit: Emit, stop: threading.Event) -> Document:
    Path(f"{spec.path}.waits").touch()
    assert stop.wait(60)
    return {"format": "mmp-plan/1", "outcome": {"stopped": "limit", "plan": "none"}}


def finds_nothing(spec: Spec, options: Options, emit: Emit, stop: threading.Event) -> Document:
    return {"format": "mmp-plan/1", "outcome": {"stopped": "limit", "plan": "none"}}


def blames(spec: Spec, options: Options, emit: Emit, stop: threading.Event) -> Document:
    """Says that the first pin and the first limit of the spec cannot hold together."""
    guilty = [spec.pins[0], spec.limits[0]]
    named = [{"text": g.text, "file": g.span.file, "line": g.span.line} for g in guilty]
    return {
        "format": "mmp-plan/1",
        "outcome": {"stopped": "proved", "plan": "none"},
        "conflict": named,
        "relaxations": [{**named[0], "change": "drop the pin"}],
    }
