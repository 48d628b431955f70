"""Which fields to show: the ones to doubt first, and the ones that stand for the rest.

Doubtful is, in turn: one field of each reason for exclusion, the lowest mean segmentation score,
the most extreme focus, count and background. Typical are the fields nearest to the medians of
all figures, each from another well.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.field import State
from monolayer.report.content import Measure, Picture
from monolayer.report.numbers import finite, grouped, plural
from monolayer.report.pictures import encode_picture, outlines, scale_bar
from monolayer.report.presentation import Presentation

__all__ = ["Overlays", "doubtful_pictures", "figure_names", "typical_pictures"]

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


def figure_names(columns: Sequence[str]) -> dict[str, str]:
    """Columns of focus, background and saturation among those of the table, by what they are."""
    kinds = {"focus": FOCUS, "background": BACKGROUND, "saturation": SATURATION}
    present = {kind: [n for n in names if n in columns] for kind, names in kinds.items()}
    return {kind: names[0] for kind, names in present.items() if names}


def doubtful_pictures(
    rows: Sequence[Row], overlays: Overlays, measure: Measure, show: Presentation
) -> list[Picture]:
    """Draw up to six fields that a person should look at."""
    ok = [row for row in rows if row["state"] == State.OK]
    wishes = [_lowest_scores(ok), *_extremes(ok, measure)]
    in_turn = chain.from_iterable(zip_longest(*wishes))
    choices = chain(_one_a_reason(rows), (choice for choice in in_turn if choice))
    return _drawn(choices, overlays, (measure, show), _N_DOUBTFUL)


def typical_pictures(
    rows: Sequence[Row], overlays: Overlays, measure: Measure, show: Presentation
) -> list[Picture]:
    """Draw up to three fields nearest to the medians, each from another well where there are."""
    ok = [row for row in rows if row["state"] == State.OK]
    names = [
        measure.lead.in_fields,
        "mean_score",
        *figure_names(list(rows[0]) if rows else []).values(),
    ]
    columns = [_robust_z(ok, name) for name in names]
    scores = [[abs(z) for z in finite(column[i] for column in columns)] for i in range(len(ok))]
    order = sorted(range(len(ok)), key=lambda i: (sum(scores[i]), i))
    seen: set[Any] = set()
    first: list[Choice] = []
    later: list[Choice] = []
    for i in order:
        place = (ok[i].get("plate"), ok[i].get("well"), ok[i].get("time"))
        (later if place in seen else first).append((ok[i], "near the run's medians"))
        seen.add(place)
    return _drawn(chain(first, later), overlays, (measure, show), _N_TYPICAL)


def _one_a_reason(rows: Sequence[Row]) -> list[Choice]:
    """Return the first field of each reason for exclusion; files that failed have no picture."""
    chosen: dict[str, Row] = {}
    for row in rows:
        if row["state"] == State.NOT_EVALUABLE:
            chosen.setdefault(row["reason"] or "", row)
    return [(row, "excluded: " + _words(reason)) for reason, row in chosen.items()][:_N_REASONS]


def _words(code: str) -> str:
    return code.replace("_", " ") or "no reason given"


def _lowest_scores(ok: Sequence[Row]) -> list[Choice]:
    scores = finite(row.get(SCORE) for row in ok)
    # Scores that are all alike, as of a method that gives none, single nobody out.
    middle = np.median(scores) if scores else 0.0
    low = [row for row in ok if finite([row.get(SCORE)]) and row[SCORE] < middle]
    lowest = sorted(low, key=lambda row: row[SCORE])[: _N_DOUBTFUL * _TRIES]
    return [(row, f"low mean segmentation score, {row[SCORE]:.2f}") for row in lowest]


def _extremes(ok: Sequence[Row], measure: Measure) -> Iterator[list[Choice]]:
    """Fields far from the median in focus, in the leading number and in background."""
    names = figure_names(list(ok[0]) if ok else [])
    figures = [("focus", names.get("focus")), (measure.label.lower(), measure.lead.in_fields)]
    for word, name in [*figures, ("background", names.get("background"))]:
        scores = _robust_z(ok, name) if name else []
        far = [(abs(z), i, z) for i, z in enumerate(scores) if z is not None and abs(z) > _ROBUST_Z]
        yield [
            (ok[i], f"{word} {'above' if z > 0 else 'below'} the run's other fields")
            for _, i, z in sorted(far, key=lambda item: (-item[0], item[1]))
        ]


def _robust_z(rows: Sequence[Row], name: str) -> list[float | None]:
    """Distance from the median in robust standard deviations (1.4826 MAD)."""
    values = [row.get(name) for row in rows]
    known = finite(values)
    if not known:
        return [None] * len(values)
    median = float(np.median(known))
    spread = 1.4826 * float(np.median(np.abs(np.asarray(known) - median)))
    return [
        None if v is None or not np.isfinite(v) or spread == 0 else (v - median) / spread
        for v in values
    ]


def _drawn(
    choices: Iterator[Choice] | chain[Choice],
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
            pictures[row["field_id"]] = _picture(row, why, drawn, *how)
    return list(pictures.values())


def _picture(row: Row, why: str, drawn: Overlay, measure: Measure, show: Presentation) -> Picture:
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
