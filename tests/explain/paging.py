"""A page of a diagnostic, taken apart and tried.

A page shows files, each in a block named after it (the first one may lack a name: `spec.mmp`), or
makes them by a command of the shell; a block of `mmp` says how the finding comes about (`mmp check
spec.mmp` where there is none). A `text` block is what is then printed, and `diff` blocks mend it.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dsl.diagnostic import Diagnostic
from dsl.render import render_all
from solver.cli.main import main
from solver.importing.hf.read import ConfigError
from solver.importing.hf.read import read as read_config
from solver.instance.read import InstanceError
from solver.instance.read import read as read_instance
from tests.explain.reading import read

_BLOCK = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", re.M | re.S)
_FOUND = re.compile(r"^(?:error|warning)\[(MMP\d{3})\]", re.M)
# Progress, which a busy machine has time for, and the files that an export writes.
_LEFT_OUT = re.compile(r"^(?:mmp: +[\d.]+ s  |exported/).*\n", re.M)
# Lines of a plan are others with every figure that changes: pages do not show them.
_PLACE_IN_PLAN = re.compile(r"^ +--> plan\.json:\d+:\d+\n(?: *\d* +\|.*\n)+", re.M)
NAMES = {"mmp": "spec.mmp", "diff": "spec.mmp", "toml": "mmp.toml"}


@dataclass(frozen=True)
class Page:
    text: str
    files: Mapping[str, str]
    commands: tuple[str, ...]
    shown: str
    mended: Mapping[str, str]  # the files that the page changes

    @property
    def main(self) -> str:
        """The file that the finding is in."""
        return next(iter(self.files), "spec.mmp")

    @property
    def is_mended(self) -> bool:
        """Whether it changes files that are only looked at."""
        own = any(command.startswith("mmp ") for command in self.commands)
        return bool(self.mended) and not own


def parse(text: str) -> Page:
    files: dict[str, str] = {}
    commands: list[str] = []
    shown = ""
    mended: dict[str, str] = {}
    for language, name, body in _BLOCK.findall(text):
        if language == "sh":
            commands += body.splitlines()
        elif language == "text":
            shown = body
        elif language == "diff":
            at = name or next(iter(files))
            mended[at] = patched(mended.get(at, files[at]), body)
        else:
            files[name or NAMES[language]] = body
    return Page(text, files, tuple(commands), shown, mended)


def patched(text: str, diff: str) -> str:
    """The text with the lines of ` ` and `-` replaced by those of ` ` and `+`."""
    lines = diff.splitlines()
    before = "".join(line[1:] + "\n" for line in lines if line[0] in " -")
    after = "".join(line[1:] + "\n" for line in lines if line[0] in " +")
    assert text.count(before) == 1, before
    return text.replace(before, after)


def write(files: Mapping[str, str], folder: Path) -> None:
    for name, body in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(body, encoding="utf-8")


def findings(page: Page, folder: Path) -> tuple[list[str], str]:
    """The codes found and what is printed, in `folder`, which is the working folder."""
    for command in page.commands:
        if not command.startswith("mmp "):
            subprocess.run(["bash", "-euc", command], cwd=folder, check=True)
    own = [command for command in page.commands if command.startswith("mmp ")]
    if not own:
        found, text = looked_at(folder / page.main)
        return [diagnostic.code for diagnostic in found], text
    printed = [_run(shlex.split(command)[1:]) for command in own][-1]
    return _FOUND.findall(printed), printed


def looked_at(path: Path) -> tuple[Sequence[Diagnostic], str]:
    """What is found in a spec, an instance or a configuration, and how it is printed."""
    name = path.name
    found: Sequence[Diagnostic]
    if path.suffix == ".mmp":
        loaded = read(name)
        return loaded.diagnostics, render_all(loaded.diagnostics, loaded.sources.get) + "\n"
    try:
        if name == "config.json":
            reading = read_config(path.read_bytes(), name)
            found, sources = reading.warnings, reading.sources
        else:
            read_instance(path.read_bytes(), name)
            found, sources = (), {}
    except (ConfigError, InstanceError) as error:
        found, sources = error.diagnostics, error.sources
    return found, render_all(found, sources.get) + "\n"


def _run(arguments: Sequence[str]) -> str:
    """Standard output and error of a command."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        main(list(arguments))
    printed = _LEFT_OUT.sub("", out.getvalue()).replace(f"{Path.cwd()}/", "")
    printed = _PLACE_IN_PLAN.sub("  --> plan.json\n", printed)
    return re.sub("^ +help:", "  help:", printed, flags=re.M).rstrip("\n") + "\n"
