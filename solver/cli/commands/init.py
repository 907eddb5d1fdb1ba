"""`mmp init [FILE]`: a first spec, from flags or from answers to a few questions."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from solver.cli import settings, streams
from solver.cli.exit_codes import CommandError, ExitCode

if TYPE_CHECKING:
    from solver.starting.catalogue import Machine, Preset
    from solver.starting.text import Choice

FILE = Path("spec.mmp")
MODEL, DEVICE, DEVICES = "llama3_8b", "h100_sxm", "8"
_COUNT = re.compile(r"(?:([1-9]\d*)x)?([1-9]\d*)")

Answer = TypeVar("Answer")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "init",
        help="write a first spec",
        description="Write a first spec for a model and devices of the standard library. What no "
        "flag says is asked for on standard error and read from standard input; an empty answer "
        "or none takes what is offered. A file that is there is never overwritten.",
    )
    parser.add_argument("file", metavar="FILE", nargs="?", type=Path, help="default: spec.mmp")
    parser.add_argument("-o", dest="output", metavar="FILE", type=Path, help="the same")
    parser.add_argument("--model", metavar="NAME", help=f"such as {MODEL}")
    parser.add_argument("--device", metavar="NAME", help=f"such as {DEVICE}")
    parser.add_argument(
        "--devices",
        metavar="N",
        help="how many devices, or nodes times devices such as 4x8; NAME:N says which, too",
    )
    parser.add_argument(
        "--batch", metavar="N", type=settings.positive, help="samples per step (default: 8 x N)"
    )
    parser.add_argument(
        "--seq", metavar="N", type=settings.positive, help="tokens per sample (default: model's)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Ask for what is missing, write the file, say what to do with it."""
    from solver.cli.files import check_writable, write_whole
    from solver.starting.text import spec_text

    if arguments.file is not None and arguments.output is not None:
        raise CommandError("give the file once: FILE or -o FILE")
    path = arguments.file or arguments.output or FILE
    if path.exists() or path.is_symlink():
        raise CommandError(f"{path} is there already; mmp init overwrites nothing")
    check_writable(path)
    text = spec_text(_choice(arguments))
    write_whole(path, text)
    streams.note(f"wrote {path}; plan it with: mmp solve {path}")
    return ExitCode.DONE


def _choice(arguments: argparse.Namespace) -> Choice:
    from solver.starting.catalogue import machines, presets
    from solver.starting.text import SAMPLES, Choice

    given, _, count = (arguments.devices or "").rpartition(":")
    if count and not count[0].isdigit():
        given, count = count, ""
    if given and arguments.device not in (None, given):
        raise CommandError(f"--device {arguments.device} and --devices {arguments.devices} differ")
    known: dict[str, Preset] = presets()
    model = _settle("Model", arguments.model, MODEL, lambda name: _pick(name, known, "model"))
    if arguments.seq is not None and model.seq is None:
        raise CommandError(f"{model.name} has no sequence length; leave --seq out")
    device = given or arguments.device
    machine: Machine = _settle(
        "Device", device, DEVICE, lambda name: _pick(name, machines(), "device")
    )
    nodes, per_node = _settle(
        "How many devices", count or None, DEVICES, lambda text: _grid(text, machine)
    )
    batch = arguments.batch or SAMPLES * nodes * per_node
    return Choice(model, machine, nodes, per_node, batch, arguments.seq or model.seq)


def _settle(
    question: str, given: str | None, default: str, read: Callable[[str], Answer]
) -> Answer:
    """What a flag says (ValueError of `read` is a usage error), or else the first good answer."""
    if given is not None:
        try:
            return read(given)
        except ValueError as error:
            raise CommandError(str(error)) from error
    while True:
        streams.note(f"{question} [{default}]?")
        answer = sys.stdin.readline() if sys.stdin is not None else ""
        if not answer:  # nobody is there to say otherwise
            streams.note(f"{question}: {default}")
            return read(default)
        try:
            return read(answer.strip() or default)
        except ValueError as error:
            streams.note(str(error))


def _pick(name: str, known: dict[str, Answer], what: str) -> Answer:
    if name in known:
        return known[name]
    raise ValueError(f"the library has no {what} {name}; {_near(name, known)}")


def _near(name: str, known: Iterable[str]) -> str:
    from dsl.suggest import nearest

    names = list(known)
    begun = [other for other in names if name and other.startswith(name.casefold())]
    near = "" if begun else nearest(name, names)
    return f"did you mean {near}?" if near else f"it has {', '.join(begun or names)}"


def _grid(text: str, machine: Machine) -> tuple[int, int]:
    from solver.starting.text import grid

    found = _COUNT.fullmatch(text)
    if found is None:
        raise ValueError(f"expected a number such as 16, or nodes x devices such as 2x8: {text}")
    return (int(found[1]), int(found[2])) if found[1] else grid(int(found[2]), machine)
