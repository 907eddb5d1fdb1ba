"""Completion for fish."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from solver.completion.table import Command, Option, Value

_HEAD = "# Completion of mmp for fish. Load it with: mmp completion fish | source"


def script(commands: Sequence[Command]) -> str:
    """The script, to be sourced."""
    lines = [_HEAD, "complete -c mmp -f"]
    for command in commands:
        lines.extend(_command(command, commands))
    return "\n".join(lines) + "\n"


def _command(command: Command, commands: Sequence[Command]) -> Iterator[str]:
    where = f"complete -c mmp -n {_quoted(_condition(command))}"
    helps = {other.words: other.help for other in commands}
    for name in command.commands:
        yield f"{where} -a {name} -d {_quoted(helps[(*command.words, name)])}"
    if command.value is not None and (what := _value(command.value)):
        yield f"{where} {what}"
    for option in command.options:
        yield f"{where} {_option(option)}"


def _condition(command: Command) -> str:
    """Whether the words so far are those of the command, and none of one below it."""
    seen = [f"__fish_seen_subcommand_from {word}" for word in command.words]
    if command.commands:
        seen.append(f"not __fish_seen_subcommand_from {' '.join(command.commands)}")
    return "; and ".join(seen) or "true"


def _option(option: Option) -> str:
    names = [
        f"-l {name.removeprefix('--')}" if name.startswith("--") else f"-s {name.removeprefix('-')}"
        for name in option.names
    ]
    value = [] if option.value is None else [_taken(option.value)]
    return " ".join([*names, *value, f"-d {_quoted(option.help)}"])


def _taken(value: Value) -> str:
    """A value after an option; files only where it is one."""
    return f"{'-r' if value.is_file else '-x'} {_value(value)}".rstrip()


def _value(value: Value) -> str:
    if value.choices:
        return f"-a {_quoted(' '.join(value.choices))}"
    if value.is_folder:
        return "-a '(__fish_complete_directories)'"
    if value.suffix:
        return f"-k -a '(__fish_complete_suffix .{value.suffix})'"
    return "-F" if value.is_file else ""


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("%%", "%") + "'"
