from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from checked import empty_objects

from for_retrieval.errors import ForError
from for_retrieval.records.records import DatasetInfo, Records, load_records


def _records(**changes: Any) -> Records:
    images = pd.DataFrame(
        {
            "image_id": ["b", "a\nü"],
            "path": ["b.png", "a\nü.png"],
            "width": [4, 5],
            "height": [6, 7],
            "hash": ["00", "11"],
            "split": ["test", "train"],
        }
    )
    objects = pd.DataFrame(
        {
            "image_id": ["b", "b", "a\nü"],
            "x": [2.0, 1.0, 0.1],
            "y": [0.0, 0.0, 0.0],
            "w": [1.0, 1.0, 1.0],
            "h": [1.0, 1.0, 1.0],
            "category": ["dog", "dog", "car"],
            "attributes": ["{}", '{"colour": "red"}', "{}"],
            "crowd": [False, True, False],
        }
    )
    info = DatasetInfo(name="tiny", root="set/images", base=["car"], novel=["dog"])
    return dataclasses.replace(Records(images, objects, info), **changes)


def test_saved_records_come_back_equal(tmp_path: Path) -> None:
    records = _records()
    records.save(tmp_path / "new" / "folder")
    loaded = load_records(tmp_path / "new" / "folder")
    pd.testing.assert_frame_equal(loaded.images, records.images)
    pd.testing.assert_frame_equal(loaded.objects, records.objects)
    assert loaded.info == records.info


def test_rows_are_sorted_and_typed() -> None:
    records = _records()
    assert records.images["image_id"].tolist() == ["a\nü", "b"]
    assert records.objects["x"].tolist() == pytest.approx([0.1, 1, 2])
    assert {str(kind) for kind in records.images[["width", "height"]].dtypes} == {"int32"}
    assert {str(kind) for kind in records.objects[["x", "y", "w", "h"]].dtypes} == {"float32"}
    assert records.objects["crowd"].dtype == bool


def test_the_order_of_rows_changes_neither_digest_nor_bytes(tmp_path: Path) -> None:
    one = _records()
    two = Records(one.images[::-1], one.objects[::-1], one.info)
    for name, records in (("one", one), ("two", two)):
        records.save(tmp_path / name)
    assert one.info.digest == two.info.digest
    for name in ("images.parquet", "objects.parquet", "dataset.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_digest_depends_on_every_table() -> None:
    records = _records()
    fewer = _records(objects=records.objects[:2])
    moved = _records(images=records.images.assign(split="val"))
    assert len({records.info.digest, fewer.info.digest, moved.info.digest}) == 3


def test_records_without_objects_come_back(tmp_path: Path) -> None:
    _records(objects=empty_objects()).save(tmp_path)
    loaded = load_records(tmp_path)
    assert len(loaded.objects) == 0
    assert loaded.objects["x"].dtype == "float32"


def test_paths_start_at_the_project() -> None:
    assert _records().paths(Path("/p")) == [Path("/p/set/images/a\nü.png"), Path("/p/set/images/b.png")]


@pytest.mark.parametrize("name", ["images.parquet", "objects.parquet", "dataset.json"])
def test_a_missing_file_names_the_stage_to_run(tmp_path: Path, name: str) -> None:
    _records().save(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(ForError, match=rf"{name} does not exist; run `dvc repro prepare`"):
        load_records(tmp_path)


def test_a_damaged_table_is_told(tmp_path: Path) -> None:
    _records().save(tmp_path)
    (tmp_path / "objects.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(ForError, match=r"objects.parquet is not a readable Parquet file .*dvc repro prepare"):
        load_records(tmp_path)


def test_tables_of_another_run_are_refused(tmp_path: Path) -> None:
    records = _records()
    records.save(tmp_path)
    _records(objects=records.objects[:1]).save(tmp_path / "other")
    (tmp_path / "other" / "objects.parquet").replace(tmp_path / "objects.parquet")
    with pytest.raises(ForError, match=r"do not belong to its dataset.json; run `dvc repro prepare`"):
        load_records(tmp_path)


def test_info_of_another_version_is_refused(tmp_path: Path) -> None:
    _records().save(tmp_path)
    (tmp_path / "dataset.json").write_text('{"title": "x"}')
    with pytest.raises(ForError, match="written by another version"):
        load_records(tmp_path)


def _negatives(*rows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image_id", "category"])


def test_negatives_come_back_and_count_in_the_digest(tmp_path: Path) -> None:
    plain, judged = _records(), _records(negatives=_negatives(("b", "car"), ("a\nü", "dog")))
    judged.save(tmp_path)
    loaded = load_records(tmp_path)
    assert loaded.negatives is not None
    assert loaded.negatives.to_numpy().tolist() == [["a\nü", "dog"], ["b", "car"]]
    assert len({plain.info.digest, judged.info.digest, _records(negatives=_negatives()).info.digest}) == 3


def test_a_set_without_negatives_has_no_file_of_them_and_leaves_none_behind(tmp_path: Path) -> None:
    _records(negatives=_negatives(("b", "car"))).save(tmp_path)
    _records().save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset.json", "images.parquet", "objects.parquet"]
    assert load_records(tmp_path).negatives is None


def test_negatives_of_another_run_are_refused(tmp_path: Path) -> None:
    _records().save(tmp_path)
    _records(negatives=_negatives(("b", "car"))).save(tmp_path / "other")
    (tmp_path / "other" / "negatives.parquet").replace(tmp_path / "negatives.parquet")
    with pytest.raises(ForError, match=r"do not belong to its dataset.json"):
        load_records(tmp_path)


def test_the_records_of_a_split_know_nothing_of_another() -> None:
    records = _records(negatives=pd.DataFrame({"image_id": ["b", "a\nü"], "category": ["car", "dog"]}))
    train = records.of("train")
    assert train.images["image_id"].tolist() == ["a\nü"]
    assert train.objects["category"].tolist() == ["car"]
    assert train.negatives is not None
    assert train.negatives["category"].tolist() == ["dog"]
    assert train.info.digest != records.info.digest
    without = dataclasses.replace(records, images=records.images[records.images["split"] == "train"])
    assert without.of("train").info.digest == train.info.digest
    assert records.of("train", "test").info == records.info
