"""Commands that the language's reference shows under formatting and editors run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TEXT = (Path(__file__).resolve().parents[2] / "dsl" / "README.md").read_text(encoding="utf-8")
PARTS = re.split(r"^## ", TEXT, flags=re.M)
SECTIONS = [part for part in PARTS if part.startswith(("Formatting\n", "Editors\n"))]
BLOCKS = [b for s in SECTIONS for b in re.findall(r"^```sh\n(.*?)^```", s, re.M | re.S)]


def test_there_are_blocks() -> None:
    assert len(BLOCKS) == 2


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_runs(block: str, tmp_path: Path) -> None:
    (tmp_path / "tidy.mmp").write_text("language 1\n", encoding="utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", block],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
