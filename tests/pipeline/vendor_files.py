"""Small CZI, LIF and ND2 files.

CZI pixels are written by Zeiss's own library (pylibCZIrw), to which the list of scenes is added
that ZEN writes and that library does not. LIF and ND2 have no writer: these are put together byte
by byte as their readers describe the formats, and are no files of a real instrument.
"""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray

Stack = NDArray[np.uint16]
"""Pixels of one scene, shape (T, C, Z, height, width)."""


def write_czi(
    path: Path,
    scenes: Mapping[str, Stack],
    channels: Sequence[str] = ("DAPI", "GFP"),
    pixel_um: float | None = 0.65,
    *,
    list_scenes: bool = True,
    compression: str | None = None,
) -> None:
    from pylibCZIrw import czi

    with czi.create_czi(str(path), exist_ok=True) as file:
        for s, stack in enumerate(scenes.values()):
            for t, c, z in np.ndindex(*stack.shape[:3]):
                plane = {"T": t, "C": c, "Z": z}
                place = {"location": (s * 10_000, 0), "scene": s}
                file.write(
                    stack[t, c, z][..., None], plane=plane, compression_options=compression, **place
                )
        scale = {"scale_x": pixel_um * 1e-6, "scale_y": pixel_um * 1e-6} if pixel_um else {}
        file.write_metadata("test", dict(enumerate(channels)), **scale)
    if list_scenes:
        _list_scenes(path, list(scenes))


def _list_scenes(path: Path, names: Sequence[str]) -> None:
    """Append a metadata segment that names the scenes, and point the file's header to it."""
    data = bytearray(path.read_bytes())
    (start,) = struct.unpack_from("<q", data, 32 + 60)
    (length,) = struct.unpack_from("<i", data, start + 32)
    text = bytes(data[start + 32 + 256 : start + 32 + 256 + length]).decode()
    listed = "".join(f"<Scene Index='{i}' Name={quoteattr(n)}/>" for i, n in enumerate(names))
    text = text.replace("<Dimensions>", f"<Dimensions><S><Scenes>{listed}</Scenes></S>")
    body = text.encode()
    struct.pack_into("<q", data, 32 + 60, len(data))
    size = 256 + len(body)
    data += b"ZISRAWMETADATA".ljust(16, b"\0") + struct.pack("<qq", size, size)
    data += struct.pack("<ii", len(body), 0).ljust(256, b"\0") + body
    path.write_bytes(data)


def write_lif(
    path: Path, scenes: Mapping[str, Stack], channels: Sequence[str] = ("Blue", "Green")
) -> None:
    """LIF version 2: a header in XML, then one block of memory an image."""
    images, blocks = [], []
    for i, (name, stack) in enumerate(scenes.items()):
        images.append(_lif_image(name, f"MemBlock_{i}", stack, channels))
        identity = f"MemBlock_{i}".encode("utf-16-le")
        # Channels lie within a plane's place in the stack: T, Z, C, Y, X.
        pixels = np.ascontiguousarray(stack.transpose(0, 2, 1, 3, 4), "<u2").tobytes()
        head = struct.pack("<BQBI", 0x2A, len(pixels), 0x2A, len(identity) // 2) + identity
        blocks.append(struct.pack("<II", 0x70, len(head)) + head + pixels)
    text = (
        f'<LMSDataContainerHeader Version="2"><Element Name={quoteattr(path.name)} '
        'Visibility="1" CopyOption="1"><Data><Experiment/></Data>'
        f'<Memory Size="0" MemoryBlockID="MemBlock_x"/><Children>{"".join(images)}</Children>'
        "</Element></LMSDataContainerHeader>"
    )
    xml = text.encode("utf-16-le")
    head = struct.pack("<IIBI", 0x70, len(xml) + 5, 0x2A, len(xml) // 2)
    path.write_bytes(head + xml + b"".join(blocks))


def _lif_image(name: str, block: str, stack: Stack, channels: Sequence[str]) -> str:
    t, c, z, height, width = stack.shape
    plane = 2 * height * width
    described = "".join(
        f'<ChannelDescription DataType="0" ChannelTag="0" Resolution="16" Min="0" Max="65535" '
        f'NameOfMeasuredQuantity="" Unit="" LUTName={quoteattr(channels[i])} IsLUTInverted="0" '
        f'BytesInc="{i * plane}" BitInc="0"/>'
        for i in range(c)
    )
    axes = [(1, width, 2, 0.65e-6), (2, height, 2 * width, 0.65e-6)]
    axes += [(3, z, c * plane, 1e-6)] if z > 1 else []
    axes += [(4, t, z * c * plane, 60.0)] if t > 1 else []
    dimensions = "".join(
        f'<DimensionDescription DimID="{axis}" NumberOfElements="{n}" Origin="0" '
        f'Length="{step * (n - 1)}" Unit="{"s" if axis == 4 else "m"}" BytesInc="{inc}" '
        'BitInc="0"/>'
        for axis, n, inc, step in axes
    )
    return (
        f"<Element Name={quoteattr(name)}><Data><Image><ImageDescription>"
        f"<Channels>{described}</Channels><Dimensions>{dimensions}</Dimensions>"
        "</ImageDescription></Image></Data>"
        f'<Memory Size="{stack.nbytes}" MemoryBlockID="{escape(block)}"/></Element>'
    )


def write_nd2(
    path: Path,
    scenes: Mapping[str, Stack],
    channels: Sequence[str] = ("DAPI", "FITC"),
    pixel_um: float | None = 0.65,
) -> None:
    """ND2 version 3: named chunks, their descriptions in Nikon's binary lists, a map at the end."""
    stacks = list(scenes.values())
    t, c, z, height, width = stacks[0].shape
    attributes = {
        "uiWidth": width, "uiHeight": height, "uiWidthBytes": 2 * c * width, "uiComp": c,
        "uiBpcInMemory": 16, "uiBpcSignificant": 12, "uiSequenceCount": t * z * len(stacks),
        "eCompression": 2,
    }  # fmt: skip
    planes: dict[str, Any] = {
        f"Plane{i}": {
            "uiCompCount": 1,
            "sDescription": name,
            "uiColor": 0,
            "pFluorescentProbe": {"m_ExcitationSpectrum": {"uiCount": 0}},
        }
        for i, name in enumerate(channels)
    }
    described = {
        "bCalibrated": pixel_um is not None,
        "dCalibration": float(pixel_um or 0),
        "sPicturePlanes": {"uiCount": c, "sPlaneNew": planes},
    }
    chunks = {
        "ImageAttributesLV!": _clx("SLxImageAttributes", attributes),
        "ImageMetadataSeqLV|0!": _clx("SLxPictureMetadata", described),
        "ImageMetadataLV!": _clx("SLxExperiment", _nd2_loops(list(scenes), t, z)),
        "CustomData|AcqTimesCache!": np.arange(t * z * len(stacks), dtype="<f8").tobytes(),
    }
    # A frame holds its channels pixel by pixel, behind eight bytes for its time.
    frames = [
        stack[i, :, k].transpose(1, 2, 0) for i in range(t) for stack in stacks for k in range(z)
    ]
    for number, frame in enumerate(frames):
        chunks[f"ImageDataSeq|{number}!"] = struct.pack("<d", 0.0) + frame.astype("<u2").tobytes()
    _write_chunks(path, chunks)


def _nd2_loops(names: Sequence[str], t: int, z: int) -> dict[str, Any]:
    points = {
        f"i{i:010}": {"dPosX": 100.0 * i, "dPosY": 0.0, "dPosZ": 0.0, "dPosName": name}
        for i, name in enumerate(names)
    }
    loops: list[dict[str, Any]] = []
    if t > 1:
        times = {"uiCount": t, "dStart": 0.0, "dPeriod": 1000.0, "dDuration": 1000.0 * t}
        loops.append({"eType": 1, "uLoopPars": times})
    xy = {"uiCount": len(names), "bUseZ": False, "Points": points}
    loops.append({"eType": 2, "uLoopPars": xy, "pItemValid": [True] * len(names)})
    if z > 1:
        loops.append({"eType": 4, "uLoopPars": {"uiCount": z, "dZStep": 1.0, "dZHigh": z - 1.0}})
    nested = loops.pop()
    while loops:
        nested = loops.pop() | {"ppNextLevelEx": {"i0000000000": nested}}
    return nested


def _clx(name: str, value: Any) -> bytes:
    """One entry of Nikon's binary lists: type, name, value; a level holds entries."""
    title = (name + "\0").encode("utf-16-le")

    def entry(kind: int, body: bytes) -> bytes:
        return bytes([kind, len(name) + 1]) + title + body

    if isinstance(value, dict):
        inner = b"".join(_clx(key, item) for key, item in value.items())
        length = 2 + len(title) + 12 + len(inner)
        return entry(11, struct.pack("<IQ", len(value), length) + inner) + bytes(8 * len(value))
    if isinstance(value, bool):
        return entry(1, bytes([value]))
    if isinstance(value, float):
        return entry(6, struct.pack("<d", value))
    if isinstance(value, str):
        return entry(8, (value + "\0").encode("utf-16-le"))
    if isinstance(value, list):
        return entry(9, struct.pack("<Q", len(value)) + bytes(value))
    return entry(3, struct.pack("<I", value))


def _write_chunks(path: Path, chunks: Mapping[str, bytes]) -> None:
    signature = b"ND2 FILE SIGNATURE CHUNK NAME01!"
    out = bytearray(
        struct.pack("<IIQ", 0x0ABECEDA, 32, 64) + signature + b"Ver3.0".ljust(64, b"\0")
    )
    places = bytearray()
    for name, data in chunks.items():
        out += bytes(-len(out) % 4096)
        places += name.encode() + struct.pack("<QQ", len(out), len(data))
        # Names take 4,072 bytes: with the header and the time, pixels begin on a page of memory.
        out += struct.pack("<IIQ", 0x0ABECEDA, 4072, len(data)) + name.encode().ljust(4072, b"\0")
        out += data
    start = len(out)
    last = b"ND2 CHUNK MAP SIGNATURE 0000001!"
    listing = bytes(places) + last + struct.pack("<Q", start)
    out += struct.pack("<IIQ", 0x0ABECEDA, 32, len(listing)) + b"ND2 FILEMAP SIGNATURE NAME 0001!"
    path.write_bytes(bytes(out) + listing)
