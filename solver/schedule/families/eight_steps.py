"""The eight steps of DualPipe (DeepSeek-V3 technical report, arXiv 2412.19437, and the published
implementation), for a device whose two chunks belong to two directions, 0 and 1.

The devices form a V or, mirrored, two of them. Device r of H on the way down runs in *blocks*: a
forward, a backward, a weight gradient, a forward with a backward of the other direction. The
published bubble takes each block as one operator: it waits for all its inputs, and its results
leave at its end. With F&B the time of a forward with a full backward, and B that of a full
backward, input and weight gradient:

    bubble = (H - 1)(F&B + B - 3W)

for at least 2H micro-batches per direction, which without gain from overlap is 2 (H - 1) at equal
times of F, B and W. As the problem here has it, the input gradient leaves before the weight
gradient and the forward result before the backward; the same order then has a bubble of (H - 1) F
at equal times. The bubble is that of the makespan. A device holds 2H + 1 activations of a chunk.
"""

from __future__ import annotations

from solver.schedule.families.two_chunks import STEPS, Step

Block = tuple[Step, ...]


def blocks(rank: int, half: int, microbatches: int) -> list[Block]:
    """What device `rank` of `half` runs; `microbatches` (at least 2 `half`) in each direction."""
    forward: list[Block] = [(f,) for f, _, _ in STEPS]
    gradient: list[Block] = [(b,) for _, b, _ in STEPS]
    weight: list[Block] = [(w,) for _, _, w in STEPS]
    full: list[Block] = [(b, w) for _, b, w in STEPS]
    above, below = rank + 1, half - rank - 1  # devices down to here, devices below

    run = [forward[0]] * (2 * below)
    run += [forward[0], forward[1]] * above
    run += [gradient[1], weight[1], forward[1]] * below
    main = [forward[0] + full[1], forward[1] + full[0]] * (microbatches - 2 * half + above)
    if below == 0:
        main[:1] = [forward[0], full[1]]  # apart at the turn, which shortens the ramp
    run += main
    run += [full[1], forward[1] + full[0]] * below
    # Backwards of both directions in turn; the weight gradients of the second half wait.
    turns = [1, 0] * above
    run += [full[part] for part in turns[:above]]
    run += [gradient[part] for part in turns[above:]]
    waiting = turns[above:] + [0] * below
    for part in waiting[:below]:
        run += [weight[part], gradient[0]]
    return run + [weight[part] for part in waiting[below:]]
