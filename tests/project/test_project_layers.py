"""The rooms of the house: who may import whom, and who may print."""

from __future__ import annotations

import ast
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOP = {"README.md", "LICENSE", "pyproject.toml", "dsl", "solver", "stdlib", "tests", "examples"}
ATTEMPTS = 5
LOOP, LOOP_S = "for _ in range(5_000_000): pass", 0.2  # with the start of Python, on an idle core
EXAMPLES = sorted((ROOT / "examples").glob("*.mmp"))


def _modules(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, folder
    return found


def _imports(path: Path, is_lazy_too: bool = True) -> Iterator[tuple[int, str]]:
    """(line, module) of every import; without lazy ones, only those run when it is imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree) if is_lazy_too else _at_import(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            yield node.lineno, node.module or ""


def _at_import(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from _at_import(child)


def _offenders(folder: str, forbidden: tuple[str, ...], is_lazy_too: bool = True) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line}: {module}"
        for path in _modules(folder)
        for line, module in _imports(path, is_lazy_too)
        if any(module == name or module.startswith(f"{name}.") for name in forbidden)
    ]


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("dsl", ("solver", "ortools", "numpy", "rich")),
        ("solver/verify", ("ortools", "numpy", "solver.cost", "solver.search", "solver.schedule")),
        ("solver/verify", ("solver.engine", "solver.instance")),
        ("solver/instance", ("ortools", "solver.verify", "solver.cli", "solver.isolate")),
        ("solver/cost", ("ortools", "solver.verify", "solver.search", "solver.cli")),
        ("solver/search", ("solver.verify", "solver.cli", "solver.isolate")),
        ("solver/schedule", ("solver.verify", "solver.search", "solver.cli", "solver.isolate")),
        ("solver/isolate", ("ortools", "numpy", "rich", "solver.cli", "solver.search")),
        ("solver/cli", ("ortools", "numpy", "solver.search")),
    ],
)
def test_a_room_imports_only_what_it_may(folder: str, forbidden: tuple[str, ...]) -> None:
    assert _offenders(folder, forbidden) == []


def test_lark_stays_in_the_parser() -> None:
    found = _offenders("dsl", ("lark",)) + _offenders("solver", ("lark",))
    assert found
    assert all(offender.startswith("dsl/text/") for offender in found)


def test_ortools_is_only_imported_when_it_is_used() -> None:
    assert _offenders("solver", ("ortools",), is_lazy_too=False) == []
    assert _offenders("solver", ("ortools",))


def test_library_code_does_not_print() -> None:
    calls = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in ("dsl", "solver")
        for path in _modules(folder)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
        and not path.is_relative_to(ROOT / "solver" / "cli")
    ]
    assert calls == []


def test_nothing_new_at_the_top() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    top = {line.split("/")[0] for line in listed.stdout.splitlines()}
    assert {name for name in top if not name.startswith(".")} == TOP


def test_no_source_is_ignored() -> None:
    """The wheel leaves out what git ignores; a folder called `build` was once lost that way."""
    command = ["git", "ls-files", "-oi", "--exclude-standard", "dsl", "solver", "stdlib"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    lost = [name for name in listed.stdout.splitlines() if "__pycache__" not in name]
    assert lost == []


def _loaded_by(*arguments: str) -> set[str]:
    """Top-level modules that a command line has imported when it ends."""
    program = (
        "import sys; from solver.cli.main import main\n"
        "try: code = main(sys.argv[1:])\n"
        "except SystemExit as end: code = end.code\n"
        "print('\\n@', code, *{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True
    )
    code, *modules = done.stdout.rpartition("\n@ ")[2].split()
    assert code == "0", done.stderr
    return set(modules)


@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",), ("check", str(EXAMPLES[0])), ("fmt", "--help")]
)
def test_light_commands_load_nothing_heavy(arguments: tuple[str, ...]) -> None:
    assert not _loaded_by(*arguments) & {"ortools", "numpy", "pandas", "rich"}


@pytest.mark.parametrize(
    ("arguments", "seconds"),
    [(("--help",), 0.3), *((("check", str(path)), 1.0) for path in EXAMPLES)],
    ids=["help", *(path.stem for path in EXAMPLES)],
)
def test_commands_answer_quickly(arguments: tuple[str, ...], seconds: float) -> None:
    """Processor time, the best of a few runs, on a machine of the speed that a plain loop shows:
    machines that run tests do other things too."""
    command = [sys.executable, "-m", "solver.cli.main", *arguments]
    for _ in range(ATTEMPTS):
        slowness = max(1.0, _processor_s([sys.executable, "-c", LOOP]) / LOOP_S)
        if _processor_s(command) < seconds * slowness:
            return
    pytest.fail(f"{' '.join(arguments)} took more than {seconds} s in each of {ATTEMPTS} runs")


def _processor_s(command: list[str]) -> float:
    before = _children_s()
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return _children_s() - before


def _children_s() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime
