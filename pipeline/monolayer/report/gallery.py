"""Which fields to show: the ones to doubt first, and the ones that stand for the rest.

Doubtful is, in turn: one field of each reason for exclusion, the lowest mean segmentation score,
the most extreme focus, count and background. Typical are the fields nearest to the medians of
all figures, each from another well.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.drawing.numbers import grouped, plural
from monolayer.drawing.pictures import encode_picture, outlines, scale_bar
from monolayer.field import State
from monolayer.report.content import Measure, Picture
from monolayer.report.presentation import Presentation
from monolayer.report.rows import FieldRows

__all__ = ["Overlays", "doubtful_pictures", "figure_names", "picture_of", "typical_pictures"]

Row = Mapping[str, Any]
Overlay = tuple[NDArray[Any], NDArray[Any], Mapping[int, str] | None]
Overlays = Callable[[str], Overlay | None]
Choice = tuple[Row, str]

FOCUS = ("focus_log_log_slope", "focus_power_log_log_slope")
BACKGROUND = ("background_level",)
SATURATION = ("saturated_fraction",)
SCORE = "mean_score"
_N_DOUBTFUL, _N_TYPICAL = 6, 3
_N_REASONS = 3
_TRIES = 3
_ROBUST_Z = 3.5
# As many as can be tried, and as many again as other lists can have drawn before.
_N_CHOICES = _N_DOUBTFUL * (_TRIES + 1)
_TYPICAL = "near the run's medians"


def figure_names(columns: Sequence[str]) -> dict[str, str]:
    """Columns of focus, background and saturation among those of the table, by what they are."""
    kinds = {"focus": FOCUS, "background": BACKGROUND, "saturation": SATURATION}
    present = {kind: [n for n in names if n in columns] for kind, names in kinds.items()}
    return {kind: names[0] for kind, names in present.items() if names}


def doubtful_pictures(
    rows: FieldRows, overlays: Overlays, measure: Measure, show: Presentation
) -> list[Picture]:
    """Draw up to six fields that a person should look at."""
    wishes = [_lowest_scores(rows), *_extremes(rows, measure)]
    in_turn = chain.from_iterable(zip_longest(*wishes))
    choices = chain(_one_a_reason(rows), (choice for choice in in_turn if choice))
    return _drawn(choices, overlays, (measure, show), _N_DOUBTFUL)


def typical_pictures(
    rows: FieldRows, overlays: Overlays, measure: Measure, show: Presentation
) -> list[Picture]:
    """Draw up to three fields nearest to the medians, each from another well where there are."""
    ok = rows.places(State.OK)
    far = np.zeros(ok.size)
    for name in (measure.lead.in_fields, SCORE, *figure_names(rows.names).values()):
        far += np.nan_to_num(np.abs(_robust_z(rows.column(name)[ok])))
    nearest = ok[np.argsort(far, kind="stable")]
    return _drawn(_well_by_well(rows, nearest), overlays, (measure, show), _N_TYPICAL)


def _well_by_well(rows: FieldRows, order: Iterable[int]) -> Iterator[Choice]:
    """The first field of each well, then the others."""
    seen: set[Any] = set()
    others: list[int] = []
    for place in order:
        row = next(rows.at([place]))
        well = (row.get("plate"), row.get("well"), row.get("time"))
        if well in seen:
            others.append(place)
        else:
            seen.add(well)
            yield row, _TYPICAL
    yield from ((row, _TYPICAL) for row in rows.at(others))


def _one_a_reason(rows: FieldRows) -> list[Choice]:
    """Return the first field of each reason for exclusion; files that failed have no picture."""
    chosen: dict[str, Row] = {}
    for row in rows.at(rows.places(State.NOT_EVALUABLE)):
        chosen.setdefault(row["reason"] or "", row)
        if len(chosen) == _N_REASONS:
            break
    return [(row, "excluded: " + _words(reason)) for reason, row in chosen.items()]


def _words(code: str) -> str:
    return code.replace("_", " ") or "no reason given"


def _lowest_scores(rows: FieldRows) -> list[Choice]:
    ok = rows.places(State.OK)
    scores = rows.column(SCORE)[ok]
    known = scores[np.isfinite(scores)]
    # Scores that are all alike, as of a method that gives none, single nobody out.
    low = np.flatnonzero(scores < (np.median(known) if known.size else 0.0))
    lowest = low[np.argsort(scores[low], kind="stable")][:_N_CHOICES]
    return [(row, f"low mean segmentation score, {row[SCORE]:.2f}") for row in rows.at(ok[lowest])]


def _extremes(rows: FieldRows, measure: Measure) -> Iterator[list[Choice]]:
    """Fields far from the median in focus, in the leading number and in background."""
    ok = rows.places(State.OK)
    names = figure_names(rows.names)
    figures = [("focus", names.get("focus")), (measure.label.lower(), measure.lead.in_fields)]
    for word, name in [*figures, ("background", names.get("background"))]:
        scores = _robust_z(rows.column(name)[ok]) if name else np.full(ok.size, np.nan)
        far = np.flatnonzero(np.abs(scores) > _ROBUST_Z)
        furthest = far[np.argsort(-np.abs(scores[far]), kind="stable")][:_N_CHOICES]
        yield [
            (row, f"{word} {'above' if z > 0 else 'below'} the run's other fields")
            for row, z in zip(rows.at(ok[furthest]), scores[furthest], strict=True)
        ]


def _robust_z(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance from the median in robust standard deviations (1.4826 MAD); NaN where unknown."""
    known = values[np.isfinite(values)]
    unknown = np.full(values.shape, np.nan)
    if not known.size:
        return unknown
    median = float(np.median(known))
    spread = 1.4826 * float(np.median(np.abs(known - median)))
    if spread == 0:
        return unknown
    scores: NDArray[np.float64] = np.where(np.isfinite(values), (values - median) / spread, unknown)
    return scores


def _drawn(
    choices: Iterable[Choice],
    overlays: Overlays,
    how: tuple[Measure, Presentation],
    wanted: int,
) -> list[Picture]:
    """Draw the first choices whose images are still there; give up after three times as many."""
    pictures: dict[str, Picture] = {}
    tries = 0
    for row, why in choices:
        if len(pictures) == wanted or tries == wanted * _TRIES:
            break
        if row["field_id"] in pictures:
            continue
        tries += 1
        drawn = overlays(row["field_id"])
        if drawn is not None and drawn[0].size:
            pictures[row["field_id"]] = picture_of(row, why, drawn, *how)
    return list(pictures.values())


def picture_of(row: Row, why: str, drawn: Overlay, measure: Measure, show: Presentation) -> Picture:
    """Draw a field of the fields table from its pixels and labels."""
    pixels, labels, kinds = drawn
    data_uri, width, height = encode_picture(pixels)
    regions = dict(show.label_kinds)
    seen = labels.size > 0 and labels.any()
    paths = outlines(labels, regions or kinds, regions=bool(regions)) if seen else {}
    return Picture(
        field_id=row["field_id"],
        why=why,
        caption=_caption(row, measure),
        state=State(row["state"]),
        data_uri=data_uri,
        width=width,
        height=height,
        contours=tuple((kind, paths[kind]) for kind, _ in show.outlines if kind in paths),
        scale_bar=scale_bar(pixels.shape, _shown_size(row, pixels.shape)),
    )


def _shown_size(row: Row, shape: tuple[int, ...]) -> float | None:
    """Micrometres per pixel of what is drawn: a scan comes made small."""
    size, width = row.get("pixel_size_um"), row.get("width_px")
    return size * width / shape[1] if size and width else size


def _caption(row: Row, measure: Measure) -> str:
    if row["state"] != State.OK:
        return "no count" if measure.lead.unit.startswith("cells") else "no result"
    parts = [] if row.get("n_objects") is None else [plural(row["n_objects"], "object")]
    value = row.get(measure.lead.in_fields)
    if value is not None and (value or measure.unit == "%") and measure.lead.field_column == "":
        parts.append(f"{grouped(value * measure.lead.factor)} {measure.unit}")
    return ", ".join(parts) or "no result"
