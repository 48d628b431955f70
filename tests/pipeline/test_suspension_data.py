"""Accuracy on real crops of a counting chamber, held to the figures asked for."""

from pathlib import Path

import pytest

from monolayer.engine.evaluation import evaluate_manifest
from monolayer.method import Method


@pytest.mark.data
@pytest.mark.slow
def test_live_and_dead_cells_of_a_real_chamber(data_folder: Path) -> None:
    """LDC: 221 crops, 815 boxes by one annotator, pooled; no setting is changed.

    The weights of `segment.suspension.judge` were fitted on these crops; its docstring has the
    figures of crops judged by weights that had not seen their family.
    """
    method = Method.model_validate({"assay": "suspension"})
    manifest = data_folder / "manifest.csv"
    images, (pooled,), _ = evaluate_manifest(manifest, method, lambda *_: None)
    assert len(images) == 221
    assert pooled["n_failed"] == 0
    assert (pooled["n_true_live"], pooled["n_true_dead"]) == (654, 161)
    assert abs(pooled["live_error_percent"]) <= 5
    assert abs(pooled["dead_error_percent"]) <= 10
    assert abs(pooled["viability_error_points"]) <= 3
    assert pooled["f1_centre"] >= 0.90
    assert pooled["f1_centre_class"] >= 0.86
