"""What a method would find in a part of a field, as fast as it can be found: no measuring.

For setting a method by eye. The label image is that of the method's own segmentation; figures and
tables come from a run.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.assays import assay_of
from monolayer.errors import ImageError
from monolayer.field import FieldImage
from monolayer.method import Method

__all__ = ["preview_labels"]


def preview_labels(
    image: FieldImage, roles: Mapping[str, str], method: Method
) -> NDArray[np.int32]:
    """Label image of a method on some pixels.

    Parameters
    ----------
    image : FieldImage
        Pixels of a field or of a part of one. What a method finds in the image itself (scale,
        level, noise) it finds in the part: a part may look otherwise than the whole.
    roles : mapping of str to str
        Channel of each of the assay's roles.
    method : Method
        Its assay and settings.

    Raises
    ------
    ImageError
        Nothing can be found in these pixels; the sentence says why.
    """
    channel = image.channels[next(iter(roles.values()))]
    if method.assay == "nuclei" or (method.assay == "morphology" and len(roles) == 1):
        from monolayer.segment import segment_nuclei

        return segment_nuclei(channel, method.segment, image.pixel_size_um).labels
    if method.assay == "confluence":
        from monolayer.segment.cover import segment_cover

        return segment_cover(channel, method.confluence, image.pixel_size_um).labels()
    if method.assay == "suspension":
        from monolayer.segment.suspension import segment_suspension

        return segment_suspension(channel, method.suspension, image.pixel_size_um).labels
    return _evaluated(image, roles, method)


def _evaluated(image: FieldImage, roles: Mapping[str, str], method: Method) -> NDArray[Any]:
    """By the whole assay, where labels are united of several channels."""
    found = assay_of(method).evaluate(image, roles, method)
    if found.labels is None:
        reason, detail = found.problem or ("nothing_found", "Nothing was found.")
        raise ImageError(reason, detail)
    return found.labels
