"""The JSON Schema of plan documents, `schema.json` beside this file (draft 2020-12)."""

from __future__ import annotations

from importlib.resources import files


def schema_text() -> str:
    """The schema of `mmp-plan/1`, as it is printed."""
    return files("solver.plan").joinpath("schema.json").read_text(encoding="utf-8")
