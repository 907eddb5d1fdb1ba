"""Where things are on a timeline: margins, the scale of time, and the height of a row."""

from __future__ import annotations

from dataclasses import dataclass

from solver.drawing.picture import Picture
from solver.drawing.units import Unit, memory_unit, time_unit

LEFT, RIGHT = 92.0, 168.0  # beside the time itself
TOP = 150.0  # above the first row
BOTTOM = 34.0  # below the last row
LANE = 24.0  # height of a row's operators
STREAM = 7.0  # of its communication stream, where there is one
MEMORY = 34.0  # and of its memory
GAP = 4.0  # between the two
_NARROWEST, _WIDEST = 860.0, 2400.0  # of the time itself
_BOX = 15.0  # width to aim at for an operator: room for its number


@dataclass(frozen=True, slots=True)
class Sheet:
    """The scales of one drawing: pixels of the whole time, and units of its figures."""

    picture: Picture
    plot: float
    time: Unit
    memory: Unit
    most: float  # bytes at the upper edge of every memory curve

    @property
    def width(self) -> float:
        """Of the drawing."""
        return LEFT + self.plot + RIGHT

    @property
    def stream(self) -> float:
        """The height that the communication stream takes of a row."""
        return STREAM if self.picture.has_stream else 0.0

    @property
    def pitch(self) -> float:
        """From row to row."""
        return LANE + self.stream + GAP + MEMORY + 14.0

    @property
    def bottom(self) -> float:
        """The lower edge of the last row."""
        return TOP + self.pitch * len(self.picture.rows)

    @property
    def height(self) -> float:
        """Of the drawing."""
        return self.bottom + BOTTOM

    def x(self, seconds: float) -> float:
        """The place of a moment."""
        return LEFT + self.length(seconds)

    def length(self, seconds: float) -> float:
        """Pixels of a duration."""
        step = self.picture.step_time
        return self.plot * seconds / step if step else 0.0

    def rise(self, size: float) -> float:
        """Pixels of a number of bytes."""
        return MEMORY * size / self.most if self.most else 0.0


def sheet(picture: Picture) -> Sheet:
    """The scales for a picture: wide enough for numbers where that is not too wide."""
    lengths = [box.end - box.start for row in picture.rows for box in row.boxes]
    positive = sorted(length for length in lengths if length > 0)
    wanted = _BOX * picture.step_time / positive[len(positive) // 4] if positive else 0.0
    most = max(max(row.limit, row.peak) for row in picture.rows)
    return Sheet(
        picture,
        min(_WIDEST, max(_NARROWEST, wanted)),
        time_unit(picture.step_time),
        memory_unit(most),
        most,
    )
