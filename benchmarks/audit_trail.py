"""The audit trail of a study of many visits (simulated): how long its check and its export take.

    python -m benchmarks.audit_trail FOLDER [--vessels N]

A vessel has 30 acquisitions and 2 exchanges. Prints processor seconds and the greatest memory of
the process.
"""

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.study_scale import SEEDED, fill
from monolayer.custody import export_trail, verify_study
from monolayer.custody.trail import read_head, verify_export
from monolayer.study import Study

__all__ = ["measure"]


def measure(folder: Path, n_vessels: int) -> dict[str, float]:
    """Fill a study, check it, export it, check the export; processor seconds and megabytes."""
    out = folder / "trail"
    with Study.create(folder / "study.db", actor="bench", at=SEEDED) as study:
        found = {"write_s": _seconds(lambda: fill(study, n_vessels))}
        checked = verify_study(study)
        found["entries"] = checked.n_entries
        found["verify_s"] = _seconds(lambda: verify_study(study))
        found["export_s"] = _seconds(lambda: export_trail(study, out))
    again = verify_export(out / "audit.jsonl", [read_head(str(out / "head.json"))])
    assert checked.is_intact
    assert again.is_intact
    assert again.n_entries == checked.n_entries
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--vessels", type=int, default=1000)
    asked = parser.parse_args()
    for name, value in measure(asked.folder, asked.vessels).items():
        print(f"{name:>10} {value:.1f}")
