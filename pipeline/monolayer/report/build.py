"""From a run's tables to what its report shows."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

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
from monolayer.report.numbers import finite
from monolayer.report.plate_map import well_position
from monolayer.report.presentation import Presentation
from monolayer.report.record import method_rows, provenance_rows, run_notes, run_stamp

__all__ = ["build_content"]

Row = Mapping[str, Any]
Place = tuple[str, str]

_CHANNELS_SHOWN = 3
_NO_EXCLUSION = (State.OK, State.MISSING)


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
        The run's tables.
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
        four times). It reads ``field_id``, ``weight``, ``segmentation_score``, ``area_um2`` or
        ``area_px`` and ``intensity_mean_<channel>``: give no more, it is read in full. Without it
        the report has no histograms and no scores of fields.
    """
    field_rows, well_rows, plate_rows = (table.to_pylist() for table in (fields, wells, plates))
    measure = _measure([*plate_rows, *well_rows], run, show)
    scores = _mean_scores(objects) if objects else {}
    for row in field_rows:
        row[SCORE] = scores.get(row["field_id"])
    return ReportContent(
        title=_title(plate_rows),
        stamp=run_stamp(run),
        presentation=show,
        measure=measure,
        plates=_plates(plate_rows, well_rows, field_rows, (measure, show)),
        points=tuple(_points(field_rows, measure)),
        histograms=_histograms(objects, field_rows, show),
        doubtful=tuple(doubtful_pictures(field_rows, overlays, measure, show)),
        typical=tuple(typical_pictures(field_rows, overlays, measure, show)),
        bare=vessel_maps(field_rows, overlays) if "covered" in show.label_kinds.values() else (),
        exclusions=tuple(
            _exclusion(row) for row in field_rows if row["state"] not in _NO_EXCLUSION
        ),
        missing=tuple(_exclusion(row) for row in field_rows if row["state"] == State.MISSING),
        notes=(*run_notes(run), *_quality_notes(well_rows), *_field_notes(field_rows)),
        pixel_sizes_um=tuple(sorted(set(finite(r.get("pixel_size_um") for r in field_rows)))),
        method=tuple(method_rows(run)),
        provenance=tuple(provenance_rows(run)),
        weights_sha256=(run.get("segmenter") or {}).get("weights_sha256"),
    )


def _measure(rows: Sequence[Row], run: Mapping[str, Any], show: Presentation) -> Measure:
    """The first lead that any row knows: two never mix on one axis."""
    confidence = run.get("method", {}).get("summarise", {}).get("confidence", 0.95)
    known = (lead for lead in show.leads if any(row.get(lead.column) is not None for row in rows))
    return Measure(next(known, show.leads[-1]), f"{100 * confidence:g} % interval")


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
    known = finite([float(value) * factor]) if isinstance(value, int | float) else []
    return known[0] if known else None


def _place(row: Row) -> Place:
    return str(row["plate"] or ""), str(row.get("time") or "")


def _plates(
    plates: Sequence[Row],
    wells: Sequence[Row],
    fields: Sequence[Row],
    how: tuple[Measure, Presentation],
) -> tuple[PlateResult, ...]:
    without: dict[tuple[Place, str], list[Row]] = defaultdict(list)
    for row in fields:
        if row["state"] != State.OK:
            without[_place(row), row["well"] or ""].append(row)
    grouped: dict[Place, list[WellResult]] = defaultdict(list)
    for row in wells:
        if row["well"]:
            grouped[_place(row)].append(_well(row, without[_place(row), row["well"]], how))
    for results in grouped.values():
        results.sort(key=lambda well: (well_position(well.well) or (999, 0), well.well))
    return tuple(_plate(row, grouped[_place(row)], wells, how) for row in plates)


def _plate(
    row: Row,
    wells: Sequence[WellResult],
    all_wells: Sequence[Row],
    how: tuple[Measure, Presentation],
) -> PlateResult:
    lead, show = how[0].lead, how[1]
    own = [w for w in all_wells if _place(w) == _place(row)]
    single = own[0] if len(own) == 1 else {}
    # A plate that is one vessel is that vessel: its number has the interval between its fields.
    row = {**row, **single}
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
        wells=tuple(wells) if len(own) > 1 else (),
    )


def _well(row: Row, without: Sequence[Row], how: tuple[Measure, Presentation]) -> WellResult:
    lead, show = how[0].lead, how[1]
    excluded = [field for field in without if field["state"] != State.MISSING]
    return WellResult(
        well=row["well"],
        estimate=_estimate(row, lead.column, lead.factor),
        n_planned=row.get("n_fields_planned") or 0,
        n_ok=row.get("n_fields_ok") or 0,
        n_missing=len(without) - len(excluded),
        beside=_beside(row, show),
        reasons=(
            *(("image again",) if row.get("quality_state") == "reimage" else ()),
            *dict.fromkeys(str(f["reason"] or f["state"]) for f in excluded),
        ),
        remark=_remark(row, show),
    )


def _remark(row: Row, show: Presentation) -> str:
    """What the assay's verdict says of a well, where it gives a reason."""
    verdict, reason = show.remark_columns or ("", "")
    if not row.get(reason):
        return ""
    return f"{row[verdict].replace('_', ' ')}: {row[reason]}"


def _points(rows: Sequence[Row], measure: Measure) -> list[FieldPoint]:
    names = figure_names(list(rows[0]) if rows else []).values()
    lead = measure.lead
    return [
        FieldPoint(
            field_id=row["field_id"],
            plate=_place(row)[0],
            time=_place(row)[1],
            well=row["well"] or "",
            state=State(row["state"]),
            estimate=_estimate(row, lead.in_fields, lead.factor),
            figures={name: _number(row.get(name)) for name in names},
        )
        for row in rows
    ]


def _exclusion(row: Row) -> Exclusion:
    return Exclusion(
        field_id=row["field_id"],
        state=State(row["state"]),
        reason=row["reason"] or "",
        detail=row["detail"] or "",
        paths=tuple(row["paths"].split(";")) if row.get("paths") else (),
    )


def _quality_notes(wells: Sequence[Row]) -> list[str]:
    """Which wells to image again and why; that nothing was judged where there is no reference."""
    states = {row.get("quality_state") for row in wells}
    notes = [
        f"Image again: {' '.join(filter(None, (_place(row)[0], row['well'], row.get('time'))))}: "
        f"{row['quality_reason']}"
        for row in wells
        if row.get("quality_state") == "reimage"
    ]
    if "no_reference" in states:
        notes.append(
            "Image quality was held against no reference of the instrument ('monolayer quality' "
            "makes one); only the built-in limits apply."
        )
    return notes


def _field_notes(rows: Sequence[Row]) -> list[str]:
    """What reading did, each sentence once with the number of its fields."""
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        for note in filter(None, (row.get("notes") or "").split("; ")):
            counts[note] += 1
    return [f"{note} ({n:,} of {len(rows):,} fields)" for note, n in counts.items()]


def _mean_scores(objects: ObjectBatches) -> dict[str, float]:
    """Mean segmentation score of each field's objects."""
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for batch in objects():
        if "segmentation_score" not in batch or "field_id" not in batch:
            continue
        names, which = np.unique(np.asarray(batch["field_id"], dtype=str), return_inverse=True)
        scores = np.asarray(batch["segmentation_score"], np.float64)
        known = np.isfinite(scores)
        totals = np.bincount(which[known], scores[known], minlength=names.size)
        counts = np.bincount(which[known], minlength=names.size)
        for name, total, count in zip(names.tolist(), totals, counts, strict=True):
            sums[name][0] += float(total)
            sums[name][1] += int(count)
    return {name: total / n for name, (total, n) in sums.items() if n}


def _histograms(
    objects: ObjectBatches | None, rows: Sequence[Row], show: Presentation
) -> tuple[Histogram, ...]:
    if objects is None:
        return ()
    if show.distributions:
        return histograms(objects, [(d.column, d.label, d.unit) for d in show.distributions])
    sized = any(row.get("pixel_size_um") for row in rows)
    size = ("area_um2", "µm²") if sized else ("area_px", "pixels")
    wanted = [(size[0], f"{show.noun.capitalize()} area", size[1])]
    channels = sorted({str(row["channel"]) for row in rows if row.get("channel")})
    wanted += [
        (f"intensity_mean_{channel}", f"Mean intensity, {channel}", "grey values")
        for channel in _channels(objects, channels)[:_CHANNELS_SHOWN]
    ]
    return histograms(objects, wanted)


def _channels(objects: ObjectBatches, segmented: Sequence[str]) -> list[str]:
    """Segmented channels first, then the others of the first batch."""
    prefix = "intensity_mean_"
    first: Mapping[str, Any] = next(iter(objects()), {})
    others = [name.removeprefix(prefix) for name in first if name.startswith(prefix)]
    return list(dict.fromkeys([*segmented, *others]))
