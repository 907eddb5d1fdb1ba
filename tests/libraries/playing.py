"""Folders with libraries, git repositories and a cache of their own, and `mmp` run in them.

`mmp` runs in this process, which is ten times as fast as starting it; git is the program. Names and
dates of commits are fixed, so that every hash is the same in each run.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from solver.cli.diagnostics import text_of
from solver.cli.main import main

_WHO = {"NAME": "Team", "EMAIL": "team@example.org", "DATE": "2026-01-01T00:00:00+0000"}
ENVIRONMENT = {
    **{
        f"GIT_{role}_{key}": value
        for role in ("AUTHOR", "COMMITTER")
        for key, value in _WHO.items()
    },
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "LC_ALL": "C.UTF-8",
    "COLUMNS": "100",
}
REMOTE = "https://team.example/"
"""A URL that git takes for the folder, which has another name in each run."""
_FILE = re.compile(r"^<<< (\S+)\n(.*?)^>>>\n", re.M | re.S)


@dataclass(frozen=True)
class Ran:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


class Playground:
    """A fresh folder, which is the current one."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.folder, self._capsys = folder, capsys
        own = {
            "MMP_CACHE": str(folder / "cache"),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{folder}/.insteadOf",
            "GIT_CONFIG_VALUE_0": REMOTE,
        }
        for name, text in {**ENVIRONMENT, **own}.items():
            monkeypatch.setenv(name, text)
        monkeypatch.chdir(folder)
        self._monkeypatch = monkeypatch

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def enter(self, folder: str) -> None:
        self._monkeypatch.chdir(self.folder / folder)

    def publish(self, name: str, *tags: str) -> None:
        """Commit all of a folder, which becomes a repository, and tag it."""
        folder = self.folder / name
        commands = [["add", "-A"], ["commit", "-q", "-m", "next"], *(["tag", tag] for tag in tags)]
        if not (folder / ".git").exists():
            commands.insert(0, ["init", "-q", "-b", "main"])
        for command in commands:
            subprocess.run(["git", *command], cwd=folder, check=True)

    def mmp(self, *arguments: str) -> Ran:
        """Run `mmp` here."""
        text_of.cache_clear()
        self._capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        printed = self._capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    def shell(self, command: str) -> Ran:
        """Run `mmp` or anything else."""
        if command.startswith("mmp "):
            return self.mmp(*shlex.split(command)[1:])
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
        return Ran(done.returncode, done.stdout, done.stderr)


def play(text: str, ground: Playground) -> str:
    """A transcript as it is played: files, then commands with what they print.

    Commands run in the folder `project`; the form is that of `tests/cli/transcripts`, and files may
    stand between commands, too. `publish NAME TAG...` commits a folder.
    """
    ground.write({"project/mmp.toml": ""})
    ground.enter("project")
    played: list[str] = []
    rest = text
    while rest:
        if found := _FILE.match(rest):
            ground.write({found[1]: found[2]})
            played.append(found[0])
            rest = rest[found.end() :]
            continue
        line, _, rest = rest.partition("\n")
        if line.startswith("$ "):
            played.append(_perform(line[2:], ground))
        elif line.startswith(("#", "<<<")) or not line:
            played.append(f"{line}\n")
    return "".join(played)


def _perform(command: str, ground: Playground) -> str:
    if command.startswith("publish "):
        ground.publish(*command.split()[1:])
        return f"$ {command}\n"
    ran = ground.shell(command)
    lines = [f"$ {command}"]
    for mark, text in (("|", ran.out), ("!", ran.err)):
        shown = text.replace(str(ground.folder), "FOLDER")
        lines.extend(f"{mark} {line}".rstrip() for line in shown.splitlines())
    return "\n".join([*lines, f"[exit {ran.code}]", ""])
