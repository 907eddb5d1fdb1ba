"""A table of configurations with the predictions beside its columns.

`predicted_step_time_s` in seconds, `predicted_peak_mem_gib` in GiB of the device that holds most,
`predicted_fits` is `True` or `False`. A row that cannot be priced has these cells empty, and
`why_not` says why. A table of collectives (columns `collective` and `size_bytes`) gains
`predicted_time_us` and `why_not` instead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from solver.configuration.cells import RowError
from solver.configuration.collective_rows import read_collective
from solver.configuration.price import price
from solver.configuration.read import read_configuration
from solver.configuration.table import Table

PREDICTED = ("predicted_step_time_s", "predicted_peak_mem_gib", "predicted_fits", "why_not")
PREDICTED_OF_COLLECTIVES = ("predicted_time_us", "why_not")
GIB = 2**30
MICRO = 1e6


def price_table(table: Table) -> Table:
    """Every row with its predictions; columns of these names that it had are replaced."""
    added = PREDICTED_OF_COLLECTIVES if table.is_of_collectives else PREDICTED
    columns = tuple(name for name in table.columns if name not in added) + added
    priced = tuple({**row, **predictions(row, table)} for row in table.rows)
    return Table(columns, priced, table.remarks)


def predictions(row: Mapping[str, str], table: Table) -> Mapping[str, str]:
    """The cells that a row gains.

    Whatever a row holds, the others keep their prices: an impossible number that nothing refused
    before ends as its row's reason.
    """
    added = PREDICTED_OF_COLLECTIVES if table.is_of_collectives else PREDICTED
    try:
        cells = _collective(row) if table.is_of_collectives else _step(row, table.remarks)
    except RowError as error:
        reason = str(error)
    except (ArithmeticError, LookupError, ValueError) as error:
        reason = f"the model cannot price this row ({type(error).__name__}: {error})"
    else:
        return dict(zip(added, (*cells, ""), strict=True))
    return {**dict.fromkeys(added, ""), "why_not": reason}


def _step(row: Mapping[str, str], remarks: str) -> tuple[str, ...]:
    found = price(read_configuration(row, remarks))
    seconds, peak = found.time.total, found.memory.total_bytes
    if not (math.isfinite(seconds) and math.isfinite(peak)):
        raise RowError("the model cannot price this row (the price is not finite)")
    return f"{seconds:.6g}", f"{peak / GIB:.5g}", str(bool(found.memory.fits))


def _collective(row: Mapping[str, str]) -> tuple[str, ...]:
    found = read_collective(row)
    if isinstance(found, str):
        raise RowError(found)
    return (f"{float(found.seconds()) * MICRO:.6g}",)
