"""The sharding benchmark: its peers find the optimum, and it believes nobody."""

from __future__ import annotations

import gzip
import itertools
import json
import random
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks import sharding, watched
from tests.benchmarks.peers import logs
from tests.benchmarks.peers.instance import FORBIDDEN, Instance, live_sets, read, value_of
from tests.benchmarks.sharding_table import check, rows
from tests.benchmarks.watched import Solver, Trace, watch

SOLVERS = {"mmp": sharding.MMP, **sharding.PEERS}


def _problem(seed: int) -> dict[str, object]:
    """A small instance: nodes without a choice, nodes that never live, forbidden and parallel
    pairs, and a limit that binds."""
    rng = random.Random(seed)
    sizes = [1, 3, 2, 3, 2, 1]

    def cost() -> int:
        return FORBIDDEN if rng.random() < 0.1 else rng.choice([0, rng.randint(1, 99)])

    pairs = rng.choices(list(itertools.combinations(range(len(sizes)), 2)), k=8)
    starts = [rng.randint(0, 6) for _ in sizes]
    usages = [[rng.randint(1, 30) for _ in range(size)] for size in sizes]
    return {
        "nodes": {
            "intervals": [[start, start + rng.randint(0, 6)] for start in starts],
            "costs": [[rng.randint(0, 99) for _ in range(size)] for size in sizes],
            "usages": usages,
        },
        "edges": {
            "nodes": pairs,
            "costs": [[cost() for _ in range(sizes[u] * sizes[v])] for u, v in pairs],
        },
        "usage_limit": sum(min(row) for row in usages) * 2 // 3,
    }


def _write(folder: Path, seed: int) -> Path:
    path = folder / f"small-{chr(65 + seed)}.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"problem": _problem(seed)}).encode()))
    return path


def _optimum(instance: Instance) -> float:
    best = float("inf")
    for solution in itertools.product(*(range(len(costs)) for costs in instance.costs)):
        try:
            best = min(best, value_of(instance, solution))
        except ValueError:
            continue
    return best


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("seed", [0, 4])
def test_every_solver_proves_the_optimum(name: str, seed: int, tmp_path: Path) -> None:
    path = _write(tmp_path, seed)
    best = _optimum(read(path))
    trace = watch(SOLVERS[name], path, 20.0)
    found = check(name, trace, read(path))
    assert (found.value, found.note) == (best, "")
    assert trace.bound == pytest.approx(best)
    assert 0 < trace.first_s <= trace.reached_s(best) <= trace.wall_s < 20
    assert trace.peak_bytes > 2**22
    if name in sharding.PEERS:
        assert 0 < trace.building_s <= trace.built_s <= trace.first_s


def test_the_table_says_who_found_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(tmp_path, 3)
    best = _optimum(read(_write(tmp_path, 4)))
    sharding.main([str(tmp_path), "--instances", "E,D", "--peers", "cpsat", "--time-limit", "20"])
    printed = [line.split("|") for line in capsys.readouterr().out.splitlines()]
    rows_of = {(line[1].strip(), line[2].strip()): [x.strip() for x in line] for line in printed}
    assert rows_of["E", "plain CP-SAT"][3:7] == [f"{best:,}", "+0.00%", f"{best:,}", "proved"]
    assert rows_of["D", "plain CP-SAT"][-2] == "no solution: infeasible (building: 0 s)"


def test_an_unknown_instance_is_a_usage_error(tmp_path: Path) -> None:
    _write(tmp_path, 4)
    with pytest.raises(SystemExit) as ended:
        sharding.main([str(tmp_path), "--instances", "E,Z"])
    assert ended.value.code == 2


def _trace(solution: list[int] | None, value: float, bound: float) -> Trace:
    return Trace(incumbents=[(1.0, value)], bound=bound, solution=solution, wall_s=2.0)


def test_what_a_solver_claims_is_held_against_the_instance() -> None:
    pair = Instance([(0, 2), (1, 3)], [[5, 7], [1, 2]], [[4, 1], [4, 1]], [(0, 1)], [[0] * 4], 5)
    assert check("x", _trace([1, 0], 8, 8), pair).note == ""
    assert check("x", _trace([1, 0], 7, 7), pair).note == "WRONG: claims 7"
    assert check("x", _trace([1, 0], 8, 9), pair).note == "WRONG: its bound is above its value"
    assert check("x", _trace([0, 0], 6, 6), pair).note == "WRONG: memory is 3 over the limit"
    assert check("x", _trace([1, 2], 8, 8), pair).note == "WRONG: node 1 has no strategy 2"
    assert check("x", _trace([1], 8, 8), pair).note == "WRONG: 1 strategies for 2 nodes"
    forbidden = replace(pair, tables=[[0, 0, FORBIDDEN, 0]])
    assert "forbidden" in check("x", _trace([1, 0], 8, 8), forbidden).note
    # A solution may be better than its solver says; it then counts from the end of the run.
    better = check("x", _trace([1, 0], 9, 8), pair)
    assert (better.value, better.note, better.trace.reached_s(8)) == (8, "", 2.0)


def test_near_means_near_the_best_of_all() -> None:
    runs = [check("x", _trace([0], value, 900), _single(value)) for value in (1009, 1000, 1011)]
    lines = [line.split(" | ") for line in rows("T", runs, {"others": 1005})]
    assert [line[3] for line in lines] == ["+0.50%", "+0.90%", "+0.00%", "+1.10%"]
    assert [line[7] for line in lines[1:]] == ["1.0 s", "1.0 s", "-"]


def _single(cost: int) -> Instance:
    return Instance([(0, 1)], [[cost]], [[1]], [], [], 1)


@pytest.mark.parametrize("seed", range(30))
def test_live_sets_are_the_maximal_ones(seed: int) -> None:
    rng = random.Random(seed)
    starts = [rng.randint(0, 12) for _ in range(rng.randint(0, 9))]
    intervals = [(start, start + rng.randint(0, 5)) for start in starts]
    alive = {
        frozenset(i for i, (start, end) in enumerate(intervals) if start <= time < end)
        for time in range(20)
    }
    maximal = {one for one in alive if one and not any(one < other for other in alive)}
    found = [frozenset(live) for live in live_sets(intervals)]
    assert len(found) == len(set(found))
    assert set(found) == maximal


def test_lines_of_cbc() -> None:
    found = "Cbc0012I Integer solution of 532844 found by rounding after 0 iterations and 0 nodes"
    assert logs.cbc(found) == {"value": 532844.0}
    tree = "Cbc0010I After 1 nodes, 2 on tree, 1e+50 best solution, best possible 519295.2 (9 s)"
    assert logs.cbc(tree) == {"bound": 519295.2}
    assert logs.cbc("Lower bound:                    504553.532") == {"bound": 504553.532}
    assert logs.cbc("Cbc0038I Pass   1: suminf.    0.00000 (0) obj. 12") == {}


def test_lines_of_highs() -> None:
    row = " T       0       0         0   0.00%   37422           532843            92.98%        0"
    assert logs.highs(row) == {"bound": 37422.0, "value": 532843.0}
    row = " J       0       0         0   0.00%   -inf            535                Large        0"
    assert logs.highs(row) == {"value": 535.0}
    assert logs.highs("  Gap               0% (tolerance: 0.01%)") == {}


SPEC = """// mmp solve -D gpus=2
language 1
import hardware.nvidia (h100_sxm)
param gpus: int = 1
mesh pod = h100_sxm[gpu: gpus]
model one(batch: int) {
  batch index b = batch
  index d = 512, f = 1024
  input x[b, d] : bf16
  y[b, f] = matmul(x, param w[d, f])
  output y
}
model net = one(batch: 64)
train { microbatches 1  pipeline 1 stage }
pin net.y : f over gpu
"""


def test_a_spec_is_planned_with_the_options_of_its_first_line(tmp_path: Path) -> None:
    path = tmp_path / "one.mmp"
    path.write_text(SPEC)
    name, *figures = [cell.strip() for cell in sharding.spec_row(path, 20.0).split("|")[1:-1]]
    value, bound, gap, first, wall, memory, note = figures
    assert (name, value, gap, note) == ("one", bound, "proved", "")
    assert 0 < float(first.split()[0]) <= float(wall.split()[0]) < 20
    assert float(memory.split()[0].replace(",", "")) > 50
    path.write_text(SPEC.replace("gpus=2", "gpus=0"))
    assert sharding.spec_row(path, 20.0).split("|")[-2].strip().startswith("exit code 1: ")


STUBBORN = """
import json, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; x = b'1' * 200_000_000; "
                          "print(flush=True); time.sleep(60)"], process_group=0,
                         stdout=subprocess.PIPE)
child.stdout.readline()
for line in ({"building": True}, {"value": 7}, {"value": 9}, {"value": 6}, {"bound": child.pid}):
    print(json.dumps(line), flush=True)
time.sleep(60)
"""


def test_a_solver_that_does_not_end_is_killed_with_all_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(watched, "GRACE_S", 1.0)
    trace = watch(Solver("stubborn", "stubborn"), tmp_path / "none.json", 1.0)
    assert (trace.failed, [value for _, value in trace.incumbents]) == ("killed", [7, 6])
    assert 2.0 <= trace.wall_s < 10.0
    assert trace.peak_bytes > 200_000_000
    deadline = time.monotonic() + 5.0
    while _is_running(int(trace.bound)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    note = check("x", trace, _single(1)).note
    assert re.fullmatch(r"no solution: killed while building \(\d s\)", note)


def _is_running(process: int) -> bool:
    """Whether a process is there and no zombie that nobody has asked after yet."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_a_solver_that_wants_too_much_memory_ends_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "greedy.py").write_text("x = bytearray(13 * 2**30)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    trace = watch(Solver("greedy", "greedy"), tmp_path / "none.json", 20.0)
    assert (trace.failed, trace.solution) == ("out of memory", None)
