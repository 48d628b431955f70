"""Open a run's folder: its label images as Labels layers, one layer for each size of image.

A run has thousands of fields, so a layer holds all of one size behind napari's slider and reads
a field when it is shown. ``layer.metadata["field_ids"]`` says which field each step is.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from monolayer.field import natural_key
from monolayer_napari.layers import LayerData

__all__ = ["get_reader", "read_run"]


def get_reader(path: str | Sequence[str]) -> Callable[[str], list[LayerData]] | None:
    """Return `read_run` for a run's folder or its ``run.json``; None for anything else."""
    if not isinstance(path, str):
        return None
    return read_run if (_folder_of(path) / "run.json").is_file() else None


def read_run(path: str) -> list[LayerData]:
    """Read the label images of a run.

    Parameters
    ----------
    path : str
        The run's folder, or the ``run.json`` in it.

    Returns
    -------
    list of LayerData
        Labels of shape (fields, height, width), or (height, width) where one field is all.

    Raises
    ------
    monolayer.errors.RunFolderError
        The run cannot be opened, or has no label images yet.
    """
    import monolayer
    from monolayer.errors import RunFolderError

    folder = monolayer.open_run(_folder_of(path)).folder
    labels = {unquote(_name(file, folder)): file for file in (folder / "labels").rglob("[!.]*.tif")}
    if not labels:
        raise RunFolderError(
            f"{folder}: has no label images; 'monolayer run' writes one for each field that is ok."
        )
    by_shape: dict[tuple[int, ...], dict[str, Any]] = {}
    for field_id in sorted(labels, key=natural_key):
        pixels = _lazy(labels[field_id])
        by_shape.setdefault(pixels.shape, {})[field_id] = pixels
    return [_layer(folder, fields) for fields in by_shape.values()]


def _folder_of(path: str) -> Path:
    given = Path(path)
    return given.parent if given.name == "run.json" else given


def _name(file: Path, folder: Path) -> str:
    return file.relative_to(folder / "labels").with_suffix("").as_posix()


def _lazy(file: Path) -> Any:
    """A dask array that reads the file when it is looked at; only the header is read now."""
    import dask.array as da
    import tifffile
    from dask.delayed import delayed

    with tifffile.TiffFile(file) as tiff:
        series = tiff.series[0]
        shape, kind = series.shape, series.dtype
    # dask's functions are untyped, and calling them so is an error under mypy's strict rules.
    from_delayed: Callable[..., Any] = da.from_delayed
    return from_delayed(delayed(tifffile.imread)(file), shape, kind)


def _layer(folder: Path, fields: dict[str, Any]) -> LayerData:
    import dask.array as da

    stack: Callable[..., Any] = da.stack
    pixels = list(fields.values())
    data = stack(pixels) if len(pixels) > 1 else pixels[0].compute()
    name = f"labels {pixels[0].shape[1]} x {pixels[0].shape[0]}"
    metadata = {"monolayer_run": str(folder), "field_ids": list(fields)}
    return data, {"name": name, "metadata": metadata}, "labels"
