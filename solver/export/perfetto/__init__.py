"""The timeline of a plan as a Chrome trace, which ui.perfetto.dev opens."""

from __future__ import annotations

import json

from solver.export.perfetto.memory import counters
from solver.export.perfetto.messages import arrows
from solver.export.perfetto.tracks import names, slices
from solver.export.saved import SavedPlan
from solver.export.targets import Files


def export(saved: SavedPlan) -> Files:
    """`trace.json`. Every plan has a timeline, so nothing is refused."""
    events = [*names(saved), *slices(saved), *counters(saved), *arrows(saved)]
    about = json.dumps({"plan": saved.path, "step_time_s": saved.document["step_time_s"]})
    lines = ",\n".join(json.dumps(event, ensure_ascii=False) for event in events)
    head = f'{{"displayTimeUnit": "ns", "otherData": {about}, "traceEvents": [\n'
    return {"trace.json": f"{head}{lines}\n]}}\n"}
