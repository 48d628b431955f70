"""Which page of a file is which time point, channel and plane.

Told by OME-XML, by ImageJ's or tifffile's description, or by MetaMorph's stack tags; the pages of
a file that says nothing are taken as planes of a stack. `PageOf.page` counts the file's top-level
pages from 0 (for a stack that one directory describes, ImageJ's above 4 GB and MetaMorph's, the
images that lie one behind the other).

The trick: descriptions are parsed here, so that a plan opens no file with a full TIFF reader.
"""

import itertools
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element

from monolayer.errors import ImageError
from monolayer.read.pixel_size import ome_root
from monolayer.read.probe import STK_UIC2, Probe
from monolayer.read.sources import PageOf, container, container_kind

__all__ = ["UNNAMED_STACK", "pages_of"]

UNNAMED_STACK = "does not say what its pages are: taken as planes of a Z stack"


def pages_of(path: Path, probe: Probe) -> tuple[list[PageOf], str]:
    """Place every page of a file.

    Parameters
    ----------
    path : Path
        The file.
    probe : Probe
        What its first bytes told.

    Returns
    -------
    pages : list of PageOf
        In the file's order.
    note : str
        What had to be assumed; empty where the file says all.

    Raises
    ------
    ImageError
        ``unsupported`` where the file has axes that a field cannot hold.
    """
    if kind := container_kind(path.name):
        return container(kind).pages_of(path)
    if probe.format != "tiff":
        return [PageOf(0)], ""
    text = probe.description
    root = ome_root(text)
    if root is not None and (pages := _ome_pages(root, path.name, max(1, len(probe.pages)))):
        return pages, ""
    if STK_UIC2 in probe.tags:
        return _metamorph_pages(path), ""
    if text.startswith("ImageJ="):
        return _imagej_pages(text), ""
    if probe.plain:
        return [PageOf(0)], ""
    return _described_pages(path, text, probe)


def _placed(shape: Mapping[str, int], names: Sequence[str] = ()) -> list[PageOf]:
    """Pages of a C-ordered array of `shape`, slowest axis first; axes of length 1 say nothing."""
    pages = []
    for page, index in enumerate(itertools.product(*map(range, shape.values()))):
        at = dict(zip(shape, index, strict=True))
        t, c, z = (at[axis] if shape.get(axis, 1) > 1 else -1 for axis in "TCZ")
        channel = str(names[at.get("C", 0)]) if names else ""
        pages.append(PageOf(page, t=t, c=c, z=z, channel=channel))
    return pages


def _ome_pages(root: Element, name: str, n_pages: int) -> list[PageOf]:
    """Pages of this file in an OME-XML's images; files of a set each tell of their own only."""
    images = []
    for image in root.findall("{*}Image"):
        pixels = image.find("{*}Pixels")
        if pixels is not None and (pages := _ome_image(pixels, name, n_pages)):
            images.append(pages)
    if len(images) < 2:
        return images[0] if images else []
    return [replace(page, series=i) for i, pages in enumerate(images) for page in pages]


def _ome_image(pixels: Element, name: str, n_pages: int) -> list[PageOf]:
    channels = pixels.findall("{*}Channel")
    samples = int(channels[0].get("SamplesPerPixel", 1)) if channels else 1
    order = pixels.get("DimensionOrder", "XYCZT")[:1:-1]
    shape = {axis: int(pixels.get("Size" + axis, 1)) for axis in order}
    shape["C"] = max(1, shape["C"] // samples)
    names = [channel.get("Name") or "" for channel in channels]
    # Names that are missing or repeated cannot tell channels apart.
    if len(names) < shape["C"] or len(set(names)) < len(names) or not all(names):
        names = []
    placed = _placed(shape, names)
    found = []
    for data in pixels.findall("{*}TiffData"):
        uuid = data.find("{*}UUID")
        if uuid is None or uuid.get("FileName", name).lower() == name.lower():
            found += _ome_run(data, shape, placed, n_pages)
    return found


def _ome_run(
    data: Element, shape: Mapping[str, int], placed: Sequence[PageOf], n_pages: int
) -> list[PageOf]:
    """Pages of one TiffData element: a run of directories for a run of planes."""
    first = int(data.get("IFD", 0))
    count = int(
        data.get("PlaneCount", data.get("NumPlanes", 1 if "IFD" in data.attrib else n_pages))
    )
    at = 0
    for axis, size in shape.items():
        at = at * size + int(data.get("First" + axis, 0))
    run = placed[at : at + count]
    return [replace(page, page=first + i) for i, page in enumerate(run)]


def _imagej_pages(text: str) -> list[PageOf]:
    counts = {name: int(n) for name, n in re.findall(r"^(\w+)=(\d+)\s*$", text, re.MULTILINE)}
    shape = {
        "T": counts.get("frames", 1),
        "Z": counts.get("slices", 1),
        "C": counts.get("channels", 1),
    }
    images = counts.get("images", 1)
    if math.prod(shape.values()) != images:
        shape = {"Z": images}
    return _placed(shape)


def _described_pages(path: Path, text: str, probe: Probe) -> tuple[list[PageOf], str]:
    """Pages by tifffile's JSON, else as a stack of those as large as the first."""
    size = probe.pages[0][:2]
    same = [i for i, page in enumerate(probe.pages) if page[:2] == size and not page[2] & 1]
    if len(same) < 2:
        return [PageOf(same[0] if same else 0)], ""
    shape = _json_shape(text)
    if shape and math.prod(shape.values()) == len(same):
        if unknown := [axis for axis, n in shape.items() if axis not in "TCZ" and n > 1]:
            raise ImageError(
                "unsupported",
                f"{path.name} has the axis {unknown[0]!r}: export it with T, C and Z only.",
            )
        known = {axis: n for axis, n in shape.items() if axis in "TCZ"}
        return [replace(p, page=same[p.page]) for p in _placed(known)], ""
    return [PageOf(i, z=z) for z, i in enumerate(same)], f"{path.name} {UNNAMED_STACK}."


def _json_shape(text: str) -> dict[str, int]:
    if not text.startswith("{"):
        return {}
    try:
        described = json.loads(text)
    except ValueError:
        return {}
    axes, shape = described.get("axes", ""), described.get("shape", [])
    if len(axes) != len(shape):
        return {}
    return {axis: n for axis, n in zip(axes, shape, strict=True) if axis not in "YXS"}


def _metamorph_pages(path: Path) -> list[PageOf]:
    import tifffile  # only a MetaMorph stack is worth its import

    with tifffile.TiffFile(path) as tif:
        series = tif.series[0]
        # Its first axis is Z, T, or what MetaMorph did not say, which is Z too.
        axis = "T" if series.axes.startswith("T") else "Z"
        return _placed({axis: math.prod(series.shape[:-2])})
