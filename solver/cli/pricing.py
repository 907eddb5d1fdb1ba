"""The prices of a plan: a search without each wish, several at a time, within one time for all."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from solver.cli import streams
from solver.cli.files import save_aside
from solver.cli.report.prices import in_words
from solver.cli.settle import Settled
from solver.cli.tasks.point import solve_point
from solver.events import Document, Options
from solver.explain.price import NOTHING, Known, Price, known, price
from solver.explain.price_document import with_prices
from solver.explain.price_wishes import Wish
from solver.isolate.interrupts import Interrupts
from solver.sweep.executors import Place
from solver.sweep.run import completed


@dataclass(frozen=True, slots=True)
class Pricer:
    """Prices the wishes of one spec. The time limit of `options` is for all prices together; of a
    reproducible search every wish gets the same share of it, whatever the others left.

    `interrupts` are those of the command: after the first one nothing more is started.
    """

    wishes: tuple[Wish, ...]
    options: Options
    place: Place
    interrupts: Interrupts

    def priced(self, document: Document) -> Document:
        """The plan with its prices; whatever happens on the way, those found until then."""
        found = {number: NOTHING for number, wish in enumerate(self.wishes) if wish.is_free}
        for number in found:
            self._tell(number, NOTHING, document)
        try:
            for number, one in self._searched(known(document)):
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

    def _searched(self, kept: Known) -> Iterator[tuple[int, Price | None]]:
        """(wish, its price) as they come, `jobs` at a time; what a search leaves of its share goes
        to those after it."""
        waiting = [number for number, wish in enumerate(self.wishes) if not wish.is_free]
        rounds = math.ceil(len(waiting) / self.place.jobs)
        began = time.monotonic()
        for turn in range(rounds):
            share = self.options.time_limit_s / rounds
            if not self.options.reproducible:
                left = self.options.time_limit_s - (time.monotonic() - began)
                share = left / (rounds - turn)
            if self.interrupts.count or share <= 0:
                return
            options = replace(self.options, time_limit_s=share)
            wave = waiting[turn * self.place.jobs : (turn + 1) * self.place.jobs]
            work = {
                number: partial(
                    solve_point, self.wishes[number].without, options, self.place.hearing(number)
                )
                for number in wave
            }
            for number, answer in completed(self.place, work, self.interrupts):
                dropped = self._read(number, answer)
                yield number, None if dropped is None else price(kept, dropped)

    def _read(self, number: int, answer: Settled | Exception | None) -> Known | None:
        """What a search says of the plans without a wish; None where there is no answer."""
        if isinstance(answer, Exception):
            where = save_aside("".join(traceback.format_exception(answer)), ".txt")
            self._note(number, f"{answer!r}; details are in {where}")
            return None
        for line in () if answer is None else answer.notes:
            self._note(number, line)
        if answer is None or answer.document is None:
            return None
        return known(answer.document)

    def _tell(self, number: int, one: Price | None, document: Document) -> None:
        self._note(number, in_words(one, document["objective"]["name"]))

    def _note(self, number: int, line: str) -> None:
        wish = self.wishes[number]
        at = f" ({wish.span.file}:{wish.span.line})" if wish.span else ""
        streams.note(f"mmp: price of `{wish.text}`{at}: {line}")
