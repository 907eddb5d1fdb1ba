"""SVG elements with short numbers, and text that XML can hold."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, indent, tostring

_FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Value = str | float
"""Of an attribute; numbers are pixels."""


def start(width: float, height: float) -> Element:
    """The outermost element of a drawing."""
    size = {"width": short(width), "height": short(height)}
    box = f"0 0 {size['width']} {size['height']}"
    return Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "viewBox": box, **size})


def add(parent: Element, tag: str, text: str | None = None, **attributes: Value) -> Element:
    """A new last child; `class_` is the attribute `class`, and `_` in names is `-`."""
    named = {
        name.rstrip("_").replace("_", "-"): value if isinstance(value, str) else short(value)
        for name, value in attributes.items()
    }
    element = SubElement(parent, tag, {name: legal(value) for name, value in named.items()})
    if text is not None:
        element.text = legal(text)
    return element


def finish(root: Element) -> str:
    """The text of a file; one element a line."""
    indent(root, "")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def short(number: float) -> str:
    """Hundredths of a pixel are enough: `12`, `12.5`, `12.34`."""
    return f"{number:.2f}".rstrip("0").rstrip(".")


def legal(text: str) -> str:
    """What XML 1.0 cannot hold (section 2.2: most control characters) becomes U+FFFD."""
    return _FORBIDDEN.sub("\ufffd", text)
