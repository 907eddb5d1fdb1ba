"""A process of level `gloo` whose runtime was tampered with, as `FOLDER/mutation` says:
`python -m tests.execution.mutated_worker FOLDER RANK COUNT`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from solver.execution import gloo_worker


def _load_comms(change: Any) -> None:
    """Let the runtime load the lowered schedule, changed by `change` (rows of actions)."""
    schedules: Any = importlib.import_module("torch.distributed.pipelining.schedules")
    runtime = schedules._PipelineScheduleRuntime
    load = runtime._load_csv

    def changed(self: Any, filename: str, format: str = "compute_only") -> None:
        load(self, filename, format)
        change(self.pipeline_order_with_comms, schedules)

    runtime._load_csv = changed


def _swap_receives(rows: dict[int, list[Any]], schedules: Any) -> None:
    """The last stage receives its second message first, so takes the two for each other."""
    row = rows[max(rows)]
    at = [n for n, action in enumerate(row) if action.computation_type == schedules.RECV_F]
    row.insert(at[0], row.pop(at[1]))


def _defer(rows: dict[int, list[Any]], schedules: Any) -> None:
    """What `defer_pp_recv=True` does."""
    places = {a.stage_index: rank for rank, row in rows.items() for a in row if a.is_compute_op}
    rows.update(schedules._defer_recv_ops(dict(rows), lambda stage: places[stage]))


def main() -> None:
    folder = Path(sys.argv[1])
    sys.path.insert(0, str(folder))
    match (folder / "mutation").read_text():
        case "swap":
            _load_comms(_swap_receives)
        case "defer":
            _load_comms(_defer)
    gloo_worker.main(folder, int(sys.argv[2]), int(sys.argv[3]))


if __name__ == "__main__":
    main()
