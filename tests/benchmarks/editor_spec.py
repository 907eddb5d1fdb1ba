"""A long spec such as a generator or a large team writes: models, constants, strategies, pins."""

from __future__ import annotations

HEAD = """\
language 1
import hardware.nvidia (h100_sxm)
import strategies.megatron as megatron

mesh pod = h100_sxm[node: 4, gpu: 8]

/// The model that everything is about.
model net_of(batch: int, width: int = 1024) {
  batch index b = batch
  index d = width, f = 4 * width
  input x[b, d]
"""
LAYER = """\

  /// Part {n} of the model.
  block part{n} {{
    up[b, f] = matmul(x[b, d], param w[d, f])  // in
    act = gelu(up)
    down[b, d] = matmul(act, param v[f, d])
  }}
  x = part{n}.down
"""
MIDDLE = """}

model net = net_of(batch: 256)

train {
  optimizer adamw
  precision bf16
  microbatches auto
}
"""
WISH = """\

/* What part {n} is worth. */
let price{n} = {n} * 2 us + 10 us

/// Cuts part {n}.
strategy cut{n}(net: path, over axes: axes, price: time = price{n}) {{
  pin net.part{n}.up : f over axes weight price
  pin net.part{n}.down : f over axes weight price / 2
}}

apply cut{n}(net, over: gpu)

pin net.part{n}.act : b over node weight price{n}
"""


def long_spec(lines: int) -> str:
    """A spec of about so many lines, in the one style."""
    each = LAYER.count("\n") + WISH.count("\n")
    count = max(1, (lines - HEAD.count("\n") - MIDDLE.count("\n")) // each)
    layers = "".join(LAYER.format(n=n) for n in range(count))
    wishes = "".join(WISH.format(n=n) for n in range(count))
    return HEAD + layers + MIDDLE + wishes
