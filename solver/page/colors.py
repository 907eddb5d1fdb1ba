"""The colours of the page as CSS variables, for light and for dark."""

from __future__ import annotations

from dataclasses import fields

from solver.drawing.style import DARK, LIGHT, PHASES, Palette, box_colors

HUES = 6
_LIGHT_HUES = ("#6cbcec", "#eba93a", "#58c3a0", "#d48fb6", "#d3c04a", "#a9b2f5")
_DARK_HUES = ("#22699a", "#94610a", "#1f7359", "#95517a", "#756613", "#4a53a8")
_NOT_COLORS = ("boxes", "faintest")


def variables(chunks: int) -> str:
    """The variables, and the classes of the boxes of a timeline (`F0` to the last chunk's `W`)."""
    light = _values(LIGHT, _LIGHT_HUES, chunks)
    dark = _values(DARK, _DARK_HUES, chunks)
    boxes = "".join(
        f".{name}{{fill:var(--{name})}}"
        for name in (f"{phase}{chunk}" for phase in PHASES for chunk in range(chunks))
    )
    hues = "".join(f".hue{n}{{fill:var(--hue{n});background:var(--hue{n})}}" for n in range(HUES))
    return (
        f":root{{color-scheme:light dark;{light}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
        f"@media print{{:root{{color-scheme:light;{light}}}}}\n{boxes}\n{hues}\n"
    )


def hue(number: int) -> str:
    """The class of a colour; there are `HUES`, then they begin again."""
    return f"hue{number % HUES}"


def _values(palette: Palette, hues: tuple[str, ...], chunks: int) -> str:
    named = {
        field.name.replace("_", "-"): getattr(palette, field.name)
        for field in fields(palette)
        if field.name not in _NOT_COLORS
    }
    named |= box_colors(palette, chunks)
    named |= {f"hue{number}": color for number, color in enumerate(hues)}
    return "".join(f"--{name}:{value};" for name, value in named.items())
