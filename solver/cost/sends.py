"""Messages from one pipeline stage to the next: latency + bytes / bandwidth (README section 5)."""

from __future__ import annotations

from dataclasses import replace

from dsl.spec import Link
from solver.cost.physics.exchange import send_line
from solver.cost.physics.links import Fabric
from solver.cost.physics.parameters import link_physics


def sending(link: Link) -> Link:
    """The link as a message between two devices finds it: what it states of sends, if it does."""
    if "send_s" not in link.physics:
        return link
    own = link_physics(link)
    start, _, pace = send_line(False, 1.0, Fabric(own, own, 1, 1, 1.0))
    return replace(link, latency=float(start), bandwidth=1 / float(pace))
