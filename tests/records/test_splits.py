from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from for_retrieval.errors import ForError
from for_retrieval.params import SplitRatio
from for_retrieval.records.splits import SPLITS, assign_splits, read_splits, split_of

RATIO = SplitRatio(train=0.6, val=0.1, test=0.3)


def _hash(content: object) -> str:
    return hashlib.sha256(str(content).encode()).hexdigest()


def _images(**content: str) -> pd.DataFrame:
    """Image id -> content."""
    hashes = [_hash(text) for text in content.values()]
    ids = list(content)
    return pd.DataFrame({"image_id": ids, "path": [f"sub/{i} ü.png" for i in ids], "hash": hashes})


def _file(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "splits.json"
    path.write_text(json.dumps(content))
    return path


def _message(tmp_path: Path, content: Any) -> str:
    images = pd.DataFrame({"image_id": ["1", "2"], "path": ["a.png", "b.png"]})
    with pytest.raises(ForError) as caught:
        read_splits(_file(tmp_path, content), images)
    return str(caught.value)


def test_ids_and_file_names_are_understood(tmp_path: Path) -> None:
    images = pd.DataFrame({"image_id": ["1", "2", "3", "4"], "path": ["a.png", "b\n.png", "c/d.png", "e.png"]})
    path = _file(tmp_path, {"train": [1, "b\n.png"], "test": ["./c/d.png", "3"]})
    assert read_splits(path, images) == {"1": "train", "2": "train", "3": "test"}


def test_an_id_goes_before_a_file_name(tmp_path: Path) -> None:
    images = pd.DataFrame({"image_id": ["x", "y"], "path": ["y", "x"]})
    assert read_splits(_file(tmp_path, {"val": ["x"]}), images) == {"x": "val"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"train": [1, 7]}, "names '7', which is no image id and no file name of this set"),
        ({"train": [7, 8, 9]}, "names '7' (and 2 more), which is no image id"),
        ({"train": [1], "test": [1]}, "puts the image '1' into train and test; keep one"),
        ({"train": [1], "test": ["a.png"]}, "puts the image 'a.png' into train and test; keep one"),
        ({"tain": [1]}, "has the key 'tain'; did you mean 'train'?"),
        ({"train": 1}, "'train' must be a list of image ids or file names"),
        ([1], "must hold {train: [...], val: [...], test: [...]}"),
    ],
)
def test_a_wrong_file_is_told(tmp_path: Path, content: Any, message: str) -> None:
    assert message in _message(tmp_path, content)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ForError, match=r"the split file .* does not exist; check data.splits"):
        read_splits(tmp_path / "none.json", pd.DataFrame({"image_id": [], "path": []}))


def test_a_file_that_is_no_json_is_told(tmp_path: Path) -> None:
    (tmp_path / "splits.json").write_text("train: [1]")
    with pytest.raises(ForError, match=r"splits.json is not valid JSON .*check data.splits"):
        read_splits(tmp_path / "splits.json", pd.DataFrame({"image_id": [], "path": []}))


def test_images_in_no_split_are_dropped_and_counted() -> None:
    kept, dropped = assign_splits(_images(a="1", b="2", c="3"), {"a": "train", "c": "val"}, RATIO)
    assert dict(zip(kept["image_id"], kept["split"], strict=True)) == {"a": "train", "c": "val"}
    assert dropped == {"images_in_no_split": 1, "duplicate_images": 0}


def test_a_copy_in_a_later_split_wins() -> None:
    chosen = {"a": "train", "b": "test", "c": "val", "d": "val", "e": "train", "f": "train", "g": "train"}
    images = _images(a="same", b="same", c="same", d="other", e="other", f="twice", g="twice")
    kept, dropped = assign_splits(images, chosen, RATIO)
    assert kept["image_id"].tolist() == ["b", "d", "f", "g"]
    assert dropped == {"images_in_no_split": 0, "duplicate_images": 3}


def test_no_images_give_no_splits() -> None:
    kept, dropped = assign_splits(_images(), None, RATIO)
    assert kept.empty
    assert "split" in kept
    assert dropped == {"images_in_no_split": 0, "duplicate_images": 0}


def test_the_ratio_is_met() -> None:
    counts = pd.Series([split_of(_hash(n), RATIO) for n in range(4000)]).value_counts(normalize=True)
    assert counts["train"] == pytest.approx(0.6, abs=0.03)
    assert counts["val"] == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("split", SPLITS)
def test_a_share_of_one_takes_all(split: str) -> None:
    ratio = SplitRatio(**{name: float(name == split) for name in SPLITS})
    assert {split_of(digest, ratio) for digest in ["0" * 64, "f" * 64, _hash(1)]} == {split}


def test_no_test_share_leaves_test_empty() -> None:
    assert split_of("f" * 64, SplitRatio(train=0.9, val=0.1, test=0)) == "val"


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 30), max_size=40), st.lists(st.integers(0, 30), max_size=10))
def test_content_alone_decides(contents: list[int], more: list[int]) -> None:
    def splits(values: list[int]) -> dict[str, str]:
        kept, _ = assign_splits(_images(**{f"i{n}": str(value) for n, value in enumerate(values)}), None, RATIO)
        assert len(kept) == len(values)
        assert (kept.groupby("hash")["split"].nunique() <= 1).all()
        return dict(zip(kept["image_id"], kept["split"], strict=True))

    before = splits(contents)
    assert before.items() <= splits(contents + more).items()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 8), st.sampled_from([*SPLITS, None])), max_size=30))
def test_no_content_is_in_two_splits(rows: list[tuple[int, str | None]]) -> None:
    images = _images(**{f"i{n}": str(content) for n, (content, _) in enumerate(rows)})
    chosen = {f"i{n}": split for n, (_, split) in enumerate(rows) if split}
    kept, dropped = assign_splits(images, chosen, RATIO)
    assert (kept.groupby("hash")["split"].nunique() <= 1).all()
    assert set(kept["hash"]) == {_hash(content) for content, split in rows if split}
    assert len(kept) + sum(dropped.values()) == len(rows)
    tested = {f"i{n}" for n, (_, split) in enumerate(rows) if split == "test"}
    assert tested <= set(kept["image_id"])
