"""What a method would find in a part of a field, as fast as it can be found: no measuring.

For setting a method by eye. The label image is that of the method's own segmentation; figures and
tables come from a run.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from monolayer.assays import assay_of
from monolayer.errors import ImageError
from monolayer.field import FieldImage
from monolayer.method import Method

if TYPE_CHECKING:
    from monolayer.segment.suspension import ChamberPlane

__all__ = ["Preview", "preview_labels"]


def preview_labels(
    image: FieldImage, roles: Mapping[str, str], method: Method
) -> NDArray[np.int32]:
    """Label image of a method on some pixels; see `Preview`."""
    return Preview(image, roles).labels(method)


class Preview:
    """The same pixels under changing settings; what no setting changes is found once.

    Parameters
    ----------
    image : FieldImage
        Pixels of a field or of a part of one. What a method finds in the image itself (scale,
        level, noise) it finds in the part: a part may look otherwise than the whole.
    roles : mapping of str to str
        Channel of each of the assay's roles.
    """

    def __init__(self, image: FieldImage, roles: Mapping[str, str]) -> None:
        self.image, self.roles = image, roles

    def labels(self, method: Method) -> NDArray[np.int32]:
        """Label image of a method.

        Parameters
        ----------
        method : Method
            Its assay and settings.

        Raises
        ------
        ImageError
            Nothing can be found in these pixels; the sentence says why.
        """
        size = self.image.pixel_size_um
        if method.assay == "nuclei" or (method.assay == "morphology" and len(self.roles) == 1):
            from monolayer.segment import segment_nuclei

            return segment_nuclei(self._channel, method.segment, size).labels
        if method.assay == "confluence":
            from monolayer.segment.cover import segment_cover

            return segment_cover(self._channel, method.confluence, size).labels()
        if method.assay == "suspension":
            return self._chamber.segment(method.suspension, size).labels
        return _evaluated(self.image, self.roles, method)

    @property
    def _channel(self) -> NDArray[Any]:
        return self.image.channels[next(iter(self.roles.values()))]

    @cached_property
    def _chamber(self) -> "ChamberPlane":
        from monolayer.segment.suspension import ChamberPlane

        return ChamberPlane(self._channel)


def _evaluated(image: FieldImage, roles: Mapping[str, str], method: Method) -> NDArray[Any]:
    """By the whole assay, where labels are united of several channels."""
    found = assay_of(method).evaluate(image, roles, method)
    if found.labels is None:
        reason, detail = found.problem or ("nothing_found", "Nothing was found.")
        raise ImageError(reason, detail)
    return found.labels
