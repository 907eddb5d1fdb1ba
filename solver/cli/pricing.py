"""The prices of a plan: a search without each wish, several at a time, within one time for all."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from solver.cli import streams
from solver.cli.asking import Asker
from solver.cli.files import save_aside
from solver.cli.report.prices import in_words
from solver.cli.settle import Settled
from solver.cli.tasks.point import solve_twice
from solver.events import Document, Options
from solver.explain.price import NOTHING, Known, Price, known, price
from solver.explain.price_document import with_prices
from solver.explain.price_wishes import Wish, near
from solver.isolate.interrupts import Interrupts
from solver.sweep.executors import Place


@dataclass(frozen=True, slots=True)
class Pricer:
    """Prices the wishes of one spec.

    `options` are those of the plan. `seconds` are for all prices together (None: the time limit of
    the plan for each), shared evenly; what one leaves goes to the others, unless searches must
    repeat. `interrupts` are those of the command: after the first one nothing more is started.
    """

    wishes: tuple[Wish, ...]
    options: Options
    seconds: float | None
    place: Place
    interrupts: Interrupts

    def priced(self, document: Document) -> Document:
        """The plan with its prices; whatever happens on the way, those found until then."""
        found = {number: NOTHING for number, wish in enumerate(self.wishes) if wish.is_free}
        for number in found:
            self._tell(number, NOTHING, document)
        try:
            for number, one in self._searched(document):
                if one is not None:
                    found[number] = one
                self._tell(number, one, document)
        except (
            Exception
        ) as error:  # a cluster that is gone, or a bug: the plan is there all the same
            where = save_aside("".join(traceback.format_exception(error)), ".txt")
            streams.note(f"mmp: pricing failed: {error!r}; details are in {where}")
        missing = len(self.wishes) - len(found)
        if missing:
            streams.note(f"mmp: {missing} of {len(self.wishes)} prices are not known")
        return with_prices(document, self.wishes, found)

    def _searched(self, document: Document) -> Iterator[tuple[int, Price | None]]:
        """(wish, its price) as they come."""
        asker = Asker(self.options, self.seconds, self.place, self.interrupts)
        work = {
            number: partial(solve_twice, wish.without, near(wish, document))
            for number, wish in enumerate(self.wishes)
            if not wish.is_free
        }
        for number, answer in asker.answers(work):
            yield number, self._read(number, answer, known(document))

    def _read(
        self, number: int, answer: tuple[Settled, ...] | Exception | None, kept: Known
    ) -> Price | None:
        """The price by what the searches say of the plans without the wish, None where nothing."""
        if isinstance(answer, Exception):
            where = save_aside("".join(traceback.format_exception(answer)), ".txt")
            self._note(number, f"{answer!r}; details are in {where}")
            return None
        for settled in answer or ():
            for line in settled.notes:
                self._note(number, line)
        found = [known(s.document, s.bound) for s in answer or () if s.document is not None]
        if not found:
            return None
        whole, *parts = found  # a part knows of plans, and nothing of what no plan can be
        upper = min([whole.upper, *(part.upper for part in parts)])
        return price(kept, replace(whole, upper=upper))

    def _tell(self, number: int, one: Price | None, document: Document) -> None:
        self._note(number, in_words(one, document["objective"]["name"]))

    def _note(self, number: int, line: str) -> None:
        wish = self.wishes[number]
        at = f" ({wish.span.file}:{wish.span.line})" if wish.span else ""
        streams.note(f"mmp: price of `{wish.text}`{at}: {line}")
