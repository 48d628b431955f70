"""Write an image so that the same pixels always give the same bytes.

No time stamp, no UUID, a fixed software tag, one strip. What deflate gives depends on the version
of the library, and in zlib-ng on the CPU; LZW of noisy images was the same in all versions tried,
but not of label images (imagecodecs 2026.3.6 and 2026.10.10 clear their tables at different
places), so those are written as PackBits, which leaves an encoder no choice that matters.
"""

from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import tifffile
from numpy.typing import NDArray

__all__ = ["write_image", "write_labels"]

SOFTWARE = "monolayer simulate"

# The OME data model's smallest valid document of one plane.
OME_XML = """<?xml version="1.0" encoding="UTF-8"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:schemaLocation="http://www.openmicroscopy.org/Schemas/OME/2016-06 \
http://www.openmicroscopy.org/Schemas/OME/2016-06/ome.xsd"
 Creator="monolayer simulate"><Image ID="Image:0" Name={name}>
<Description>SIMULATED, not a microscope's image</Description>
<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="{dtype}" SignificantBits="{bits}"
 SizeX="{width}" SizeY="{height}" SizeC="1" SizeZ="1" SizeT="1"
 PhysicalSizeX="{size}" PhysicalSizeXUnit="µm" PhysicalSizeY="{size}" PhysicalSizeYUnit="µm">
<Channel ID="Channel:0:0" Name={channel} SamplesPerPixel="1"/>
<TiffData IFD="0" PlaneCount="1"/></Pixels></Image></OME>"""


def write_image(
    path: Path, pixels: NDArray[Any], pixel_size_um: float, bit_depth: int, channel: str
) -> None:
    """Write a uint8 or uint16 image as OME-TIFF with its pixel size."""
    description = OME_XML.format(
        name=quoteattr(path.stem),
        channel=quoteattr(channel),
        bits=bit_depth,
        dtype=pixels.dtype.name,
        height=pixels.shape[0],
        width=pixels.shape[1],
        size=pixel_size_um,
    )
    pixels_per_cm = (10_000_000, round(pixel_size_um * 1000))
    _write(path, pixels, description.encode(), "lzw", (pixels_per_cm, pixels_per_cm))


def write_labels(path: Path, labels: NDArray[Any], what: str = "nucleus") -> None:
    """Write a uint8 or uint16 image of labels, which number each `what`."""
    description = f"SIMULATED truth: 0 background, one number a {what}"
    _write(path, labels, description.encode(), "packbits", None)


def _write(
    path: Path, pixels: NDArray[Any], description: bytes, compression: str, resolution: Any
) -> None:
    tifffile.imwrite(
        path,
        pixels,
        byteorder="<",
        photometric="minisblack",
        compression=compression,
        predictor=False,
        rowsperstrip=pixels.shape[0],
        description=description,
        metadata=None,
        software=SOFTWARE,
        datetime=False,
        resolution=resolution,
        resolutionunit="CENTIMETER" if resolution else None,
    )
