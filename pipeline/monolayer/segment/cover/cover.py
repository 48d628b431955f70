"""Covered area in phase contrast or bright field, by local contrast.

1. Bin to a working pixel of about 1.3 um and take the standard deviation in squares of 5 x 5.
2. Bare surface has the lowest of the frequent contrasts; cells are several times above it. Cover
   begins half way between the two, and a covered patch must be much more contrasted somewhere.
3. The square's own reach comes off; then, from outside, the bright halo, up to its width.
4. Thin leftovers, small patches (debris) and small gaps (flat parts of cells) go; where no bare
   surface is left at all, so do gaps that are nowhere as smooth as bare surface.

The trick: bare surface is judged by its pixel noise as well. In a field without any bare surface
the lowest contrast is the cells' own, and is many times what its noise alone would give.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import ImageError
from monolayer.segment.cover.bodies import find_bodies, least_darkness
from monolayer.segment.cover.fluorescence import shining_cells
from monolayer.segment.cover.masks import Mask, close, drop_small, fill_small, grow, open_, shrink
from monolayer.segment.cover.settings import ConfluenceSettings
from monolayer.segment.cover.texture import (
    Texture,
    TextureReference,
    measure_texture,
    texture_like,
    texture_reference,
)
from monolayer.segment.cover.usable import REASONS, find_unusable
from monolayer_kernels.background import subtract_background
from monolayer_kernels.cover import draw_patches, enlarge, reaching, spread
from monolayer_kernels.label import find_above, group_runs, label_above
from monolayer_kernels.smooth import bin_mean, gaussian

__all__ = [
    "FIGURES",
    "Cover",
    "CoverReference",
    "cover_reference",
    "segment_cover",
    "segment_cover_window",
]

FIGURES = ("cover_bare_deviation", "cover_noise", "cover_contrast", "cover_working_pixel_px")
"""Names of `Cover.figures`, the same whatever was found."""

Plane = NDArray[np.float32]

_REACH = 2
_HALO = 3.0
_SMOOTHING = 0.5
_BLOCK = 16
_LEVEL_WIDTH = 1.6
_EVERY = 4
_HALF = 2
# The largest local deviation of white noise in 25 pixels is about this many times the noise.
_NOISE_MARGIN = 1.6
_NOISE_SEED = 3.0
_MIDDLE = 0.8
_LOWER = 0.75
_HIGHER = 2.5
_CLEAR = 1.2
_FEW = 0.01
# Share of the simulated fields near to bare: up to 0.0008 from 95 % on, and 0.0027 or more up to
# 87 %, unless bare surface was more contrasted than `bare.bare_deviation` allows.
_NEAR = 1.5
_NO_BARE = 0.0005


@dataclass(frozen=True, slots=True)
class Cover:
    """What of one image is covered by cells.

    Attributes
    ----------
    covered : ndarray (H, W) bool
        Cells, within the usable area.
    usable : ndarray (H, W) bool
        What could be judged: not wall, and so on.
    unusable_fractions : dict of str to float
        Share of the image that is not usable, by reason; see `REASONS`.
    figures : dict of str to float or None
        ``cover_bare_deviation`` and ``cover_noise`` (local contrast of bare surface, and what of
        it is pixel noise, grey values), ``cover_contrast`` (typical contrast of the covered part
        as a multiple of the bare one's), ``cover_working_pixel_px``.
    bodies : ndarray (n, 2) float64, or None
        Row and column of cell bodies, pixels; None in fluorescence.
    unusable : dict of str to ndarray (H, W) bool
        What of a window is not usable, by reason; of a field its shares are enough.
    """

    covered: NDArray[np.bool_]
    usable: NDArray[np.bool_]
    unusable_fractions: dict[str, float]
    figures: dict[str, float | None]
    bodies: NDArray[np.float64] | None = None
    unusable: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    @property
    def confluence(self) -> float | None:
        """Covered over usable area, 0 to 1; None where nothing is usable."""
        usable = np.count_nonzero(self.usable)
        return np.count_nonzero(self.covered) / usable if usable else None

    def labels(self) -> NDArray[np.int32]:
        """0 bare, 1 covered, 2 not usable."""
        labels = self.covered.astype(np.int32)
        labels[~self.usable] = 2
        return labels


@dataclass(frozen=True, slots=True)
class CoverReference:
    """What all windows of one surface are held against, so that none sets its own measure.

    Attributes
    ----------
    texture : TextureReference
        Scale, brightness, noise and bare surface's contrast.
    least, seed : float
        Contrast from which on surface is covered, and what a covered patch must reach.
    nothing_bare : bool
        Whether bare surface is nowhere to be seen.
    body_darkness : float
        What a cell body must exceed.
    """

    texture: TextureReference
    least: float
    seed: float
    nothing_bare: bool
    body_darkness: float


def segment_cover(
    pixels: NDArray[np.generic],
    settings: ConfluenceSettings | None = None,
    pixel_size_um: float | None = None,
) -> Cover:
    """Find what is covered by cells.

    Parameters
    ----------
    pixels : ndarray (H, W)
        Integers or floats, any memory order.
    settings : ConfluenceSettings, optional
    pixel_size_um : float, optional
        Micrometres per pixel; where unknown, lengths follow the texture's own scale.

    Raises
    ------
    ImageError
        Pixels are not finite.
    ValueError, TypeError
        ``pixels`` is not 2-D, is empty or does not hold real numbers.
    """
    settings = settings or ConfluenceSettings()
    texture = measure_texture(_checked(pixels), settings, pixel_size_um)
    return _covered(texture, settings, (pixels.shape[0], pixels.shape[1]), None)


def cover_reference(
    pixels: NDArray[np.generic], settings: ConfluenceSettings, pixel_size_um: float | None = None
) -> CoverReference:
    """What the windows of a surface are held against, from samples of it put side by side.

    Parameters
    ----------
    pixels, settings, pixel_size_um
        As for `segment_cover`.
    """
    texture, reference = texture_reference(_checked(pixels), settings, pixel_size_um)
    if settings.source != "phase" or reference.bare_deviation == 0:
        return CoverReference(reference, 0.0, 0.0, nothing_bare=False, body_darkness=0.0)
    shut = np.zeros(texture.image.shape, np.uint8)
    covered, height = _cells(texture, shut, settings, None)
    spacing = settings.body_spacing_um / texture.working_pixel
    return CoverReference(
        reference,
        *_levels(texture, settings),
        nothing_bare=_nothing_bare(texture),
        body_darkness=least_darkness(height, covered, spacing),
    )


def segment_cover_window(
    pixels: NDArray[np.generic], settings: ConfluenceSettings, reference: CoverReference
) -> Cover:
    """Find what of a window is covered, held against the whole surface's reference."""
    texture = texture_like(_checked(pixels), reference.texture)
    return _covered(texture, settings, (pixels.shape[0], pixels.shape[1]), reference)


def _covered(
    texture: Texture,
    settings: ConfluenceSettings,
    shape: tuple[int, int],
    reference: CoverReference | None,
) -> Cover:
    phase = settings.source == "phase"
    unusable = find_unusable(texture) if settings.find_walls and phase else {}
    shut = np.zeros(texture.image.shape, np.uint8)
    for mask in unusable.values():
        shut |= mask
    bodies = None
    if phase:
        covered, height = _cells(texture, shut, settings, reference)
        spacing = settings.body_spacing_um / texture.working_pixel
        least = None if reference is None else reference.body_darkness
        bodies = texture.factor * find_bodies(height, covered, spacing, least)
    else:
        covered, _ = shining_cells(texture.image, texture.working_pixel, settings)
    shares = {name: float(np.mean(unusable[name])) if name in unusable else 0.0 for name in REASONS}
    return Cover(
        enlarge(covered, texture.factor, shape),
        enlarge(1 - shut, texture.factor, shape),
        shares,
        _figures(texture, covered),
        bodies,
        {name: enlarge(mask, texture.factor, shape) for name, mask in unusable.items()}
        if reference is not None
        else {},
    )


def _checked(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    if pixels.ndim != 2 or pixels.size == 0:
        raise ValueError(f"pixels must be 2-D and not empty, not of shape {pixels.shape}")
    if pixels.dtype.kind not in "uif":
        raise TypeError(f"pixels must be integers or floats, not {pixels.dtype}")
    if pixels.dtype in (np.uint8, np.uint16):
        return np.ascontiguousarray(pixels)
    image = np.ascontiguousarray(pixels, dtype=np.float32)
    if not np.isfinite(image).all():
        bad = int((~np.isfinite(image)).sum())
        raise ImageError("not_finite", f"{bad} pixels are NaN or infinite; export the image anew.")
    return image


def _cells(
    texture: Texture,
    shut: Mask,
    settings: ConfluenceSettings,
    reference: CoverReference | None,
) -> tuple[Mask, Plane]:
    """Textured patches without their halo and what is too small; and brightness above bare."""
    bare = texture.bare_deviation
    if bare == 0:
        return np.zeros_like(shut), np.zeros_like(texture.image)
    area = texture.working_pixel**2
    if reference is None:
        (least, seed), full = _levels(texture, settings), _nothing_bare(texture)
    else:
        least, seed, full = reference.least, reference.seed, reference.nothing_bare
    patches = label_above(texture.deviation, least)
    bold = reaching(patches, texture.deviation, seed)
    rough = draw_patches(patches, bold, shut.shape) & (1 - shut)
    height = _above_bare(texture.image, grow(rough, _REACH) | shut)
    kept = fill_small(shrink(rough, _REACH), settings.max_hole_um2 / area)
    bright = (height > np.float32(_HALO * bare)).astype(np.uint8)
    steps = round(settings.halo_width_um / texture.working_pixel)
    kept = 1 - spread(1 - kept, bright, steps)
    kept = drop_small(close(open_(kept, 1), 1), settings.min_area_um2 / area)
    kept = fill_small(kept, settings.max_hole_um2 / area)
    if full:
        kept = _without_doubtful_gaps(kept, texture, least)
    return kept & (1 - shut), height


def _levels(texture: Texture, settings: ConfluenceSettings) -> tuple[float, float]:
    """Contrast from which on surface is covered, and what a covered patch must reach somewhere.

    Noise and the grain of bare surface count apart: noise varies little from place to place, so
    little more than its own contrast is enough. Where cells are seen, the edge is about half way
    between bare surface and them, in octaves: the contrast of strong cells spills far.
    """
    bare, noise = texture.bare_deviation, texture.noise
    grain = float(np.sqrt(max(bare * bare - noise * noise, 0.0)))
    least = float(np.hypot(_NOISE_MARGIN * noise, settings.min_contrast * grain))
    seed = float(np.hypot(_NOISE_SEED * noise, settings.seed_contrast * grain))
    sample = texture.deviation[::_EVERY, ::_EVERY]
    cells = sample[sample > np.float32(least)]
    if cells.size >= _FEW * sample.size:
        middle = _MIDDLE * float(np.sqrt(bare * float(np.median(cells))))
        least = min(max(middle, least * _LOWER), least * _HIGHER)
    least = max(least, _CLEAR * bare)
    return least, max(seed, least)


def _nothing_bare(texture: Texture) -> bool:
    """Whether next to nothing comes near to bare surface's contrast."""
    near = texture.deviation[::_HALF, ::_HALF] < np.float32(_NEAR * texture.bare_deviation)
    return bool(np.count_nonzero(near) <= _NO_BARE * near.size)


def _without_doubtful_gaps(covered: Mask, texture: Texture, least: float) -> Mask:
    """In a field without bare surface, fill the gaps that nowhere come near to it.

    Flat parts of cells make gaps in a full layer. Where bare surface is seen, gaps are judged as
    ever: narrow true ones never reach its contrast, for cells on either side spill into them.
    """
    bare = texture.bare_deviation
    gaps = group_runs(find_above(1 - covered, 0), 4)
    below = np.float32(np.sqrt(least * bare)) - texture.deviation
    smooth = reaching(gaps, np.maximum(below, np.float32(0)), 0.0)
    return 1 - draw_patches(gaps, smooth, (covered.shape[0], covered.shape[1]))


def _above_bare(image: Plane, taken: Mask) -> Plane:
    """The smoothed image minus the level of the bare surface around each pixel."""
    open_to = (1 - taken).astype(np.float32)
    # A grain of weight everywhere: where nothing is bare, the level is that of all pixels.
    weight = bin_mean(open_to, _BLOCK) + np.float32(1e-4)
    total = bin_mean(image * (open_to + np.float32(1e-4)), _BLOCK)
    level = gaussian(total, _LEVEL_WIDTH) / gaussian(weight, _LEVEL_WIDTH)
    return subtract_background(gaussian(image, _SMOOTHING), level, _BLOCK)


def _figures(texture: Texture, covered: Mask) -> dict[str, float | None]:
    sample = (slice(None, None, _EVERY), slice(None, None, _EVERY))
    inside = texture.deviation[sample][covered[sample] == 1]
    contrast = None
    if inside.size and texture.bare_deviation:
        contrast = float(np.median(inside)) / texture.bare_deviation
    values = (texture.bare_deviation, texture.noise, contrast, float(texture.factor))
    return dict(zip(FIGURES, values, strict=True))
