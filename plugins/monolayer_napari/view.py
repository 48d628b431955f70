"""One field as napari's layers: its channels, its labels with their features, and what is wrong.

Nothing here draws: `field_view` may run in a thread. Every layer says in its metadata which run and
which field it is of, so that nothing done to it can land on another image:

    monolayer_run, field_id, image_sha256, labels_sha256, kind ("channel", "labels", "centres")
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import ConfigError, MonolayerError
from monolayer.field import FieldImage
from monolayer.review import labels_sha256
from monolayer_napari.channels import colours_of, contrast_limits
from monolayer_napari.layers import LayerData
from monolayer_napari.rows import FieldRow
from monolayer_napari.scan_view import points_layer, read_picture, scan_layers
from monolayer_napari.session import Session

__all__ = ["LABELS", "FieldView", "field_view", "of_objects", "placed"]

LABELS = "labels"
# More labels than these are drawn as outlines with points: filled, they hide what is under them.
LARGE_PX = 4096 * 4096
CLASS_COLOURS = {
    "live": "#3cb44b",
    "dead": "#ff3dff",
    "indeterminate": "#ffd23f",
    "debris": "#9a9a9a",
}
COVER_COLOURS = {1: "#4fb3ff", 2: "#9a9a9a"}


@dataclass(frozen=True, slots=True)
class FieldView:
    """What is shown of a field.

    Attributes
    ----------
    row : FieldRow
        The field.
    layers : tuple of LayerData
        Channels, then labels, then centres, each where there is one.
    problems : tuple of str
        Sentences on what could not be read or does not fit.
    """

    row: FieldRow
    layers: tuple[LayerData, ...]
    problems: tuple[str, ...]


def field_view(session: Session, field_id: str) -> FieldView:
    """Read a field for the viewer.

    Parameters
    ----------
    session : Session
        The opened run.
    field_id : str
        The field.
    """
    row = session.fields[field_id]
    problems: list[str] = []
    if not row.is_ok:
        problems.append(f"{field_id}: {row.why}")
    picture = read_picture(session.folder, row)
    if picture is not None:
        return _scan_view(session, row, picture, problems)
    image = _image(session, row, problems)
    labels = _labels(session, row, problems)
    objects = _objects(session, row, problems)
    if labels is not None:
        problems += _misfits(row, image, labels, objects)
    about = {
        "monolayer_run": str(session.folder),
        "field_id": field_id,
        "image_sha256": row.image_sha256,
        "labels_sha256": None if labels is None else labels_sha256(labels),
    }
    size = image.pixel_size_um if image and image.pixel_size_um else row.pixel_size_um
    layers = _channel_layers(session, image, about, size) if image else []
    if labels is not None:
        layers.append(_labels_layer(session, labels, objects, about, size))
    if "label" in objects and (labels is None or labels.size > LARGE_PX):
        layers.append(points_layer(objects, about, (size, "um") if size else (1.0, "pixel")))
    return FieldView(row, tuple(layers), tuple(problems))


def _scan_view(
    session: Session,
    row: FieldRow,
    picture: tuple[NDArray[Any], NDArray[Any], int],
    problems: list[str],
) -> FieldView:
    about = {
        "monolayer_run": str(session.folder),
        "field_id": row.field_id,
        "image_sha256": row.image_sha256,
        "labels_sha256": None,
    }
    objects = _objects(session, row, problems)
    layers = scan_layers(picture, objects, about, row.pixel_size_um)
    return FieldView(row, tuple(layers), tuple(problems))


def placed(size: float | None) -> dict[str, Any]:
    """Physical scale of a 2-D layer; in pixels where nobody knows how large one is."""
    unit = "um" if size else "pixel"
    return {"scale": (size or 1.0, size or 1.0), "units": (unit, unit)}


def _image(session: Session, row: FieldRow, problems: list[str]) -> FieldImage | None:
    try:
        image = session.image(row.field_id)
    except (MonolayerError, OSError) as error:
        if row.is_ok:
            problems.append(f"{row.field_id}: its image cannot be shown: {error}")
        return None
    if row.image_sha256 and image.image_sha256 != row.image_sha256:
        problems.append(
            f"{row.field_id}: its image has changed since the run counted it; labels and numbers "
            "are of the earlier one: run again."
        )
    return image


def _labels(
    session: Session, row: FieldRow, problems: list[str]
) -> NDArray[np.unsignedinteger[Any]] | None:
    if not row.is_ok:
        return None
    try:
        return session.labels(row.field_id)
    except (MonolayerError, OSError, ValueError) as error:
        problems.append(f"{row.field_id}: its label image cannot be shown: {error}")
    return None


def _objects(session: Session, row: FieldRow, problems: list[str]) -> dict[str, NDArray[Any]]:
    if not row.is_ok:
        return {}
    try:
        return session.objects(row.field_id)
    except (MonolayerError, OSError, ValueError) as error:
        problems.append(f"{row.field_id}: its objects cannot be read: {error}")
    return {}


def _misfits(
    row: FieldRow,
    image: FieldImage | None,
    labels: NDArray[Any],
    objects: Mapping[str, NDArray[Any]],
) -> list[str]:
    """Signs that a label image is not the one that was measured."""
    if image is not None and image.shape != labels.shape:
        shapes = " and ".join(f"{w} x {h}" for h, w in (image.shape, labels.shape))
        return [f"{row.field_id}: image and label image differ in size ({shapes}): run again."]
    if "area_px" not in objects:
        return []
    areas = np.bincount(labels.ravel(), minlength=int(objects["label"].max(initial=0)) + 1)
    told = np.zeros_like(areas)
    told[objects["label"]] = objects["area_px"]
    odd = np.flatnonzero(told[1:] != areas[1:]) + 1
    if not odd.size:
        return []
    first = int(odd[0])
    return [
        f"{row.field_id}: its label image was changed outside ({odd.size} labels, the first "
        f"{first}: {areas[first]} px, in the table {told[first]} px); 'monolayer run' into a new "
        "folder makes the run's own again."
    ]


def _roles(session: Session, image: FieldImage) -> Mapping[str, str]:
    try:
        return session.assay.roles(list(image.channels), session.method)
    except ConfigError:
        return {}


def _channel_layers(
    session: Session, image: FieldImage, about: Mapping[str, Any], size: float | None
) -> list[LayerData]:
    colours = colours_of(image.channels, _roles(session, image))
    return [
        (
            pixels,
            {
                "name": name,
                "colormap": colours[name],
                "contrast_limits": contrast_limits(pixels),
                "blending": "additive",
                "metadata": {**about, "kind": "channel"},
                **placed(size),
            },
            "image",
        )
        for name, pixels in image.channels.items()
    ]


def _labels_layer(
    session: Session,
    labels: NDArray[Any],
    objects: Mapping[str, NDArray[Any]],
    about: Mapping[str, Any],
    size: float | None,
) -> LayerData:
    arguments = {
        "name": LABELS,
        "opacity": 0.5,
        "metadata": {**about, "kind": LABELS},
        **placed(size),
        **of_objects(session, objects),
    }
    return labels, arguments, "labels"


def of_objects(session: Session, objects: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """What a labels layer shows of its objects: ``features`` and, of classes, ``colormap``.

    Parameters
    ----------
    session : Session
        The opened run.
    objects : mapping of str to ndarray, shape (n,)
        Columns of a field's objects.
    """
    show = session.assay.presentation(session.method)
    arguments: dict[str, Any] = {}
    if "label" in objects:
        # napari finds a label's row by this column.
        arguments["features"] = {"index": objects["label"], **objects}
    if show.label_kinds:
        arguments["colormap"] = _direct(COVER_COLOURS)
    elif show.kind_column in objects:
        kinds = objects[show.kind_column]
        arguments["colormap"] = _direct(_class_colours(objects["label"], kinds))
    return arguments


def _class_colours(labels: NDArray[Any], kinds: Sequence[Any] | NDArray[Any]) -> dict[int, str]:
    other = CLASS_COLOURS["indeterminate"]
    pairs = zip(labels.tolist(), kinds, strict=True)
    return {label: CLASS_COLOURS.get(kind, other) for label, kind in pairs}


def _direct(colours: Mapping[int, str]) -> dict[int | None, str]:
    """Colours by label, as napari takes them: nothing for background and for others."""
    nothing: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    return nothing | dict(colours.items())
