"""Whether PyTorch is there."""

from __future__ import annotations

import importlib.util

from dsl.diagnostic import DiagnosticError
from solver.export.saved import SavedPlan

VERSION = "2.13.0"


def need_torch(saved: SavedPlan) -> None:
    """Raise DiagnosticError where torch is not installed."""
    if importlib.util.find_spec("torch") is None:
        message = "this level runs the plan in PyTorch, which is not installed"
        advice = f"pip install 'mmp[torch]', or torch=={VERSION}"
        raise DiagnosticError([saved.finding("MMP740", message, (), advice)])
