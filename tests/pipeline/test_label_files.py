"""Label images as files: any reader of TIFF gives back what was written."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from monolayer.engine.label_files import write_labels
from monolayer.engine.work import FieldResult


@pytest.mark.parametrize(("largest", "dtype"), [(65535, np.uint16), (65536, np.uint32)])
def test_what_is_read_is_what_was_written(tmp_path: Path, largest: int, dtype: type) -> None:
    labels = np.zeros((150, 90), np.int32)
    labels[20:90, 3:40], labels[80:150, 35:90], labels[149, 89] = 7, 300, largest
    path = tmp_path / "labels.tif"
    write_labels(path, FieldResult({"pixel_size_um": 0.5}, labels=labels))
    with tifffile.TiffFile(path) as tif:
        page = tif.pages[0].aspage()
        assert page.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert page.dtype == dtype
        assert page.get_resolution(tifffile.RESUNIT.MICROMETER) == pytest.approx((2, 2))
        np.testing.assert_array_equal(page.asarray(), labels)
    if dtype is np.uint16:  # libtiff's reading; OpenCV takes no integers of 32 bits
        np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), labels)
    assert [file.name for file in tmp_path.iterdir()] == ["labels.tif"]
