"""Micrometres per pixel: who says it, and whether it can be believed.

Asked in this order: OME-XML, ImageJ, MetaMorph, the vendor's side file, the TIFF resolution tags.
The last count only where they are finer than any printer's: 72 or 300 dpi is a default that a
program wrote, not a calibration.
"""

import math
import re
from pathlib import Path
from xml.etree import ElementTree

from monolayer.read.probe import STK_UIC2, UNIT, X_RESOLUTION, Y_RESOLUTION, Probe
from monolayer.read.sources import PixelSize, container, container_kind

__all__ = ["GIVEN", "believed", "pixel_size_of", "unit_um"]

GIVEN = "--pixel-size-um or method"
SANE_UM = (0.01, 100.0)
FINEST_PRINT_UM = 10.0  # 2540 dpi
ISOTROPY = 0.01

_UM = {
    "m": 1e6, "dm": 1e5, "cm": 1e4, "mm": 1e3, "um": 1.0, "nm": 1e-3, "pm": 1e-6, "å": 1e-4,
    "in": 25400.0, "ft": 304800.0, "mil": 25.4, "thou": 25.4, "micron": 1.0, "microns": 1.0,
    "micrometre": 1.0, "micrometers": 1.0,
    # OME-Zarr writes units in full, as UDUNITS-2 does.
    "meter": 1e6, "decimeter": 1e5, "centimeter": 1e4, "millimeter": 1e3, "micrometer": 1.0,
    "nanometer": 1e-3, "picometer": 1e-6, "angstrom": 1e-4, "inch": 25400.0, "foot": 304800.0,
}  # fmt: skip


def pixel_size_of(path: Path, probe: Probe, page: int = 0) -> PixelSize:
    """Pixel size of one file.

    Parameters
    ----------
    path : Path
        The file; side files lie beside it.
    probe : Probe
        What its first bytes told.
    page : int
        Plane of a container, whose fields may differ in pixel size.
    """
    if kind := container_kind(path.name):
        return container(kind).pixel_size(path, page)
    text = probe.description
    for source, pair in (
        ("OME-XML", _ome(text)),
        ("ImageJ", _imagej(text, probe)),
        ("MetaMorph", _metamorph(text) or _metamorph_stack(path, probe)),
        *_side_files(path),
        ("TIFF resolution tags", _resolution(probe)),
    ):
        if pair is not None:
            return believed(source, *pair)
    return PixelSize()


def believed(source: str, x: float, y: float) -> PixelSize:
    """Refuse what cannot be: out of range, or pixels that are not square."""
    if not all(math.isfinite(v) and SANE_UM[0] <= v <= SANE_UM[1] for v in (x, y)):
        note = (
            f"{source} gives {x:g} x {y:g} um per pixel, outside {SANE_UM[0]:g} to {SANE_UM[1]:g}"
        )
        return PixelSize(note=f"{note}: taken as unknown.")
    if abs(x - y) > ISOTROPY * max(x, y):
        note = f"{source} gives {x:g} x {y:g} um per pixel, which are not square"
        return PixelSize(note=f"{note}: taken as unknown.")
    return PixelSize(x, source)


def unit_um(text: str) -> float | None:
    """Micrometres in one of a unit; None where it is no length."""
    text = text.strip().replace("\\u00B5", "u").replace("\u00b5", "u").replace("\u03bc", "u")
    return _UM.get(text.lower())


def _float(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None


def _ome(text: str) -> tuple[float, float] | None:
    pixels = ome_element(text, "Pixels")
    if pixels is None:
        return None
    x, y = _float(pixels.get("PhysicalSizeX")), _float(pixels.get("PhysicalSizeY"))
    unit = unit_um(pixels.get("PhysicalSizeXUnit", "um"))
    unit_y = unit_um(pixels.get("PhysicalSizeYUnit", "um"))
    if x is None or unit is None:
        return None
    return x * unit, x * unit if y is None or unit_y is None else y * unit_y


def ome_root(text: str) -> ElementTree.Element | None:
    """The OME element of a description; None where it is not OME-XML."""
    if "<OME" not in text[:2000] and ":OME" not in text[:2000]:
        return None
    try:
        # Expat has refused entity bombs since 2.4.1, and OME-XML needs no other feature.
        return ElementTree.fromstring(text)  # noqa: S314
    except ElementTree.ParseError:
        return None


def ome_element(text: str, name: str) -> ElementTree.Element | None:
    """First element called `name` of a description in OME-XML."""
    root = ome_root(text)
    return None if root is None else root.find(f".//{{*}}{name}")


def _imagej(text: str, probe: Probe) -> tuple[float, float] | None:
    if not text.startswith("ImageJ="):
        return None
    found = re.search(r"^unit=(.*)$", text, re.MULTILINE)
    unit = unit_um(found[1]) if found else None
    x, y = _per_pixel(probe, X_RESOLUTION), _per_pixel(probe, Y_RESOLUTION)
    if unit is None or x is None or (found and found[1].strip() == "inch"):
        return None
    return x * unit, (x if y is None else y) * unit


def _metamorph(text: str) -> tuple[float, float] | None:
    if not text.startswith("<MetaData>"):
        return None
    props = dict(
        re.findall(r'<(?:prop|custom-prop) id="(spatial[^"]+)"[^>]* value="([^"]*)"', text)
    )
    unit = unit_um(props.get("spatial-calibration-units", ""))
    x = _float(props.get("spatial-calibration-x"))
    y = _float(props.get("spatial-calibration-y"))
    if props.get("spatial-calibration-state") != "on" or unit is None or x is None:
        return None
    return x * unit, (x if y is None else y) * unit


def _metamorph_stack(path: Path, probe: Probe) -> tuple[float, float] | None:
    if STK_UIC2 not in probe.tags:
        return None
    import tifffile  # only a MetaMorph stack is worth its import

    with tifffile.TiffFile(path) as tif:
        told = tif.stk_metadata or {}
    unit = unit_um(str(told.get("CalibrationUnits", "")))
    x, y = told.get("XCalibration"), told.get("YCalibration")
    if unit is None or not told.get("SpatialCalibration") or not x or not y:
        return None
    return float(x) * unit, float(y) * unit


def _side_files(path: Path) -> list[tuple[str, tuple[float, float] | None]]:
    """What the side files of Yokogawa and PerkinElmer say, read only where one is there."""
    found: list[tuple[str, tuple[float, float] | None]] = []
    for name in ("MeasurementDetail.mrf", "Index.idx.xml", "Index.xml"):
        side = path.parent / name
        reader = _yokogawa if name.endswith(".mrf") else _opera
        try:
            text = side.read_text("utf-8", errors="replace") if side.is_file() else ""
        except OSError:
            continue  # an image is not lost because its neighbour cannot be read
        found.append((name, reader(text, path.name)))
    return found


def _yokogawa(text: str, name: str) -> tuple[float, float] | None:
    channel = re.search(r"C(\d{2})\.\w+$", name)
    for element in re.findall(r"<bts:MeasurementChannel\b[^>]*>", text):
        values = dict(re.findall(r'bts:(\w+)="([^"]*)"', element))
        if channel is None or _float(values.get("Ch")) == int(channel[1]):
            x = _float(values.get("HorizontalPixelDimension"))
            y = _float(values.get("VerticalPixelDimension"))
            return None if x is None or y is None else (x, y)
    return None


def _opera(text: str, name: str) -> tuple[float, float] | None:
    del name  # one resolution a measurement
    sizes = []
    for axis in "XY":
        found = re.search(rf'<ImageResolution{axis}[^>]*Unit="(\w+)"[^>]*>([^<]+)<', text)
        unit = unit_um(found[1]) if found else None
        value = _float(found[2]) if found else None
        if unit is None or value is None:
            return None
        sizes.append(value * unit)
    return sizes[0], sizes[1]


def _per_pixel(probe: Probe, tag: int) -> float | None:
    """Length units per pixel of a resolution tag (which holds pixels per unit)."""
    value = probe.numbers(tag)
    return value[1] / value[0] if len(value) == 2 and value[0] else None


def _resolution(probe: Probe) -> tuple[float, float] | None:
    unit = {2: 25400.0, 3: 1e4}.get(next(iter(probe.numbers(UNIT)), 2))
    x, y = _per_pixel(probe, X_RESOLUTION), _per_pixel(probe, Y_RESOLUTION)
    if unit is None or not x or not y or max(x, y) * unit > FINEST_PRINT_UM:
        return None
    return x * unit, y * unit
