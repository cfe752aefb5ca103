"""The tables that are checked: those of the set, with a column for each possible problem of a row."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from for_retrieval.params import Params
from for_retrieval.records.checks.looks import Look, near_pairs
from for_retrieval.records.checks.profile import count_distance
from for_retrieval.records.records import Records

OK = "ok"
Tables = dict[str, pd.DataFrame]
Looks = Sequence[Look | str]
Fractions = Mapping[float, Sequence[str]]  # image ids by percent, which rises


def check_tables(
    records: Records, looks: Looks, fractions: Fractions, params: Params, drift: Mapping[str, float] | None
) -> Tables:
    """All tables by name; without labels, those and the columns about labels are left out. drift: as in profile.py."""
    split = records.images["split"]
    counts = {name: int((split == name).sum()) for name in ("train", "val", "test")}
    tables = {
        "images": _images(records.images, looks, params.checks.near_duplicate_bits),
        "counts": pd.DataFrame([counts | {"gallery": int(split.isin(params.index.gallery).sum())}]),
        "fractions": _fractions(records, fractions),
        "fraction images": _fraction_images(records, fractions),
        "drift": pd.DataFrame([dict(drift or {})]),
    }
    if records.negatives is not None:
        tables["negatives"] = _negatives(records, records.negatives)
    if not records.info.base and records.objects.empty:
        without = {"counts": ["val", "test"], "fractions": ["imbalance"]}
        return {name: table.drop(columns=without.get(name, [])) for name, table in tables.items()}
    train, objects, base = records.images.loc[split == "train", "image_id"], records.objects, sorted(records.info.base)
    wanted = objects["image_id"].isin(train) & objects["category"].isin(base)
    shown = objects.loc[wanted, ["category", "image_id"]].drop_duplicates()  # base category and training image
    available = Counter(shown["category"])
    return tables | {
        "objects": _objects(records),
        "base categories": pd.DataFrame({"category": base, "train_images": [available[name] for name in base]}),
        "fraction labels": _fraction_labels(fractions, shown, base, params.checks.min_labelled),
    }


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
    """For each image another one that it looks like, and for those of val and test a similar training image.

    Exact copies do not count: they have checks of their own.
    """
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
    said = np.where(shown, "its image has a box of it", OK)
    return negatives.assign(image=np.where(known, OK, "unknown image"), shown=said)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, TypeError):
        return False


def _fraction_images(records: Records, fractions: Fractions) -> pd.DataFrame:
    """One row per image of each fraction."""
    split_of = dict(zip(records.images["image_id"], records.images["split"], strict=True))
    larger = dict(pairwise(fractions))
    rows = []
    for percent, ids in fractions.items():
        others = set(fractions[larger[percent]]) if percent in larger else set(ids)
        lost = f"not in {larger.get(percent, 100):g} %"
        rows += [(percent, i, split_of.get(i, "no image of this set"), OK if i in others else lost) for i in ids]
    return pd.DataFrame(rows, columns=["percent", "image_id", "split", "nested"])


def _fractions(records: Records, fractions: Fractions) -> pd.DataFrame:
    """One row per fraction: its size, how many images it lacks, and how far its labels are from those of all."""
    train = records.images.loc[records.images["split"] == "train", "image_id"]
    base = records.objects[records.objects["category"].isin(records.info.base)]
    everything = Counter(base.loc[base["image_id"].isin(train), "category"])
    rows = []
    for percent, listed in fractions.items():
        ids, least = set(listed), math.ceil(round(percent * len(train) / 100, 6))
        labels = Counter(base.loc[base["image_id"].isin(ids), "category"])
        imbalance = round(count_distance(labels, everything) or 0.0, 4)
        rows.append((percent, len(ids), max(least - len(ids), 0), imbalance))
    return pd.DataFrame(rows, columns=["percent", "images", "images_missing", "imbalance"])


def _fraction_labels(fractions: Fractions, shown: pd.DataFrame, base: list[str], least: int) -> pd.DataFrame:
    """One row per base category in each fraction: its labelled images, and how many more it should have."""
    available, rows = Counter(shown["category"]), []
    for percent, ids in fractions.items():
        labelled = Counter(shown.loc[shown["image_id"].isin(set(ids)), "category"])
        rows += [(percent, c, labelled[c], max(min(least, available[c]) - labelled[c], 0)) for c in base]
    return pd.DataFrame(rows, columns=["percent", "category", "labelled", "labelled_missing"])
