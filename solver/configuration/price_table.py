"""A table of configurations with the predictions beside its columns.

`predicted_step_time_s` in seconds, `predicted_peak_mem_gib` in GiB of the device that holds most,
`predicted_fits` is `True` or `False`. A row that cannot be priced has these cells empty, and
`why_not` says why. A table of collectives (columns `collective` and `size_bytes`) gains
`predicted_time_us` and `why_not` instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

from solver.configuration.cells import RowError
from solver.configuration.collective_rows import read_collective
from solver.configuration.configuration import Configuration
from solver.configuration.price import price
from solver.configuration.read import read_configuration
from solver.configuration.settle import in_recipes, whole_recipe
from solver.configuration.table import Table

PREDICTED = ("predicted_step_time_s", "predicted_peak_mem_gib", "predicted_fits", "why_not")
PREDICTED_OF_COLLECTIVES = ("predicted_time_us", "why_not")
GIB = 2**30
MICRO = 1e6

Cells = tuple[str, ...]
Given = ParamSpec("Given")
Found = TypeVar("Found")


def price_table(table: Table) -> Table:
    """Every row with its predictions; columns of these names that it had are replaced.

    Whatever a row holds, the others keep their prices: an impossible number that nothing refused
    before ends as its row's reason.
    """
    added = PREDICTED_OF_COLLECTIVES if table.is_of_collectives else PREDICTED
    columns = tuple(name for name in table.columns if name not in added) + added
    found = _collectives(table) if table.is_of_collectives else _steps(table)
    empty = dict.fromkeys(added, "")
    priced = tuple(
        {**row, **empty, "why_not": cells}
        if isinstance(cells, str)
        else {**row, **dict(zip(added, (*cells, ""), strict=True))}
        for row, cells in zip(table.rows, found, strict=True)
    )
    return Table(columns, priced, table.remarks)


def _steps(table: Table) -> list[Cells | str]:
    """Cells of every row or why there are none; rows of one recipe recompute alike."""
    read = [_tried(read_configuration, row, table.remarks) for row in table.rows]
    whole = {_tried(whole_recipe, each) for each in read if not isinstance(each, str)}
    return [
        each if isinstance(each, str) else _tried(_step, in_recipes(each, whole)) for each in read
    ]


def _collectives(table: Table) -> list[Cells | str]:
    return [_tried(_collective, row) for row in table.rows]


def _tried(task: Callable[Given, Found], *args: Given.args, **kwargs: Given.kwargs) -> Found | str:
    """What the task finds, or the reason why it does not."""
    try:
        return task(*args, **kwargs)
    except RowError as error:
        return str(error)
    except (ArithmeticError, LookupError, ValueError) as error:
        return f"the model cannot price this row ({type(error).__name__}: {error})"


def _step(configuration: Configuration) -> Cells:
    found = price(configuration)
    seconds, peak = found.time.total, found.memory.total_bytes
    if not (math.isfinite(seconds) and math.isfinite(peak)):
        raise RowError("the model cannot price this row (the price is not finite)")
    return f"{seconds:.6g}", f"{peak / GIB:.5g}", str(bool(found.memory.fits))


def _collective(row: Mapping[str, str]) -> Cells:
    found = read_collective(row)
    if isinstance(found, str):
        raise RowError(found)
    return (f"{float(found.seconds()) * MICRO:.6g}",)
