"""Table of sharding problems: `mmp solve` and two kinds of peers, side by side.

    python -m tests.benchmarks.sharding FOLDER [--instances B,G] [--time-limit 60]
        [--peers cpsat,cbc,highs | --only-mmp] [--repeat 1]
    python -m tests.benchmarks.sharding --specs [--time-limit 60]

FOLDER holds public instances (`*-B.json.gz` is instance B). Each solver runs in a process of its
own, one after the other, 2 threads and the same limit of wall-clock time, in which start, reading
and building count. `README.md` says what the columns mean and what the peers are.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.peers import logs
from tests.benchmarks.peers.instance import read
from tests.benchmarks.sharding_table import (
    check,
    gap,
    header,
    memory,
    published,
    rows,
    seconds,
)
from tests.benchmarks.watched import Solver, watch

_MODULES = "tests.benchmarks.peers"
MMP = Solver("mmp", f"{_MODULES}.mmp_command")
PEERS = {
    "cpsat": Solver("plain CP-SAT", f"{_MODULES}.plain_cpsat"),
    "cbc": Solver("Alpa, CBC", f"{_MODULES}.alpa_cbc", logs.cbc),
    "highs": Solver("autoparallel, HiGHS", f"{_MODULES}.autoparallel_highs", logs.highs),
}
SPECS = Path(__file__).resolve().parent / "specs"
SPEC_COLUMNS = "spec,value,bound,gap,first,wall,memory,note"


def instances(folder: Path, wanted: Sequence[str]) -> dict[str, Path]:
    """Name -> file: all of a folder, or the wanted ones in their order.

    Raises ValueError for a name that no file has.
    """
    found = {_name(path): path for path in sorted(folder.glob("*.json*"))}
    missing = [name for name in wanted if name not in found]
    if missing or not found:
        raise ValueError(f"no instance {', '.join(missing)} in {folder}".replace("  ", " "))
    return {name: found[name] for name in wanted} if wanted else found


def compare(
    name: str, path: Path, solvers: Sequence[Solver], limit_s: float, repeat: int = 1
) -> list[str]:
    """Run the solvers on an instance, `repeat` times in turn, and give its lines of the table."""
    traces = [(each, watch(each, path, limit_s)) for _ in range(repeat) for each in solvers]
    instance = read(path)  # not before: its memory and time are not those of the solvers
    runs = [check(solver.name, trace, instance) for solver, trace in traces]
    return rows(name, runs, published(name))


def spec_row(path: Path, limit_s: float) -> str:
    """Plan a spec as its first comment says (`// mmp solve OPTION...`); its line of the table."""
    options = tuple(path.read_text(encoding="utf-8").partition("\n")[0].split()[3:])
    trace = watch(MMP, path, limit_s, options)
    value = trace.incumbents[-1][1] if trace.incumbents else None
    figures = ["-" if x is None else f"{x:.4f} s" for x in (value, trace.bound)]
    cells = [path.stem, *figures, gap(value, trace.bound), seconds(trace.first_s)]
    cells += [seconds(trace.wall_s), memory(trace.peak_bytes), trace.failed]
    return f"| {' | '.join(cells)} |\n"


def main(arguments: list[str]) -> None:
    """Print the table, the lines of an instance as soon as all solvers had it."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.specs == (given.folder is not None):
        parser.error("give FOLDER or --specs")
    if given.specs:
        _write(header(SPEC_COLUMNS))
        for path in sorted(SPECS.glob("*.mmp")):
            _write(spec_row(path, given.time_limit))
        return
    try:
        found = instances(given.folder, given.instances)
    except ValueError as error:
        parser.error(str(error))
    solvers = [MMP, *(() if given.only_mmp else (PEERS[name] for name in given.peers))]
    _write(header())
    for name, path in found.items():
        _write("".join(compare(name, path, solvers, given.time_limit, given.repeat)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.sharding")
    parser.add_argument("folder", metavar="FOLDER", type=Path, nargs="?")
    parser.add_argument("--specs", action="store_true", help="plan the specs of specs/ instead")
    parser.add_argument("--instances", metavar="B,G", type=_names, default=[])
    parser.add_argument("--time-limit", metavar="SECONDS", type=float, default=60.0)
    parser.add_argument("--peers", type=_peers, default=list(PEERS), help=f"of {','.join(PEERS)}")
    parser.add_argument("--only-mmp", action="store_true")
    parser.add_argument("--repeat", metavar="TIMES", type=int, default=1)
    return parser


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _peers(text: str) -> list[str]:
    names = _names(text)
    if unknown := [name for name in names if name not in PEERS]:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}")
    return names


def _name(path: Path) -> str:
    stem = path.name.partition(".json")[0]
    letter = re.fullmatch(r".*-([A-Z])", stem)
    return letter[1] if letter else stem


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
