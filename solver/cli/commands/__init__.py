"""The commands of `mmp`: each module has `add(subparsers)` and `run(arguments) -> ExitCode`."""
