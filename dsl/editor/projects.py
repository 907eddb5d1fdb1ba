"""The modules that a file's imports could name: of the standard library and of its project."""

from __future__ import annotations

from collections.abc import Sequence

from dsl.resolve.files import Files, Place, library_modules
from dsl.resolve.libraries import Libraries
from dsl.resolve.locate import locate
from dsl.resolve.modules import Module
from dsl.resolve.report import Reporter, attempt
from dsl.span import Span
from dsl.syntax import Import


def importable(module: Module) -> Sequence[str]:
    """The dotted names of all modules; libraries that are not locked or not there are left out."""
    libraries, at = _libraries(module), Span(module.place.display, 1, 1, 1, 1)
    found = library_modules()
    for name in attempt(libraries.names, module.place) or ():
        library = attempt(libraries.find, module.place, name, at)
        if library is not None:
            found.extend(library.modules())
    return found


def imported_place(module: Module, source: str) -> Place | None:
    """The file that `import SOURCE` means in a file; a source in quotes is a path."""
    is_path = source.startswith('"')
    at = Span(module.place.display, 1, 1, 1, 1)
    statement = Import(source.strip('"'), is_path, None, (), at, at)
    libraries = _libraries(module)
    return attempt(locate, module.place, statement, libraries, libraries.report)


def _libraries(module: Module) -> Libraries:
    report = Reporter()
    return Libraries(Files(report), report, module.place.path.parent)
