"""Wells and plates: the worked example, what is missing, and order."""

import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from monolayer import summarise
from monolayer.summarise import (
    SummariseSettings,
    field_schema,
    plate_schema,
    summarise_field,
    summarise_plate,
    summarise_plates,
    summarise_well,
    summarise_wells,
    well_schema,
)
from monolayer.summarise.estimates import count_states
from monolayer.summarise.schema import PLATE_HEAD, WELL_HEAD

SETTINGS = SummariseSettings()
COUNTS = [38, 61, 45, 52, 70, 33, 49, 58, 41, 53]
NULLS: dict[str, Any] = dict.fromkeys(name for name, _ in field_schema(["DNA"]))
Row = dict[str, Any]


def columns_of(count: int, seed: int = 0) -> dict[str, Any]:
    area = np.random.default_rng(seed).integers(100, 200, count)
    return {
        "area_px": area,
        "area_um2": area * 1.0,
        "intensity_mean_DNA": area * 2.0,
        "touches_border": np.zeros(count, bool),
        "weight": np.ones(count),
    }


def field_row(
    count: int | None, well: str | None = "A01", pixel_size: float | None = 1.0, **keys: Any
) -> Row:
    """A row of the fields table, 1.2 mm2; `count` None is a field that gave nothing."""
    row: Row = {"plate": "P", "well": well, "time": None, "state": "ok"}
    row |= {"height_px": 1000, "width_px": 1200}
    figures = NULLS
    if count is not None:
        columns = columns_of(count)
        figures = summarise_field(columns, (1000, 1200), pixel_size, SETTINGS, count / 1000)
    return row | figures | keys


def pooled(*counts: int) -> dict[str, Any]:
    parts = [columns_of(count) for count in counts]
    return {name: np.concatenate([part[name] for part in parts]) for name in columns_of(0)}


def well_of(*counts: int, **keys: Any) -> Row:
    rows = [field_row(count, **keys) for count in counts]
    return dict(summarise_well(rows, pooled(*counts), SETTINGS))


def test_well_of_the_worked_example() -> None:
    row = well_of(*COUNTS)
    assert row["n_objects"] == row["n_unbiased"] == 500
    assert row["n_unbiased_per_field"] == 50
    assert row["n_unbiased_per_field_sd"] == pytest.approx(np.sqrt(126.4444), abs=1e-5)
    assert row["density_cells_per_cm2"] == pytest.approx(4166.667, abs=5e-4)
    assert row["density_cells_per_cm2_ci_low"] == pytest.approx(3496.33, abs=5e-3)
    assert row["density_cells_per_cm2_ci_high"] == pytest.approx(4837.00, abs=5e-3)
    assert row["density_cells_per_cm2_ci_method"] == "t between fields"
    assert row["density_cells_per_cm2_cv"] == pytest.approx(np.sqrt(126.4444) / 50, abs=1e-7)
    assert row["dispersion_index"] == pytest.approx(22.76 / 9, abs=1e-9)
    assert row["dispersion_p"] == pytest.approx(0.0067584, abs=5e-8)
    # (0.22489 / 0.05)^2 = 20.23
    assert row["fields_needed_for_cv"] == 21
    assert row["nuclei_area_fraction"] == pytest.approx(0.05)
    assert 0 < row["nuclei_area_fraction_ci_low"] < 0.05 < row["nuclei_area_fraction_ci_high"]
    assert row["area_px_mean"] == pytest.approx(pooled(*COUNTS)["area_px"].mean())


def test_settings_reach_every_interval() -> None:
    """t(9) at 80 % one tail is 1.383029; CV 10 % needs a quarter of the fields of 5 %."""
    settings = SummariseSettings(confidence=0.8, target_cv=0.1, quantiles=(0.5,))
    rows = [field_row(count) for count in COUNTS]
    row = dict[str, Any](summarise_well(rows, pooled(*COUNTS), settings))
    half = row["density_cells_per_cm2_ci_high"] - row["density_cells_per_cm2"]
    assert half == pytest.approx(1.383029 * 296.3252, abs=1e-3)
    assert row["fields_needed_for_cv"] == 6
    assert row["area_px_q50"] == np.median(pooled(*COUNTS)["area_px"])
    assert "area_px_q95" not in row


def test_one_field_gives_its_own_poisson_interval() -> None:
    row, field = well_of(50), field_row(50)
    for column, source in (
        ("n_unbiased_per_field", "n_unbiased"),
        ("density_cells_per_cm2", "density_cells_per_cm2"),
    ):
        for end in ("low", "high"):
            expected = pytest.approx(field[f"{source}_ci_{end}"])
            assert row[f"{column}_ci_{end}"] == expected
        assert row[f"{column}_ci_method"] == "Poisson, one field"
        assert row[f"{column}_sd"] is None
    assert row["nuclei_area_fraction_ci_method"] == "none: one field"
    assert row["nuclei_area_fraction_ci_low"] is None
    assert row["dispersion_p"] is None
    assert row["fields_needed_for_cv"] == 8


def test_fields_without_spread_are_not_certain() -> None:
    """Four empty fields of 0.012 cm2: the upper limit is 3.69 / 0.048 cm2, not 0."""
    row = well_of(0, 0, 0, 0)
    assert row["density_cells_per_cm2"] == 0
    assert row["density_cells_per_cm2_ci_low"] == 0
    assert row["density_cells_per_cm2_ci_high"] == pytest.approx(3.688879 / 0.048)
    assert row["density_cells_per_cm2_ci_method"] == "Poisson, fields without spread"
    assert row["density_cells_per_cm2_cv"] is None
    assert row["fields_needed_for_cv"] is None
    assert row["nuclei_area_fraction_ci_method"] == "none: fields without spread"


def test_weights_alone_do_not_count_as_spread() -> None:
    """Two fields of 20 objects each whose weights differ in the third digit."""
    objects, rows = [], []
    for weight in (1.10, 1.101):
        columns = columns_of(20) | {"weight": np.full(20, weight)}
        objects.append(columns)
        rows.append(field_row(20) | summarise_field(columns, (1000, 1200), 1.0, SETTINGS, 0.1))
    joined = {name: np.concatenate([part[name] for part in objects]) for name in objects[0]}
    row = summarise_well(rows, joined, SETTINGS)
    low, high = row["n_unbiased_per_field_ci_low"], row["n_unbiased_per_field_ci_high"]
    assert isinstance(low, float)
    assert isinstance(high, float)
    assert low < 18
    assert high > 27


def test_t_interval_ends_at_zero() -> None:
    row = well_of(1, 30)
    assert row["density_cells_per_cm2_ci_low"] == 0
    assert row["density_cells_per_cm2_ci_high"] > 10 * row["density_cells_per_cm2"]


def test_states_are_counted_and_never_become_zeros() -> None:
    states = ["ok", "ok", "not_evaluable", "failed", "crashed", "missing", None]
    counts = [40, 60, None, None, None, None, None]
    rows = [field_row(n, state=state) for n, state in zip(counts, states, strict=True)]
    counted = count_states(rows)
    assert [counted[f"n_fields_{name}"] for name in ("planned", "ok", "missing")] == [7, 2, 1]
    others = ("not_evaluable", "failed", "crashed")
    assert [counted[f"n_fields_{name}"] for name in others] == [1] * 3
    row = summarise_well(rows, pooled(40, 60), SETTINGS)
    assert row["n_unbiased_per_field"] == 50


def test_well_without_an_ok_field_has_nulls() -> None:
    row = summarise_well([field_row(None, state="failed")], {}, SETTINGS)
    given = {name for name, value in row.items() if value is not None}
    assert given == {name for name in row if name.endswith("_ci_method")}
    assert row["density_cells_per_cm2_ci_method"] == "none: no ok field"


def test_unknown_pixel_size_leaves_counts() -> None:
    row = well_of(40, 60, pixel_size=None)
    assert row["n_unbiased_per_field_ci_method"] == "t between fields"
    assert row["density_cells_per_cm2"] is None
    assert row["density_cells_per_cm2_ci_method"] == "none: pixel size unknown"


def test_pixel_size_known_for_one_field_of_two() -> None:
    rows = [field_row(40), field_row(40, pixel_size=None)]
    row = summarise_well(rows, pooled(40, 40), SETTINGS)
    assert row["density_cells_per_cm2"] == pytest.approx(40 / 0.012)
    assert row["density_cells_per_cm2_ci_method"] == "none: pixel size unknown"


def test_unequal_fields_are_not_tested_for_dispersion() -> None:
    rows = [field_row(40), field_row(80, height_px=2000)]
    assert summarise_well(rows, pooled(40, 80), SETTINGS)["dispersion_p"] is None


def test_objects_of_another_well_are_refused() -> None:
    with pytest.raises(ValueError, match="count 40 objects but 39 were given"):
        summarise_well([field_row(40)], pooled(39), SETTINGS)
    with pytest.raises(ValueError, match="at least one"):
        summarise_well([], {}, SETTINGS)
    with pytest.raises(ValueError, match="at least one"):
        summarise_plate([], SETTINGS)


def tables(wells: dict[str | None, list[int | None]]) -> tuple[pa.Table, pa.Table]:
    rows, parts = [], []
    for well, counts in wells.items():
        for count in counts:
            rows.append(field_row(count, well, state="failed" if count is None else "ok"))
            columns = columns_of(count or 0)
            words = {"plate": "P", "well": well, "time": None}
            keys = {
                name: pa.array([word] * (count or 0), pa.string()) for name, word in words.items()
            }
            parts.append(pa.table(keys | columns))
    kinds = {"height_px": "int64", "width_px": "int64"} | dict(field_schema(["DNA"]))
    schema = pa.schema([(name, pa.type_for_alias(kinds.get(name, "string"))) for name in rows[0]])
    return pa.Table.from_pylist(rows, schema=schema), pa.concat_tables(parts)


def test_tables_have_schema_order_and_the_cores_values() -> None:
    wells: dict[str | None, list[int | None]] = {"B02": [10, 20], "A10": [None], "A2": [5, 7, 9]}
    fields, objects = tables(wells)
    table = summarise_wells(fields, objects, SETTINGS)
    assert [(field.name, str(field.type)) for field in table.schema] == [
        (name, kind.replace("float64", "double"))
        for name, kind in [*WELL_HEAD, *well_schema(["DNA"])]
    ]
    rows = table.to_pylist()
    assert [row["well"] for row in rows] == ["A2", "A10", "B02"]
    counted = count_states([field_row(count) for count in (5, 7, 9)])
    assert rows[0] == {"plate": "P", "well": "A2", "time": None} | counted | well_of(5, 7, 9)
    assert rows[1]["n_fields_planned"] == 1
    assert rows[1]["n_objects"] is None

    plates = summarise_plates(table, SETTINGS)
    assert plates.column_names == [name for name, _ in [*PLATE_HEAD, *plate_schema(["DNA"])]]
    (plate,) = plates.to_pylist()
    assert (plate["n_wells"], plate["n_wells_ok"], plate["n_fields_failed"]) == (3, 2, 1)
    assert plate["n_objects"] == 51
    # Wells of 7 and 15 cells a field: mean 11, SD 4 sqrt 2.
    assert plate["n_unbiased_per_field"] == 11
    assert plate["n_unbiased_per_field_sd"] == pytest.approx(4 * np.sqrt(2))
    assert plate["density_cells_per_cm2_cv"] == pytest.approx(4 * np.sqrt(2) / 11)
    assert plate["density_cells_per_cm2_ci_method"] == "t between wells"
    assert plate["area_px_mean"] is not None


def test_row_order_of_the_tables_does_not_matter_to_the_last_bit() -> None:
    fields, objects = tables({"A01": [17, 31, 25, None], "A02": [3, 0, 9], None: [4, 4]})
    random = np.random.default_rng(4)
    first = summarise_wells(fields, objects, SETTINGS)
    fields, objects = (part.take(random.permutation(len(part))) for part in (fields, objects))
    assert first.equals(summarise_wells(fields, objects, SETTINGS))


def test_objects_can_be_given_well_by_well() -> None:
    fields, objects = tables({"A01": [17, 31], "A02": [3, 9]})
    counts = {("P", "A01", None): (17, 31), ("P", "A02", None): (3, 9)}
    given = summarise_wells(fields, lambda key: pooled(*counts[key]), SETTINGS)  # type: ignore[index]
    assert given.equals(summarise_wells(fields, objects, SETTINGS))


def test_empty_tables_keep_their_columns() -> None:
    fields, objects = tables({"A01": [3]})
    wells = summarise_wells(fields.slice(0, 0), objects.slice(0, 0), SETTINGS)
    assert wells.num_rows == summarise_plates(wells, SETTINGS).num_rows == 0
    assert wells.column_names == [name for name, _ in [*WELL_HEAD, *well_schema(["DNA"])]]


def test_layout_without_wells_keeps_the_interval_between_fields() -> None:
    fields, objects = tables({None: [40, 60, 50]})
    wells = summarise_wells(fields, objects, SETTINGS)
    (plate,) = summarise_plates(wells, SETTINGS).to_pylist()
    assert (plate["n_wells"], plate["n_wells_ok"]) == (0, 0)
    assert plate["density_cells_per_cm2_ci_method"] == "t between fields"
    assert plate["density_cells_per_cm2_ci_low"] is not None


def test_one_well_says_nothing_about_its_plate() -> None:
    fields, objects = tables({"A01": [40, 60, 50]})
    wells = summarise_wells(fields, objects, SETTINGS)
    (plate,) = summarise_plates(wells, SETTINGS).to_pylist()
    assert plate["n_unbiased_per_field"] == 50
    assert plate["density_cells_per_cm2_ci_low"] is None
    assert plate["density_cells_per_cm2_ci_method"] == "none: one well"


def test_every_public_name_is_there_and_settings_are_light() -> None:
    assert dir(summarise) == sorted(summarise.__all__)
    assert all(getattr(summarise, name) for name in summarise.__all__)
    with pytest.raises(AttributeError, match="no attribute 'sumarise'"):
        summarise.__getattr__("sumarise")
    code = (
        "import sys, monolayer.summarise.settings; print({'scipy', 'pyarrow'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
