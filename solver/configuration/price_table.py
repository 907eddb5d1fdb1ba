"""A table of configurations with the predictions beside its columns.

`predicted_step_time_s` in seconds, `predicted_peak_mem_gib` in GiB of the device that holds most,
`predicted_fits` is `True` or `False`. A row that cannot be priced has these cells empty, and
`why_not` says why.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from solver.configuration.cells import RowError
from solver.configuration.price import price
from solver.configuration.read import read_configuration
from solver.configuration.table import Table

PREDICTED = ("predicted_step_time_s", "predicted_peak_mem_gib", "predicted_fits", "why_not")
GIB = 2**30


def price_table(table: Table) -> Table:
    """Every row with its predictions; columns of these names that it had are replaced."""
    columns = tuple(name for name in table.columns if name not in PREDICTED) + PREDICTED
    priced = tuple({**row, **predictions(row, table.remarks)} for row in table.rows)
    return Table(columns, priced, table.remarks)


def predictions(row: Mapping[str, str], remarks: str) -> Mapping[str, str]:
    """The cells that a row gains.

    Whatever a row holds, the others keep their prices: an impossible number that nothing refused
    before ends as its row's reason.
    """
    try:
        found = price(read_configuration(row, remarks))
    except RowError as error:
        return _unpriced(str(error))
    except (ArithmeticError, LookupError, ValueError) as error:
        return _unpriced(f"the model cannot price this row ({type(error).__name__}: {error})")
    seconds, peak = found.time.total, found.memory.total_bytes
    if not (math.isfinite(seconds) and math.isfinite(peak)):
        return _unpriced("the model cannot price this row (the price is not finite)")
    cells = (f"{seconds:.6g}", f"{peak / GIB:.5g}", str(bool(found.memory.fits)), "")
    return dict(zip(PREDICTED, cells, strict=True))


def _unpriced(reason: str) -> Mapping[str, str]:
    return dict(zip(PREDICTED, ("", "", "", reason), strict=True))
