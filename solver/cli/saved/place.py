"""Where a plan is read from: a file, or a file at a revision of the git repository around it.

`plan.json` is a file. `plan.json@v1` is that file at the revision `v1`, its path seen from here;
`v1:plan.json` is git's own way to write it, the path seen from the top of the repository
(`v1:./plan.json`: from here). A name that is a file is never anything else.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from solver.cli.exit_codes import CommandError
from solver.cli.files import read_bytes


@dataclass(frozen=True, slots=True)
class Place:
    """A path, and a revision (None: the file as it is now). `name` is what the user wrote; with
    `from_top` the path counts from the top of the repository."""

    name: str
    path: str
    revision: str | None = None
    from_top: bool = False


def place_of(name: str) -> Place:
    """What the user means. Raises CommandError for half a revision."""
    if Path(name).is_file():
        return Place(name, name)
    path, mark, revision = name.rpartition("@")
    if mark:
        return _checked(Place(name, path, revision))
    revision, mark, path = name.partition(":")
    if mark:
        return _checked(Place(name, path, revision, from_top=not path.startswith(("./", "../"))))
    return Place(name, name)


def read_place(place: Place) -> bytes:
    """The bytes of the plan. Raises CommandError where there are none."""
    if place.revision is None:
        return read_bytes(Path(place.path))
    path = Path(place.path)
    folder = Path() if place.from_top else path.parent
    if not folder.is_dir():
        raise CommandError(f"cannot read {place.name}: there is no folder {folder}")
    inside = place.path if place.from_top else f"./{path.name}"
    return _git(place, folder, f"{place.revision}:{inside}")


def _checked(place: Place) -> Place:
    if place.path and place.revision and not place.revision.startswith("-"):
        return place
    form = "give a file, PATH@REVISION or REVISION:PATH"
    raise CommandError(f"cannot read {place.name}: no such file; {form}")


def _git(place: Place, folder: Path, blob: str) -> bytes:
    """What `git cat-file` gives: the blob as it was committed, through no filter."""
    command = ["git", "-C", str(folder), "cat-file", "blob", blob]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    except FileNotFoundError as error:
        message = f"cannot read {place.name}: there is no such file, and git is not installed"
        raise CommandError(message) from error
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        why = lines[0].removeprefix("fatal: ") if lines else f"git ended with {done.returncode}"
        raise CommandError(f"cannot read {place.name}: {why}")
    return done.stdout
