"""One row of a timeline: what the devices of a stage run, and below it what they hold."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from solver.drawing import words
from solver.drawing.elements import add, short
from solver.drawing.picture import Box, Row
from solver.drawing.sheet import GAP, LANE, LEFT, MEMORY, STREAM, TOP, Sheet
from solver.drawing.units import seconds

HATCH = "mmp-once-per-step"
_SEAM = 0.6  # pixels left between neighbours, so that each is seen
_NARROW = 3.0  # boxes below this width share one path and have no words of their own
_DIGIT = 6.2  # width of a digit of a number in a box


def draw_row(root: Element, sheet: Sheet, place: int) -> None:
    """The row of a device, `place` rows below the first."""
    row, top = sheet.picture.rows[place], TOP + sheet.pitch * place
    group = add(root, "g")
    add(group, "title", words.row(row, sheet.picture.step_time, sheet.memory))
    add(group, "text", f"stage {row.device}", class_="end", x=LEFT - 8, y=top + 16)
    devices = words.count(row.devices, "device")
    add(group, "text", devices, class_="small faint end", x=LEFT - 8, y=top + 31)
    add(group, "rect", class_="lane", x=LEFT, y=top, width=sheet.plot, height=LANE)
    _tail(group, sheet, row, top)
    _boxes(group, sheet, row, top)
    _stream(group, sheet, row, top + LANE + 1)
    _memory(root, sheet, row, top + LANE + sheet.stream + GAP)


def _tail(group: Element, sheet: Sheet, row: Row, top: float) -> None:
    if row.tail > 0:
        x, width = sheet.x(row.last_end), sheet.length(row.tail)
        fill = f"url(#{HATCH})"
        tail = add(group, "rect", fill=fill, x=x, y=top, width=width, height=LANE)
        add(tail, "title", f"once per step: {seconds(row.tail)}")


def _stream(group: Element, sheet: Sheet, row: Row, top: float) -> None:
    """Collectives once per step; what ends after the step goes on at the start of the next one."""
    step = sheet.picture.step_time
    for transfer in row.stream:
        pieces = [(transfer.start, min(transfer.end, step)), (0.0, transfer.end - step)]
        for start, end in pieces:
            if end > start:
                x, width = sheet.x(start), sheet.length(end - start)
                drawn = add(
                    group, "rect", class_=transfer.phase, x=x, y=top, width=width, height=STREAM - 2
                )
                add(drawn, "title", words.transfer(transfer, sheet.picture.chunks > 1, step))


def _boxes(group: Element, sheet: Sheet, row: Row, top: float) -> None:
    narrow: dict[str, list[str]] = {}
    for box in row.boxes:
        x, width = sheet.x(box.start), sheet.length(box.end - box.start)
        kind = f"{box.phase}{box.chunk}"
        if width < _NARROW:
            path = f"M{short(x)} {short(top)}h{short(width)}v{short(LANE)}h{short(-width)}z"
            narrow.setdefault(kind, []).append(path)
            continue
        drawn = add(group, "rect", class_=kind, x=x, y=top, width=width - _SEAM, height=LANE)
        add(drawn, "title", _tip(sheet, box))
        number = str(box.microbatch)
        if width - _SEAM >= _DIGIT * len(number) + 1:
            middle = x + (width - _SEAM) / 2
            add(group, "text", number, class_="number", x=middle, y=top + LANE / 2 + 3.5)
    for kind, paths in narrow.items():
        add(group, "path", class_=kind, d="".join(paths))


def _tip(sheet: Sheet, box: Box) -> str:
    chunk = f", chunk {box.chunk}" if sheet.picture.chunks > 1 else ""
    start, end = sheet.time.number(box.start), sheet.time.say(box.end)
    return f"{box.phase} of micro-batch {box.microbatch}{chunk}: {start} to {end}"


def _memory(root: Element, sheet: Sheet, row: Row, top: float) -> None:
    """What is held all the time, the activations above it, and the limit; one scale for all."""
    group = add(root, "g")
    add(group, "title", words.terms(row, sheet.memory))
    base, right = top + MEMORY, LEFT + sheet.plot
    add(group, "rect", class_="lane", x=LEFT, y=top, width=sheet.plot, height=MEMORY)
    floor = base - sheet.rise(row.constant)
    height = base - floor
    add(group, "rect", class_="constant", x=LEFT, y=floor, width=sheet.plot, height=height)
    add(group, "path", class_="activations", d=_curve(sheet, row, floor))
    limit = base - sheet.rise(row.limit)
    add(group, "path", class_="limit", d=f"M{short(LEFT)} {short(limit)}H{short(right)}")
    peak = f"peak {sheet.memory.say(row.peak)}"
    add(group, "text", peak, class_="small", x=right + 8, y=top + MEMORY - 14)
    of = f"limit {sheet.memory.say(row.limit)}"
    add(group, "text", of, class_="small faint", x=right + 8, y=top + MEMORY - 1)


def _curve(sheet: Sheet, row: Row, floor: float) -> str:
    """The area of the activations, in steps; those within a hundredth of a pixel are one."""
    steps: list[tuple[str, float]] = []
    for moment, size in row.held:
        x = short(sheet.x(moment))
        if steps and steps[-1][0] == x:
            steps[-1] = (x, size)
        else:
            steps.append((x, size))
    path = [f"M{short(LEFT)} {short(floor)}"]
    path += [f"H{x}V{short(floor - sheet.rise(size))}" for x, size in steps]
    return "".join((*path, f"H{short(LEFT + sheet.plot)}V{short(floor)}z"))
