"""Completion for zsh."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from solver.completion.table import Command, Option, Value

_HEAD = """\
#compdef mmp
# Completion of mmp for zsh. Load it with: source <(mmp completion zsh)
"""
_TAIL = """
if [[ $funcstack[1] == _mmp ]]; then _mmp "$@"; else compdef _mmp mmp; fi
"""


def script(commands: Sequence[Command]) -> str:
    """The script: to be sourced, or to be the file `_mmp` in a folder of `fpath`."""
    functions = [_function(command, commands) for command in commands]
    return _HEAD + "".join(functions) + _TAIL


def _function(command: Command, commands: Sequence[Command]) -> str:
    """One function per command; `_arguments` reads its options and what it takes."""
    lines = [f"\n{_name(command.words)}() {{"]
    specs = [_quoted(line) for option in command.options for line in _option(option)]
    if command.commands:
        specs += ["'1: :->command'", "'*:: :->rest'"]
        lines.append("  local context state state_descr line; typeset -A opt_args")
    elif command.value is not None:
        specs.append(_quoted(f"*:argument:{_action(command.value)}"))
    lines.append("  _arguments -C -s \\\n    " + " \\\n    ".join(specs))
    if command.commands:
        lines.extend(_below(command, commands))
    return "\n".join([*lines, "}\n"])


def _below(command: Command, commands: Sequence[Command]) -> Iterator[str]:
    helps = {other.words: other.help for other in commands}
    entries = [
        _quoted(f"{name}:{_plain(helps[(*command.words, name)])}") for name in command.commands
    ]
    yield "  case $state in"
    yield f"    command) local -a names=({' '.join(entries)}); _describe command names ;;"
    yield "    rest) case $line[1] in"
    for name in command.commands:
        yield f"      {name}) {_name((*command.words, name))} ;;"
    yield "    esac ;;"
    yield "  esac"


def _option(option: Option) -> Iterator[str]:
    """A line of `_arguments` for every spelling."""
    for name in option.names:
        text = _plain(option.help).replace("[", r"\[").replace("]", r"\]")
        value = "" if option.value is None else f":value:{_action(option.value)}"
        yield f"*{name}[{text}]{value}"


def _action(value: Value) -> str:
    if value.choices:
        return f"({' '.join(value.choices)})"
    if value.is_folder:
        return "_files -/"
    if value.suffix:
        return f'_files -g "*.{value.suffix}(-.)"'
    return "_files" if value.is_file else " "


def _plain(text: str) -> str:
    return text.replace("%%", "%").replace(":", r"\:")


def _name(words: Sequence[str]) -> str:
    return "_" + "_".join(["mmp", *words])


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
