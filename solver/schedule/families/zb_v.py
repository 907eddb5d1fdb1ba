"""ZB-V (Qi et al. 2023, arXiv 2401.10241; V-ZB of Qi et al. 2024, arXiv 2405.15362): a V of two
chunks per device, no bubble in the memory of 1F1B.

At equal times of F, B and W, on P devices and with at least 2P - 1 micro-batches, no device idles
between its first and its last operator: the makespan exceeds a device's work by the ramp (P - 1) F
only. Every device holds 2P activations of a chunk, which is what the P activations of a stage are
that the first stage of 1F1B holds. With fewer micro-batches the order holds, the formulas do not.
"""

from __future__ import annotations

from solver.schedule.families.two_chunks import STEPS, Step, v_order, v_refusal
from solver.schedule.operators import Operators, Order
from solver.schedule.problem import ScheduleProblem

FUSED = False


def refusal(problem: ScheduleProblem) -> str | None:
    """ZB-V takes a chain in the shape of a V."""
    return v_refusal(problem)


def order(operators: Operators) -> Order:
    """Warm-up, steady state and cool-down of every device."""
    devices = len(operators.capacity)
    count = max(operators.microbatches, 2 * devices - 1)
    return v_order(operators, [_steps(d, devices, count) for d in range(devices)])


def _steps(device: int, devices: int, count: int) -> list[Step]:
    """Device `device` is 2 (P - p) - 1 forwards ahead before it sees the turn of the V."""
    below = devices - device
    f0, b0, w0 = STEPS[0]
    f1, b1, w1 = STEPS[1]
    steps = [f0] * (2 * below - 1) + [f1, f0] * device + [f1, b1, w1] * below
    steady = count - (2 * below - 1) - device  # forwards of the first chunk that are left
    steps += [f0, b0, w0, f1, b1, w1] * steady
    steps += [b0, w0, f1, b1, w1] * (below - 1)
    steps += [b0, b1] * device + [b0, w0] * below
    return steps + [w1] * device + [w0] * device
