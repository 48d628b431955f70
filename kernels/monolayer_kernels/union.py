"""Union-find over numbered items: what the labelling of runs, gaps and pieces has in common.

``parent`` holds for each item another of its set, and for a root itself. The callers write
``parent[max(a, b)] = min(a, b)`` for two roots: then a root is the first item of its set, and
sets are numbered in order without sorting.
"""

from typing import Any

from numpy.typing import NDArray

from monolayer_kernels._jit import kernel

__all__ = ["find_root"]


@kernel
def find_root(parent: NDArray[Any], item: int) -> int:
    """Root of an item's set; on the way each second item is hung one step higher."""
    while parent[item] != item:
        parent[item] = parent[parent[item]]
        item = parent[item]
    return item
