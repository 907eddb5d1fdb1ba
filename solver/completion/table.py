"""The command line as a table: commands, their options, and what each takes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SUFFIXES = {"SPEC": "mmp", "PLAN": "json"}
_FOLDERS = ("DIR",)


@dataclass(frozen=True, slots=True)
class Value:
    """What is written in a place: one of `choices`, or a file (with that suffix, if any can be
    found), or a folder; or none of them, such as a number."""

    choices: tuple[str, ...] = ()
    is_file: bool = False
    is_folder: bool = False
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """`names` are its spellings; `value` is None for a switch."""

    names: tuple[str, ...]
    help: str
    value: Value | None


@dataclass(frozen=True, slots=True)
class Command:
    """`words` lead to it (`import hf`); `commands` are the words that go on from it; `value` is
    what it takes itself (the first of several), None where that is nothing."""

    words: tuple[str, ...]
    help: str
    options: tuple[Option, ...]
    commands: tuple[str, ...]
    value: Value | None


def table(parser: argparse.ArgumentParser) -> tuple[Command, ...]:
    """Every command, each before those below it; the first is the program itself."""
    return tuple(_commands(parser, (), parser.description or ""))


def _commands(
    parser: argparse.ArgumentParser, words: tuple[str, ...], help_text: str
) -> Iterator[Command]:
    actions = parser._actions
    below = [a for a in actions if isinstance(a, argparse._SubParsersAction)]
    places = [a for a in actions if not a.option_strings and a not in below]
    yield Command(
        words,
        help_text,
        tuple(_option(a) for a in actions if a.option_strings),
        tuple(name for action in below for name in action.choices),
        _value(places[0]) if places else None,
    )
    for action in below:
        helps = {entry.dest: entry.help or "" for entry in action._choices_actions}
        for name, inner in action.choices.items():
            yield from _commands(inner, (*words, name), helps[name])


def _option(action: argparse.Action) -> Option:
    value = None if action.nargs == 0 else _value(action)
    return Option(tuple(action.option_strings), action.help or "", value)


def _value(action: argparse.Action) -> Value:
    if action.choices is not None:
        return Value(choices=tuple(str(choice) for choice in action.choices))
    name = action.metavar if isinstance(action.metavar, str) else action.dest
    if name in _FOLDERS:
        return Value(is_folder=True)
    suffix = _SUFFIXES.get(name, "")
    is_text = action.type is None and (not action.option_strings or name == "FILE")
    return Value(is_file=bool(suffix) or is_text or action.type is Path, suffix=suffix)
