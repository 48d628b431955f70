"""Evaluate: hold any segmentation against truth masks.

`match_labels` pairs objects, `score_image` makes one image's figures of the pairs, `pool_scores`
makes one row a dataset of the images. These know nothing of files; `read_manifest` and
`read_mask` bring the masks, and `evaluate_pairs` walks over them.
"""

from monolayer.evaluate.manifest import Manifest, ManifestRow, read_manifest, read_mask
from monolayer.evaluate.matching import Matches, Overlaps, count_overlaps, match_labels
from monolayer.evaluate.scorers import SCORERS, Found, Scorer, score_row, scorer_of
from monolayer.evaluate.scores import (
    ImageScore,
    evaluate_pairs,
    f1_score,
    pool_scores,
    score_image,
    score_pair,
)

__all__ = [
    "SCORERS",
    "Found",
    "ImageScore",
    "Manifest",
    "ManifestRow",
    "Matches",
    "Overlaps",
    "Scorer",
    "count_overlaps",
    "evaluate_pairs",
    "f1_score",
    "match_labels",
    "pool_scores",
    "read_manifest",
    "read_mask",
    "score_image",
    "score_pair",
    "score_row",
    "scorer_of",
]
