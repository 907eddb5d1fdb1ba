"""Repeating kernels (modulo schedules) as starts of the window search.

Under tight memory list schedules lose most of the steady state: several chunks on a device compete
for the same bytes. A kernel is a schedule of one micro-batch that may be repeated every `period`
ticks; `model` finds one by CP-SAT, `period` bounds the period, `coarse` makes the times small
integers, `unroll` turns a kernel into an order of all operators, `search` puts them together.

A kernel loses only at its ends, where the first micro-batches enter and the last ones leave:
windows of a few micro-batches of every kind there come first. V, 8 devices, 24 micro-batches,
makespan bubbles of the best constructive start, the kernel, and the kernel after windows of 200
to 400 operators at both ends (at most 30 s on a machine three times overloaded):

| times | memory | start | kernel | windows at the ends |
|---|---|---|---|---|
| 1:1:1 | 12 | 13 | 27 | 11 (the lower bound) |
| 1:1:1 | 10 | 17 | 27 | 17 |
| 1:1:1 | 8 | 25 | 27 | 23 |
| 36:59:35 | 10 | 1221 | 1202 | 920 |
"""

from solver.schedule.kernel.model import Kernel
from solver.schedule.kernel.search import kernels
from solver.schedule.kernel.unroll import unroll

__all__ = ["Kernel", "kernels", "unroll"]
