"""The tables that are checked: those of the set, with a column for each possible problem of a row."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from for_retrieval.params import Checks
from for_retrieval.records.checks.looks import Look, near_pairs
from for_retrieval.records.records import Records

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
    """All tables by name; without labels, those and the columns about labels are left out.

    fractions: image ids by percent. gallery: splits. drift: as profile.py returns it.
    """
    tables = {
        "images": _images(records.images, looks, checks.near_duplicate_bits),
        "counts": _counts(records, gallery),
        "fractions": _fractions(records, fractions),
        "fraction images": _fraction_images(records, fractions),
        "drift": pd.DataFrame([dict(drift or {})]),
    }
    if records.negatives is not None:
        tables["negatives"] = _negatives(records, records.negatives)
    if not records.info.base and records.objects.empty:
        without = {"counts": ["val", "test"], "fractions": ["imbalance"]}
        return {name: table.drop(columns=without.get(name, [])) for name, table in tables.items()}
    shown = _images_per_category(records)
    return tables | {
        "objects": _objects(records),
        "base categories": _base_categories(records, shown),
        "fraction labels": _fraction_labels(records, fractions, shown, checks.min_labelled),
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


def _counts(records: Records, gallery: Sequence[str]) -> pd.DataFrame:
    """One row: the number of images per split, and of images that can be searched."""
    split = records.images["split"]
    names = ("train", "val", "test")
    return pd.DataFrame(
        [{**{name: int((split == name).sum()) for name in names}, "gallery": split.isin(gallery).sum()}]
    )


def _images_per_category(records: Records) -> pd.DataFrame:
    """Distinct pairs of base category and training image that shows it."""
    train = records.images.loc[records.images["split"] == "train", "image_id"]
    objects = records.objects
    wanted = objects["image_id"].isin(train) & objects["category"].isin(records.info.base)
    return objects.loc[wanted, ["category", "image_id"]].drop_duplicates()


def _base_categories(records: Records, shown: pd.DataFrame) -> pd.DataFrame:
    counts = shown["category"].value_counts()
    names = sorted(records.info.base)
    return pd.DataFrame({"category": names, "train_images": [int(counts.get(name, 0)) for name in names]})


def _fraction_images(records: Records, fractions: Mapping[float, Sequence[str]]) -> pd.DataFrame:
    """One row per image of each fraction."""
    split_of = dict(zip(records.images["image_id"], records.images["split"], strict=True))
    order = sorted(fractions)
    larger = dict(pairwise(order))
    sets = {percent: set(ids) for percent, ids in fractions.items()}
    rows = [
        (
            percent,
            image_id,
            split_of.get(image_id, "no image of this set"),
            OK if percent not in larger or image_id in sets[larger[percent]] else f"not in {larger[percent]:g} %",
        )
        for percent in order
        for image_id in fractions[percent]
    ]
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
        rows.append((percent, len(ids), max(least - len(ids), 0), _distance(labels, everything)))
    return pd.DataFrame(rows, columns=["percent", "images", "images_missing", "imbalance"])


def _distance(one: pd.Series, other: pd.Series) -> float:
    """Total variation distance of two lists of categories; 0 where one is empty."""
    if not len(one) or not len(other):
        return 0.0
    a, b = one.value_counts(normalize=True), other.value_counts(normalize=True)
    return round(float(a.sub(b, fill_value=0).abs().sum() / 2), 4)


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
