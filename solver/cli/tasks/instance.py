"""A public sharding instance as a task.

The file is read once: what is solved, hashed and verified are the same bytes, whatever happens to
the file meanwhile. The child gets arrays. The verifier reads the text again, on its own.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from solver.cli.files import read_bytes, unpack
from solver.cli.task import Task
from solver.events import Document
from solver.instance.instance import Instance
from solver.instance.read import read
from solver.instance.search import Work
from solver.verify.instance import FORMAT, verify

SEARCH = "solver.instance.search:solve"


def instance_task(path: Path) -> Task:
    """Read an instance. Raises InstanceError with its diagnostics, CommandError."""
    began = time.monotonic()
    data = read_bytes(path)
    text = unpack(data, path)
    instance = read(text, str(path))
    return Task(
        subject=Work(instance, began),
        search=SEARCH,
        objective="value",
        format=FORMAT,
        own_fields=lambda wall_s: {"wall_s": wall_s},
        sources=((str(path), hashlib.sha256(data).hexdigest()),),
        verify=lambda document: verify(document, text),
        render=lambda document: _render(document, str(path), instance),
        spent_s=time.monotonic() - began,
    )


def _render(document: Document, path: str, instance: Instance) -> str:
    from solver.cli.report.instance import render

    return render(document, path, instance)
