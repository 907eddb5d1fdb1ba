"""The diagnostic codes of models imported from PyTorch, `MMP78x`."""

from __future__ import annotations

from dsl.codes import Code

CODES: tuple[Code, ...] = (
    Code(
        "MMP780",
        "no module to import",
        "`MODULE:FUNCTION` names a function without arguments that returns a `torch.nn.Module` and "
        "the tuple of its example inputs. It is called with the meta device as default.",
    ),
    Code(
        "MMP781",
        "not exported",
        "`torch.export` reads only models whose control flow does not depend on values.",
    ),
    Code(
        "MMP782",
        "no operator kind",
        "Nothing in `stdlib/operators.mmp` computes this, alone or with what stands around it.",
    ),
    Code(
        "MMP783",
        "no index expression",
        "Dimensions are cut up or joined in a way that no product of indices has.",
    ),
    Code(
        "MMP784",
        "layers that are no chain",
        "Layers of a repeat read one tensor of the layer before, and what lies outside of all.",
    ),
    Code(
        "MMP785",
        "parameters left over",
        "The written model has not as many parameters as the module: some are never used.",
    ),
)
"""Models imported from PyTorch, in order."""
