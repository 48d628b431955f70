"""Open a run's folder: its channels and label images, one stack for each size of image.

A run has thousands of fields, so a layer holds all of one size behind napari's slider and reads
a field when it is shown; a run of several acquisitions has a slider of time besides.
``layer.metadata["field_ids"]`` says which field each step is. A run of one field is shown with the
features of its objects; the widget *Plate* does so for each field that is clicked.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

from monolayer.errors import MonolayerError, RunFolderError
from monolayer.field import natural_key
from monolayer_napari.layers import LayerData
from monolayer_napari.notify import notify
from monolayer_napari.session import Session, folder_of
from monolayer_napari.stacks import Stack, channel_stacks, label_stack
from monolayer_napari.view import field_view

__all__ = ["get_reader", "read_run"]


def get_reader(path: str | Sequence[str]) -> Callable[[str], list[LayerData]] | None:
    """Return `read_run` for a run's folder or its ``run.json``; None for anything else."""
    if not isinstance(path, str):
        return None
    return read_run if (folder_of(path) / "run.json").is_file() else None


def read_run(path: str) -> list[LayerData]:
    """Read the channels and label images of a run.

    Parameters
    ----------
    path : str
        The run's folder, or the ``run.json`` in it.

    Returns
    -------
    list of LayerData
        Of shape (fields, height, width), (times, fields, height, width) where the images know a
        time, or (height, width) where one field is all. What cannot be read is told and left out.

    Raises
    ------
    monolayer.errors.RunFolderError
        The run cannot be opened, or has no label images yet.
    """
    session = Session(path)
    folder = session.folder
    labels = {unquote(_name(file, folder)): file for file in (folder / "labels").rglob("[!.]*.tif")}
    if not labels:
        raise RunFolderError(
            f"{folder}: has no label images; 'monolayer run' writes one for each field that is ok."
        )
    notify(session.problems)
    # Labels of a field that was refused afterwards would look as if they had been counted.
    refused = {name for name, row in session.fields.items() if not row.is_ok}
    ordered = {name: labels[name] for name in sorted(labels.keys() - refused, key=natural_key)}
    by_shape: dict[tuple[int, ...], dict[str, Path]] = {}
    for name, file in ordered.items():
        by_shape.setdefault(_shape_of(file), {})[name] = file
    layers = (_of_one_size(session, shape, files) for shape, files in by_shape.items())
    return list(itertools.chain.from_iterable(layers))


def _of_one_size(
    session: Session, shape: tuple[int, ...], files: Mapping[str, Path]
) -> list[LayerData]:
    first = next(iter(files))
    if len(files) == 1 and first in session.fields:
        return _one_field(session, first)
    stack = Stack.of(session, list(files), (shape[0], shape[1]))
    channels: list[LayerData] = []
    if first in session.fields:
        try:
            channels = channel_stacks(session, stack)
        except (MonolayerError, OSError) as error:
            notify([f"{session.folder.name}: its images cannot be shown: {error}"])
    return [*channels, label_stack(session, stack, files)]


def _one_field(session: Session, field_id: str) -> list[LayerData]:
    view = field_view(session, field_id)
    notify(view.problems)
    for _, arguments, _ in view.layers:
        arguments["metadata"]["field_ids"] = [field_id]
    return list(view.layers)


def _name(file: Path, folder: Path) -> str:
    return file.relative_to(folder / "labels").with_suffix("").as_posix()


def _shape_of(file: Path) -> tuple[int, ...]:
    """Only the header is read."""
    import tifffile

    with tifffile.TiffFile(file) as tiff:
        shape: tuple[int, ...] = tiff.series[0].shape
    return shape
