"""Where things are on the page's timeline, and its two grains of time."""

from __future__ import annotations

from dataclasses import dataclass

from solver.drawing.picture import Picture
from solver.drawing.units import Unit, memory_unit, time_unit

WIDTH = 1120.0  # of the whole drawing, which the page scales to its own
LEFT, RIGHT = 84.0, 150.0  # beside the time itself
TOP, BOTTOM = 24.0, 24.0  # above and below the rows
LANE, STREAM, GAP, MEMORY, SPACE = 22.0, 6.0, 3.0, 30.0, 11.0
PLOT = WIDTH - LEFT - RIGHT
DENSE = 3.0  # pixels of an operator below which it has no seams; `page.js` knows it too
DRAWN = 1_000_000  # units of a step in paths: a thousandth of a pixel
EXACT = 1_000_000_000  # units of a step in the data that the script reads


@dataclass(frozen=True, slots=True)
class Scale:
    """The scales of one drawing. `most`: bytes at the upper edge of every memory curve."""

    picture: Picture
    time: Unit
    memory: Unit
    most: float

    @property
    def pitch(self) -> float:
        """From row to row."""
        return LANE + self.stream + GAP + MEMORY + SPACE

    @property
    def stream(self) -> float:
        """The height that the communication stream takes of a row."""
        return STREAM if self.picture.has_stream else 0.0

    @property
    def plot_height(self) -> float:
        """Of all rows."""
        return self.pitch * len(self.picture.rows)

    @property
    def memory_top(self) -> float:
        """Of the memory curve in a row."""
        return LANE + self.stream + GAP

    @property
    def typical(self) -> int:
        """The length of an operator of which three quarters are longer, in the data's units."""
        runs = sorted(
            self.exact(box.end - box.start) for row in self.picture.rows for box in row.boxes
        )
        return runs[len(runs) // 4] if runs else 0

    @property
    def is_dense(self) -> bool:
        """Whether seams between operators would hide them where the whole step is seen."""
        return PLOT * self.typical < DENSE * EXACT

    def drawn(self, seconds: float) -> int:
        """A moment in the units of paths."""
        return self._units(seconds, DRAWN)

    def exact(self, seconds: float) -> int:
        """A moment in the units of the script's data."""
        return self._units(seconds, EXACT)

    def rise(self, size: float) -> float:
        """Pixels of a number of bytes."""
        return MEMORY * size / self.most if self.most else 0.0

    def _units(self, seconds: float, units: int) -> int:
        step = self.picture.step_time
        return round(units * seconds / step) if step else 0


def scale(picture: Picture) -> Scale:
    """The scales for a picture; memory reaches from nothing to the largest limit or peak."""
    most = max(max(row.limit, row.peak) for row in picture.rows)
    return Scale(picture, time_unit(picture.step_time), memory_unit(most), most)
