"""The device mesh of a program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.distributed.device_mesh import init_device_mesh

from solver.reference.runtime.program import Program
from solver.reference.runtime.wires import Wires

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup


def connect(program: Program, device: torch.device) -> tuple[Wires, ProcessGroup | None]:
    """The collectives of this device's stage, and the group of its pipeline (None: one stage).

    Process number r is device r of the mesh, axes from the outermost.
    """
    from solver.reference.runtime.training import meetings

    names = tuple(axis.name for axis in program.mesh)
    sizes = tuple(axis.size for axis in program.mesh)
    mesh = init_device_mesh(device.type, sizes, mesh_dim_names=names) if names else None
    wires = Wires([a.name for a in program.axes], [a.size for a in program.axes], mesh)
    wires.join(meetings(program))
    across = tuple(axis.name for axis in program.mesh if axis.pipeline)
    if mesh is None or not across:
        return wires, None
    pipeline = mesh[across[0]] if len(across) == 1 else mesh[across]._flatten("pipeline")
    return wires, pipeline.get_group()
