"""The tables that are checked: those of the set, with a column for each possible problem of a row."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from for_retrieval.params import Checks
from for_retrieval.records.checks.looks import Look, near_pairs
from for_retrieval.records.checks.profile import count_distance
from for_retrieval.records.records import Records
from for_retrieval.records.splits import SPLITS

OK = "ok"
Tables = dict[str, pd.DataFrame]


def check_tables(
    records: Records,
    looks: Sequence[Look | str],
    fractions: Mapping[float, Sequence[str]],
    gallery: Sequence[str],
    checks: Checks,
    drift: Mapping[str, float] | None,
) -> Tables:
    """All tables by name. fractions: image ids by percent. gallery: splits. drift: as profile.py returns it."""
    shown = _images_per_category(records)
    base, split = sorted(records.info.base), records.images["split"]
    images_of = shown["category"].value_counts()
    counts = {name: int((split == name).sum()) for name in SPLITS}
    negatives = {} if records.negatives is None else {"negatives": _negatives(records, records.negatives)}
    return negatives | {
        "images": _images(records.images, looks, checks.near_duplicate_bits),
        "objects": _objects(records),
        "counts": pd.DataFrame([{**counts, "gallery": split.isin(gallery).sum()}]),
        "base categories": pd.DataFrame({"category": base, "train_images": [int(images_of.get(n, 0)) for n in base]}),
        "fractions": _fractions(records, fractions),
        "fraction images": _fraction_images(records, fractions),
        "fraction labels": _fraction_labels(records, fractions, shown, checks.min_labelled),
        "drift": pd.DataFrame([dict(drift or {})]),
    }


def _images(images: pd.DataFrame, looks: Sequence[Look | str], near_bits: int) -> pd.DataFrame:
    first = images.groupby(["hash", "split"])["image_id"].transform("first")
    frame = images.assign(
        file=[OK if isinstance(look, Look) else look for look in looks],
        size=[_size(*row) for row in zip(images["width"], images["height"], looks, strict=True)],
        pixels=images["width"].astype("int64") * images["height"],
        splits_of_content=images.groupby("hash")["split"].transform("nunique"),
        copy_of=first.where(first != images["image_id"], None).astype(object),
    )
    like, like_train = _likeness(frame, looks, near_bits)
    return frame.assign(looks_like=like, looks_like_train=like_train)


def _size(width: int, height: int, look: Look | str) -> str:
    if isinstance(look, str) or (width, height) == (look.width, look.height):
        return OK  # the column file reports a file that cannot be read
    return f"{look.width} x {look.height} in the file, {width} x {height} in the table"


def _likeness(images: pd.DataFrame, looks: Sequence[Look | str], near_bits: int) -> tuple[pd.Series, pd.Series]:
    """For each image another one that it looks like, and for those of val and test a similar training image.

    Exact copies do not count: they have checks of their own.
    """
    prints = [look.fingerprint if isinstance(look, Look) else "" for look in looks]
    rows = np.array([row for row, text in enumerate(prints) if text], np.int64)
    pairs = rows[near_pairs(np.array([int(prints[row], 16) for row in rows], np.uint64), near_bits)]
    ids, hashes, splits = (images[name].tolist() for name in ("image_id", "hash", "split"))
    like: list[str | None] = [None] * len(ids)
    like_train: list[str | None] = [None] * len(ids)
    for a, b in pairs.tolist():
        if hashes[a] == hashes[b]:
            continue
        for one, other in ((a, b), (b, a)):
            like[one] = like[one] or ids[other]
            if splits[other] == "train" and splits[one] != "train":
                like_train[one] = like_train[one] or ids[other]
    return pd.Series(like, dtype=object), pd.Series(like_train, dtype=object)


def _objects(records: Records) -> pd.DataFrame:
    objects = records.objects
    sizes = records.images.drop_duplicates("image_id").set_index("image_id")[["width", "height"]].astype("float64")
    known = objects["image_id"].isin(sizes.index)
    found = sizes.reindex(objects["image_id"]).reset_index(drop=True)
    readable = {text: _is_object(text) for text in objects["attributes"].unique()}
    return objects.assign(
        image=np.where(known, OK, "unknown image"),
        beyond_right=objects["x"].astype("float64") + objects["w"] - found["width"],
        beyond_bottom=objects["y"].astype("float64") + objects["h"] - found["height"],
        attributes_are=np.where(objects["attributes"].map(readable).astype(bool), OK, "not a JSON object"),
    )


def _negatives(records: Records, negatives: pd.DataFrame) -> pd.DataFrame:
    pairs = pd.MultiIndex.from_frame(negatives[["image_id", "category"]])
    shown = pairs.isin(pd.MultiIndex.from_frame(records.objects[["image_id", "category"]]))
    known = negatives["image_id"].isin(records.images["image_id"])
    return negatives.assign(
        image=np.where(known, OK, "unknown image"), shown=np.where(shown, "its image has a box of it", OK)
    )


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, TypeError):
        return False


def _images_per_category(records: Records) -> pd.DataFrame:
    """Distinct pairs of base category and training image that shows it."""
    train = records.images.loc[records.images["split"] == "train", "image_id"]
    objects = records.objects
    wanted = objects["image_id"].isin(train) & objects["category"].isin(records.info.base)
    return objects.loc[wanted, ["category", "image_id"]].drop_duplicates()


def _fraction_images(records: Records, fractions: Mapping[float, Sequence[str]]) -> pd.DataFrame:
    split_of = dict(zip(records.images["image_id"], records.images["split"], strict=True))
    rows = []
    order = sorted(fractions)
    for percent, larger in zip(order, [*order[1:], *order[-1:]], strict=True):
        others = set(fractions[larger])
        for image_id in fractions[percent]:
            nested = OK if image_id in others else f"not in {larger:g} %"
            rows.append((percent, image_id, split_of.get(image_id, "no image of this set"), nested))
    return pd.DataFrame(rows, columns=["percent", "image_id", "split", "nested"])


def _fractions(records: Records, fractions: Mapping[float, Sequence[str]]) -> pd.DataFrame:
    """One row per fraction: its size, how many images it lacks, and how far its labels are from those of all."""
    train = records.images["split"] == "train"
    base = records.objects[records.objects["category"].isin(records.info.base)]
    everything = base[base["image_id"].isin(records.images.loc[train, "image_id"])]["category"]
    rows = []
    for percent in sorted(fractions):
        ids = set(fractions[percent])
        least = math.ceil(round(percent * int(train.sum()) / 100, 6))
        labels = base[base["image_id"].isin(ids)]["category"]
        distance = count_distance(Counter(labels), Counter(everything)) or 0.0
        rows.append((percent, len(ids), max(least - len(ids), 0), round(distance, 4)))
    return pd.DataFrame(rows, columns=["percent", "images", "images_missing", "imbalance"])


def _fraction_labels(
    records: Records, fractions: Mapping[float, Sequence[str]], shown: pd.DataFrame, min_labelled: int
) -> pd.DataFrame:
    """One row per base category in each fraction: its labelled images, and how many more it should have."""
    available = shown["category"].value_counts()
    rows = []
    for percent in sorted(fractions):
        labelled = shown[shown["image_id"].isin(set(fractions[percent]))]["category"].value_counts()
        for category in sorted(records.info.base):
            count, most = int(labelled.get(category, 0)), int(available.get(category, 0))
            rows.append((percent, category, count, max(min(min_labelled, most) - count, 0)))
    return pd.DataFrame(rows, columns=["percent", "category", "labelled", "labelled_missing"])
