"""One scan too large for memory, from its file to its table.

Two roads, both with memory that does not grow with the scan's height:

- `scan_file`: `read.strips` gives row strips, `segment.scan` finds one threshold for all of them
  and then their objects, `measure.scan` makes columns, 16,384 rows at a time.
- `scan_nuclei`: `segment.tiles` finds nuclei window by window as in a field, and a row of windows
  at a time is measured: all that a field's objects have but neighbours and local background.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from monolayer.engine.files import write_file
from monolayer.measure.scan import measure_band, measure_scan
from monolayer.read.strips import Strips, open_strips
from monolayer.segment.scan import BATCH, ScanSettings, find_objects, find_threshold
from monolayer.segment.settings import SegmentSettings
from monolayer.segment.tiles import segment_tiles
from monolayer.settings import Settings
from monolayer.table import Table
from monolayer_kernels.stream import ScanSums, concatenate_scans

__all__ = ["scan_columns", "scan_file", "scan_nuclei"]

CHANNEL = "scan"


def scan_file(
    path: Path,
    output: Path,
    settings: ScanSettings,
    pixel_size_um: float | None = None,
    max_strip_mb: float = 32.0,
) -> Table:
    """Count the objects of a scan into a Parquet file.

    Parameters
    ----------
    path : Path
        TIFF or BigTIFF of one grey plane.
    output : Path
        Parquet file; replaced when the scan is done, left alone if it fails.
    settings : ScanSettings
        Threshold, connectivity, smallest object.
    pixel_size_um : float, optional
        Wins over what the file says.
    max_strip_mb : float
        Memory for the strip being read, MiB.

    Returns
    -------
    Table
        One row an object. The same file, byte for byte, whatever `max_strip_mb` is.
    """
    strips = open_strips(path, pixel_size_um)
    threshold = find_threshold(strips.read(max_strip_mb), settings)
    columns = scan_columns(strips, strips.read(max_strip_mb), threshold, settings)
    notes = _notes(strips, settings) | {"threshold": threshold}
    write_file(output, lambda beside: _write(beside, columns, notes))
    return Table((output,))


def scan_nuclei(
    path: Path,
    output: Path,
    settings: SegmentSettings,
    pixel_size_um: float | None = None,
    max_strip_mb: float = 32.0,
) -> Table:
    """Find the nuclei of a scan as those of a field, into a Parquet file.

    Parameters
    ----------
    path, output, pixel_size_um, max_strip_mb
        As for `scan_file`. Beside the strip, a row of windows is held: about 2,048 rows and
        their margins.
    settings : SegmentSettings
        As for a field.

    Returns
    -------
    Table
        One row an object.
    """
    strips = open_strips(path, pixel_size_um)
    notes = _notes(strips, settings)
    columns = _nuclei_columns(strips, settings, max_strip_mb)
    write_file(output, lambda beside: _write(beside, columns, notes))
    return Table((output,))


def _nuclei_columns(
    strips: Strips, settings: SegmentSettings, max_strip_mb: float
) -> Iterator[dict[str, NDArray[Any]]]:
    size, width = strips.pixel_size.um, strips.shape[1]
    held: dict[tuple[int, int, int, int], NDArray[Any]] = {}

    def read_window(top: int, left: int, bottom: int, right: int) -> NDArray[Any]:
        """Keep the last box: the rows that are segmented are measured next."""
        box = (top, left, bottom, right)
        if box not in held:
            held.clear()
            held[box] = strips.window(top, left, bottom, right, max_strip_mb)
        return held[box]

    for band in segment_tiles(read_window, strips.shape, settings, size, tile_px=width):
        top, bottom = band.rows
        pixels = read_window(top, 0, bottom, width)
        columns = measure_band(band.runs, pixels, top, strips.shape, size, CHANNEL)
        yield columns | {"segmentation_score": band.scores}


def scan_columns(
    strips: Strips,
    pixels: Iterator[NDArray[Any]],
    threshold: float,
    settings: ScanSettings,
) -> Iterator[dict[str, NDArray[Any]]]:
    """Columns of a scan's objects, 16,384 rows at a time; once without rows where it has none."""
    size = strips.pixel_size.um
    label = 1
    for found in find_objects(pixels, strips.shape[1], threshold, settings, size):
        yield measure_scan(found, strips.shape, size, CHANNEL, label)
        label += len(found.n_runs)
    if label == 1:
        nothing: ScanSums = concatenate_scans([])
        yield measure_scan(nothing, strips.shape, size, CHANNEL)


def _notes(strips: Strips, settings: Settings) -> dict[str, Any]:
    """What a reader of the table must know of the scan."""
    return {
        "height_px": strips.shape[0],
        "width_px": strips.shape[1],
        "pixel_size_um": strips.pixel_size.um,
        "pixel_size_source": strips.pixel_size.source,
        "settings": settings.model_dump(mode="json"),
    }


def _write(
    path: Path, batches: Iterator[dict[str, NDArray[Any]]], notes: Mapping[str, object]
) -> None:
    first = _table(next(batches))
    schema = first.schema.with_metadata({"monolayer_scan": json.dumps(notes, sort_keys=True)})
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        writer.write_table(first.cast(schema), row_group_size=BATCH)
        for columns in batches:
            writer.write_table(_table(columns).cast(schema), row_group_size=BATCH)


def _table(columns: dict[str, NDArray[Any]]) -> pa.Table:
    return pa.table({name: _array(values) for name, values in columns.items()})


def _array(values: NDArray[Any]) -> pa.Array:
    """A column as Arrow has it, with null for NaN.

    From its memory, because ``pyarrow.array`` imports pandas where there is one: 55 MB that a
    scan has better use for.
    """
    known = None if values.dtype.kind != "f" else ~np.isnan(values)
    bits = None if known is None or known.all() else _bits(known)
    data = _bits(values) if values.dtype == np.bool_ else pa.py_buffer(values.copy())
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), values.size, [bits, data])


def _bits(flags: NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(flags, bitorder="little"))
