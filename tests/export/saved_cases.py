"""Plans that exports are tested with: documents of one day, so that no search is needed.

`cases/NAME.mmp` is the spec, on a device of its own; `cases/NAME.json` the plan that was found.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from dsl.load import load
from dsl.spec import Spec
from solver import json_text
from solver.export.saved import SavedPlan

CASES = Path(__file__).parent / "cases"
NAMES = tuple(sorted(path.stem for path in CASES.glob("*.mmp")))

Change = Callable[[dict[str, Any]], None]


@cache
def _read(name: str) -> tuple[str, Spec]:
    text = (CASES / f"{name}.json").read_text(encoding="utf-8")
    return text, load(str(CASES / f"{name}.mmp"), {})


def saved(name: str) -> SavedPlan:
    """The plan of a case."""
    text, spec = _read(name)
    return SavedPlan(f"{name}.json", text, json.loads(text), spec)


def changed(name: str, change: Change) -> SavedPlan:
    """The plan of a case after a change of its document, which no verification has passed."""
    text, spec = _read(name)
    document = copy.deepcopy(json.loads(text))
    change(document)
    return SavedPlan(f"{name}.json", json_text.dumps(document), document, spec)


def with_mesh(name: str, mesh: str, folder: Path) -> SavedPlan:
    """The plan of a case beside its spec with other axes of the mesh."""
    text = (CASES / f"{name}.mmp").read_text(encoding="utf-8")
    start = text.index("small[") + len("small[")
    path = folder / f"{name}.mmp"
    path.write_text(text[:start] + mesh + text[text.index("]", start) :], encoding="utf-8")
    plan = saved(name)
    return SavedPlan(plan.path, plan.text, plan.document, load(str(path), {}))


ONE_DEVICE = """language 1
{imports}
device small {{
  compute bf16 100 TFLOP/s
  memory 80 GiB at 2 TB/s
  link near : 300 GB/s latency 3 us
}}
mesh pod = small[gpu: 1]
model net = {model}
train {{
  optimizer adamw
  precision bf16
}}
minimize step_time
"""


def on_one_device(imports: str, model: str, folder: Path) -> SavedPlan:
    """A model on one device, where a plan has nothing to choose."""
    path = folder / "one.mmp"
    path.write_text(ONE_DEVICE.format(imports=imports, model=model), encoding="utf-8")
    spec = load(str(path), {})
    operators = [operator.name for operator in spec.graph.operators]
    times = {"chunk": 0, "device": 0, "microbatch": 0, "stage": 0}
    layouts = ("used", "stored", "gradients_stored", "optimizer_stored", "levels")
    readers = [use.tensor for o in spec.graph.operators for use in o.inputs]
    tensors = spec.graph.tensors
    document: dict[str, Any] = {
        "operators": {name: {"cuts": {}, "stage": 0, "recompute": False} for name in operators},
        "tensors": {
            name: {"cuts": {}, "partial": []}
            for name in tensors
            if tensors[name].role != "parameter" and readers.count(name) > 1
        },
        "parameters": {
            name: {field: {} for field in layouts}
            for name in tensors
            if tensors[name].role == "parameter"
        },
        "pipeline": {
            "microbatches": 1,
            "axes": [],
            "family": None,
            "fused": [True],
            "stages": [{"stage": 0}],
            "schedule": [
                {**times, "phase": "F", "start_s": 0.0, "end_s": 1.0},
                {**times, "phase": "B", "start_s": 1.0, "end_s": 2.0},
            ],
        },
    }
    return SavedPlan("one.json", json_text.dumps(document), document, spec)
