"""`mmp import hf CONFIG.json` and `mmp import torch MODULE:FUNCTION`: models of other programs as
`.mmp` libraries."""

from __future__ import annotations

import argparse
from pathlib import Path

from solver.cli import streams
from solver.cli.exit_codes import ExitCode


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and where it imports from."""
    parser = commands.add_parser(
        "import",
        help="write a model library from another program's model",
        description="Write a model library from another program's model.",
    )
    kinds = parser.add_subparsers(title="sources", metavar="SOURCE", required=True)
    hf = kinds.add_parser(
        "hf",
        help="the config.json of a Hugging Face model",
        description="Write a preset of a library model from a Hugging Face config.json, and from "
        "nothing else. What the library model does not have is an error, or a warning that the "
        "written file repeats.",
    )
    hf.add_argument("config", metavar="CONFIG.json", type=Path, help="the file")
    hf.add_argument(
        "-o", dest="output", metavar="MODEL.mmp", type=Path, help="write here, not to the output"
    )
    hf.add_argument(
        "--name",
        type=_name,
        help="the preset's name (default: from the file's _name_or_path, or its own or its "
        "folder's name)",
    )
    hf.set_defaults(run=run)
    _add_torch(kinds)


def _add_torch(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    torch = kinds.add_parser(
        "torch",
        help="a PyTorch module, exported on the meta device",
        description="Write a model library from a PyTorch module. FUNCTION takes nothing and "
        "returns the module and a tuple of example inputs; it is called with the meta device as "
        "default, so no weight is made. Of layers that are alike, two are exported.",
    )
    torch.add_argument(
        "target",
        metavar="MODULE:FUNCTION",
        help="the function, in a module that can be imported from here, or in a file: net.py:build",
    )
    torch.add_argument(
        "-o", dest="output", metavar="MODEL.mmp", type=Path, help="write here, not to the output"
    )
    torch.add_argument("--name", type=_name, help="the model's name (default: the function's)")
    torch.set_defaults(run=run_torch)


def run_torch(arguments: argparse.Namespace) -> ExitCode:
    """Export the module, write the library."""
    from solver.cli.diagnostics import report
    from solver.cli.exit_codes import CommandError
    from solver.cli.files import check_writable, write_whole
    from solver.importing.torch.library import TraceError, library

    if arguments.output is not None:
        check_writable(arguments.output)
    name = arguments.name or arguments.target.rpartition(":")[2] or "imported"
    try:
        text = library(arguments.target, name).text
    except TraceError as error:
        report(error.diagnostics, error.sources)
        return ExitCode.REJECTED
    except ImportError as error:
        raise CommandError(
            "import torch needs PyTorch: pip install 'mmp[torch]'", ExitCode.USAGE
        ) from error
    if arguments.output is None:
        streams.write_data(text)
    else:
        write_whole(arguments.output, text)
    return ExitCode.DONE


def run(arguments: argparse.Namespace) -> ExitCode:
    """Read the configuration, show warnings, write the library."""
    from solver.cli.diagnostics import report
    from solver.cli.exit_codes import CommandError
    from solver.cli.files import check_writable, read_bytes, write_whole
    from solver.importing.hf.library import library, name_of
    from solver.importing.hf.read import read

    if arguments.output is not None:
        check_writable(arguments.output)
    path = str(arguments.config)
    reading = read(read_bytes(arguments.config), path)
    name = arguments.name or name_of(reading, path)
    if name == reading.imported.model:
        raise CommandError(f"--name {name} is the library's own model; take another name")
    text = library(reading, path, name)
    report(reading.warnings, reading.sources)
    if arguments.output is None:
        streams.write_data(text)
    else:
        write_whole(arguments.output, text)
    return ExitCode.DONE


def _name(text: str) -> str:
    from solver.importing.hf.library import NAME

    if not NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"expected letters, digits and _, found {text!r}")
    return text
