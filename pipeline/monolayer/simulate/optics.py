"""The light's way: lens, haze, illumination, camera. Works for any modality that gives light.

1. `blur` by the lens, a Gaussian of the point spread function's width widened by defocus;
2. `illumination` and `background` are smooth polynomials over the field;
3. `expose` turns expected electrons into grey levels with shot and read noise.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from monolayer.simulate.draws import Draws
from monolayer.simulate.settings import OpticsSettings

__all__ = ["background", "blur", "expose", "illumination", "lens_sigma_px", "smooth_noise"]

Image = NDArray[np.float64]


def lens_sigma_px(settings: OpticsSettings) -> float:
    """Standard deviation of the lens's blur in pixels.

    0.21 wavelength / NA is the Gaussian nearest to the widefield point spread function (Zhang,
    Zerubia and Olivo-Marin 2007). Out of focus the light fills a disc of radius
    z tan(asin(NA)), whose standard deviation along one axis is half its radius; the nucleus's
    own height adds the same from within.
    """
    na = settings.numerical_aperture
    cone = na / math.sqrt(1 - na * na)
    in_focus_um = 0.21 * settings.emission_nm / 1000 / na
    spread_um = cone * (settings.defocus_um + settings.section_thickness_um / 2) / 2
    return math.hypot(in_focus_um, spread_um) / settings.pixel_size_um


def blur(light: Image, sigma_px: float) -> Image:
    """Gaussian blur that keeps the sum of light away from the borders."""
    blurred: Image = gaussian_filter(light, sigma_px, mode="nearest", truncate=4)
    return blurred


def smooth_noise(draws: Draws, shape: tuple[int, int], sigma_px: float) -> Image:
    """Gaussian noise of unit variance whose correlation is that of a blur by `sigma_px`."""
    # Blurring white noise leaves a variance of 1 / (4 pi sigma^2); a measured standard
    # deviation would make every pixel depend on the order of a sum.
    gain = 2 * math.sqrt(math.pi) * sigma_px
    noise: Image = gaussian_filter(draws.normals(shape), sigma_px, mode="wrap", truncate=4)
    return noise * gain


def illumination(settings: OpticsSettings, draws: Draws, shape: tuple[int, int]) -> Image:
    """Share of the light that reaches each pixel: 1 in the lamp's centre, less in the corners."""
    y, x = _unit_grid(shape)
    dy, dx = 0.12 * draws.normal(), 0.12 * draws.normal()
    radius2 = ((y - dy) ** 2 + (x - dx) ** 2) / 2
    return np.maximum(1 - settings.vignetting * radius2, 0.02)


def background(settings: OpticsSettings, draws: Draws, shape: tuple[int, int]) -> Image:
    """Expected electrons of the medium and the plastic: a tilt and a bend."""
    y, x = _unit_grid(shape)
    a, b, c, d, e = (settings.background_unevenness * draws.normal() for _ in range(5))
    uneven = 1 + a * y + b * x + c * (y * y - 1 / 3) + d * (x * x - 1 / 3) + e * x * y
    return settings.background_electrons * np.maximum(uneven, 0.1)


def expose(electrons: Image, settings: OpticsSettings, draws: Draws) -> NDArray[np.uint16]:
    """Grey levels of one exposure.

    Shot noise is a Poisson quantile by its Cornish-Fisher expansion to the skewness, within 0.3
    electrons from a mean of 10 on: three exact operations a pixel, where a rejection sampler
    would hang on the last bit of a logarithm.
    """
    z = draws.normals(electrons.shape)
    caught = electrons + np.sqrt(electrons) * z + (z * z - 1) / 6
    caught = np.maximum(caught, 0)
    caught += settings.read_noise_electrons * draws.normals(electrons.shape)
    grey = settings.offset_grey_levels + caught / settings.electrons_per_grey_level
    full_scale = 2**settings.bit_depth - 1
    return np.floor(np.clip(grey, 0, full_scale) + 0.5).astype(np.uint16)


def _unit_grid(shape: tuple[int, int]) -> tuple[Image, Image]:
    """Coordinates from -1 to 1 down and across."""
    height, width = shape
    y = (np.arange(height, dtype=np.float64) - (height - 1) / 2) / (height / 2)
    x = (np.arange(width, dtype=np.float64) - (width - 1) / 2) / (width / 2)
    return y[:, None], x[None, :]
