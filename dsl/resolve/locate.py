"""Which file an import means: beside the importing one, of a library, of the standard library."""

from __future__ import annotations

from pathlib import Path

from dsl.project.standard import standard_names
from dsl.resolve.files import Place, library, library_modules
from dsl.resolve.libraries import RUN, Libraries
from dsl.resolve.report import RejectedError, Reporter
from dsl.suggest import did_you_mean, nearest
from dsl.syntax import Import


def locate(importer: Place, statement: Import, libraries: Libraries, report: Reporter) -> Place:
    """The file. Errors: MMP103 (no such module), MMP721 (never locked), MMP725 (leads out of a
    library), and those of `Libraries.find`."""
    return _Locator(importer, statement, libraries, report).locate()


class _Locator:
    """One import, and what is looked through for it."""

    def __init__(
        self, importer: Place, statement: Import, libraries: Libraries, report: Reporter
    ) -> None:
        self._importer, self._libraries, self._report = importer, libraries, report
        self._source, self._span = statement.source, statement.source_span
        self._is_path = statement.is_path

    def locate(self) -> Place:
        return self._beside() if self._is_path else self._named()

    def _beside(self) -> Place:
        """The file of a path."""
        place = self._importer.relative(self._source)
        inside = place.library
        if inside is not None:
            if self._source.startswith("/") or place.inside.startswith("../"):
                message = f"`{self._source}` leads out of library `{inside.locked.name}`"
                raise self._report.error("MMP725", message, self._span)
            if self._is_locked(place):
                return place
        elif _exists(place.path):
            return place
        raise self._no_module(f"looked for `{place.display}`, beside the importing file")

    def _named(self) -> Place:
        """The file of a dotted name."""
        head, _, rest = self._source.partition(".")
        if head in standard_names():
            place = library(self._source)
            if _exists(place.path):
                return place
            hint = did_you_mean(self._source, library_modules())
            raise self._no_module(hint or f"looked for `{place.display}`")
        found = self._libraries.find(self._importer, head, self._span)
        if found is None:
            raise self._no_module(self._meant(head, rest))
        place = found.place(rest.replace(".", "/") + ".mmp")
        if self._is_locked(place):
            return place
        modules = found.modules()
        hint = did_you_mean(self._source, modules) if rest else ""
        raise self._no_module(hint or "it has " + ", ".join(modules), head)

    def _is_locked(self, place: Place) -> bool:
        """Whether a library has this file; MMP721 for one that lies there and was never locked."""
        if place.sha256 is None and _exists(place.path):
            message = f"`{place.display}` is not locked"
            raise self._report.error("MMP721", message, self._span, hint=RUN)
        return place.sha256 is not None

    def _meant(self, head: str, rest: str) -> str:
        """A hint for a name that begins with no library's."""
        names = list(self._libraries.names(self._importer))
        near = nearest(head, [*names, *standard_names()])
        modules = [*(f"{name}.{rest}" for name in names), *library_modules()]
        likely = [module for module in modules if near and module.startswith(f"{near}.")]
        where = "`mmp.toml`" if self._importer.library is None else "its own `mmp.toml`"
        unknown = f"no library `{head}` is in {where}; a file of your own has a path in quotes"
        return did_you_mean(f"{head}.{rest}", likely) or unknown

    def _no_module(self, hint: str, library: str = "") -> RejectedError:
        message = f"there is no module `{self._source}`"
        if library:
            message = f"library `{library}` has no module `{self._source}`"
        if library == self._source:
            message = f"`{self._source}` is a whole library, not a module of it"
        return self._report.error("MMP103", message, self._span, hint=hint)


def _exists(path: Path) -> bool:
    """Whether there is anything to read there; what cannot be asked about is left to reading."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return True
