"""What a worker may hold of a scan at once. Changes how much is read, and no result."""

from monolayer.read.scans import Scan

__all__ = ["LEAST_MB", "readable_columns"]

# Interpreter, libraries and compiled kernels with Dask; a pixel of the window that is segmented.
BASE_MB = 330.0
BYTES_A_WINDOW_PIXEL = 45
LEAST_MB = 600.0
# Reading more at once gains nothing.
MOST_COLUMNS = 8_192


def readable_columns(scan: Scan, window_px: int, margin_px: int, max_memory_mb: float) -> int:
    """Columns of a row of windows whose pixels may be held beside the work on one window.

    Parameters
    ----------
    scan : Scan
    window_px, margin_px : int
        Of the windows.
    max_memory_mb : float
        For the whole worker process.
    """
    side = window_px + 2 * margin_px
    window = side * side * BYTES_A_WINDOW_PIXEL / 1e6
    rows = min(side, scan.shape[0])
    # Twice: decoders hold what they decode beside what it becomes.
    column = 2 * rows * sum(reader.dtype.itemsize for reader in scan.channels.values()) / 1e6
    return max(0, min(int((max_memory_mb - BASE_MB - window) / column), MOST_COLUMNS))
