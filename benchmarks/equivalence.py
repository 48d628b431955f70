"""TOST on simulated null data: how often it calls equivalent what lies on the margin. SIMULATED.

    python -m benchmarks.equivalence [simulations]

Donors react to the medium each in their own way; wells scatter about their donor. The true
difference lies exactly on the margin, so that a test of 5 % may call 5 % equivalent. Beside it the
same data with every well taken for a donor, which is what the comparison refuses.
"""

import math
import sys
from collections.abc import Sequence

import numpy as np

from monolayer.compare.equivalence import tost_paired
from monolayer.compare.outcomes import Outcome, donor_means
from monolayer.compare.plan import Endpoint

MARGIN = 0.3
ENDPOINT = Endpoint(column="population_doublings", margin_low=-MARGIN, margin_high=MARGIN)


def outcomes(
    rng: np.random.Generator, donors: int, wells: int, truth: float = MARGIN
) -> list[Outcome]:
    """Donors of SD 0.5, their reaction to the medium 0.15, wells 0.1 (population doublings)."""
    found = []
    for donor in range(donors):
        level, reaction = rng.normal(5, 0.5), truth + rng.normal(0, 0.15)
        for medium, shift in (("reference", 0.0), ("new", reaction)):
            found += [
                Outcome(f"D{donor}", medium, "", {"population_doublings": level + shift + noise})
                for noise in rng.normal(0, 0.1, wells).tolist()
            ]
    return found


def differences(found: Sequence[Outcome], *, by_well: bool = False) -> list[float]:
    if by_well:
        named = [
            Outcome(f"{o.donor} {i % (len(found))}", o.medium, o.unit, o.values)
            for i, o in _numbered(found)
        ]
        return differences(named)
    means = donor_means(found, ENDPOINT)
    return [means["new"][d].value - means["reference"][d].value for d in means["reference"]]


def _numbered(found: Sequence[Outcome]) -> list[tuple[int, Outcome]]:
    """Wells by their number within donor and medium: the mistake, pairing well by well."""
    seen: dict[tuple[str, str], int] = {}
    told = []
    for each in found:
        key = (each.donor, each.medium)
        seen[key] = seen.get(key, -1) + 1
        told.append((seen[key], each))
    return told


def called_equivalent(
    simulations: int, donors: int, wells: int, seed: int, *, by_well: bool = False
) -> float:
    """Share of simulated comparisons on the margin that are called equivalent."""
    rng = np.random.default_rng(seed)
    n = 0
    for _ in range(simulations):
        found = differences(outcomes(rng, donors, wells), by_well=by_well)
        n += tost_paired(found, -MARGIN, MARGIN).equivalent
    return n / simulations


def main() -> None:
    simulations = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    print(f"SIMULATED, {simulations} comparisons on the margin, alpha 5 %, "
          f"binomial SE {100 * math.sqrt(0.05 * 0.95 / simulations):.2f} points")  # fmt: skip
    print("| donors | wells a donor | called equivalent | wells taken for donors |")
    print("|--:|--:|--:|--:|")
    for donors, wells in ((3, 3), (6, 3), (6, 12), (12, 3)):
        fair = called_equivalent(simulations, donors, wells, 1)
        naive = called_equivalent(simulations, donors, wells, 1, by_well=True)
        print(f"| {donors} | {wells} | {100 * fair:.1f} % | {100 * naive:.1f} % |")


if __name__ == "__main__":
    main()
