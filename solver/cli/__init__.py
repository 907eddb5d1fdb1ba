"""The command line: one module per command under `commands`, the report under `report`.

Nothing heavy is imported before a command needs it: `mmp --help` must not pay for the solver.
"""
