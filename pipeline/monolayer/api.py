"""The notebook's door: the same road as the command line, with the same numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import ValidationError

from monolayer.engine.work import FieldResult, evaluate_image
from monolayer.errors import ConfigError, MissingExtraError
from monolayer.field import FieldImage
from monolayer.method import AssayName, Method, load_method
from monolayer.results import Run, open_run
from monolayer.settings import Settings
from monolayer.table import Table

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from monolayer.engine.executors.settings import ExecutionSettings

__all__ = ["Count", "Result", "assay", "count", "count_scan", "run"]

S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class Result:
    """What `assay` found in one image.

    Attributes
    ----------
    labels : ndarray of int32, shape (height, width)
        Label image, 0 for background; the assay says what its labels are.
    figures : dict
        The field's row: the assay's numbers with their intervals, image quality.
    columns : dict of str to ndarray
        One row an object, empty for an assay without objects; `table`, `pandas` and `polars` give
        them as tables.
    """

    labels: NDArray[np.int32]
    figures: dict[str, Any]
    columns: dict[str, NDArray[Any]]

    @property
    def table(self) -> "pa.Table":
        """Objects as a pyarrow table."""
        import pyarrow as pa

        return pa.table(
            {name: pa.array(values, from_pandas=True) for name, values in self.columns.items()}
        )

    def pandas(self) -> "pd.DataFrame":
        """Objects as a pandas data frame.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtraError.named("pandas", "notebook") from None
        return pd.DataFrame(self.columns)

    def polars(self) -> "pl.DataFrame":
        """Objects as a polars data frame.

        Raises
        ------
        MissingExtraError
            polars is not installed.
        """
        try:
            import polars as pl
        except ImportError:
            raise MissingExtraError.named("polars", "notebook") from None
        return pl.DataFrame(self.columns)


@dataclass(frozen=True)
class Count(Result):
    """What `count` found in one image: a `Result` with a length."""

    def __len__(self) -> int:
        return len(self.columns["label"])

    def __repr__(self) -> str:
        density = self.figures.get("density_cells_per_cm2")
        per_area = f", {density:.0f} cells/cm2" if density is not None else ""
        return f"<Count: {len(self)} objects{per_area}>"


def count(
    image: ArrayLike, pixel_size_um: float | None = None, method: Method | str | Path | None = None
) -> Count:
    """Count the nuclei of one image.

    Parameters
    ----------
    image : array_like, shape (height, width)
        One grey image of fluorescent nuclei; any integer or float dtype.
    pixel_size_um : float, optional
        Micrometres per pixel. Without it nothing is given in um or per cm2.
    method : Method or path, optional
        A method or its file; the built-in method if left out.

    Returns
    -------
    Count
        Labels, one row an object, and the field's figures.

    Raises
    ------
    ConfigError
        The array is not a 2-D grey image, or cannot be evaluated (blank, saturated ...).
    """
    chosen = _method(method).with_pixel_size(pixel_size_um)
    if chosen.assay != "nuclei":
        raise ConfigError(
            f"count() counts nuclei, but the method's assay is '{chosen.assay}': use "
            "monolayer.assay()."
        )
    result = evaluate_image(_field_image({"image": image}, chosen), {"nuclei": "image"}, chosen)
    return Count(_labels_or_raise(result), result.row, result.objects)


def assay(
    channels: ArrayLike | Mapping[str, ArrayLike],
    name: AssayName | None = None,
    pixel_size_um: float | None = None,
    method: Method | str | Path | None = None,
) -> Result:
    """Evaluate one field by any assay.

    Parameters
    ----------
    channels : array_like or mapping of str to array_like, shape (height, width)
        Grey images by the name of their channel, or one image.
    name : str, optional
        ``confluence``, ``viability``, ``suspension``, ``morphology`` or ``nuclei``; that of the
        method if left out.
    pixel_size_um : float, optional
        Micrometres per pixel. Without it nothing is given in um or per cm2.
    method : Method or path, optional
        A method or its file; the built-in method of the assay if left out.

    Raises
    ------
    ConfigError
        A channel that the assay needs is missing, an array is not a 2-D grey image, or the field
        cannot be evaluated (blank, saturated ...).

    Examples
    --------
    >>> found = monolayer.assay(phase_contrast, "confluence", 0.65)  # doctest: +SKIP
    >>> found.figures["confluence"]  # doctest: +SKIP
    """
    from monolayer.assays import assay_of

    chosen = _method(method, name).with_pixel_size(pixel_size_um)
    given = channels if isinstance(channels, Mapping) else {"image": channels}
    image = _field_image(given, chosen)
    result = evaluate_image(image, assay_of(chosen).roles(image.channels, chosen), chosen)
    return Result(_labels_or_raise(result), result.row, result.objects)


def run(
    images: str | Path,
    output: str | Path,
    method: Method | str | Path | None = None,
    *,
    assay: AssayName | None = None,
    layout: str = "auto",
    pixel_size_um: float | None = None,
    workers: int = 1,
    execution: "ExecutionSettings | str | Path | None" = None,
    select: str | None = None,
) -> Run:
    """Evaluate a folder of images; resumes where an earlier call stopped.

    Parameters
    ----------
    images, output : path
        The image folder, and the run's folder.
    method : Method or path, optional
        A method or its file; the built-in method if left out.
    assay, layout, pixel_size_um, select
        As on the command line.
    workers : int
        1 stays in this process; more start as many Dask worker processes. In a script, more
        than one needs ``if __name__ == "__main__":`` around the call, as every process pool
        does.
    execution : ExecutionSettings or path, optional
        How and where, in place of `workers`: settings, or the YAML file of ``--cluster``.
    """
    from monolayer.engine.executors.settings import ExecutionSettings, load_execution
    from monolayer.engine.plan import make_plan
    from monolayer.engine.run import execute

    if execution is None:
        execution = ExecutionSettings(workers=workers)
    elif not isinstance(execution, ExecutionSettings):
        execution = load_execution(Path(execution))
    chosen = _method(method, assay).with_pixel_size(pixel_size_um)
    plan = make_plan(images, chosen, layout, select)
    outcome = execute(plan, Path(output).expanduser().resolve(), execution)
    return open_run(outcome.run_folder)


def count_scan(
    scan: str | Path,
    output: str | Path,
    threshold: float | Literal["otsu", "li", "triangle"] = "otsu",
    pixel_size_um: float | None = None,
    *,
    method: Literal["threshold", "tree"] = "threshold",
    expected_diameter_um: float | None = None,
    min_area_um2: float | None = None,
    min_area_px: int = 1,
    connectivity: Literal[4, 8] = 8,
    max_strip_mb: float = 32.0,
) -> Table:
    """Count the objects of one scan that is too large for memory, such as a whole vessel.

    By ``threshold`` the scan is read in strips and cut at one grey level: hundreds of megapixels
    a second, touching nuclei are not parted, and memory depends on the scan's width alone. By
    ``tree`` it is looked at in overlapping windows as a field is, which parts them; a row of
    windows is in memory. Either way nothing depends on how much is read at once.

    Parameters
    ----------
    scan : path
        TIFF or BigTIFF of one grey plane of 8 or 16 bits, of any height; strips or tiles,
        compressed or not. By threshold at most 65,535 pixels wide.
    output : path
        Parquet file for the objects; replaced once the scan is done.
    threshold : float, or "otsu", "li" or "triangle"
        Objects are pixels above this grey level; by name, it is found from the histogram of the
        whole scan, which is then read twice. Only by threshold.
    pixel_size_um : float, optional
        Micrometres per pixel; wins over what the file says. Without either every column in um
        is null.
    method : "threshold" or "tree"
        How objects are found.
    expected_diameter_um : float, optional
        Typical diameter of a nucleus; found in nine samples if left out. Only by tree.
    min_area_um2, min_area_px : float, int
        Smallest object counted; in pixels only by threshold.
    connectivity : 4 or 8
        Pixels of one object share a side, or a side or a corner. Only by threshold.
    max_strip_mb : float
        Memory for the strip being read, MiB. The result does not depend on it.

    Returns
    -------
    Table
        One row an object in the order of their first pixels (by tree: within 2,048 rows), with
        the columns of a field's objects: by tree all but those of neighbours and of the local
        background, by threshold those that need no outline: area, bounding box, centroid, axes,
        Crofton's perimeter, Euler number, intensities (``..._scan``), border contact and weight.

    Raises
    ------
    ConfigError
        A setting that cannot be, such as ``min_area_um2`` without a pixel size.
    ImageError
        The scan is missing, cut, damaged or of another kind.
    """
    from monolayer.engine.scan import scan_file, scan_nuclei
    from monolayer.segment.scan import ScanSettings
    from monolayer.segment.settings import SegmentSettings

    paths = Path(scan), Path(output).expanduser()
    if method == "tree":
        tree = _settings(
            SegmentSettings, expected_diameter_um=expected_diameter_um, min_area_um2=min_area_um2
        )
        return scan_nuclei(*paths, tree, pixel_size_um, max_strip_mb)
    if method != "threshold":
        raise ConfigError(f"method is {method!r}: give 'threshold' or 'tree'.")
    settings = _settings(
        ScanSettings,
        threshold=threshold,
        min_area_um2=min_area_um2,
        min_area_px=min_area_px,
        connectivity=connectivity,
    )
    return scan_file(*paths, settings, pixel_size_um, max_strip_mb)


def _settings(kind: type[S], **values: Any) -> S:
    """Settings, or a sentence that names the argument that cannot be."""
    try:
        return kind(**values)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise ConfigError(f"'{wrong['loc'][0]}' is {wrong['input']!r}: {wrong['msg']}.") from None


def _method(method: Method | str | Path | None, assay: str | None = None) -> Method:
    if not isinstance(method, Method):
        return load_method(Path(method) if method is not None else None, assay)
    return method if assay is None else Method.model_validate({**dict(method), "assay": assay})


def _field_image(channels: Mapping[str, ArrayLike], method: Method) -> FieldImage:
    """Arrays as a field; they must be of one shape."""
    from monolayer.read import as_grey

    for given in channels.values():
        if isinstance(given, str | Path):
            raise ConfigError(
                f"'{given}' is a path: give pixels, such as tifffile.imread('{given}'), or "
                "monolayer.run a folder."
            )
    read = {name: as_grey(np.asarray(pixels)) for name, pixels in channels.items()}
    shapes = {name: pixels.shape for name, (pixels, _) in read.items()}
    if len(set(shapes.values())) > 1:
        told = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ConfigError(f"the channels are not of one shape: {told}.")
    size = method.read.pixel_size_um
    scales = {name: scale for name, (_, scale) in read.items() if scale is not None}
    pixels = {name: pixels for name, (pixels, _) in read.items()}
    return FieldImage(pixels, size, "pixel_size_um" if size else "", scales)


def _labels_or_raise(result: FieldResult) -> NDArray[np.int32]:
    if result.labels is None:
        state = str(result.row["state"]).replace("_", " ")
        raise ConfigError(f"the image is {state} ({result.row['reason']}): {result.row['detail']}")
    return result.labels
