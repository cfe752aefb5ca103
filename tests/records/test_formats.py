"""The table of formats: its names are everywhere, and one file and one name in it make a new format."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from small_sets import pixels, write

from for_retrieval.errors import UsageError
from for_retrieval.params import Data
from for_retrieval.records import readers
from for_retrieval.records.importer import DEFAULTS, describe
from for_retrieval.records.prepare import read_set
from for_retrieval.records.readers import KINDS, format_of

REPOSITORY = Path(__file__).parents[2]
Command = Callable[..., object]

# The whole of a new format: a CSV file with a row per box.
NEW = '''"""Boxes in a CSV file."""
import csv
from for_retrieval.records.images import upright_size
from for_retrieval.records.readers.format import Format, Place, annotated
from for_retrieval.records.readers.source import Source

def read(path):
    found = Source(path)
    for number, (name, category, *box) in enumerate(csv.reader(path.open()), 1):
        if name not in found.pictures:
            found.add_picture(name, name, *upright_size(path.parent / name), f"line {number}", "first column")
        found.add_object(f"line {number}", name, [float(side) for side in box], category)
    return found.finished()

FORMAT = Format(
    about="boxes in boxes.csv",
    missing="there is no boxes.csv in {}",
    read=annotated(read),
    find=lambda folder, _: Place("boxes", ".", "boxes.csv") if (folder / "boxes.csv").is_file() else None,
)
'''


def test_each_reader_is_in_the_table() -> None:
    shared = {"__init__", "format", "source"}
    files = {path.stem for path in Path(readers.__file__).parent.glob("*.py")} - shared
    assert files == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_each_format_is_documented(kind: str) -> None:
    guide = (REPOSITORY / "docs" / "your-data.md").read_text(encoding="utf-8")
    assert f"| `{kind}` | {format_of(kind).about} |" in guide
    assert kind in (REPOSITORY / "params.yaml").read_text(encoding="utf-8").partition("kind:")[2].partition("\n")[0]


def test_an_unknown_kind_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"'yolov8' is not a kind of data set; did you mean 'yolo'\?"):
        format_of("yolov8")


def test_defaults_are_those_of_a_new_project() -> None:
    data = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))["data"]
    for key, value in DEFAULTS.items():
        assert data[key] == (value.model_dump() if key == "split_ratio" else value), key


def test_a_new_format_is_one_file_and_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = write(tmp_path / "package" / "boxes.py", NEW).parent
    monkeypatch.setattr(readers, "__path__", [*readers.__path__, str(package)])
    monkeypatch.setattr(readers, "KINDS", ("boxes", *KINDS))
    importlib.invalidate_caches()
    folder = write(tmp_path / "set" / "boxes.csv", "a.png,car,1,1,9,9\na.png,dog,5,5,9,9\nb.png,car,0,0,40,30\n").parent
    for number, name in enumerate(("a.png", "b.png")):
        write(folder / name, pixels(number))
    data = Data.model_construct(**{**DEFAULTS, **describe(folder)})
    records = read_set(data, tmp_path, 1)
    assert (data.kind, len(records.images), records.info.base) == ("boxes", 2, ["car", "dog"])
    assert records.objects[["x", "w"]].to_numpy().tolist() == [[1, 9], [5, 9], [0, 40]]
    with pytest.raises(UsageError, match=r"there is no boxes.csv in "):
        describe(write(tmp_path / "other" / "a.png", pixels(1)).parent, kind="boxes")
