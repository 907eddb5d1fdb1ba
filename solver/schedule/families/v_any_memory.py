"""V-shaped schedules between V-Min, V-Half and ZB-V, for any memory.

The block of V-Half where it fits, else that of V-Min, with its ends reordered in all the memory
there is. At equal times of F, B and W, P devices with room for 2P activations of a chunk have no
bubble but the ramp (P - 1) F, as with ZB-V; every activation less costs at most two operators more,
where the block stays the same. Not a family of its own, since its order depends on the capacities:
a start for the search.
"""

from __future__ import annotations

from solver.schedule.families import v_half, v_min
from solver.schedule.families.building_block import repeat
from solver.schedule.families.room import activations
from solver.schedule.families.two_chunks import v_order
from solver.schedule.operators import Operators, Order


def order(operators: Operators) -> Order:
    """The order that uses the room of the tightest device; a chain in the shape of a V, W apart.
    Below the memory of V-Min it is V-Min's, which does not fit."""
    devices = len(operators.capacity)
    room = activations(operators, 2 * operators.microbatches)
    family = v_half if room >= v_half.activations(devices) else v_min
    return v_order(operators, repeat(family.block(devices), operators.microbatches, room))
