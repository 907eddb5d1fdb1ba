"""The exit codes of `mmp`, a contract with scripts."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the exit code of a command says."""

    DONE = 0
    REJECTED = 1  # the spec has errors, or a plan failed verification
    USAGE = 2  # wrong usage, or a file that cannot be read or written
    DIFFERS = 3  # `fmt --check` or `--diff`, or `diff`, found differences
    INFEASIBLE = 10
    LIMIT = 11  # reached without a plan
    INTERRUPTED = 12  # without a plan
    SOLVER_FAILED = 20
    INTERNAL = 70


class CommandError(Exception):
    """Ends a command with a message for the user, no traceback, and an exit code."""

    def __init__(self, message: str, code: ExitCode = ExitCode.USAGE) -> None:
        super().__init__(message)
        self.code = code
