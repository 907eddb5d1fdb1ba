"""MindSpore 2.10.0 takes every layout; degrees and layouts cut what the plan cuts."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from pathlib import Path


def main(folder: Path) -> None:
    spec = importlib.util.spec_from_file_location("mmp_shard", folder / "mmp_shard.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    plan = json.loads((folder / "expected.json").read_text())
    degrees = None
    if (folder / "strategy.json").exists():
        degrees = json.loads((folder / "strategy.json").read_text())["parallel_strategy_item"]
        assert set(degrees) == {operator["name"] for operator in plan["operators"]}
    sizes = list(module.AXES.values())
    for operator in plan["operators"]:
        inputs, results = module.layouts(operator["name"])
        uses = [*operator["inputs"], *operator["results"]]
        for number, (layout, (_, indices)) in enumerate(
            zip((*inputs, *results), uses, strict=True)
        ):
            pieces = [count(sizes, at) for at in layout.to_dict()["tensor_map"]]
            if number >= len(inputs):
                continue
            wanted = [cut(plan, operator, index) for index in indices]
            assert pieces == wanted, (operator["name"], number)
            if degrees:
                assert degrees[operator["name"]]["parallel_strategy"][number] == wanted
        if degrees:
            assert degrees[operator["name"]]["stage"] == plan["places"][operator["chunk"]]
    assert plan["stages"] == module.PIPELINE["stages"]
    assert plan["microbatches"] == module.MICROBATCHES


def count(sizes: list[int], at: int | tuple[int, ...]) -> int:
    """How many pieces a dimension has, by the device axes that cut it (counted from the right)."""
    axes = at if isinstance(at, tuple) else (at,)
    return math.prod(sizes[len(sizes) - 1 - axis] for axis in axes if axis >= 0)


def cut(plan: dict, operator: dict, index: str) -> int:
    """How many pieces the plan cuts an index in; `c` is cut with the tokens it holds."""
    cuts = dict(operator["cuts"])
    if operator["kind"] in ("dispatch", "combine"):
        cuts["c"] = [*cuts.get("b", []), *cuts.get("s", [])]
    return math.prod(plan["sizes"][part] for part in cuts.get(index, []))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
