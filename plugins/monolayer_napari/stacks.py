"""Fields of one size as stacks that read a field when it is shown.

napari has one slider for the fields and, where the images know several times, one for time. A field
that a time lacks is shown empty, and its place in ``field_ids`` is None.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import ConfigError, MonolayerError
from monolayer.field import FieldImage
from monolayer_napari.channels import colours_of, contrast_limits
from monolayer_napari.layers import LayerData
from monolayer_napari.notify import notify
from monolayer_napari.session import Session

__all__ = ["Stack", "channel_stacks", "label_stack"]

# Fields whose channels are kept while napari asks for them one by one.
KEPT = 4

Ids = list[str | None]


@dataclass(frozen=True, slots=True)
class Stack:
    """Which field lies at which step of the sliders.

    Attributes
    ----------
    ids : list of (str or None)
        Fields, time after time where there are times.
    n_times : int or None
        Length of the slider of time; None without one.
    shape : (int, int)
        Height and width of a field in pixels.
    pixel_size_um : float or None
        Of the first field.
    """

    ids: Ids
    n_times: int | None
    shape: tuple[int, int]
    pixel_size_um: float | None

    @classmethod
    def of(cls, session: Session, field_ids: Sequence[str], shape: tuple[int, int]) -> "Stack":
        """Lay out fields, each position in all its times where the run has times."""
        rows = [session.fields[name] for name in field_ids if name in session.fields]
        size = rows[0].pixel_size_um if rows else None
        if len(session.times) < 2 or len(rows) < len(field_ids):
            return cls(list(field_ids), None, shape, size)
        positions = list(dict.fromkeys((row.plate, row.well, row.field) for row in rows))
        known = {((row.plate, row.well, row.field), row.time): row.field_id for row in rows}
        ids: Ids = [known.get((place, time)) for time in session.times for place in positions]
        return cls(ids, len(session.times), shape, size)

    def stacked(self, read: Callable[[str], NDArray[Any]], dtype: np.dtype[Any]) -> Any:
        """A dask array that reads a field when it is looked at."""
        import dask.array as da
        from dask.delayed import delayed

        # dask's functions are untyped, and calling them so is an error under mypy's strict rules.
        from_delayed: Callable[..., Any] = da.from_delayed
        stack: Callable[..., Any] = da.stack
        zeros: Callable[..., Any] = da.zeros
        planes = [
            zeros(self.shape, dtype)
            if name is None
            else from_delayed(delayed(read)(name), self.shape, dtype)
            for name in self.ids
        ]
        if len(planes) == 1:
            return planes[0].compute()
        flat = stack(planes)
        return flat if self.n_times is None else flat.reshape(self.n_times, -1, *self.shape)

    def placed(self) -> dict[str, Any]:
        """Arguments of a layer that say where it lies and what its sliders are."""
        before = [] if len(self.ids) == 1 else ["field"]
        before = before if self.n_times is None else ["time", "field"]
        size = self.pixel_size_um
        unit = "um" if size else "pixel"
        return {
            "scale": (*(1.0 for _ in before), size or 1.0, size or 1.0),
            "units": (*("pixel" for _ in before), unit, unit),
            "axis_labels": (*before, "y", "x"),
        }


def label_stack(session: Session, stack: Stack, files: Mapping[str, Path]) -> LayerData:
    """The label images of some fields as one layer."""
    import tifffile

    with tifffile.TiffFile(next(iter(files.values()))) as tiff:
        dtype = tiff.series[0].dtype
    assert dtype is not None
    data = stack.stacked(lambda name: tifffile.imread(files[name]), dtype)
    height, width = stack.shape
    arguments = {"name": f"labels {width} x {height}", **stack.placed()}
    return data, arguments | {"metadata": _about(session, stack)}, "labels"


def channel_stacks(session: Session, stack: Stack) -> list[LayerData]:
    """The channels of some fields, one layer each.

    Raises
    ------
    RunFolderError, ImageError
        The first field's images are not where they were.
    """
    first = next(name for name in stack.ids if name is not None)
    read = lru_cache(KEPT)(partial(_image_or_none, session))
    image = session.image(first)
    try:
        roles = session.assay.roles(list(image.channels), session.method)
    except ConfigError:
        roles = {}
    colours = colours_of(image.channels, roles)
    layers = []
    for name, pixels in image.channels.items():
        data = stack.stacked(partial(_plane, read, name, stack.shape, pixels.dtype), pixels.dtype)
        arguments = {
            "name": name,
            "colormap": colours[name],
            "contrast_limits": contrast_limits(pixels),
            "blending": "additive",
            **stack.placed(),
        }
        layers.append((data, arguments | {"metadata": _about(session, stack)}, "image"))
    return layers


def _about(session: Session, stack: Stack) -> dict[str, Any]:
    return {"monolayer_run": str(session.folder), "field_ids": list(stack.ids)}


def _image_or_none(session: Session, field_id: str) -> FieldImage | None:
    try:
        return session.image(field_id)
    except (MonolayerError, OSError) as error:
        notify([f"{field_id}: its image cannot be shown: {error}"])
        return None


def _plane(
    read: Callable[[str], FieldImage | None],
    channel: str,
    shape: tuple[int, int],
    dtype: np.dtype[Any],
    field_id: str,
) -> NDArray[Any]:
    """One channel of a field; empty where it cannot be read, which was told."""
    image = read(field_id)
    if image is None or channel not in image.channels:
        return np.zeros(shape, dtype)
    return image.channels[channel]
