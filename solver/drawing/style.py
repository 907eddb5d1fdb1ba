"""Colours for light and for dark, as the style sheet inside a drawing.

Hues are those of Okabe and Ito (2008), which people who see few colours can tell apart. Later
chunks of a device are fainter: nearer to the background, which only adds to the contrast of the
text.
"""

from __future__ import annotations

from dataclasses import dataclass

PHASES = ("F", "B", "W")
_FONT = "system-ui, sans-serif"


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours as `#rrggbb`; `boxes` by phase, `faintest` how much of a last chunk is plate."""

    plate: str
    text: str
    faint: str
    lane: str
    boxes: tuple[str, str, str]
    faintest: float
    on_box: str
    reduce: str
    gather: str
    constant: str
    activations: str
    limit: str


LIGHT = Palette(
    plate="#ffffff",
    text="#1b1f24",
    faint="#59636e",
    lane="#e6e9ee",
    boxes=("#6cbcec", "#eba93a", "#58c3a0"),
    faintest=0.55,
    on_box="#14181d",
    reduce="#c4553b",
    gather="#4a62c4",
    constant="#aab2bd",
    activations="#d48fb6",
    limit="#b3261e",
)
DARK = Palette(
    plate="#14171c",
    text="#e8ebef",
    faint="#a3adb8",
    lane="#262b32",
    boxes=("#22699a", "#94610a", "#1f7359"),
    faintest=0.4,
    on_box="#f3f6f9",
    reduce="#e0795f",
    gather="#8497ec",
    constant="#59636f",
    activations="#95517a",
    limit="#ff8a80",
)


def blend(color: str, ground: str, share: float) -> str:
    """`color` with this share of it replaced by `ground`."""
    pairs = zip(_channels(color), _channels(ground), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def box_colors(palette: Palette, chunks: int) -> dict[str, str]:
    """The colour of every class of boxes, `F0` to `W` and the last chunk."""
    return {
        f"{phase}{rank}": blend(color, palette.plate, palette.faintest * rank / max(1, chunks - 1))
        for phase, color in zip(PHASES, palette.boxes, strict=True)
        for rank in range(chunks)
    }


def style_sheet(chunks: int) -> str:
    """Everything the classes of a drawing mean; viewers that know no dark mode show it light."""
    shapes = (
        f"text {{ font: 12px {_FONT}; }}",
        ".head { font-size: 16px; font-weight: 600; }",
        ".number { font-size: 10px; text-anchor: middle; pointer-events: none; }",
        ".small { font-size: 11px; }",
        ".end { text-anchor: end; }",
        ".middle { text-anchor: middle; }",
        ".grid { stroke-width: 1; fill: none; }",
        ".limit { stroke-width: 1.5; stroke-dasharray: 5 3; fill: none; }",
    )
    dark = "\n".join(f"  {rule}" for rule in _colors(DARK, chunks))
    lines = (*shapes, *_colors(LIGHT, chunks))
    return "\n".join((*lines, f"@media (prefers-color-scheme: dark) {{\n{dark}\n}}", ""))


def _colors(palette: Palette, chunks: int) -> tuple[str, ...]:
    boxes = box_colors(palette, chunks)
    return (
        f"text {{ fill: {palette.text}; }}",
        f".faint {{ fill: {palette.faint}; }}",
        f".number {{ fill: {palette.on_box}; }}",
        f".plate {{ fill: {palette.plate}; }}",
        f".lane {{ fill: {palette.lane}; }}",
        f".grid, .hatch {{ stroke: {palette.faint}; }}",
        ".grid { stroke-opacity: 0.35; }",
        *(f".{name} {{ fill: {color}; }}" for name, color in boxes.items()),
        f".reduce {{ fill: {palette.reduce}; }}",
        f".gather {{ fill: {palette.gather}; }}",
        f".constant {{ fill: {palette.constant}; }}",
        f".activations {{ fill: {palette.activations}; }}",
        f".limit {{ stroke: {palette.limit}; }}",
    )


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
