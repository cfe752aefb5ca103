from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from for_retrieval.errors import ForError, UsageError
from for_retrieval.records.fractions import load_fraction, make_fraction, save_fraction
from for_retrieval.records.records import OBJECT_COLUMNS, DatasetInfo, Records

PERCENT = (0.5, 1, 5, 10, 25, 60, 100)


def _records(shown: list[set[str]], splits: list[str] | None = None) -> Records:
    """One image per set of categories that it shows; base categories start with b, novel with n."""
    ids = [f"i{n}" for n in range(len(shown))]
    images = pd.DataFrame({"image_id": ids, "path": ids, "width": 9, "height": 9, "hash": ids})
    images["split"] = splits or "train"
    rows = [(i, 0, 0, 1, 1, name, "{}", False) for i, names in zip(ids, shown, strict=True) for name in names]
    names = sorted(set().union(*shown))
    info = DatasetInfo("tiny", "x", [n for n in names if n[0] == "b"], [n for n in names if n[0] == "n"])
    return Records(images, pd.DataFrame(rows, columns=list(OBJECT_COLUMNS)), info)


categories = st.sampled_from(["b0", "b1", "b2", "b3", "n0"])
shown_lists = st.lists(st.sets(categories, max_size=4), min_size=1, max_size=60)


@settings(deadline=None, max_examples=60)
@given(shown=shown_lists, min_images=st.integers(1, 4), seed=st.integers(0, 5))
def test_fractions_are_nested_and_cover(shown: list[set[str]], min_images: int, seed: int) -> None:
    records = _records(shown)
    fractions = [set(make_fraction(records, percent, min_images, seed)) for percent in PERCENT]
    for smaller, larger in pairwise(fractions):
        assert smaller <= larger
    assert fractions[-1] == set(records.images["image_id"])
    for category in records.info.base:
        having = {f"i{n}" for n, names in enumerate(shown) if category in names}
        assert len(fractions[0] & having) >= min(min_images, len(having))


@settings(deadline=None, max_examples=60)
@given(shown=shown_lists, percent=st.sampled_from(PERCENT), seed=st.integers(0, 5))
def test_the_size_is_the_share_or_what_covering_takes(shown: list[set[str]], percent: float, seed: int) -> None:
    size = len(make_fraction(_records(shown), percent, 1, seed))
    assert size >= math.ceil(percent * len(shown) / 100 - 1e-6)
    assert size <= max(math.ceil(percent * len(shown) / 100), 4)


def test_without_categories_the_size_is_exact() -> None:
    records = _records([set()] * 200)
    assert [len(make_fraction(records, percent, 2, 0)) for percent in PERCENT] == [1, 2, 10, 20, 50, 120, 200]


def test_rounding_noise_adds_no_image() -> None:
    assert len(make_fraction(_records([set()] * 1000), 1.1, 2, 0)) == 11


def test_only_training_images_count() -> None:
    records = _records([{"b0"}] * 6, ["train", "val", "test"] * 2)
    assert make_fraction(records, 100, 2, 0) == ["i0", "i3"]


def test_seeds_differ_and_repeat() -> None:
    records = _records([{"b0"}] * 100)
    one, two = make_fraction(records, 10, 2, 1), make_fraction(records, 10, 2, 2)
    assert one != two
    assert one == make_fraction(Records(records.images[::-1], records.objects, records.info), 10, 2, 1)


def test_the_rest_is_a_fair_draw() -> None:
    records = _records([{"b0"} if n % 4 else {"b1"} for n in range(400)])
    chosen = make_fraction(records, 50, 2, 0)
    assert sum(int(image_id[1:]) % 4 == 0 for image_id in chosen) == pytest.approx(50, abs=18)


@pytest.mark.parametrize("percent", [0, -1, 101, math.nan])
def test_a_share_out_of_range_is_refused(percent: float) -> None:
    with pytest.raises(UsageError, match="a fraction must be above 0 and at most 100 percent"):
        make_fraction(_records([{"b0"}]), percent, 2, 0)


def test_no_training_images_are_told() -> None:
    with pytest.raises(ForError, match=r"no training images; check data.splits and data.split_ratio"):
        make_fraction(_records([{"b0"}], ["test"]), 10, 2, 0)


def test_a_saved_fraction_comes_back(tmp_path: Path) -> None:
    save_fraction(tmp_path, 0.5, ["a\nü", "b"])
    save_fraction(tmp_path, 100, ["c"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.5.json", "100.json"]
    assert load_fraction(tmp_path, 0.5) == ["a\nü", "b"]


def test_a_missing_or_damaged_fraction_names_the_stage(tmp_path: Path) -> None:
    with pytest.raises(ForError, match=r"10.json does not exist; run `dvc repro fractions`"):
        load_fraction(tmp_path, 10)
    (tmp_path / "10.json").write_text("[]")
    with pytest.raises(ForError, match=r"10.json has no list of images; run `dvc repro fractions`"):
        load_fraction(tmp_path, 10)
