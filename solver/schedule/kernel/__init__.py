"""Repeating kernels (modulo schedules) as starts of the window search.

Under tight memory list schedules lose most of the steady state: several chunks on a device compete
for the same bytes. A kernel is a schedule of one micro-batch that may be repeated every `period`
ticks; `model` finds one by CP-SAT, `period` bounds the period, `coarse` makes the times small
integers, `unroll` turns a kernel into an order of all operators, `search` puts them together.
"""

from solver.schedule.kernel.model import Kernel
from solver.schedule.kernel.search import kernels
from solver.schedule.kernel.unroll import unroll

__all__ = ["Kernel", "kernels", "unroll"]
