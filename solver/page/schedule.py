"""The schedule in few bytes, as the page's script reads it.

Times are whole units, a thousand million a step. Of a row: `phase` has a letter for every operator,
`m` its micro-batch, `c` its chunk (left out where there is one), `gap` the units since the end of
the one before and `run` those it takes. `typical` is the `run` of which three quarters of all are
longer.
"""

from __future__ import annotations

import json
from typing import Any

from solver.drawing.picture import Row
from solver.page.scale import EXACT, LANE, LEFT, PLOT, TOP, Scale

_NAMES = {"F": "forward", "W": "weight gradient"}


def data(found: Scale) -> str:
    """JSON that can stand in a `script` element."""
    picture = found.picture
    content = {
        "step_s": picture.step_time,
        "units": EXACT,
        "time": [found.time.name, found.time.size],
        "memory": [found.memory.name, found.memory.size],
        "place": {
            "left": LEFT,
            "top": TOP,
            "width": PLOT,
            "height": found.plot_height,
            "pitch": found.pitch,
            "lane": LANE,
        },
        "names": {**_NAMES, "B": "backward" if picture.is_fused else "input gradient"},
        "typical": found.typical,
        "rows": [_row(found, row, picture.chunks) for row in picture.rows],
    }
    text = json.dumps(content, separators=(",", ":"))
    return text.replace("<", "\\u003c")  # no text of it can end the element


def _row(found: Scale, row: Row, chunks: int) -> dict[str, Any]:
    gaps, runs, last = [], [], 0
    for box in row.boxes:
        start, end = found.exact(box.start), found.exact(box.end)
        gaps.append(start - last)
        runs.append(end - start)
        last = end
    content: dict[str, Any] = {
        "stage": row.device,
        "phase": "".join(box.phase for box in row.boxes),
        "m": [box.microbatch for box in row.boxes],
        "gap": gaps,
        "run": runs,
        "constant": row.constant,
        "held": [[found.exact(moment), size] for moment, size in row.held],
    }
    if chunks > 1:
        content["c"] = [box.chunk for box in row.boxes]
    return content
