"""The clock table: our kernels beside what a user could pick instead. Run ./scripts/bench."""

import os

# Read by the libraries when they load: every contestant gets one thread.
for _name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA"):
    os.environ[f"{_name}_NUM_THREADS"] = "1"
