"""A set in numbers: its profile, and the tables that are checked, with a column for each possible problem of a row."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from for_retrieval.params import Params
from for_retrieval.records.checks.looks import Look, near_pairs
from for_retrieval.records.records import Records

OK = "ok"
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
Profile = dict[str, Any]
Tables = dict[str, pd.DataFrame]
Looks = Sequence[Look | str]
Fractions = Mapping[float, Sequence[str]]  # image ids by percent, which rises


def profile(records: Records, looks: Looks) -> Profile:
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
    distance = count_distance(accepted.get("categories") or {}, now["categories"])
    found = {} if distance is None else {"categories": distance}
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


def check_tables(
    records: Records, looks: Looks, fractions: Fractions, params: Params, moved: Mapping[str, float] | None
) -> Tables:
    """All tables by name; without labels, those and the columns about labels are left out. moved: the `drift`."""
    split = records.images["split"]
    counts = {name: int((split == name).sum()) for name in ("train", "val", "test")}
    tables = {
        "images": _images(records.images, looks, params.checks.near_duplicate_bits),
        "counts": pd.DataFrame([counts | {"gallery": int(split.isin(params.index.gallery).sum())}]),
        "objects": _objects(records),
        "drift": pd.DataFrame([dict(moved or {})]),
        **_fractions(records, fractions, params.checks.min_labelled),
    }
    if records.negatives is not None:
        tables["negatives"] = _negatives(records, records.negatives)
    if not records.info.base and records.objects.empty:
        without = {"counts": ["val", "test"], "fractions": ["imbalance"]}
        about = {"objects", "base categories", "fraction labels"}
        return {name: table.drop(columns=without.get(name, [])) for name, table in tables.items() if name not in about}
    return tables


def _images(images: pd.DataFrame, looks: Looks, near_bits: int) -> pd.DataFrame:
    first = images.groupby(["hash", "split"])["image_id"].transform("first")
    frame = images.assign(
        file=[OK if isinstance(look, Look) else look for look in looks],
        size=[
            f"{look.width} x {look.height} in the file, {width} x {height} in the table"
            if isinstance(look, Look) and (look.width, look.height) != (width, height)
            else OK  # the column file reports a file that cannot be read
            for width, height, look in zip(images["width"], images["height"], looks, strict=True)
        ],
        pixels=images["width"].astype("int64") * images["height"],
        splits_of_content=images.groupby("hash")["split"].transform("nunique"),
        copy_of=first.where(first != images["image_id"], None).astype(object),
    )
    return frame.assign(**_likeness(frame, looks, near_bits))


def _likeness(images: pd.DataFrame, looks: Looks, near_bits: int) -> dict[str, pd.Series]:
    """For each image another one, no exact copy, that it looks like, and for val and test a similar training image."""
    prints = [look.fingerprint if isinstance(look, Look) else "" for look in looks]
    rows = np.array([row for row, text in enumerate(prints) if text], np.int64)
    pairs = rows[near_pairs(np.array([int(prints[row], 16) for row in rows], np.uint64), near_bits)]
    ids, hashes, splits = (images[name].tolist() for name in ("image_id", "hash", "split"))
    like: dict[int, str] = {}
    like_train: dict[int, str] = {}
    for one, other in (pair for a, b in pairs.tolist() if hashes[a] != hashes[b] for pair in ((a, b), (b, a))):
        like.setdefault(one, ids[other])
        if splits[other] == "train" and splits[one] != "train":
            like_train.setdefault(one, ids[other])
    columns = {"looks_like": like, "looks_like_train": like_train}
    return {name: pd.Series(map(found.get, range(len(ids))), dtype=object) for name, found in columns.items()}


def _objects(records: Records) -> pd.DataFrame:
    objects = records.objects
    sizes = records.images.drop_duplicates("image_id").set_index("image_id")[["width", "height"]].astype("float64")
    found = sizes.reindex(objects["image_id"]).reset_index(drop=True)
    readable = {text: _is_object(text) for text in objects["attributes"].unique()}
    return objects.assign(
        image=np.where(objects["image_id"].isin(sizes.index), OK, "unknown image"),
        beyond_right=objects["x"].astype("float64") + objects["w"] - found["width"],
        beyond_bottom=objects["y"].astype("float64") + objects["h"] - found["height"],
        attributes_are=np.where(objects["attributes"].map(readable).astype(bool), OK, "not a JSON object"),
    )


def _negatives(records: Records, negatives: pd.DataFrame) -> pd.DataFrame:
    pairs, boxes = (pd.MultiIndex.from_frame(of[["image_id", "category"]]) for of in (negatives, records.objects))
    known = negatives["image_id"].isin(records.images["image_id"])
    shown = np.where(pairs.isin(boxes), "its image has a box of it", OK)
    return negatives.assign(image=np.where(known, OK, "unknown image"), shown=shown)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, TypeError):
        return False


def _fractions(records: Records, fractions: Fractions, min_labelled: int) -> Tables:
    """Tables with a row per fraction, per image of each, per base category, and per base category in each fraction.

    images_missing, labelled_missing: how many more there should be. imbalance: how far labels are from those of all.
    """
    images, objects, base = records.images, records.objects, sorted(records.info.base)
    split_of = dict(zip(images["image_id"], images["split"], strict=True))
    train = images.loc[images["split"] == "train", "image_id"]
    labels = objects.loc[objects["category"].isin(base), ["image_id", "category"]]
    of_train = labels[labels["image_id"].isin(train)]
    shown = of_train.drop_duplicates()
    everything, available = Counter(of_train["category"]), Counter(shown["category"])
    larger = dict(pairwise(fractions))
    sizes, members, labelled = [], [], []
    for percent, listed in fractions.items():
        ids, least = set(listed), math.ceil(round(percent * len(train) / 100, 6))
        imbalance = count_distance(Counter(labels.loc[labels["image_id"].isin(ids), "category"]), everything) or 0.0
        sizes.append((percent, len(ids), max(least - len(ids), 0), round(imbalance, 4)))
        others, lost = set(fractions[larger.get(percent, percent)]), f"not in {larger.get(percent, 100):g} %"
        members += [(percent, i, split_of.get(i, "no image of this set"), OK if i in others else lost) for i in listed]
        found = Counter(shown.loc[shown["image_id"].isin(ids), "category"])
        labelled += [(percent, c, found[c], max(min(min_labelled, available[c]) - found[c], 0)) for c in base]
    return {
        "fractions": pd.DataFrame(sizes, columns=["percent", "images", "images_missing", "imbalance"]),
        "fraction images": pd.DataFrame(members, columns=["percent", "image_id", "split", "nested"]),
        "fraction labels": pd.DataFrame(labelled, columns=["percent", "category", "labelled", "labelled_missing"]),
        "base categories": pd.DataFrame({"category": base, "train_images": [available[name] for name in base]}),
    }
