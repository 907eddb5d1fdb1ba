"""The server's packages are an extra: nothing else of the program needs them."""

from __future__ import annotations

import argparse
import importlib.util
import re
from pathlib import Path

import pytest

from solver.cli.commands import lsp
from solver.cli.exit_codes import CommandError, ExitCode

ROOT = Path(__file__).resolve().parents[2]


def test_only_its_room_imports_them() -> None:
    wanted = re.compile(r"^\s*(?:from|import) (?:pygls|lsprotocol|solver\.lsp)\b", re.M)
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("dsl", "solver")
        for path in (ROOT / folder).rglob("*.py")
        if wanted.search(path.read_text(encoding="utf-8"))
    }
    outside = {path for path in found if not path.startswith("solver/lsp/")}
    assert outside == {"solver/cli/commands/lsp.py"}
    assert found - outside


def test_without_them_the_command_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CommandError, match=r"pip install 'mmp\[lsp\]'") as refused:
        lsp.run(argparse.Namespace(stdio=True))
    assert refused.value.code == ExitCode.USAGE
