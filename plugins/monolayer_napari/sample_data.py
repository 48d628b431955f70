"""Sample data simulated in code: nothing is downloaded or shipped."""

from monolayer_napari.layers import LayerData

__all__ = ["simulated_field"]

SEED = 2026


def simulated_field() -> list[LayerData]:
    """Return a simulated image of nuclei and its exact truth, in micrometres.

    Returns
    -------
    list of LayerData
        An image and a labels layer; the same bits at every call.
    """
    from monolayer.simulate import SimulateSettings, simulate_field

    settings = SimulateSettings()
    field = simulate_field(settings, SEED)
    pixel_size_um = settings.optics.pixel_size_um
    placed = {
        "scale": (pixel_size_um, pixel_size_um),
        "units": ("um", "um"),
        "metadata": {"simulated_seed": SEED},
    }
    return [
        (field.pixels, {"name": "simulated nuclei", **placed}, "image"),
        (field.labels, {"name": "truth", **placed}, "labels"),
    ]
