"""Transcripts: files, commands, and exactly what the commands print.

A transcript under `transcripts/` first lists files, each between `<<< NAME` and `>>>`, then
commands: `$ command`, `| ` lines of standard output, `! ` lines of standard error, `[exit N]`. All
of it runs in one fresh folder, where `examples` leads to the examples. What changes from run to run
(seconds, versions, temporary paths) is masked. `pytest --update-golden` writes the output anew.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))

_FILE = re.compile(r"^<<< (\S+)\n(.*?)^>>>\n", re.M | re.S)
_MASKS = (
    (re.compile(r"(solved in +)[\d.]+ \w+"), r"\1TIME"),
    (re.compile(r'("wall_s": )[\d.]+'), r"\1TIME"),
    (re.compile(r'("sha256": )"[0-9a-f]{64}"'), r'\1"HASH"'),
    (re.compile(r'("(mmp|ortools)": )"[^"]+"'), r'\1"VERSION"'),
    (re.compile(r"^(mmp) \d+\.\d+\.\d+\S*$", re.M), r"\1 VERSION"),
    (re.compile(r"\S*/mmp-\w+\.(txt|json)"), r"SAVED.\1"),
    (re.compile(r"^mmp: +[\d.]+ s  .*\n", re.M), ""),  # progress, which a busy machine has time for
)


@dataclass(frozen=True)
class Transcript:
    head: str  # the files, as written
    files: tuple[tuple[str, str], ...]
    commands: tuple[str, ...]
    body: str


def _read(path: Path) -> Transcript:
    text = path.read_text(encoding="utf-8")
    start = text.index("$ ")
    head, body = text[:start], text[start:]
    files = tuple((m[1], m[2]) for m in _FILE.finditer(head))
    commands = tuple(line[2:] for line in body.splitlines() if line.startswith("$ "))
    return Transcript(head, files, commands, body)


def _play(transcript: Transcript, folder: Path) -> str:
    for name, text in transcript.files:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    (folder / "examples").symlink_to(ROOT / "examples")
    return "\n".join(_perform(command, folder) for command in transcript.commands)


def _perform(command: str, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", "COLUMNS": "100"},
        capture_output=True,
        text=True,
    )
    lines = [f"$ {command}"]
    for mark, text in (("|", done.stdout), ("!", done.stderr)):
        for pattern, replacement in _MASKS:
            text = pattern.sub(replacement, text)
        text = text.replace(str(folder), "FOLDER")
        lines.extend(f"{mark} {line}".rstrip() for line in text.splitlines())
    return "\n".join([*lines, f"[exit {done.returncode}]", ""])


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(path: Path, tmp_path: Path, golden: Callable[[Path, str], None]) -> None:
    transcript = _read(path)
    assert transcript.commands
    golden(path, transcript.head + _play(transcript, tmp_path))


def test_there_are_transcripts_of_every_command() -> None:
    from solver.cli.main import COMMANDS

    elsewhere = Path(__file__).parents[1].glob("*/transcripts/*.txt")  # rooms with cases of own
    played = "\n".join(path.read_text(encoding="utf-8") for path in elsewhere)
    for command in COMMANDS:
        name = command.__name__.rpartition(".")[2].rstrip("_")  # `import` is a word of Python
        assert f"$ mmp {name} " in played
