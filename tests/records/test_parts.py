"""Sets in parts: joined ids, paths and words, and what becomes of the parts."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import pytest
from small_sets import lvis

from for_retrieval.params import SplitRatio
from for_retrieval.records.readers.lvis import read_lvis
from for_retrieval.records.readers.source import Source, join
from for_retrieval.records.splits import split_by_parts

RATIO = SplitRatio(train=0.6, val=0.2, test=0.2)


def source(ids: list[str], category: str) -> Source:
    """A 40 x 30 image of each id, with one object of `category`."""
    found = Source(Path("labels.json"))
    for image_id in ids:
        found.add_picture(image_id, f"{image_id}.png", 40, 30, f"image {image_id}", "file_name")
        found.add_object(f"the object of {image_id}", image_id, [0, 0, 4, 4], category)
    found.synonyms = {category: [f"my {category}"]}
    found.broken = [{"path": "x.png", "reason": "r"}]
    found.dropped["zero_area_boxes"] = 2
    found.captions = {ids[0]: "words"}
    return found.finished([category, "dog"])


def test_ids_that_no_two_parts_share_stay(tmp_path: Path) -> None:
    joined = join({"train": source(["1"], "car"), "test": source(["2", "3"], "bus")}, {"test": "val2017"})
    assert joined.images[["image_id", "path"]].to_numpy().tolist() == [
        ["1", "1.png"],
        ["2", "val2017/2.png"],
        ["3", "val2017/3.png"],
    ]
    assert joined.parts == {"1": "train", "2": "test", "3": "test"}
    assert joined.categories == ["car", "dog", "bus"]
    assert joined.synonyms == {"car": ["my car"], "bus": ["my bus"]}
    assert joined.dropped == {"zero_area_boxes": 4}
    assert [entry["path"] for entry in joined.broken] == ["x.png", "val2017/x.png"]
    assert joined.absent is None


def test_ids_that_two_parts_share_are_told_apart_everywhere() -> None:
    joined = join({"train": source(["1"], "car"), "val": source(["1", "2"], "car")}, {})
    assert joined.images["image_id"].tolist() == ["train/1", "val/1", "val/2"]
    assert joined.objects["image_id"].tolist() == ["train/1", "val/1", "val/2"]
    assert joined.captions == {"train/1": "words", "val/1": "words"}
    assert joined.parts == {"train/1": "train", "val/1": "val", "val/2": "val"}


def test_groups_and_negatives_are_joined(tmp_path: Path) -> None:
    """3 negatives in train; in val, image 5 is known to show no car, and image 6 is judged for its own only."""
    lvis(tmp_path)
    parts = {part: read_lvis(tmp_path / f"lvis_v1_{name}.json") for part, name in (("train", "train"), ("test", "val"))}
    joined = join(parts, {})
    assert joined.groups == parts["train"].groups
    assert joined.absent is not None
    assert [image_id for image_id, _ in joined.absent] == ["1", "2", "2", "5"]


def hashed(parts: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame({"image_id": list(parts), "hash": [hashlib.sha256(i.encode()).hexdigest() for i in parts]})


@pytest.mark.parametrize("parts", [{"a": "train"}, {"a": "val", "b": "val"}, {}])
def test_one_part_says_nothing(parts: dict[str, str]) -> None:
    assert split_by_parts(hashed(parts), parts, RATIO) is None


@pytest.mark.parametrize("names", [("train", "val", "test"), ("val", "test")])
def test_parts_that_can_be_chosen_by_and_measured_stay(names: tuple[str, ...]) -> None:
    parts = {f"i{n}": name for n, name in enumerate(names)}
    assert split_by_parts(hashed(parts), parts, RATIO) == parts


@pytest.mark.parametrize("measured", ["val", "test"])
def test_without_a_third_part_val_is_drawn_from_train(measured: str) -> None:
    """0.2 of 0.6 + 0.2 of train's 400 images: a quarter, 100, give or take; and all of the other part is measured."""
    parts = {f"i{n}": "train" if n < 400 else measured for n in range(500)}
    splits = split_by_parts(hashed(parts), parts, RATIO)
    assert splits is not None
    counts = pd.Series(splits.values()).value_counts()
    assert counts["test"] == 100
    assert 75 < counts["val"] < 125
    assert {splits[i] for i, part in parts.items() if part == measured} == {"test"}
    fewer = {i: part for i, part in parts.items() if int(i[1:]) % 2}
    again = split_by_parts(hashed(fewer), fewer, RATIO)
    assert again == {i: splits[i] for i in fewer}, "an image keeps its split when others go"


def test_without_shares_for_val_all_of_train_is_learnt_from() -> None:
    parts = {"a": "train", "b": "test"}
    assert split_by_parts(hashed(parts), parts, SplitRatio(train=0, val=0, test=1)) == parts
