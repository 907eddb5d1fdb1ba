"""Completion for bash."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from solver.completion.table import Command, Value

_HEAD = """\
# Completion of mmp for bash. Load it with: source <(mmp completion bash)

_mmp_files() {  # the files with that suffix, or all where there are none; and folders
    compopt -o filenames 2> /dev/null
    mapfile -t COMPREPLY < <(compgen -f -X "!*$1" -- "$2")
    [[ ${#COMPREPLY[@]} -gt 0 ]] || mapfile -t COMPREPLY < <(compgen -f -- "$2")
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$2")
    mapfile -t COMPREPLY < <(printf '%s\\n' "${COMPREPLY[@]}" | sort -u | sed '/^$/d')
}

_mmp_folders() {
    compopt -o filenames 2> /dev/null
    mapfile -t COMPREPLY < <(compgen -d -- "$1")
}

_mmp_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

_mmp() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command="" i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$command ${COMP_WORDS[i]}" in
"""
_TAIL = """\
    esac
}

complete -F _mmp mmp
"""


def script(commands: Sequence[Command]) -> str:
    """The script, to be sourced."""
    lines = [*_path(commands), *_values(commands), *_rest(commands)]
    return _HEAD + "\n".join(lines) + "\n" + _TAIL


def _path(commands: Sequence[Command]) -> Iterator[str]:
    """Follow the words written so far to the command they lead to."""
    for command in commands[1:]:
        head, name = " ".join(command.words[:-1]), command.words[-1]
        yield f'            "{head} {name}") command="{_join(command)}" ;;'
    yield '            *" -"*) ;;'
    yield "            *) break ;;"
    yield "        esac"
    yield "    done"


def _values(commands: Sequence[Command]) -> Iterator[str]:
    """What follows an option that takes a value."""
    yield '    case "$command $previous" in'
    for command in commands:
        for option in command.options:
            if option.value is not None:
                names = "|".join(f'"{_join(command)} {name}"' for name in option.names)
                yield f"        {names}) {_complete(option.value)}; return ;;"
    yield "    esac"


def _rest(commands: Sequence[Command]) -> Iterator[str]:
    """Options, words that go on from a command, or what it takes."""
    yield '    case "$command" in'
    for command in commands:
        names = " ".join(name for option in command.options for name in option.names)
        yield f'        "{_join(command)}")'
        yield f'            if [[ $word == -* ]]; then _mmp_words "{names}" "$word"'
        if command.commands:
            words = " ".join(command.commands)
            yield f'            elif ((i == COMP_CWORD)); then _mmp_words "{words}" "$word"'
        elif command.value is not None:
            yield f"            else {_complete(command.value)}"
        yield "            fi ;;"


def _complete(value: Value) -> str:
    if value.choices:
        return f'_mmp_words "{" ".join(value.choices)}" "$word"'
    if value.is_folder:
        return '_mmp_folders "$word"'
    if value.is_file:
        return f'_mmp_files "{f".{value.suffix}" if value.suffix else ""}" "$word"'
    return ":"


def _join(command: Command) -> str:
    return " ".join(command.words)
