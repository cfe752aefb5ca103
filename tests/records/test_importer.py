from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from for_retrieval.errors import ForError, UsageError
from for_retrieval.params import load_params
from for_retrieval.params.editing import edit_params
from for_retrieval.records.importer import found_table, import_data

Coco = Callable[..., Path]
PARAMS = Path(__file__).parents[2] / "params.yaml"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with the repository's params.yaml, beside the set that `coco` writes."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "params.yaml").write_text(PARAMS.read_text())
    return folder


def _changed_lines(project: Path) -> list[str]:
    before, after = PARAMS.read_text().splitlines(), (project / "params.yaml").read_text().splitlines()
    assert len(before) == len(after)
    return [new for old, new in zip(before, after, strict=True) if old != new]


def test_a_coco_set_is_found_and_written(coco: Coco, project: Path, tmp_path: Path) -> None:
    coco()
    (tmp_path / "set" / "splits.json").write_text('{"train": [1, 2], "test": [3]}')
    found = import_data(project, tmp_path / "set", novel=["dog"])
    assert (found["kind"], found["name"], found["root"]) == ("coco", "set", str(tmp_path / "set"))
    assert (found["images"], found["objects"], found["categories"]) == (3, 3, 3)
    assert (found["base"], found["novel"]) == (["car", "bus"], ["dog"])
    assert found["splits"] == {"train": 2, "val": 0, "test": 1}
    assert (found["missing"], found["broken"], found["duplicates"]) == ([], [], 0)
    json.dumps(found)
    data = load_params(project / "params.yaml").data
    assert (data.kind, data.images, data.annotations) == ("coco", "images", "annotations.json")
    assert (data.splits, data.categories, data.novel) == ("splits.json", None, ["dog"])


def test_the_lists_beside_a_set_are_found(coco: Coco, project: Path, tmp_path: Path) -> None:
    coco()
    (tmp_path / "set" / "categories.json").write_text('{"base": ["car", "bus"], "novel": ["dog"]}')
    (tmp_path / "set" / "queries.json").write_text('{"synonyms": {"dog": ["hound"]}}')
    (tmp_path / "set" / "mine.json").write_text("{}")
    import_data(project, tmp_path / "set")
    data = load_params(project / "params.yaml").data
    assert (data.splits, data.categories, data.queries) == (None, "categories.json", "queries.json")
    import_data(project, tmp_path / "set", queries="mine.json")
    assert load_params(project / "params.yaml").data.queries == "mine.json"
    with pytest.raises(UsageError, match="a folder of images has no annotations"):
        import_data(project, tmp_path / "set", kind="folder", queries="mine.json")


def test_the_words_of_attributes_are_shown(coco: Coco, project: Path, tmp_path: Path) -> None:
    coco(lambda c: [entry.update(attributes={"size": "small", "color": "red"}) for entry in c["annotations"]])
    found = import_data(project, tmp_path / "set")
    assert found["attributes"] == {"colour": ["red"], "size": ["small"]}
    rows = dict(zip(*(list(column.cells) for column in found_table(found).columns), strict=True))
    assert (str(rows["attribute colour"]), str(rows["attribute size"])) == ("red", "small")


def test_only_the_changed_lines_change_and_comments_stay(coco: Coco, project: Path, tmp_path: Path) -> None:
    coco()
    import_data(project, tmp_path / "set", name="my-set", novel=["dog"])
    changed = _changed_lines(project)
    assert {line.split(":")[0].strip() for line in changed} == {
        *("name", "root", "splits", "categories", "novel", "queries", "gallery")
    }
    assert all("#" in line for line in changed)
    assert "name: my-set" in " ".join(changed)


def test_a_second_import_replaces_the_first(coco: Coco, project: Path, tmp_path: Path) -> None:
    coco()
    import_data(project, tmp_path / "set", novel=["dog", "bus"])
    import_data(project, tmp_path / "set", kind="folder", images="images/sub")
    data = load_params(project / "params.yaml").data
    assert (data.kind, data.images, data.novel, data.categories) == ("folder", "images/sub", [], None)
    assert "# or name the novel categories here" in (project / "params.yaml").read_text()


def test_a_set_in_parts_is_written_in_one_line_and_replaced_again(coco: Coco, project: Path, tmp_path: Path) -> None:
    path = coco()
    (path.parent / "test.json").write_text(path.read_text())
    found = import_data(project, tmp_path / "set", annotations="train=annotations.json,test=test.json")
    assert found["splits"]["test"] == 3  # as copies do, they count in the last split alone
    changed = {line.split(":")[0].strip(): line for line in _changed_lines(project)}
    assert "annotations: {train: annotations.json, test: test.json}" in changed["annotations"]
    assert "# the annotation file or folder" in changed["annotations"]
    data = load_params(project / "params.yaml").data
    assert data.annotations == {"train": "annotations.json", "test": "test.json"}
    import_data(project, tmp_path / "set", annotations="test.json")
    assert load_params(project / "params.yaml").data.annotations == "test.json"
    assert "# the annotation file or folder" in (project / "params.yaml").read_text()


def test_a_set_inside_the_project_gets_a_relative_root(coco: Coco, project: Path, tmp_path: Path) -> None:
    coco()
    (tmp_path / "set").rename(project / "set")
    assert import_data(project, project / "set")["root"] == "set"


def test_a_folder_without_json_is_a_folder(coco: Coco, project: Path, tmp_path: Path) -> None:
    coco().unlink()
    found = import_data(project, tmp_path / "set")
    assert (found["kind"], found["images"], found["objects"], found["base"]) == ("folder", 3, 0, [])
    assert load_params(project / "params.yaml").data.images == "."


def test_images_beside_the_json_are_found(coco: Coco, project: Path, tmp_path: Path) -> None:
    path = coco()
    path.rename(tmp_path / "set" / "images" / "labels.json")
    assert import_data(project, tmp_path / "set" / "images")["images"] == 3
    assert load_params(project / "params.yaml").data.images == "."


def test_an_annotations_folder_is_searched(coco: Coco, project: Path, tmp_path: Path) -> None:
    path = coco()
    (tmp_path / "set" / "annotations").mkdir()
    path.rename(tmp_path / "set" / "annotations" / "instances.json")
    import_data(project, tmp_path / "set")
    assert load_params(project / "params.yaml").data.annotations == "annotations/instances.json"


def test_options_may_name_files_from_here(
    coco: Coco, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    coco()
    (tmp_path / "base.json").write_text('{"base": ["car"]}')
    monkeypatch.chdir(tmp_path)
    found = import_data(project, Path("set"), annotations="set/annotations.json", categories="base.json")
    assert found["base"] == ["car"]
    data = load_params(project / "params.yaml").data
    assert (data.annotations, data.categories) == ("annotations.json", str(tmp_path / "base.json"))


def test_a_guessed_category_file_gives_way_to_novel(coco: Coco, project: Path, tmp_path: Path) -> None:
    coco()
    (tmp_path / "set" / "categories.json").write_text('{"base": ["car"], "novel": ["bus"]}')
    assert import_data(project, tmp_path / "set")["novel"] == ["bus"]
    assert import_data(project, tmp_path / "set", novel=["dog"])["novel"] == ["dog"]


def test_missing_broken_and_copied_images_are_told_apart(coco: Coco, project: Path, tmp_path: Path) -> None:
    coco(lambda c: c["images"].append({"id": 4, "file_name": "none.png", "width": 40, "height": 30}))
    images = tmp_path / "set" / "images"
    (images / "a.png").write_bytes(b"no image")
    (images / "c.png").write_bytes((images / "sub" / "b.png").read_bytes())
    edit_params(project / "params.yaml", {("data", "max_broken"): 0.5})
    found = import_data(project, tmp_path / "set")
    assert found["missing"] == ["none.png"]
    assert found["broken"] == [{"path": "a.png", "reason": "not an image of a supported format"}]
    assert found["duplicates"] == 1


def test_a_folder_name_becomes_a_usable_name(coco: Coco, project: Path, tmp_path: Path) -> None:
    coco()
    (tmp_path / "set").rename(tmp_path / "my photos (2024)")
    assert import_data(project, tmp_path / "my photos (2024)")["name"] == "my-photos-2024"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folder": "none"}, "none does not exist; name the folder that holds your images"),
        ({"folder": "set/annotations.json"}, "annotations.json is not a folder; name the folder"),
        (
            {"kind": "tfds"},
            "'tfds' is not a kind of data set; valid are: coco, folder, lvis, nuimages, panoptic, voc, ",
        ),
        ({"annotations": "x.json"}, "--annotations: x.json is neither in "),
        ({"images": "pics"}, "--images: pics is neither in "),
        ({"name": "a b"}, "--name 'a b' may hold only letters, digits and . _ -"),
        ({"novel": ["dogg"]}, "data.novel names 'dogg', which is no category; did you mean 'dog'?"),
        ({"novel": ["dog"], "categories": "c.json"}, "--categories and --novel both define the novel categories"),
        ({"kind": "folder", "annotations": "annotations.json"}, "leave out --kind folder"),
    ],
)
def test_wrong_options_change_nothing(
    coco: Coco, project: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    coco()
    folder = tmp_path / options.pop("folder", "set")
    with pytest.raises(UsageError) as caught:
        import_data(project, folder, **options)
    assert message in str(caught.value)
    assert _changed_lines(project) == []


def test_several_annotation_files_must_be_chosen_from(coco: Coco, project: Path, tmp_path: Path) -> None:
    path = coco()
    (path.parent / "more.json").write_text(path.read_text())
    with pytest.raises(UsageError, match=r"several annotation files \(annotations.json, more.json\); name one"):
        import_data(project, tmp_path / "set")
    assert import_data(project, tmp_path / "set", annotations="more.json")["images"] == 3


def test_coco_without_a_json_is_told(coco: Coco, project: Path, tmp_path: Path) -> None:
    coco().write_text('{"images": [], "annotations": []}')
    with pytest.raises(UsageError, match=r"no JSON file in .* has images, annotations and categories"):
        import_data(project, tmp_path / "set", kind="coco")


def test_bad_data_changes_nothing(coco: Coco, project: Path, tmp_path: Path) -> None:
    coco(lambda c: c["annotations"][0].update(category_id=99))
    with pytest.raises(ForError, match="annotation 11 has the category 99"):
        import_data(project, tmp_path / "set")
    assert _changed_lines(project) == []
