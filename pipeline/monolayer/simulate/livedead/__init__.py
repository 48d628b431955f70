"""Living and dead cells in two or three dyes that spill over."""
