"""What napari takes from a plug-in: data, the layer's arguments, the layer's type."""

from typing import Any

__all__ = ["LayerData"]

LayerData = tuple[Any, dict[str, Any], str]
