"""OME-Zarr 0.5, written: plates, images, labels and tables.

`image` and `plate` write what the specification describes, `tables` what ngio's table convention
adds. zarr is imported when the first array is written.
"""
