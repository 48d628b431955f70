"""A learned model in ONNX format as a segmenter: probabilities from the model, outlines from us.

1. The file must have the SHA-256 that the method names, and is tried once on an empty tile.
2. The plane is normalised as the options say, from the whole plane and never tile by tile.
3. Tiles with a margin go through the model one after the other, on one thread.
4. `instances` makes objects of the model's channels.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, model_validator

from monolayer.errors import ConfigError, ImageError, MissingExtraError
from monolayer.segment.instances import Maps, find_instances
from monolayer.segment.segmenter import Segmentation
from monolayer.segment.settings import SegmentSettings
from monolayer.settings import Settings

__all__ = ["OnnxOptions", "OnnxSegmenter"]

Float32 = NDArray[np.float32]


class OnnxOptions(Settings):
    """What ``segment.options`` holds for the method onnx."""

    model: Path
    """The model's file, with all weights in it; a relative path is looked for where monolayer
    runs."""

    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of the file, in lower-case hexadecimal. Must be given; the error that says it is
    missing tells it."""

    layout: Literal["nchw", "nhwc"] = "nchw"
    """Order of the axes of the model's input and output: image, channel, row, column, or channel
    last. A grey plane is repeated where the model takes several channels."""

    output: str | None = None
    """Name of the model's output to use. Null: its first one."""

    normalise: Literal["percentiles", "fixed"] = "percentiles"
    """Grey values become 0 at low and 1 at high, and are not cut off beyond. percentiles: low and
    high are percent of the plane's pixels; fixed: they are grey values."""

    low: float = Field(default=1.0, allow_inf_nan=False)
    """See normalise."""

    high: float = Field(default=99.8, allow_inf_nan=False)
    """See normalise."""

    tile_px: int = Field(default=1024, ge=16, le=16_384)
    """Side of what is given to the model at once, unless the model has a fixed size of its
    own."""

    margin_px: int = Field(default=64, ge=0, le=1024)
    """How much of a tile's rim is only context. The result does not depend on the tiles where
    it is wider than what the model sees around a pixel."""

    stride_px: int = Field(default=32, ge=1, le=512)
    """Height and width of a tile are multiples of this: 2 to the power of the model's
    poolings."""

    activation: Literal["none", "sigmoid", "softmax"] = "none"
    """What makes probabilities of the model's channels (but distance), where it does not."""

    foreground: tuple[int, ...] = Field(default=(0,), min_length=1)
    """Channels whose sum is the probability of a nucleus; with channels for inside and boundary
    both."""

    boundary: int | None = Field(default=None, ge=0)
    """Channel with the probability of a nucleus's boundary, which parts neighbours."""

    distance: int | None = Field(default=None, ge=0)
    """Channel with the distance to the outline, or anything that peaks inside each nucleus."""

    foreground_level: float = Field(default=0.5, gt=0, lt=1)
    """Probability from which a pixel belongs to a nucleus."""

    seed_level: float = Field(default=0.5, allow_inf_nan=False)
    """Each patch above it is the seed of one nucleus: of distance where the model gives that,
    else of foreground less boundary. What holds no seed is not counted."""

    @model_validator(mode="after")
    def _fits(self) -> "OnnxOptions":
        if self.high <= self.low:
            raise ValueError(f"high is {self.high:g} and low {self.low:g}: high must be larger")
        if self.normalise == "percentiles" and not (self.low >= 0 and self.high <= 100):
            raise ValueError(f"low {self.low:g} and high {self.high:g} must be percent")
        if min(self.foreground) < 0:
            raise ValueError(f"foreground is {list(self.foreground)}: channels count from 0")
        if self.boundary is not None and self.distance is not None:
            raise ValueError("boundary and distance are both given: seeds come from one of them")
        return self


@dataclass(frozen=True, slots=True)
class _Model:
    """An opened model and what it says of its input."""

    session: Any
    output: str
    channels: int
    size: tuple[int | None, int | None]


class OnnxSegmenter:
    """Objects from the channels of a learned model.

    Parameters
    ----------
    options : OnnxOptions
    settings : SegmentSettings

    Raises
    ------
    MissingExtraError
        onnxruntime is not installed.
    ConfigError
        The file is missing, is not the one named by its SHA-256, or is no model of this kind.
    """

    Options: ClassVar[type[BaseModel]] = OnnxOptions

    def __init__(self, options: OnnxOptions, settings: SegmentSettings) -> None:  # noqa: ARG002
        self._options = options
        try:
            import onnxruntime
        except ImportError:
            raise MissingExtraError.named("onnxruntime", "onnx") from None
        self.version = f"{version('monolayer')} onnxruntime {onnxruntime.__version__}"
        self.weights_sha256 = options.sha256
        self._model = _open(_read(options), options)
        self._try_out()

    def segment(self, pixels: NDArray[Any], pixel_size_um: float | None) -> Segmentation:  # noqa: ARG002
        """Objects and their mean probability; labels are numbered by the caller."""
        maps = self._maps(_normalised(pixels, self._options))
        options = self._options
        found = find_instances(maps, options.foreground_level, options.seed_level)
        return Segmentation(found.labels, found.scores)

    def _maps(self, plane: Float32) -> Maps:
        """Foreground and seed map of the whole plane, tile by tile."""
        tile, core = self._sides(plane.shape)
        out = Maps.empty(plane.shape)
        for top, left, window in _windows(plane, tile, core, self._options.margin_px):
            part = _mapped(_finite(self._run(window), self._options), self._options)
            out.place(part, top, left, self._options.margin_px)
        return out

    def _sides(self, shape: tuple[int, ...]) -> tuple[tuple[int, int], tuple[int, int]]:
        """Height and width of a tile, and of the part of it that is not margin."""
        o = self._options
        tile = [
            fixed or min(_up(side + 2 * o.margin_px, o.stride_px), _up(o.tile_px, o.stride_px))
            for fixed, side in zip(self._model.size, shape, strict=True)
        ]
        core = [side - 2 * o.margin_px for side in tile]
        if min(core) < 1:
            raise ConfigError(
                f"segment.options.margin_px is {o.margin_px}, which leaves nothing of tiles of "
                f"{tile[0]} x {tile[1]} pixels: make it smaller, or check segment.options.layout."
            )
        return (tile[0], tile[1]), (core[0], core[1])

    def _run(self, window: Float32) -> Float32:
        """Channels of one tile, shape (channels, height, width)."""
        last = self._options.layout == "nhwc"
        plane = window[..., np.newaxis] if last else window[np.newaxis]
        given = np.repeat(plane, self._model.channels, axis=-1 if last else 0)[np.newaxis]
        name = self._model.session.get_inputs()[0].name
        got = self._model.session.run([self._model.output], {name: np.ascontiguousarray(given)})[0]
        expected = (1, *window.shape, "channels") if last else (1, "channels", *window.shape)
        planes = got[0] if not last or got.ndim != 4 else np.moveaxis(got[0], -1, 0)
        if got.ndim != 4 or got.shape[0] != 1 or planes.shape[1:] != window.shape:
            raise ConfigError(
                f"{self._options.model}: gives an output of shape {got.shape} for a tile of "
                f"{window.shape}, not {expected}: check segment.options.layout and output."
            )
        return np.asarray(planes, np.float32)

    def _try_out(self) -> None:
        """Run once, so that what cannot work is said before the first field."""
        tile, _ = self._sides((1, 1))
        try:
            planes = self._run(np.zeros(tile, np.float32))
        except _errors() as error:
            raise ConfigError(
                f"{self._options.model}: does not run on a tile of {tile[0]} x {tile[1]} pixels "
                f"({_first_line(error)}): check segment.options.stride_px and layout."
            ) from None
        _check_channels(len(planes), self._options)


def _read(options: OnnxOptions) -> bytes:
    """The file's bytes, once they are those that the method names."""
    try:
        data = options.model.expanduser().read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{options.model}: cannot be read ({error.strerror}); check segment.options.model."
        ) from None
    digest = hashlib.sha256(data).hexdigest()
    if options.sha256 is None:
        raise ConfigError(
            f"segment.options.sha256 is missing: that of {options.model} is {digest}; put it "
            "into the method if this is the model that was validated."
        )
    if digest != options.sha256:
        raise ConfigError(
            f"{options.model}: its SHA-256 is {digest}, not {options.sha256} as in "
            "segment.options.sha256; these are other weights than the method's."
        )
    return data


def _open(data: bytes, options: OnnxOptions) -> _Model:
    """Open the verified bytes: what is run is what was hashed."""
    import onnxruntime

    how = onnxruntime.SessionOptions()
    how.intra_op_num_threads = how.inter_op_num_threads = 1
    how.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    how.use_deterministic_compute = True
    how.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(data, how, providers=["CPUExecutionProvider"])
    except _errors() as error:
        raise ConfigError(
            f"{options.model}: is no model that onnxruntime opens ({_first_line(error)}); export "
            "it with all weights in one file."
        ) from None
    return _described(session, options)


def _described(session: Any, options: OnnxOptions) -> _Model:
    inputs, outputs = session.get_inputs(), [item.name for item in session.get_outputs()]
    shapes = ", ".join(f"{item.name} {item.type} {item.shape}" for item in inputs)
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type != "tensor(float)":
        raise ConfigError(
            f"{options.model}: takes {shapes}, not one 4-D tensor(float): export it so that it "
            "takes one image."
        )
    if options.output is not None and options.output not in outputs:
        raise ConfigError(
            f"segment.options.output is '{options.output}', but {options.model} gives "
            f"{', '.join(outputs)}."
        )
    sides = [side if isinstance(side, int) and side > 0 else None for side in inputs[0].shape]
    if options.layout == "nhwc":
        sides = [sides[0], sides[3], sides[1], sides[2]]
    return _Model(session, options.output or outputs[0], sides[1] or 1, (sides[2], sides[3]))


def _check_channels(n: int, options: OnnxOptions) -> None:
    wanted = [*options.foreground, options.boundary or 0, options.distance or 0]
    if max(wanted) >= n:
        raise ConfigError(
            f"segment.options name channel {max(wanted)}, but {options.model} gives {n}, counted "
            "from 0."
        )


def _normalised(pixels: NDArray[Any], options: OnnxOptions) -> Float32:
    low, high = options.low, options.high
    if options.normalise == "percentiles":
        low, high = (float(value) for value in np.percentile(pixels, (low, high)))
    # A plane of one value is nothing but background, whatever is divided by.
    scale = np.float32(1 / (high - low) if high > low else 1.0)
    plane: Float32 = (pixels.astype(np.float32) - np.float32(low)) * scale
    return plane


def _windows(
    plane: Float32, tile: tuple[int, int], core: tuple[int, int], margin: int
) -> Iterator[tuple[int, int, Float32]]:
    """Tiles, with row and column of their cores; beyond the plane it is mirrored."""
    counts = [-(-side // step) for side, step in zip(plane.shape, core, strict=True)]
    beyond = [
        (margin, n * step - side + margin)
        for n, step, side in zip(counts, core, plane.shape, strict=True)
    ]
    padded = np.pad(plane, beyond, mode="symmetric")
    for top in range(0, counts[0] * core[0], core[0]):
        for left in range(0, counts[1] * core[1], core[1]):
            yield top, left, padded[top : top + tile[0], left : left + tile[1]]


def _mapped(planes: Float32, options: OnnxOptions) -> Maps:
    """Foreground and seed map of one tile's channels."""
    chances = [k for k in range(len(planes)) if k != options.distance]
    known = planes.copy()
    known[chances] = _activated(planes[chances], options.activation)
    foreground: Float32 = known[list(options.foreground)].sum(axis=0)
    if options.distance is not None:
        return Maps(foreground, known[options.distance])
    if options.boundary is not None:
        return Maps(foreground, foreground - known[options.boundary])
    return Maps(foreground, foreground)


def _activated(planes: Float32, activation: str) -> Float32:
    if activation == "sigmoid":
        return np.asarray(0.5 * (1 + np.tanh(planes / 2)), np.float32)
    if activation == "softmax":
        powers = np.exp(planes - planes.max(axis=0))
        return np.asarray(powers / powers.sum(axis=0), np.float32)
    return planes


def _finite(planes: Float32, options: OnnxOptions) -> Float32:
    bad = int((~np.isfinite(planes)).sum())
    if bad:
        detail = f"{options.model}: gave {bad} NaN or infinite values; check segment.options.low."
        raise ImageError("segmenter_output", detail)
    return planes


def _up(number: int, step: int) -> int:
    return -(-number // step) * step


def _errors() -> tuple[type[Exception], ...]:
    """What onnxruntime raises; the classes share no base of their own."""
    state = import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    names = "Fail InvalidArgument InvalidGraph InvalidProtobuf NotImplemented RuntimeException"
    return tuple(getattr(state, name) for name in names.split())


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200]
