"""Projects and their libraries: what `mmp.toml` asks for, and what `mmp.lock` says it is.

`manifest` reads the one, `lockfile` reads and writes the other, `cache` says where the files of
libraries lie, `project` finds all of it from the folder of a spec, and `drift` compares it. Nothing
here fetches anything; `solver/locking` does.
"""
