"""Which devices each pipeline stage has, where a mesh has several kinds (section 1), and the links
between stages (section 5)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from dsl.spec import Link, Mesh, SubAxis


def kinds_of_stages(mesh: Mesh, pipeline: Sequence[SubAxis]) -> tuple[frozenset[int], ...]:
    """The kinds of the devices of every stage, by their numbers in the mesh.

    Stages are numbered by the coordinates of their devices in the sub-axes of the pipeline, the
    outermost first.
    """
    places = itertools.product(*(range(part.size) for part in pipeline))
    if not mesh.runs:
        return tuple(frozenset((0,)) for _ in places)
    at = [run.kind for run in mesh.runs for _ in range(run.count)]
    outermost = mesh.axes[0].parts
    found = []
    for place in places:
        fixed = dict(zip((part.name for part in pipeline), place, strict=True))
        choices = [[fixed[p.name]] if p.name in fixed else range(p.size) for p in outermost]
        coordinates = (_number(digits, outermost) for digits in itertools.product(*choices))
        found.append(frozenset(at[coordinate] for coordinate in coordinates))
    return tuple(found)


def _number(digits: Sequence[int], parts: Sequence[SubAxis]) -> int:
    """The coordinate on an axis of a device with these coordinates in its sub-axes."""
    found = 0
    for digit, part in zip(digits, parts, strict=True):
        found = found * part.size + digit
    return found


def slowest(links: Sequence[Link]) -> Link:
    """The link of least bandwidth; among equals the one of largest latency."""
    return min(links, key=lambda link: (link.bandwidth, -link.latency))


def sending(link: Link) -> Link:
    """The link as a message between two devices finds it: what it states of sends, if it does.
    Where links join pairs of devices, two find what rings between them do."""
    stated = link.physics
    if "send_s" not in stated:
        return link
    rings = {int(k.removeprefix("rings_")): v for k, v in stated.items() if k.startswith("rings_")}
    share = rings[2] / rings[max(rings)] if rings else 1.0
    rate = stated["bandwidth_bytes_per_s"] * share * stated["send_efficiency"]
    return replace(link, latency=stated["send_s"], bandwidth=rate)
