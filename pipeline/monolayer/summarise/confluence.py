"""Confluence of fields, wells (or vessels) and plates, each with its interval.

A field is the unit of a well's interval, a well of a plate's. Beside the two-sided interval a
well has the one-sided lower bound: the confluence that the vessel has at least reached, which is
what a decision to passage asks for.
"""

from collections.abc import Mapping, Sequence

from monolayer.summarise.coverage import Calibration, indirect_density
from monolayer.summarise.estimates import (
    Cell,
    Columns,
    Row,
    estimate,
    estimate_between,
    estimate_columns,
    interval_columns,
    interval_schema,
    known,
    ok_rows,
    total,
)
from monolayer.summarise.intervals import no_interval, t_interval
from monolayer.summarise.settings import SummariseSettings

__all__ = [
    "confluence_field_columns",
    "confluence_plate_columns",
    "confluence_well_columns",
    "summarise_confluence_field",
    "summarise_confluence_plate",
    "summarise_confluence_well",
]

_CM2_PER_UM2 = 1e-8
_DENSITY = "indirect_density_cells_per_cm2"
_BODIES = "body_density_cells_per_cm2"
_LOW_SHARE = 0.05


def summarise_confluence_field(
    covered_px: int,
    usable_px: int,
    shape: tuple[int, int],
    unusable_fractions: Mapping[str, float | None],
    pixel_size_um: float | None,
    calibration: Calibration | None,
    settings: SummariseSettings,
    n_bodies: int | None = None,
) -> dict[str, Cell]:
    """One field's figures; `confluence_field_columns` names them.

    Parameters
    ----------
    covered_px, usable_px : int
        Covered pixels, and pixels that could be judged.
    shape : (int, int)
        Height and width of the field.
    unusable_fractions : mapping of str to float or None
        Share of the field that could not be judged, by reason; None where nobody knows.
    pixel_size_um : float or None
        None gives null for what is in um or cm.
    calibration : Calibration, optional
        Without it there is no indirect density.
    settings : SummariseSettings
        Confidence.
    n_bodies : int, optional
        Cell bodies seen in the usable area; None where they were not looked for.

    Raises
    ------
    ValueError
        More covered than usable, or more usable than there are pixels.
    """
    total = shape[0] * shape[1]
    if not 0 <= covered_px <= usable_px <= total:
        raise ValueError(f"{covered_px} covered of {usable_px} usable of {total} cannot be")
    area = None if pixel_size_um is None else pixel_size_um**2
    usable_cm2 = None if area is None else usable_px * area * _CM2_PER_UM2
    confluence = covered_px / usable_px if usable_px else None
    density, interval = indirect_density(confluence, calibration, settings.confidence)
    return {
        "confluence": confluence,
        "usable_fraction": usable_px / total,
        **{f"unusable_{name}_fraction": share for name, share in unusable_fractions.items()},
        "covered_area_px": covered_px,
        "covered_area_um2": None if area is None else covered_px * area,
        "usable_area_cm2": usable_cm2,
        _DENSITY: density,
        **interval_columns(_DENSITY, interval),
        "n_bodies": n_bodies,
        _BODIES: n_bodies / usable_cm2 if n_bodies is not None and usable_cm2 else None,
    }


def confluence_field_columns(reasons: Sequence[str]) -> Columns:
    """Names and types of `summarise_confluence_field`'s figures."""
    return [
        ("confluence", "float64"),
        ("usable_fraction", "float64"),
        *((f"unusable_{reason}_fraction", "float64") for reason in reasons),
        ("covered_area_px", "int64"),
        ("covered_area_um2", "float64"),
        ("usable_area_cm2", "float64"),
        (_DENSITY, "float64"),
        *interval_schema(_DENSITY),
        ("n_bodies", "int64"),
        (_BODIES, "float64"),
    ]


def summarise_confluence_well(
    field_rows: Sequence[Row], settings: SummariseSettings
) -> dict[str, Cell]:
    """A well's or vessel's figures from the rows of all its planned fields.

    Where one field's confluence is beyond the calibration the well has no indirect density: a
    mean over the others would lean to one side.
    """
    ok = ok_rows(field_rows)
    values = known(ok, "confluence")
    return {
        **estimate_between("confluence", values, "field", settings, 0.0, 1.0),
        **_lower_bound(values, settings),
        "confluence_min": min(values, default=None),
        "confluence_q05": _low_quantile(values),
        "usable_fraction": _mean(known(ok, "usable_fraction")),
        **_well_density(ok, settings),
        "n_bodies": total(ok, "n_bodies"),
        **estimate_between(_BODIES, known(ok, _BODIES), "field", settings),
    }


def confluence_well_columns() -> Columns:
    """Names and types of `summarise_confluence_well`'s figures."""
    return [
        *estimate_columns("confluence"),
        ("confluence_lower_bound", "float64"),
        ("confluence_lower_bound_method", "string"),
        ("confluence_min", "float64"),
        ("confluence_q05", "float64"),
        ("usable_fraction", "float64"),
        *estimate_columns(_DENSITY),
        ("n_bodies", "int64"),
        *estimate_columns(_BODIES),
    ]


def summarise_confluence_plate(
    well_rows: Sequence[Row], settings: SummariseSettings
) -> dict[str, Cell]:
    """A plate's figures from its wells; a layout without wells hands its one row through."""
    ok = [row for row in well_rows if row["n_fields_ok"]]
    names = [name for name, _ in confluence_plate_columns()]
    if len(ok) == 1 and not ok[0]["well"]:
        return {name: ok[0][name] for name in names}
    values = known(ok, "confluence")
    return {
        **estimate_between("confluence", values, "well", settings, 0.0, 1.0),
        "confluence_min": min(known(ok, "confluence_min"), default=None),
        "usable_fraction": _mean(known(ok, "usable_fraction")),
        **estimate_between(_DENSITY, known(ok, _DENSITY), "well", settings),
        "n_bodies": total(ok, "n_bodies"),
        **estimate_between(_BODIES, known(ok, _BODIES), "well", settings),
    }


def confluence_plate_columns() -> Columns:
    """Names and types of `summarise_confluence_plate`'s figures."""
    return [
        *estimate_columns("confluence"),
        ("confluence_min", "float64"),
        ("usable_fraction", "float64"),
        *estimate_columns(_DENSITY),
        ("n_bodies", "int64"),
        *estimate_columns(_BODIES),
    ]


def _lower_bound(values: Sequence[float], settings: SummariseSettings) -> dict[str, Cell]:
    """One-sided lower bound of the mean, cut to what a share can be."""
    bound = no_interval("one field" if values else "unknown", settings.confidence)
    if len(set(values)) > 1:
        bound = t_interval(values, settings.confidence, side="lower").clipped(0.0, 1.0)
    elif len(values) > 1:
        bound = no_interval("fields without spread", settings.confidence)
    return {"confluence_lower_bound": bound.low, "confluence_lower_bound_method": bound.method}


def _well_density(ok: Sequence[Row], settings: SummariseSettings) -> dict[str, Cell]:
    values = known(ok, _DENSITY)
    if len(values) == len(ok):
        return estimate_between(_DENSITY, values, "field", settings)
    reasons = [row[f"{_DENSITY}_ci_method"] for row in ok if row[_DENSITY] is None]
    reason = f"{len(reasons)} of {len(ok)} fields: {reasons[0].removeprefix('none: ')}"
    return estimate(_DENSITY, [], no_interval(reason, settings.confidence))


def _low_quantile(values: Sequence[float]) -> float | None:
    """The smallest value that 5 % of the fields do not exceed: always one that was seen."""
    if not values:
        return None
    ordered = sorted(values)
    # ceil(0.05 n) - 1 in whole numbers.
    return ordered[(len(ordered) * round(100 * _LOW_SHARE) + 99) // 100 - 1]


def _mean(values: Sequence[float]) -> float | None:
    return sum(sorted(values)) / len(values) if values else None
