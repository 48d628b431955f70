"""Names of columns as a reader wants them: words, then the unit that the name ends in."""

__all__ = ["headed", "unit_of", "words_of"]

_UNITS = {
    "cells_per_cm2": "cells/cm²",
    "cells_per_ml": "cells/mL",
    "mmol_per_l": "mmol/L",
    "mg_per_l": "mg/L",
    "g_per_l": "g/L",
    "mg_per_ml": "mg/mL",
    "ug_per_ml": "µg/mL",
    "ng_per_ml": "ng/mL",
    "pg_per_ml": "pg/mL",
    "per_ml": "per mL",
    "per_l": "per L",
    "per_cm2": "per cm²",
    "per_h": "per h",
    "percent": "%",
    "um2": "µm²",
    "um": "µm",
    "px": "pixels",
    "ml": "mL",
    "h": "h",
}
"""Endings, a longer one before the one it ends in: a rate per hour is not in hours."""

_WRITTEN = {"eur": "EUR", "qc": "QC", "ph": "pH"}


def unit_of(column: str) -> str:
    """The unit that a column's name ends in, empty where it names none.

    Examples
    --------
    >>> unit_of("growth_rate_per_h")
    'per h'
    """
    return _UNITS.get(_ending(column), "")


def words_of(column: str) -> str:
    """A column's name without its unit.

    Examples
    --------
    >>> words_of("cell_area_um2"), words_of("eur_per_million_cells")
    ('cell area', 'EUR per million cells')
    >>> words_of("fgf2_ng_per_ml")
    'fgf2'
    """
    words = column.removesuffix(_ending(column)).split("_")
    return " ".join(_WRITTEN.get(word, word) for word in words if word)


def headed(column: str) -> str:
    """A column's name and unit, for an axis or the head of a table.

    Examples
    --------
    >>> headed("doubling_time_h"), headed("viability")
    ('doubling time, h', 'viability')
    """
    unit = unit_of(column)
    return f"{words_of(column)}, {unit}" if unit else words_of(column)


def _ending(column: str) -> str:
    return next((end for end in _UNITS if column.endswith(f"_{end}")), "")
