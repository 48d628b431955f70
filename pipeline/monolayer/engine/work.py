"""One field from pixels to rows: the road that every way of running shares.

1. read       pixels of all channels, as 2-D arrays
2. inspect    can it be evaluated at all?
3. the assay  segment, measure, summarise: objects, a row for the field, a label image

`evaluate_image` is pure; `process_field` reads the files and turns whatever goes wrong with
them into the field's row. The notebook's ``count``, the serial run and the Dask workers all
come through here, so their numbers are the same.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.assays import assay_of
from monolayer.errors import ConfigError, ImageError
from monolayer.field import Field, FieldImage, State
from monolayer.inspect import correct_illumination, inspect_field
from monolayer.method import Method
from monolayer.read import Root, read_field
from monolayer.read.scans import is_scan

__all__ = ["FieldResult", "evaluate_image", "guarded", "process_field", "with_flat_fields"]

log = logging.getLogger(__name__)

FlatFields = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class FieldResult:
    """What one field gave.

    Attributes
    ----------
    row : dict
        The field's row; counts are absent unless the state is ``ok``.
    objects : dict of str to ndarray
        Columns of the objects table, one row an object.
    labels : ndarray of int32, shape (height, width), or None
        The label image; None unless the state is ``ok``.
    seconds : mapping of str to float
        How long each stage took; for the record of the run, never for its tables.
    """

    row: dict[str, Any]
    objects: dict[str, NDArray[Any]] = field(default_factory=dict)
    labels: NDArray[np.int32] | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)


def process_field(
    where: Field, root: Root, method: Method, flat_fields: FlatFields | None = None
) -> FieldResult:
    """Read and evaluate one field; whatever fails becomes its row.

    Parameters
    ----------
    where : Field
        The field's files.
    root : Path
        The image folder.
    method : Method
        Settings of every stage.
    flat_fields : mapping of str to ndarray of float32, optional
        Flat field of each channel, shape (height, width), where correction is switched on.
    """

    def work() -> FieldResult:
        if where.problem is not None:
            raise ImageError(*where.problem)
        _check_size(where, root, method)
        roles = assay_of(method).roles(where.channels, method)
        reading = method.read.model_copy(update={"channel": next(iter(roles.values()))})
        laps = _Laps()
        image = read_field(where, root, reading)
        laps.end("read")
        result = evaluate_image(image, roles, method, flat_fields)
        return replace(result, seconds={**laps.seconds, **result.seconds})

    return guarded(where, work)


def guarded(where: Field, work: Callable[[], FieldResult]) -> FieldResult:
    """Do work on a field; whatever goes wrong becomes its row."""
    try:
        return work()
    except ImageError as error:
        return _failed(error.reason, error.detail)
    except ConfigError as error:
        return _failed("missing_channel", f"{where.paths[0]}: {error}")
    # The one broad except of the house: the field is the unit of failure, and a defect of ours
    # in field 9,000 must cost its row, not the run. The row and the log carry what happened.
    except Exception as error:
        log.exception("field %s failed", where.field_id)
        return _failed("internal_error", f"{type(error).__name__}: {error}")


def _check_size(where: Field, root: Root, method: Method) -> None:
    """Refuse a scan that came here because its assay takes none."""
    shape = is_scan(where, root, method.read)
    if shape is not None:
        raise ImageError(
            "too_large",
            f"{where.paths[0]} has {shape[0]} x {shape[1]} px, and {method.assay} holds fields as "
            f"a whole, of up to {method.read.max_field_mp:g} megapixels: export it in smaller "
            "images, or raise read.max_field_mp where memory allows (some 50 bytes a pixel).",
        )


def evaluate_image(
    image: FieldImage,
    roles: Mapping[str, str],
    method: Method,
    flat_fields: FlatFields | None = None,
) -> FieldResult:
    """Inspect one field's pixels, then let the method's assay evaluate them. Pure.

    Parameters
    ----------
    image : FieldImage
        All channels.
    roles : mapping of str to str
        Channel of each of the assay's roles; the first one's is inspected.
    method : Method
        Settings of every stage.
    flat_fields : mapping of str to ndarray of float32, optional
        Flat field of each channel.
    """
    channel = next(iter(roles.values()))
    row = _read_columns(image, channel)
    laps = _Laps()
    inspection = inspect_field(image, method.inspect, channel)
    laps.end("inspect")
    row |= {"state": str(inspection.state), "reason": inspection.reason or None}
    row |= {"detail": inspection.detail or None, **inspection.figures, **inspection.gate}
    if inspection.state is not State.OK:
        return FieldResult(row, seconds=laps.seconds)
    found = assay_of(method).evaluate(with_flat_fields(image, flat_fields, method), roles, method)
    laps.end("assay")
    if found.problem is not None:
        reason, detail = found.problem
        row |= {"state": str(State.NOT_EVALUABLE), "reason": reason, "detail": detail}
        return FieldResult(row, seconds=laps.seconds)
    return FieldResult(row | found.row, found.objects, found.labels, laps.seconds)


class _Laps:
    """Seconds from the end of one stage to the end of the next."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.seconds: dict[str, float] = {}

    def end(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = now - self._last
        self._last = now


def _read_columns(image: FieldImage, channel: str) -> dict[str, Any]:
    height, width = image.shape
    return {
        "height_px": height,
        "width_px": width,
        "pixel_size_um": image.pixel_size_um,
        "pixel_size_source": image.pixel_size_source or None,
        "channel": channel,
        "image_sha256": image.image_sha256 or None,
        "pixels_sha256": image.pixels_sha256 or None,
        "notes": "; ".join(image.notes) or None,
    }


def with_flat_fields(
    image: FieldImage, flat_fields: FlatFields | None, method: Method
) -> FieldImage:
    """Divide by the flat field; a field of another size than it was not taken with its optics."""
    flats, dark_level = flat_fields or {}, method.illumination.dark_level
    channels = {
        name: correct_illumination(pixels, flats[name], dark_level)
        if name in flats and flats[name].shape == pixels.shape
        else pixels
        for name, pixels in image.channels.items()
    }
    return replace(image, channels=channels)


def _failed(reason: str, detail: str) -> FieldResult:
    return FieldResult({"state": str(State.FAILED), "reason": reason, "detail": detail})
