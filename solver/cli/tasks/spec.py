"""A `.mmp` spec as a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from dsl.spec import Spec
from solver.cli.task import Task
from solver.events import Document
from solver.verify.check import FORMAT, verify

SEARCH = "solver.search.solve:solve"


def spec_task(path: str | Path, overrides: Mapping[str, str]) -> Task:
    """Read a spec. Raises LoadError with its diagnostics."""
    from dsl.load import load

    return task_of(load(path, overrides))


def task_of(spec: Spec) -> Task:
    """A spec that was read already. Its own file is the first source: `mmp verify` reads that."""
    sources = sorted(spec.sources, key=lambda source: source.path != spec.path)
    return Task(
        subject=spec,
        search=SEARCH,
        objective=spec.objective[0],
        format=FORMAT,
        own_fields=lambda _wall_s: _own_fields(spec),
        sources=tuple((source.path, source.sha256) for source in sources),
        verify=lambda document: verify(document, spec),
        render=lambda document: _render(document, spec),
    )


def _own_fields(spec: Spec) -> Document:
    """What the plan was made from, beside its sources."""
    libraries = {"libraries": [asdict(library) for library in spec.libraries]}
    return {**(libraries if spec.libraries else {}), "overrides": dict(spec.overrides)}


def _render(document: Document, spec: Spec) -> str:
    from solver.cli.report.page import render

    return render(document, spec)
