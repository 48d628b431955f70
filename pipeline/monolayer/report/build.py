"""From a run's tables to what its report shows."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monolayer.field import State
from monolayer.report.bare_map import vessel_maps
from monolayer.report.content import (
    Estimate,
    Exclusion,
    FieldPoint,
    Histogram,
    Measure,
    PlateResult,
    ReportContent,
    WellResult,
)
from monolayer.report.gallery import (
    SCORE,
    Overlays,
    doubtful_pictures,
    figure_names,
    typical_pictures,
)
from monolayer.report.histograms import ObjectBatches, histograms
from monolayer.report.plate_map import well_position
from monolayer.report.presentation import Presentation
from monolayer.report.record import method_rows, provenance_rows, run_notes, run_stamp
from monolayer.report.rows import FieldRows

__all__ = ["build_content"]

Row = Mapping[str, Any]
Place = tuple[str, str]

FIELDS_DRAWN = 10_000
EXCLUSIONS_LISTED = 2_000
WELLS_LISTED = 6_000
_CHANNELS_SHOWN = 3
_MISSING = "missing"


def build_content(
    fields: pa.Table,
    wells: pa.Table,
    plates: pa.Table,
    run: Mapping[str, Any],
    show: Presentation,
    overlays: Overlays,
    objects: ObjectBatches | None = None,
) -> ReportContent:
    """Choose what a report shows.

    Parameters
    ----------
    fields, wells, plates : pyarrow.Table
        The run's tables, or the columns of them that a report reads.
    run : mapping
        ``run.json``.
    show : Presentation
        How the run's assay presents itself.
    overlays : callable
        Pixels and labels of a field by its id, both shape (height, width), and the kind of each
        label where the assay tells kinds; None where the image is gone. Asked for at most 27
        fields, whatever the size of the run, and `FIELDS_MAPPED` of each vessel for its map.
    objects : callable, optional
        Gives an iterable over batches of object columns, afresh on every call (it is called
        twice, and once for its first batch). It reads ``field_id``, ``weight``,
        ``segmentation_score``, ``area_um2`` or ``area_px`` and ``intensity_mean_<channel>``: give
        no more, it is read in full. Without it the report has no histograms and no scores of
        fields.
    """
    plate_rows = plates.to_pylist()
    measure = _measure([plates, wells], run, show)
    scores = MeanScores(fields)
    drawn = _histograms(objects, fields, show, scores.add)
    rows = FieldRows(fields, {SCORE: scores.mean()})
    listed, wells_left_out = _plates(plate_rows, wells, rows, (measure, show))
    points = _drawn_places(rows)
    out = list(rows.at(_not_ok(rows)[:EXCLUSIONS_LISTED]))
    return ReportContent(
        title=_title(plate_rows),
        stamp=run_stamp(run),
        presentation=show,
        measure=measure,
        plates=listed,
        points=tuple(_points(rows, points, measure)),
        histograms=drawn,
        doubtful=tuple(doubtful_pictures(rows, overlays, measure, show)),
        typical=tuple(typical_pictures(rows, overlays, measure, show)),
        bare=vessel_maps(rows, overlays) if "covered" in show.label_kinds.values() else (),
        exclusions=tuple(_exclusion(row) for row in out if row["state"] != State.MISSING),
        missing=tuple(_exclusion(row) for row in out if row["state"] == State.MISSING),
        notes=(
            *run_notes(run),
            *_quality_notes(wells),
            *_field_notes(fields),
            *_left_out(rows, len(points), wells_left_out),
        ),
        pixel_sizes_um=tuple(np.unique(_finite(rows.column("pixel_size_um"))).tolist()),
        method=tuple(method_rows(run)),
        provenance=tuple(provenance_rows(run)),
        weights_sha256=(run.get("segmenter") or {}).get("weights_sha256"),
        counts={state: rows.places(state).size for state in State},
    )


def _not_ok(rows: FieldRows) -> NDArray[np.int64]:
    """Places of the fields without a result, in the table's order."""
    return np.sort(np.concatenate([rows.places(s) for s in State if s is not State.OK]))


def _drawn_places(rows: FieldRows) -> NDArray[np.int64]:
    """Fields that the charts draw: all, or as many of each kind as a page can carry."""
    found = [rows.places(State.OK), _not_ok(rows)]
    thinned = [places[:: max(1, -(-places.size // FIELDS_DRAWN))] for places in found]
    return np.sort(np.concatenate(thinned))


def _left_out(rows: FieldRows, n_points: int, n_wells: int) -> list[str]:
    """What a page cannot carry, and where it is."""
    excluded = sum(rows.places(state).size for state in State if state is not State.OK)
    told = []
    if n_points < len(rows):
        told.append(f"Charts draw {n_points:,} of the {len(rows):,} fields, evenly chosen.")
    if excluded > EXCLUSIONS_LISTED:
        told.append(
            f"The first {EXCLUSIONS_LISTED:,} of the {excluded:,} fields without a result are "
            "listed; the fields table has all."
        )
    if n_wells:
        told.append(f"{n_wells:,} wells are not listed here; the wells table has all.")
    return told


def _measure(tables: Sequence[pa.Table], run: Mapping[str, Any], show: Presentation) -> Measure:
    """The first lead that any row knows: two never mix on one axis."""
    confidence = run.get("method", {}).get("summarise", {}).get("confidence", 0.95)
    known = (lead for lead in show.leads if any(_knows(table, lead.column) for table in tables))
    return Measure(next(known, show.leads[-1]), f"{100 * confidence:g} % interval")


def _knows(table: pa.Table, column: str) -> bool:
    return column in table.column_names and table[column].null_count < len(table)


def _title(plates: Sequence[Row]) -> str:
    names = list(dict.fromkeys(str(row["plate"]) for row in plates))
    if len(names) > 3:
        return f"{len(names)} plates"
    return ", ".join(names) or "No plate"


def _estimate(row: Row, column: str, factor: float) -> Estimate:
    names = (column, f"{column}_ci_low", f"{column}_ci_high")
    value, low, high = (_number(row.get(name), factor) for name in names)
    return Estimate(value, low, high)


def _beside(row: Row, show: Presentation) -> tuple[float | None, ...]:
    return tuple(_number(row.get(lead.column), lead.factor) for lead in show.beside)


def _number(value: object, factor: float = 1.0) -> float | None:
    number = float(value) * factor if isinstance(value, int | float) else math.nan
    return number if math.isfinite(number) else None


def _place(row: Row) -> Place:
    return str(row["plate"] or ""), str(row.get("time") or "")


def _plates(
    plates: Sequence[Row], wells: pa.Table, rows: FieldRows, how: tuple[Measure, Presentation]
) -> tuple[tuple[PlateResult, ...], int]:
    """The plates' results, and the number of wells that are not listed with them."""
    reasons = _reasons(rows)
    results, n_listed, n_left_out = [], 0, 0
    members = _by_plate(wells)
    for row in plates:
        own = members.get(_place(row), [])
        listed = n_listed == 0 or n_listed + len(own) <= WELLS_LISTED
        n_listed, n_left_out = (
            (n_listed + len(own), n_left_out) if listed else (n_listed, n_left_out + len(own))
        )
        results.append(
            _plate(row, wells.take(pa.array(own, pa.int64())).to_pylist(), reasons, listed, how)
        )
    return tuple(results), n_left_out


def _by_plate(wells: pa.Table) -> dict[Place, list[int]]:
    """Rows of the wells table by plate and time."""
    found: dict[Place, list[int]] = defaultdict(list)
    keys = zip(wells["plate"].to_pylist(), wells["time"].to_pylist(), strict=True)
    for at, (plate, time) in enumerate(keys):
        found[str(plate or ""), str(time or "")].append(at)
    return found


def _reasons(rows: FieldRows) -> dict[tuple[Place, str], Counter[str]]:
    """Reasons for which fields of a well have no result, with their numbers."""
    found: dict[tuple[Place, str], Counter[str]] = defaultdict(Counter)
    for row in rows.at(_not_ok(rows)):
        reason = _MISSING if row["state"] == State.MISSING else str(row["reason"] or row["state"])
        found[_place(row), row["well"] or ""][reason] += 1
    return found


def _plate(
    row: Row,
    own: Sequence[Row],
    reasons: Mapping[tuple[Place, str], Counter[str]],
    listed: bool,
    how: tuple[Measure, Presentation],
) -> PlateResult:
    lead, show = how[0].lead, how[1]
    single = own[0] if len(own) == 1 else {}
    # A plate that is one vessel is that vessel: its number has the interval between its fields.
    row = {**row, **single}
    nothing = Counter[str]()
    wells = [
        _well(well, reasons.get((_place(row), well["well"]), nothing), how)
        for well in own
        if well["well"] and listed and len(own) > 1
    ]
    wells.sort(key=lambda well: (well_position(well.well) or (999, 0), well.well))
    return PlateResult(
        plate=str(row["plate"] or "folder"),
        time=str(row.get("time") or ""),
        estimate=_estimate(row, lead.column, lead.factor),
        n_planned=row.get("n_fields_planned") or 0,
        n_ok=row.get("n_fields_ok") or 0,
        beside=_beside(row, show),
        ci_method=row.get(f"{lead.column}_ci_method") or "",
        dispersion_index=_number(single.get("dispersion_index")),
        dispersion_p=_number(single.get("dispersion_p")),
        wells=tuple(wells),
    )


def _well(row: Row, reasons: Counter[str], how: tuple[Measure, Presentation]) -> WellResult:
    lead, show = how[0].lead, how[1]
    return WellResult(
        well=row["well"],
        estimate=_estimate(row, lead.column, lead.factor),
        n_planned=row.get("n_fields_planned") or 0,
        n_ok=row.get("n_fields_ok") or 0,
        n_missing=reasons[_MISSING],
        beside=_beside(row, show),
        reasons=(
            *(("image again",) if row.get("quality_state") == "reimage" else ()),
            *(reason for reason in reasons if reason != _MISSING),
        ),
        remark=_remark(row, show),
    )


def _remark(row: Row, show: Presentation) -> str:
    """What the assay's verdict says of a well, where it gives a reason."""
    verdict, reason = show.remark_columns or ("", "")
    if not row.get(reason):
        return ""
    return f"{row[verdict].replace('_', ' ')}: {row[reason]}"


def _points(rows: FieldRows, places: NDArray[np.int64], measure: Measure) -> Iterator[FieldPoint]:
    names = figure_names(rows.names).values()
    lead = measure.lead
    for row in rows.at(places):
        yield FieldPoint(
            field_id=row["field_id"],
            plate=_place(row)[0],
            time=_place(row)[1],
            well=row["well"] or "",
            state=State(row["state"]),
            estimate=_estimate(row, lead.in_fields, lead.factor),
            figures={name: _number(row.get(name)) for name in names},
        )


def _exclusion(row: Row) -> Exclusion:
    return Exclusion(
        field_id=row["field_id"],
        state=State(row["state"]),
        reason=row["reason"] or "",
        detail=row["detail"] or "",
        paths=tuple(row["paths"].split(";")) if row.get("paths") else (),
    )


def _quality_notes(wells: pa.Table) -> list[str]:
    """Which wells to image again and why; that nothing was judged where there is no reference."""
    if "quality_state" not in wells.column_names:
        return []
    states = wells["quality_state"].to_pylist()
    again = [at for at, state in enumerate(states) if state == "reimage"][:EXCLUSIONS_LISTED]
    notes = [
        f"Image again: {' '.join(filter(None, (_place(row)[0], row['well'], row.get('time'))))}: "
        f"{row['quality_reason']}"
        for row in wells.take(pa.array(again, pa.int64())).to_pylist()
    ]
    if "no_reference" in states:
        notes.append(
            "Image quality was held against no reference of the instrument ('monolayer quality' "
            "makes one); only the built-in limits apply."
        )
    return notes


def _field_notes(fields: pa.Table) -> list[str]:
    """What reading did, each sentence once with the number of its fields."""
    if "notes" not in fields.column_names:
        return []
    counts: Counter[str] = Counter()
    for notes in fields["notes"].to_pylist():
        counts.update(filter(None, (notes or "").split("; ")))
    return [f"{note} ({n:,} of {len(fields):,} fields)" for note, n in counts.items()]


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    known: NDArray[np.float64] = values[np.isfinite(values)]
    return known


class MeanScores:
    """Mean segmentation score of each field's objects, gathered batch by batch."""

    def __init__(self, fields: pa.Table) -> None:
        # `Places` sorts as Python does, for which 100,000 fields take 8 MB beside the table.
        ids = (hash(name.as_py()) for name in fields["field_id"])
        hashes = np.fromiter(ids, np.int64, len(fields))
        self._order = np.argsort(hashes, kind="stable")
        self._hashes = hashes[self._order]
        self._sums = np.zeros((2, len(fields)))

    def add(self, batch: Mapping[str, NDArray[Any]]) -> None:
        """Take up a batch of objects; those of a field lie together."""
        if "segmentation_score" not in batch or "field_id" not in batch:
            return
        names = np.asarray(batch["field_id"], dtype=object)
        if not names.size or not self._order.size:
            return
        starts = np.flatnonzero(np.concatenate([[True], names[1:] != names[:-1]]))
        scores = np.asarray(batch["segmentation_score"], np.float64)
        known = np.isfinite(scores)
        sums = np.add.reduceat(np.where(known, scores, 0.0), starts)
        counts = np.add.reduceat(known.astype(np.float64), starts)
        asked = np.fromiter(map(hash, names[starts]), np.int64, len(starts))
        at = np.minimum(np.searchsorted(self._hashes, asked), len(self._hashes) - 1)
        found = self._hashes[at] == asked
        for sum_, added in zip(self._sums, (sums, counts), strict=True):
            np.add.at(sum_, self._order[at[found]], added[found])

    def mean(self) -> NDArray[np.float64]:
        """One value a field; NaN where no object has a score."""
        total, count = self._sums
        mean = np.full(total.shape, np.nan)
        np.divide(total, count, out=mean, where=count > 0)
        return mean


def _histograms(
    objects: ObjectBatches | None,
    fields: pa.Table,
    show: Presentation,
    also: Callable[[Mapping[str, NDArray[Any]]], None],
) -> tuple[Histogram, ...]:
    if objects is None:
        return ()
    if show.distributions:
        leads = [(lead.column, lead.label, lead.unit) for lead in show.distributions]
        return histograms(objects, leads, also)
    size = ("area_um2", "µm²") if _knows(fields, "pixel_size_um") else ("area_px", "pixels")
    wanted = [(size[0], f"{show.noun.capitalize()} area", size[1])]
    channels = sorted(filter(None, fields["channel"].unique().to_pylist()))
    wanted += [
        (f"intensity_mean_{channel}", f"Mean intensity, {channel}", "grey values")
        for channel in _channels(objects, channels)[:_CHANNELS_SHOWN]
    ]
    return histograms(objects, wanted, also)


def _channels(objects: ObjectBatches, segmented: Sequence[str]) -> list[str]:
    """Segmented channels first, then the others of the first batch."""
    prefix = "intensity_mean_"
    first: Mapping[str, Any] = next(iter(objects()), {})
    others = [name.removeprefix(prefix) for name in first if name.startswith(prefix)]
    return list(dict.fromkeys([*segmented, *others]))
