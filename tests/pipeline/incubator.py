"""An incubator of vessels in every state, for tests of the plan: made of derived histories."""

from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from tests.pipeline.vessel_histories import history, ready

from monolayer.history import VesselHistory

# Monday 2026-11-23, 06:00 in Paris.
NOW = datetime.fromisoformat("2026-11-23T06:00:00+01:00")


def at_now(name: str, made: VesselHistory, at_h: float = 90.0) -> VesselHistory:
    """The history under another name, its 90th hour being `NOW`."""
    vessel = replace(made.vessel, name=name, seeded_at=NOW - timedelta(hours=at_h))
    return replace(made, vessel=vessel)


def incubator() -> list[VesselHistory]:
    """Six vessels: to be fed, confirmed, passaged, harvested, looked at, and one that goes on."""
    return [
        at_now("V-01", history(fed_h=15.0)),
        at_now("V-02", history(mean=0.85, last={"confluence_lower_bound": 0.82})),
        at_now("V-03", ready()),
        at_now("V-04", ready(final_stage=True)),
        at_now("V-05", history(ph=6.9)),
        at_now("V-06", history(mean=0.66)),
    ]


def write_histories(path: Path, histories: list[VesselHistory]) -> Path:
    """The histories as the file that the command line reads."""
    blocks: list[dict[str, Any]] = []
    for each in histories:
        block = {key: value for key, value in asdict(each).items() if value not in ((), None)}
        for kind in ("acquisitions", "viabilities", "readings", "exchanges"):
            block[kind] = [_known(row) for row in block.get(kind, ())]
        blocks.append(block | {"vessel": _known(block["vessel"])})
    path.write_text(yaml.safe_dump({"vessels": blocks}), encoding="utf-8")
    return path


def _known(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if value is not None}
