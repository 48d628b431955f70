"""Summarise: objects become figures of a field, a well and a plate, with their intervals.

1. `summarise_field`: weights give the unbiased count, density and distributions of a field.
2. `summarise_wells`, `summarise_plates`: means over fields, and over wells, with the interval
   between them and the name of its method.
3. `intervals` and `sampling`: the statistics, on their own for the notebook.

Pure functions of columns and rows; no files. Names are imported when they are first used, so that
a method file is read without waiting for Arrow and scipy.
"""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.summarise.fields import summarise_field
    from monolayer.summarise.intervals import (
        Interval,
        clopper_pearson_interval,
        poisson_interval,
        t_interval,
        weighted_poisson_interval,
        wilson_interval,
    )
    from monolayer.summarise.rollup import (
        Level,
        Part,
        combined_uncertainty,
        expanded_uncertainty,
        roll_up,
    )
    from monolayer.summarise.sampling import dispersion_test
    from monolayer.summarise.schema import field_schema, plate_schema, well_schema
    from monolayer.summarise.settings import SummariseSettings
    from monolayer.summarise.tables import (
        objects_by_well,
        plates_table,
        summarise_plates,
        summarise_wells,
        wells_table,
    )
    from monolayer.summarise.wells import summarise_plate, summarise_well

__all__ = [
    "Interval",
    "Level",
    "Part",
    "SummariseSettings",
    "clopper_pearson_interval",
    "combined_uncertainty",
    "dispersion_test",
    "expanded_uncertainty",
    "field_schema",
    "objects_by_well",
    "plate_schema",
    "plates_table",
    "poisson_interval",
    "roll_up",
    "summarise_field",
    "summarise_plate",
    "summarise_plates",
    "summarise_well",
    "summarise_wells",
    "t_interval",
    "weighted_poisson_interval",
    "well_schema",
    "wells_table",
    "wilson_interval",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Interval": "intervals",
        "Level": "rollup",
        "Part": "rollup",
        "SummariseSettings": "settings",
        "clopper_pearson_interval": "intervals",
        "combined_uncertainty": "rollup",
        "dispersion_test": "sampling",
        "expanded_uncertainty": "rollup",
        "field_schema": "schema",
        "objects_by_well": "tables",
        "plate_schema": "schema",
        "plates_table": "tables",
        "poisson_interval": "intervals",
        "roll_up": "rollup",
        "summarise_field": "fields",
        "summarise_plate": "wells",
        "summarise_plates": "tables",
        "summarise_well": "wells",
        "summarise_wells": "tables",
        "t_interval": "intervals",
        "weighted_poisson_interval": "intervals",
        "well_schema": "schema",
        "wells_table": "tables",
        "wilson_interval": "intervals",
    },
)
