"""Schedules from a repeated building block (Qi et al. 2024, "Pipeline Parallelism with Controllable
Memory", arXiv 2405.15362), for a V of two chunks per device.

The block says in which time slot each device runs the forwards and backwards of one micro-batch;
every further micro-batch does the same 6 slots later, so that F, B and W of both chunks fill the
period. What a device holds in steady state follows from how long the block keeps each activation.
Two things remain, and neither may hold more than the repeated block does on its fullest device, or
than a limit given:

- weight gradients take the slots that are left, in the order of their backwards;
- while the pipeline fills and drains, slots are empty: operators move to the earliest slot after
  what they depend on, those that come first in time first.

The paper reorders in two passes and then squeezes; here one pass moves forwards and backwards while
weight gradients give way, and squeezing is left to the times of the order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from solver.schedule.families.two_chunks import Step

PERIOD = 6
"""Slots between two micro-batches: F, B and W of two chunks."""

BlockSlots = tuple[int, int, int, int]
"""The slots of a device's F of the first, F of the second, B of the second, B of the first
chunk."""
VISITS: tuple[Step, ...] = (("F", 0), ("F", 1), ("B", 1), ("B", 0))


def repeat(
    block: Sequence[BlockSlots], microbatches: int, limit: int | None = None
) -> list[list[Step]]:
    """The steps of every device: the block repeated, its ends reordered. `limit` is how many
    activations of a chunk each device may hold, where that is more than the block needs."""
    devices = [_Device(slots, microbatches) for slots in block]
    room = max(limit or 0, *(device.peak() for device in devices))
    starts = {
        (d, visit, m): slot + m * PERIOD
        for d, slots in enumerate(block)
        for visit, slot in enumerate(slots)
        for m in range(microbatches)
    }
    for (d, visit, m), old in sorted(starts.items(), key=lambda item: item[1]):
        before = [starts[device, v, m] for device, v in _previous(d, visit, len(block))]
        before += [starts[d, visit, m - 1]] if m else []
        starts[d, visit, m] = devices[d].hasten(old, max(before, default=-1) + 1, room)
    return [device.steps() for device in devices]


def _previous(device: int, visit: int, devices: int) -> list[tuple[int, int]]:
    """The (device, visit) that this one needs: visits go down the devices, up, down and up."""
    if visit % 2 == 0:
        neighbour = device - 1 if device else None
    else:
        neighbour = device + 1 if device + 1 < devices else None
    if neighbour is not None:
        return [(neighbour, visit)]
    return [(device, visit - 1)] if visit else []


class _Device:
    """The slots of one device. `_states` are the activations it holds and the weight gradients that
    wait, both before each slot."""

    def __init__(self, block: BlockSlots, microbatches: int) -> None:
        self._placed: dict[int, Step] = {
            slot + m * PERIOD: step
            for slot, step in zip(block, VISITS, strict=True)
            for m in range(microbatches)
        }
        self._states: list[tuple[int, int]] = [(0, 0)]
        for slot in range(max(self._placed) + 1):
            self._states.append(self._after(slot, self._states[-1]))

    def peak(self) -> int:
        """The most activations held."""
        return max(held for held, _ in self._states)

    def hasten(self, old: int, earliest: int, room: int) -> int:
        """Move the operator at slot `old` to the first free slot from `earliest` on where the
        device then holds no more than `room`; the slot where it ends up."""
        step = self._placed.pop(old)
        for slot in range(earliest, old):
            if slot in self._placed:
                continue
            self._placed[slot] = step
            if self._update(slot, old, room):
                return slot
            del self._placed[slot]
        self._placed[old] = step
        return old

    def steps(self) -> list[Step]:
        """All operators in order, weight gradients where there was room for them."""
        result: list[Step] = []
        waiting: deque[int] = deque()
        for slot in range(len(self._states) - 1):
            step = self._placed.get(slot)
            if step is not None:
                result.append(step)
                waiting += [step[1]] if step[0] == "B" else []
            elif waiting:
                result.append(("W", waiting.popleft()))
        return result + [("W", part) for part in waiting]

    def _after(self, slot: int, state: tuple[int, int]) -> tuple[int, int]:
        """What is held and waits after `slot`."""
        held, waiting = state
        step = self._placed.get(slot)
        if step is None:
            return (held - 1, waiting - 1) if waiting else state
        return (held + 1, waiting) if step[0] == "F" else (held, waiting + 1)

    def _update(self, first: int, last: int, room: int) -> bool:
        """Follow a change of slots `first` to `last`, unless it takes more than `room`."""
        changed: list[tuple[int, int]] = []
        state = self._states[first]
        for slot in range(first, len(self._states) - 1):
            state = self._after(slot, state)
            if state[0] > room:
                return False
            if slot >= last and state == self._states[slot + 1]:
                break
            changed.append(state)
        self._states[first + 1 : first + 1 + len(changed)] = changed
        return True
