"""Public sharding instances: the JSON format of the ASPLOS 2025 contest (google/iopddl).

`read.read` turns text into an `Instance` or into diagnostics, `lower` turns that into the engine's
problem and its answers back, and `search` is what runs in the child process. The format, with what
is added to it here, is described in `solver/README.md`.
"""
