from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from drawn_scenes.coco import drawn_set, write_set
from drawn_scenes.pen import COLOURS
from for_retrieval.errors import ForError, UsageError
from for_retrieval.params import Data, load_params
from for_retrieval.records.prepare import prepare, read_set
from for_retrieval.records.records import load_records

Coco = Callable[..., Path]
Make = Callable[..., Data]
PARAMS = Path(__file__).parents[2] / "params.yaml"


def _splits(tmp_path: Path, **splits: list[Any]) -> None:
    (tmp_path / "set" / "splits.json").write_text(json.dumps(splits))


def _error(data: Data, root: Path) -> str:
    with pytest.raises(ForError) as caught:
        read_set(data, root, 1)
    return str(caught.value)


def test_a_coco_set_becomes_records(coco: Coco, data_params: Make, tmp_path: Path) -> None:
    coco(lambda c: c["annotations"][0].update(attributes={"colour": "red"}))
    _splits(tmp_path, train=[1], val=["sub/b.png"], test=[3])
    records = read_set(data_params(splits="splits.json", novel=["dog"]), tmp_path, 1)
    assert records.images["split"].tolist() == ["train", "val", "test"]
    assert records.objects["category"].tolist() == ["car", "dog", "bus"]
    info = records.info
    assert (info.name, info.root, info.base, info.novel) == ("tiny", "set/images", ["car", "bus"], ["dog"])
    assert info.attributes == {"colour": ["red"]}
    assert info.hypernyms["dog"] == ["animal"]
    assert info.broken == []
    assert all(path.is_file() for path in records.paths(tmp_path))


def test_prepare_saves_what_it_returns(coco: Coco, data_params: Make, tmp_path: Path) -> None:
    coco()
    params = load_params(PARAMS).model_copy(update={"data": data_params()})
    records = prepare(params, tmp_path, Path("out/prepared"), 1)
    loaded = load_records(tmp_path / "out" / "prepared")
    assert loaded.info == records.info
    assert len(loaded.images) == 3


def test_a_drawn_set_is_read_as_any_other(data_params: Make, tmp_path: Path) -> None:
    """With the lists that come with it: splits, novel categories, words and captions."""
    counts = {"train": 6, "val": 2, "test": 3}
    write_set("everyday", tmp_path / "set", size=64, counts=counts, seed=0, processes=1)
    lists = {"splits": "splits.json", "categories": "categories.json", "queries": "queries.json"}
    params = load_params(PARAMS).model_copy(update={"data": data_params(**lists)})
    records = prepare(params, tmp_path, Path("out"), 1)
    info, made = records.info, drawn_set("everyday")
    assert records.images["split"].value_counts().to_dict() == counts
    assert records.images["image_id"].tolist()[:2] == ["test_00000", "test_00001"]
    assert info.novel == list(made.novel)
    assert info.base == [name for name in made.kinds if name not in made.novel]
    assert info.attributes == {"colour": list(COLOURS)}
    assert info.synonyms == {kind.name: list(kind.synonyms) for kind in made.kinds.values()}
    assert info.hypernyms == {kind.name: list(kind.hypernyms) for kind in made.kinds.values()}
    assert set(records.objects["attributes"]) <= {"{}", *(f'{{"colour": "{colour}"}}' for colour in COLOURS)}
    captions = json.loads((tmp_path / "out" / "captions.json").read_text(encoding="utf-8"))
    assert list(captions) == records.images["image_id"].tolist()


def test_categories_in_neither_list_are_ignored_and_counted(coco: Coco, data_params: Make, tmp_path: Path) -> None:
    coco()
    (tmp_path / "set" / "categories.json").write_text('{"base": ["car"], "novel": ["bus"]}')
    records = read_set(data_params(categories="categories.json"), tmp_path, 1)
    assert records.objects["category"].tolist() == ["car", "bus"]
    assert records.info.dropped["ignored_category_objects"] == 1
    assert set(records.info.hypernyms) == {"car", "bus"}


def test_images_lying_beside_the_file_are_found(coco: Coco, data_params: Make, tmp_path: Path) -> None:
    coco()
    records = read_set(data_params(root="set/images", images=".", annotations="../annotations.json"), tmp_path, 1)
    assert records.info.root == "set/images"


def test_broken_images_are_listed_up_to_the_limit(coco: Coco, data_params: Make, tmp_path: Path) -> None:
    coco()
    images = tmp_path / "set" / "images"
    (images / "a.png").write_bytes(b"")
    (images / "c.png").unlink()
    records = read_set(data_params(max_broken=0.7), tmp_path, 1)
    assert records.images["image_id"].tolist() == ["2"]
    assert records.objects["image_id"].tolist() == ["2"]
    assert records.info.broken == [
        {"path": "a.png", "reason": "empty file"},
        {"path": "c.png", "reason": "missing file"},
    ]


def test_too_many_broken_images_fail(coco: Coco, data_params: Make, tmp_path: Path) -> None:
    coco()
    (tmp_path / "set" / "images" / "a.png").write_bytes(b"")
    message = _error(data_params(max_broken=0.3), tmp_path)
    assert message.startswith(f"1 of 3 images in {tmp_path}/set/images cannot be used, more than data.max_broken")
    assert "(30.0%) allows; the first is a.png (empty file); repair them, check data.images" in message


def test_an_image_of_another_size_than_annotated_is_broken(coco: Coco, data_params: Make, tmp_path: Path) -> None:
    coco()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30)).save(tmp_path / "set" / "images" / "a.png", exif=exif)
    records = read_set(data_params(max_broken=0.5), tmp_path, 1)
    assert records.info.broken == [{"path": "a.png", "reason": "30 x 40 px, but annotated as 40 x 30"}]


def test_a_split_file_may_name_a_broken_image(coco: Coco, data_params: Make, tmp_path: Path) -> None:
    coco()
    (tmp_path / "set" / "images" / "a.png").unlink()
    _splits(tmp_path, train=[1, 2], test=[3])
    records = read_set(data_params(splits="splits.json", max_broken=0.5), tmp_path, 1)
    assert records.images["split"].tolist() == ["train", "test"]


def test_copies_do_not_leak_into_test(coco: Coco, data_params: Make, tmp_path: Path) -> None:
    coco()
    images = tmp_path / "set" / "images"
    (images / "a.png").write_bytes((images / "c.png").read_bytes())
    _splits(tmp_path, train=[1, 2], test=[3])
    records = read_set(data_params(splits="splits.json"), tmp_path, 1)
    assert records.images["image_id"].tolist() == ["2", "3"]
    assert records.objects["image_id"].tolist() == ["2"]
    assert records.info.dropped["duplicate_images"] == 1


def test_a_folder_has_images_only(coco: Coco, data_params: Make, tmp_path: Path) -> None:
    coco()
    records = read_set(data_params(kind="folder"), tmp_path, 1)
    assert records.images["image_id"].tolist() == ["a.png", "c.png", "sub/b.png"]
    assert len(records.objects) == 0
    assert (records.info.base, records.info.novel, records.info.attributes) == ([], [], {})


def test_an_absolute_root_stays_absolute(coco: Coco, data_params: Make, tmp_path: Path) -> None:
    coco()
    records = read_set(data_params(root=str(tmp_path / "set")), Path("/somewhere/else"), 1)
    assert records.info.root == f"{tmp_path}/set/images"


def test_missing_places_are_named(coco: Coco, data_params: Make, tmp_path: Path) -> None:
    assert f"the annotation file {tmp_path}/set/annotations.json does not exist" in _error(data_params(), tmp_path)
    coco()
    assert f"the image folder {tmp_path}/set/pics does not exist" in _error(data_params(images="pics"), tmp_path)


def test_splits_that_leave_nothing_are_told(coco: Coco, data_params: Make, tmp_path: Path) -> None:
    coco()
    _splits(tmp_path, train=[])
    assert "no image of " in _error(data_params(splits="splits.json"), tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"novel": ["dogg"]}, "data.novel names 'dogg', which is no category; did you mean 'dog'?"),
        ({"novel": ["dog"], "categories": "categories.json"}, "both define the novel categories"),
        ({"kind": "folder", "novel": ["dog"]}, "must be empty, since this set has no labels"),
    ],
)
def test_wrong_params_are_a_usage_error(
    coco: Coco, data_params: Make, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    coco()
    with pytest.raises(UsageError) as caught:
        read_set(data_params(**changes), tmp_path, 1)
    assert message in str(caught.value)


def test_the_digest_follows_the_content(coco: Coco, data_params: Make, tmp_path: Path) -> None:
    coco()
    before = read_set(data_params(), tmp_path, 1).info.digest
    assert read_set(data_params(), tmp_path, 1).info.digest == before
    coco(lambda c: c["annotations"][0].update(bbox=[1, 2, 10, 11]))
    assert read_set(data_params(), tmp_path, 1).info.digest != before


def test_a_set_that_a_pipeline_makes_is_made_first(data_params: Make, tmp_path: Path) -> None:
    """As in a fresh clone, where nothing is drawn yet."""
    (tmp_path / "dvc.yaml").touch()
    made = f"run `dvc repro`, which makes it with {tmp_path}/dvc.yaml"
    assert _error(data_params(), tmp_path) == f"{tmp_path}/set (data.root) does not exist yet; {made}"
