"""Fields and objects ranked by doubt, each with its reason in words.

Each kind of doubt says how strongly it holds, from 0 to 1, times the site's weight; several of one
object or field add up as chances do, 1 - (1 - a)(1 - b). Every limit is a setting. Of a million
objects only the order is made at once: the words of a doubt are made when it is looked at.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from monolayer.field import State, natural_key
from monolayer.review.settings import Limit, QueueSettings

__all__ = ["OBJECT_COLUMNS", "Doubt", "rank"]

Columns = Mapping[str, NDArray[Any]]
Float64 = NDArray[np.float64]
Key = tuple[str | None, ...]

_SHAPES = {
    "area_px": "area",
    "cell_area_px": "cell area",
    "nucleus_area_px": "nucleus area",
    "solidity": "solidity",
    "eccentricity": "eccentricity",
    "form_factor": "form factor",
}
_PLACE = ("centroid_y_px", "centroid_x_px")
OBJECT_COLUMNS = ("field_id", "label", *_PLACE, "segmentation_score", "in_clump", *_SHAPES)
"""Columns of the objects table that are looked at where they are there, besides the limits'."""

# Of a normal distribution, the standard deviation over the median absolute deviation.
_MAD_TO_SD = 1.4826


@dataclass(frozen=True, slots=True)
class Doubt:
    """A field, or an object in one, that is worth a look.

    Attributes
    ----------
    field_id : str
        The field.
    label : int or None
        The object's label; None where the doubt is about the field.
    doubt : float
        How strong, 0 to 1; the queue begins with the largest.
    kinds : tuple of str
        ``low_confidence``, ``near_threshold``, ``clump``, ``odd``, ``crosscheck``, ``quality``,
        ``many``.
    reason : str
        In words.
    y_px, x_px : float or None
        Where the object is.
    """

    field_id: str
    label: int | None
    doubt: float
    kinds: tuple[str, ...]
    reason: str
    y_px: float | None = None
    x_px: float | None = None


def rank(
    fields: Sequence[Mapping[str, Any]],
    objects: Columns,
    settings: QueueSettings | None = None,
    disagreements: Mapping[Key, str] | None = None,
) -> Sequence[Doubt]:
    """Rank what is worth a look.

    Parameters
    ----------
    fields : sequence of mapping
        Rows of the fields table; those that are not ok have no result to doubt.
    objects : mapping of str to ndarray, shape (n,)
        Columns of their objects, ``field_id`` and ``label`` among them; of `OBJECT_COLUMNS` those
        that there are. May be empty.
    settings : QueueSettings, optional
        Limits and weights.
    disagreements : mapping of (plate, well, time) to str, optional
        Sentences about wells of which assays disagree.

    Returns
    -------
    sequence of Doubt
        Strongest first; equals in the order of fields and labels, a field before its objects.
        Only what is in doubt.
    """
    settings = settings or QueueSettings()
    ok = [row for row in fields if row["state"] == State.OK]
    ok.sort(key=lambda row: natural_key(row["field_id"]))
    place = {row["field_id"]: at for at, row in enumerate(ok)}
    signs = list(_signs(objects, settings)) if len(objects.get("label", ())) else []
    held, of_field = _held(objects, signs, place)
    count = np.bincount(of_field[held.places], minlength=len(ok))
    total = np.bincount(of_field[held.places], weights=held.doubts, minlength=len(ok))
    about = list(zip(ok, count.tolist(), total.tolist(), strict=True))
    own = dict(_fields(about, settings, disagreements or {}))
    strength = np.concatenate([[doubt.doubt for doubt in own.values()], held.doubts])
    at_field = np.concatenate([np.array([*own], np.int64), of_field[held.places]])
    labels = np.concatenate([np.zeros(len(own), np.int64), held.labels])
    order = np.lexsort((labels, at_field, -strength))
    return _Queue(order, list(own.values()), held)


@dataclass(frozen=True, slots=True)
class _Sign:
    """One kind of doubt about all objects: strength 0 to 1 each, and the words for one of them."""

    kind: str
    strength: Float64
    words: Any


@dataclass(frozen=True, slots=True)
class _Held:
    """Objects in doubt: their places among all, how strong, and what they are said to be by."""

    objects: Columns
    signs: Sequence[_Sign]
    places: NDArray[np.int64]
    doubts: Float64
    labels: NDArray[np.int64]

    def told(self, k: int) -> Doubt:
        """The k-th of them, with its reason."""
        i = int(self.places[k])
        mine = [sign for sign in self.signs if sign.strength[i] > 0]
        y, x = (self.objects.get(name) for name in _PLACE)
        return Doubt(
            str(self.objects["field_id"][i]),
            int(self.labels[k]),
            float(self.doubts[k]),
            tuple(dict.fromkeys(sign.kind for sign in mine)),
            "; ".join(sign.words(i) for sign in mine),
            None if y is None else float(y[i]),
            None if x is None else float(x[i]),
        )


class _Queue(Sequence[Doubt]):
    """Doubts in their order, each made when it is asked for."""

    def __init__(self, order: NDArray[np.int64], fields: Sequence[Doubt], held: _Held) -> None:
        self._order, self._fields, self._held = order, fields, held

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, at: int) -> Doubt: ...
    @overload
    def __getitem__(self, at: slice) -> list[Doubt]: ...
    def __getitem__(self, at: int | slice) -> Doubt | list[Doubt]:
        if isinstance(at, slice):
            return [self._told(k) for k in self._order[at].tolist()]
        return self._told(int(self._order[at]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # as a list's

    def _told(self, k: int) -> Doubt:
        n = len(self._fields)
        return self._fields[k] if k < n else self._held.told(k - n)


def _held(
    objects: Columns, signs: Sequence[_Sign], place: Mapping[str, int]
) -> tuple[_Held, NDArray[np.int64]]:
    """Objects in doubt of fields that are ok, and the field's place of every object, or -1."""
    n = len(objects.get("label", ()))
    of_field = _field_places(objects["field_id"], place) if n else np.zeros(0, np.int64)
    clear = np.ones(n)
    for sign in signs:
        clear *= 1 - sign.strength
    places = np.flatnonzero((clear < 1) & (of_field >= 0))
    labels = objects["label"][places].astype(np.int64) if n else np.zeros(0, np.int64)
    return _Held(objects, signs, places, 1 - clear[places], labels), of_field


def _field_places(names: NDArray[Any], place: Mapping[str, int]) -> NDArray[np.int64]:
    """The place of every object's field, or -1; asked once where objects of a field follow."""
    starts = np.concatenate([[0], np.flatnonzero(names[1:] != names[:-1]) + 1])
    places = np.array([place.get(name, -1) for name in names[starts].tolist()], np.int64)
    return np.repeat(places, np.diff(starts, append=len(names)))


def _signs(objects: Columns, settings: QueueSettings) -> Iterator[_Sign]:
    if "segmentation_score" in objects and settings.min_score > 0:
        yield _low_confidence(objects["segmentation_score"].astype(np.float64), settings)
    for limit in settings.object_limits:
        if limit.column in objects:
            yield _near(objects[limit.column].astype(np.float64), limit, settings)
    yield from _clumps(objects, settings)
    for name, words in _SHAPES.items():
        if name in objects:
            yield _odd(objects[name].astype(np.float64), words, settings)


def _low_confidence(scores: Float64, settings: QueueSettings) -> _Sign:
    missing = np.nan_to_num(1 - scores / settings.min_score, nan=0.0)
    strength = settings.weight_low_confidence * np.clip(missing, 0, 1)
    return _Sign(
        "low_confidence",
        strength,
        lambda i: f"confidence {scores[i]:.2f}, below {settings.min_score:g}",
    )


def _near(values: Float64, limit: Limit, settings: QueueSettings) -> _Sign:
    away = np.abs(values - limit.value) / limit.margin
    strength = settings.weight_near_threshold * np.clip(np.nan_to_num(1 - away, nan=0.0), 0, 1)
    return _Sign("near_threshold", strength, lambda i: _near_words(float(values[i]), limit))


def _near_words(value: float, limit: Limit) -> str:
    return f"{limit.column} {value:.4g}, near the limit {limit.value:.4g}"


def _clumps(objects: Columns, settings: QueueSettings) -> Iterator[_Sign]:
    """As the assay tells them; else large and hollow ones."""
    if "in_clump" in objects:
        strength = settings.weight_clump * (objects["in_clump"] == True).astype(np.float64)  # noqa: E712  null is neither
        yield _Sign("clump", strength, lambda _: "touches its neighbours")
    elif {"area_px", "solidity"} <= objects.keys():
        areas = objects["area_px"].astype(np.float64)
        solidity = objects["solidity"].astype(np.float64)
        relative = areas / np.nanmedian(areas)
        large = relative >= settings.clump_min_relative_area
        hollow: NDArray[np.bool_] = large & (solidity < settings.clump_max_solidity)
        strength = settings.weight_clump * hollow.astype(np.float64)
        yield _Sign(
            "clump",
            strength,
            lambda i: f"{relative[i]:.1f} times the usual area with a waist: a clump, perhaps",
        )


def _odd(values: Float64, words: str, settings: QueueSettings) -> _Sign:
    """Far from the run's median; areas as logarithms, since they vary by factors."""
    scale = np.log(np.where(values > 0, values, np.nan)) if words.endswith("area") else values
    told = scale[np.isfinite(scale)]
    middle = float(np.median(told)) if told.size else 0.0
    spread = _MAD_TO_SD * float(np.median(np.abs(told - middle))) if told.size else 0.0
    z = (scale - middle) / spread if spread > 0 else np.zeros(len(values))
    z = np.nan_to_num(z, nan=0.0)
    beyond = np.maximum(1 - settings.odd_z / np.maximum(np.abs(z), 1e-9), 0)
    return _Sign(
        "odd",
        settings.weight_odd * beyond,
        lambda i: f"{words} {values[i]:.4g} is odd ({z[i]:+.1f} robust standard deviations)",
    )


def _fields(
    about: Sequence[tuple[Mapping[str, Any], int, float]],
    settings: QueueSettings,
    disagreements: Mapping[Key, str],
) -> Iterator[tuple[int, Doubt]]:
    """Doubts about fields, each with its field's place.

    `about` gives of each field its row, the number of its objects in doubt and the sum of these
    doubts.
    """
    for place, (row, count, total) in enumerate(about):
        told = list(_told(row, (count, total), settings, disagreements))
        told = [each for each in told if each[1] > 0]
        if told:
            clear = float(np.prod([1 - strength for _, strength, _ in told]))
            kinds = tuple(dict.fromkeys(kind for kind, _, _ in told))
            words = "; ".join(words for _, _, words in told)
            yield place, Doubt(row["field_id"], None, 1 - clear, kinds, words)


def _told(
    row: Mapping[str, Any],
    held: tuple[int, float],
    settings: QueueSettings,
    disagreements: Mapping[Key, str],
) -> Iterator[tuple[str, float, str]]:
    """Kinds of doubt about a field, how strong, and in words."""
    sentence = disagreements.get((row["plate"], row["well"], row["time"]))
    if sentence:
        yield "crosscheck", settings.weight_crosscheck, sentence
    for limit in settings.field_limits:
        value = row.get(limit.column)
        if value is not None:
            strength = max(0.0, 1 - abs(value - limit.value) / limit.margin)
            yield (
                "near_threshold",
                settings.weight_near_threshold * strength,
                _near_words(value, limit),
            )
    if row.get("quality_gate") == "flagged":
        words = row.get("quality_detail") or "the quality gate flagged it"
        yield "quality", settings.weight_quality, str(words)
    n = row.get("n_objects") or 0
    count, total = held
    if n and count:
        words = f"{count} of {n} objects are doubtful"
        yield "many", settings.weight_many * min(1.0, total / n), words
