"""The diagnostic codes of imported models, `MMP7xx`."""

from __future__ import annotations

from dsl.codes import Code

CODES: tuple[Code, ...] = (
    Code("MMP701", "not a configuration", "A `config.json` is one JSON object in UTF-8."),
    Code("MMP702", "missing field", "The model's sizes do not follow from the other fields."),
    Code("MMP703", "wrong kind of value", "Such as a text where a number belongs."),
    Code(
        "MMP704",
        "number out of range",
        "Sizes are whole numbers above 0 that fit together, as heads and key heads do.",
    ),
    Code(
        "MMP705",
        "unknown kind of model",
        "Only model types are read whose layers the standard library has.",
    ),
    Code(
        "MMP706",
        "beyond the library",
        "The model has parameters or layers that its library model lacks. Copy the library model, "
        "change it, and give it the sizes.",
    ),
    Code(
        "MMP707",
        "taken differently",
        "The library model is a little another one there, as the message and a comment in the "
        "written file say.",
    ),
    Code(
        "MMP708",
        "field not read",
        "A field that the importer does not know could change the model; it is taken not to.",
    ),
)
"""Imported models, in order."""
