"""Zernike's phase contrast: from thickness to what the camera sees.

A cell delays the light by phi = 2 pi / wavelength x (index difference) x thickness. The light
behind it, exp(i phi), has a direct part, which passes the phase ring, is dimmed and shifted by a
quarter of a wave, and a diffracted part, which does not; the camera sees the square of their sum.
The one trick: the ring has a width, so it also catches what large structures diffract into small
angles. As a transfer function it is ``lens x (1 + (-i t - 1) x ring)`` with a low-pass `ring`; that
alone makes the bright halo, the shading-off inside wide cells and the reversal of contrast in
thick ones (Yin, Kanade and Chen 2012, Medical Image Analysis 16:1047).
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from monolayer.simulate.draws import Draws
from monolayer.simulate.optics import background, expose, illumination, smooth_noise
from monolayer.simulate.phase.settings import PhaseOpticsSettings
from monolayer.simulate.settings import OpticsSettings

__all__ = ["expose_phase", "fast_size", "phase_contrast", "phase_delay"]

Image = NDArray[np.float64]


def fast_size(size: int) -> int:
    """The next length that the Fourier transform is fast for."""
    return int(fft.next_fast_len(size) or size)


def phase_delay(settings: PhaseOpticsSettings, thickness_um: Image) -> Image:
    """Delay in radians behind so many micrometres of cell."""
    turns = settings.index_difference / (settings.wavelength_nm / 1000)
    return 2 * math.pi * turns * thickness_um


def phase_contrast(settings: PhaseOpticsSettings, delay: Image) -> Image:
    """Relative intensity behind this delay, 1 far from any; borders wrap around."""
    height, width = delay.shape
    spectrum: NDArray[np.complex128] = np.asarray(fft.fft2(np.exp(1j * delay)))
    fy = _frequencies(height, settings.pixel_size_um)
    fx = _frequencies(width, settings.pixel_size_um)
    spectrum *= _transfer(settings, fy[:, None], fx[None, :])
    light: NDArray[np.complex128] = np.asarray(fft.ifft2(spectrum))
    intensity: Image = (light.real**2 + light.imag**2) / settings.ring_transmission**2
    return intensity


def expose_phase(settings: PhaseOpticsSettings, intensity: Image, draws: Draws) -> NDArray[Any]:
    """Grey levels of one exposure: uneven lamp, shot noise, camera."""
    shape = (intensity.shape[0], intensity.shape[1])
    full_scale = 2**settings.bit_depth - 1
    camera = OpticsSettings(
        pixel_size_um=settings.pixel_size_um,
        background_electrons=settings.background_electrons,
        background_unevenness=settings.unevenness,
        vignetting=settings.vignetting,
        electrons_per_grey_level=settings.background_electrons
        / (settings.background_level * full_scale),
        offset_grey_levels=0,
        read_noise_electrons=settings.read_noise_electrons,
        bit_depth=settings.bit_depth,
    )
    electrons = intensity * _plastic(settings, draws, shape) * background(camera, draws, shape)
    electrons *= illumination(camera, draws, shape)
    pixels = expose(electrons, camera, draws)
    return pixels.astype(np.uint8) if settings.bit_depth <= 8 else pixels


def _frequencies(size: int, pixel_size_um: float) -> Image:
    return np.asarray(fft.fftfreq(size, pixel_size_um), np.float64)


def _plastic(
    settings: PhaseOpticsSettings, draws: Draws, shape: tuple[int, int]
) -> NDArray[np.float64]:
    """Relative intensity behind bare plastic and medium."""
    wide = smooth_noise(draws, shape, settings.mottle_um / settings.pixel_size_um)
    fine = smooth_noise(draws, shape, max(settings.grain_um / settings.pixel_size_um, 0.5))
    return np.maximum(1 + settings.mottle * wide + settings.grain * fine, 0.1)


def _transfer(settings: PhaseOpticsSettings, fy: Image, fx: Image) -> NDArray[np.complex128]:
    """What the objective does to each spatial frequency of the light's amplitude."""
    wide = settings.wide_halo_share
    ring = (1 - wide) * _gauss(fy, fx, settings.halo_um)
    ring += wide * _gauss(fy, fx, settings.wide_halo_um)
    sigma_um = 0.21 * settings.wavelength_nm / 1000 / settings.numerical_aperture
    return _gauss(fy, fx, sigma_um) * (1 - (1 + 1j * settings.ring_transmission) * ring)


def _gauss(fy: Image, fx: Image, sigma_um: float) -> Image:
    """Transfer function of a Gaussian of this standard deviation, which is separable."""
    width = 2 * math.pi**2 * sigma_um**2
    down: Image = np.exp(-width * fy * fy)
    return down * np.exp(-width * fx * fx)
