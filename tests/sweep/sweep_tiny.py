"""A tiny measured spec with parameters, and a search for it that waits until it is told to stop."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from dsl.spec import Spec
from solver.events import Document, Emit, Options
from solver.search.solve import solve

TINY = """language 1
import hardware.abstract (worker)

param ranks: int = 2
param forward: time = 1 us
param room: bytes = 1 GiB

model measured(batch: int) {
  batch index b = batch
  input x[b]
  repeat 4 as chunks {
    op chunk(x) -> y {
      forward forward
      backward 2 * forward
      params 100 MiB
    }
    x = y
  }
  output x
}

mesh ring = worker[rank: ranks]

model net = measured(batch: 4)

train {
  microbatches 4
  pipeline ranks stages one_f_one_b
  transfer 0 us
}

limit memory <= room per device

minimize step_time
"""


def write(folder: Path) -> Path:
    path = folder / "tiny.mmp"
    path.write_text(TINY, encoding="utf-8")
    return path


def waits_at_two_ranks(spec: Spec, options: Options, emit: Emit, stop: threading.Event) -> Document:
    """The search itself; with two ranks it first says that it waits, and is then told to stop."""
    if spec.mesh.devices == 2:
        Path(os.environ["WAITS"]).touch()
        assert stop.wait(60)
    return solve(spec, options, emit, threading.Event())


def dies_at_two_ranks(spec: Spec, options: Options, emit: Emit, stop: threading.Event) -> Document:
    """The search itself; with two ranks its process is gone at once."""
    if spec.mesh.devices == 2:
        os._exit(3)
    return solve(spec, options, emit, stop)
