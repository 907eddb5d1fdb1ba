"""Reading small specs again and again: the files of the standard library are parsed once."""

from __future__ import annotations

from functools import cache

from dsl.load import Loaded
from dsl.resolve.assemble import Assembly
from dsl.text.parser import parse_bytes

_parse = cache(parse_bytes)


def read(path: str) -> Loaded:
    """What `dsl.load.read` gives."""
    assembly = Assembly(path, {}, parse=_parse)
    spec = assembly.run()
    return Loaded(spec, assembly.diagnostics, assembly.sources)
