"""What napari takes from a plug-in: data, the layer's arguments, the layer's type."""

from typing import Any

__all__ = ["LayerData", "refill"]

LayerData = tuple[Any, dict[str, Any], str]


def refill(layer: Any, labels: Any) -> None:
    """Fill a labels layer with others, in the array that is its own.

    napari paints into the array that it is given, so that of a record is never handed over. And a
    new array has napari make all its colours anew, which takes 0.13 s (napari 0.9.2).

    Parameters
    ----------
    layer : napari.layers.Labels
        Its array must be nobody else's.
    labels : ndarray (H, W)
        Integers.
    """
    if layer.data.shape == labels.shape and layer.data.dtype == labels.dtype:
        layer.data[...] = labels
        layer.refresh(extent=False)
    else:
        layer.data = labels.copy()
