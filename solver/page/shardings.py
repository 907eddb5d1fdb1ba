"""How the work is divided: the axes of the mesh, a picture of every kind of layer, and tables."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from solver.cli.report.names import fold
from solver.comparison.choices import cuts_of, layouts_of, storage_of
from solver.drawing.elements import add
from solver.page.block import block
from solver.page.colors import hue
from solver.page.layer import layers
from solver.page.part import Subject, folded, section, table

SHOWN = 12  # kinds of layers that have a picture
_OPEN = 2  # of them, the commonest, that are seen without being opened


def shardings(body: Element, about: Subject) -> None:
    """The section. Without the spec nothing tells who reads what, so there are the tables alone."""
    part = section(body, "sharding", "Sharding", "A cut index has the colour of its mesh axis.")
    mesh = [axis for axis in about.document["mesh"]["axes"] if axis["size"] > 1]
    hues = {axis["name"]: hue(place) for place, axis in enumerate(mesh)}
    legend = add(part, "ul", class_="legend")
    pipeline = set(about.document["pipeline"]["axes"])
    for axis in mesh:
        item = add(legend, "li")
        add(item, "span", class_=f"swatch {hues[axis['name']]}")
        mine = any(name.rpartition(".")[0] == axis["name"] for name in pipeline)
        staged = ", makes pipeline stages" if mine else ""
        add(item, "span", f"{axis['name']}: {axis['size']}{staged}")
    if about.view is None:
        add(part, "p", "No picture of the layers: that needs the spec.", class_="note")
    else:
        _pictures(part, about, hues)
    _tables(part, about)


def _pictures(part: Element, about: Subject, hues: dict[str, str]) -> None:
    assert about.view is not None
    found = layers(about.view, about.axes)
    most = sorted(found, key=lambda layer: -layer.count)[:SHOWN]
    shown = [layer for layer in found if layer in most]
    for layer in shown:
        times = f" ({layer.count} layers)" if layer.count > 1 else ""
        inside = folded(part, f"{layer.name}{times}")
        if layer in most[:_OPEN]:
            inside.set("open", "open")
        block(inside, layer, hues)
    if len(found) > len(shown):
        words = f"{len(found) - len(shown)} further kinds of layers are in the tables only."
        add(part, "p", words, class_="note")


def _tables(part: Element, about: Subject) -> None:
    document = about.document
    for summary, name, found in (
        ("Operators", "cuts", cuts_of(document)),
        ("Parameters", "used and stored", storage_of(document)),
        ("Tensors with several readers", "layout", layouts_of(document)),
    ):
        if found:
            rows = [(path, str(words)) for path, words in fold(found.items())]
            inside = folded(part, summary)
            table(inside, summary, (summary.lower(), name), rows, left=2)
