"""Summary statistics of a set, and the drift between two sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from for_retrieval.records.checks.looks import Look
from for_retrieval.records.records import Records

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
Profile = dict[str, Any]


def profile(records: Records, looks: Sequence[Look | str]) -> Profile:
    """The profile of a set, as JSON; equal sets give equal profiles. What has no values, such as boxes, is null."""
    images, objects, info = records.images, records.objects, records.info
    counts = objects["category"].value_counts()
    area = (images["width"].astype("float64") * images["height"]).set_axis(images["image_id"])
    area = area[~area.index.duplicated()]
    covered = objects["w"].astype("float64") * objects["h"]
    return {
        "name": info.name,
        "digest": info.digest,
        "images": {str(split): int(count) for split, count in sorted(images["split"].value_counts().items())},
        "objects": len(objects),
        "base": len(info.base),
        "novel": len(info.novel),
        "categories": {name: int(counts.get(name, 0)) for name in sorted([*info.base, *info.novel])},
        # The share of its image that a box covers.
        "box_size": _quantiles(covered / objects["image_id"].map(area).astype("float64")),
        "brightness": _quantiles(pd.Series([look.brightness for look in looks if isinstance(look, Look)])),
    }


def drift(now: Profile, accepted: Profile | None) -> dict[str, float] | None:
    """The drift from `accepted` to `now`; None if nothing was accepted, or a set of another name.

    categories: the `count_distance`. box_size: relative change of the median share that a box covers: 0.25 for a
    quarter more or a fifth less. brightness: change of the mean. A part that either set lacks is omitted.
    """
    if accepted is None or accepted.get("name") != now["name"]:
        return None
    found: dict[str, float] = {}
    if (distance := count_distance(accepted.get("categories") or {}, now["categories"])) is not None:
        found["categories"] = distance
    if accepted.get("box_size") and now["box_size"]:
        old, new = accepted["box_size"]["0.5"], now["box_size"]["0.5"]
        found["box_size"] = max(old, new) / max(min(old, new), 1e-9) - 1
    if accepted.get("brightness") and now["brightness"]:
        found["brightness"] = abs(now["brightness"]["mean"] - accepted["brightness"]["mean"])
    return {name: round(value, 4) for name, value in found.items()}


def count_distance(one: Mapping[str, int], other: Mapping[str, int]) -> float | None:
    """Total variation distance, 0 to 1, of the frequencies that two sets of counts stand for; None if one is empty."""
    totals = sum(one.values()), sum(other.values())
    if not all(totals):
        return None
    names = sorted(one.keys() | other.keys())
    return sum(abs(other.get(n, 0) / totals[1] - one.get(n, 0) / totals[0]) for n in names) / 2


def _quantiles(values: pd.Series) -> dict[str, float] | None:
    known = values.to_numpy(dtype=np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return None
    quantiles = np.quantile(known, QUANTILES)
    found = {f"{q:g}": round(float(value), 6) for q, value in zip(QUANTILES, quantiles, strict=True)}
    return {"mean": round(float(known.mean()), 6), **found}
