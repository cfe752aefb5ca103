"""The words of queries: which values of attributes are words, and what queries.json may say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from for_retrieval.errors import ForError
from for_retrieval.evaluate.queries import query_sets
from for_retrieval.params import Data
from for_retrieval.records.prepare import read_set
from for_retrieval.records.words import MIN_OBJECTS, attribute_words, read_queries, spoken

Coco = Callable[..., Path]
Make = Callable[..., Data]
CATEGORIES = ["car", "dog", "bus"]


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("red", "red"),
        (" Dark_Red ", "dark red"),
        ("rötlich", "rötlich"),
        ("dark-blue", "dark-blue"),
        ("sitting/lying down", "sitting/lying down"),
        *((value, None) for value in (True, 3, 0.5, None, ["red"], {}, "", " ", "3", "a1", "B-12", "true", "N/A")),
        *((value, None) for value in ("unknown", "#ff0000", "a red car in the rain", "x" * 41, "red\nblue")),
    ],
)
def test_words_are_told_from_flags_numbers_and_identifiers(value: Any, word: str | None) -> None:
    assert spoken(value) == word


def objects(*rows: tuple[str, dict[str, Any]]) -> pd.DataFrame:
    """A table of (category, attributes)."""
    return pd.DataFrame([(name, json.dumps(said)) for name, said in rows], columns=["category", "attributes"])


def test_a_value_counts_where_it_is_common_or_on_two_categories() -> None:
    beagles = [("dog", {"breed": "Beagle"})] * MIN_OBJECTS
    poodles = [("dog", {"breed": "poodle"})] * (MIN_OBJECTS - 1)
    sizes = [("dog", {"size": "small"}), ("car", {"size": "Small"}), ("car", {"size": "huge"})]
    flags = [("car", {"occluded": False, "track": 7, "plate": "B-XY", "note": "seen by Ann"})] * 3
    assert attribute_words(objects(*beagles, *poodles, *sizes, *flags)) == {"breed": ["beagle"], "size": ["small"]}


def test_a_colour_always_counts() -> None:
    assert attribute_words(objects(("car", {"colour": "red"}), ("car", {"colour": "blue"}))) == {
        "colour": ["blue", "red"]
    }


def test_each_of_several_values_counts() -> None:
    assert attribute_words(objects(("dog", {"state": ["wet", "old"]}), ("car", {"state": "old"}))) == {"state": ["old"]}


def test_objects_without_attributes_have_no_words() -> None:
    assert attribute_words(objects(("car", {}))) == attribute_words(objects()) == {}


def write(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "queries.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_query_file_is_read(tmp_path: Path) -> None:
    attributes = {"color": ["Red", "dark_blue", "red"]}
    path = write(tmp_path, {"synonyms": {"car": ["automobile"]}, "attributes": attributes})
    assert read_queries(path, CATEGORIES) == {
        "synonyms": {"car": ["automobile"]},
        "attributes": {"colour": ["red", "dark blue"]},
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "must hold {synonyms: {...}, hypernyms: {...}, attributes: {...}}; check data.queries in params.yaml"),
        ({"synonym": {}}, "has the key 'synonym'; did you mean 'synonyms'?"),
        ({"synonyms": []}, "must hold {synonyms: {...}, hypernyms: {...}, attributes: {...}}; check data.queries"),
        ({"synonyms": {"car": "auto"}}, "'car' in synonyms must be a list of words; correct it"),
        ({"hypernyms": {"car": ["vehicle", 3]}}, "'car' in hypernyms must be a list of words; correct it"),
        ({"hypernyms": {"car": [" "]}}, "'car' in hypernyms must be a list of words; correct it"),
        ({"synonyms": {"car": ["\ud800"]}}, "'car' in synonyms must be a list of words; correct it"),
        ({"synonyms": {"cat": ["kitty"]}}, "names 'cat' in synonyms, which is no category; did you mean 'car'?"),
        ({"attributes": {"size": ["small", "3"]}}, "'size' in attributes must be a list of words; correct it"),
    ],
)
def test_a_wrong_query_file_is_one_sentence(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(ForError) as caught:
        read_queries(write(tmp_path, content), CATEGORIES)
    assert message in str(caught.value)
    assert "queries.json" in str(caught.value)


def test_a_missing_query_file_is_named(coco: Coco, data_params: Make, tmp_path: Path) -> None:
    coco()
    with pytest.raises(ForError, match=r"/set/words.json does not exist; check data.queries in params"):
        read_set(data_params(queries="words.json"), tmp_path, 1)


# From an annotation file to queries


def as_cvat(content: dict[str, Any]) -> None:
    """Attributes as CVAT exports them."""
    for number, entry in enumerate(content["annotations"]):
        entry["attributes"] = {"occluded": False, "track_id": number, "size": "small", "color": "Red"}
    content["annotations"][0]["attributes"]["size"] = "large"


def test_attributes_of_a_users_set_become_queries(coco: Coco, data_params: Make, tmp_path: Path) -> None:
    coco(as_cvat)
    records = read_set(data_params(), tmp_path, 1)
    assert records.info.attributes == {"colour": ["red"], "size": ["small"]}
    sets = {found.name: found for found in query_sets(records, records.images["image_id"].tolist(), 0.01)}
    assert sets["attributes"].texts == ["red car", "red dog", "small dog", "red bus", "small bus"]
    assert sets["attributes"].relevant.sum(axis=0).tolist() == [1, 1, 1, 1, 1]


def test_a_query_file_comes_before_the_annotations(coco: Coco, data_params: Make, tmp_path: Path) -> None:
    coco(as_cvat)
    words = {"hypernyms": {"dog": ["pet", "animal"]}, "synonyms": {"bus": ["coach"]}, "attributes": {"size": ["large"]}}
    write(tmp_path / "set", words)
    info = read_set(data_params(queries="queries.json"), tmp_path, 1).info
    assert info.hypernyms == {"car": ["vehicle"], "dog": ["pet", "animal"], "bus": ["vehicle"]}
    assert info.synonyms == {"bus": ["coach"]}
    assert info.attributes == {"size": ["large"]}
    write(tmp_path / "set", {"attributes": {}})
    assert read_set(data_params(queries="queries.json"), tmp_path, 1).info.attributes == {}


def test_words_of_ignored_categories_are_left_out(coco: Coco, data_params: Make, tmp_path: Path) -> None:
    coco(lambda c: c["annotations"][1].update(attributes={"colour": "brown"}))
    (tmp_path / "set" / "categories.json").write_text('{"base": ["car"], "novel": ["bus"]}')
    write(tmp_path / "set", {"synonyms": {"dog": ["hound"]}})
    info = read_set(data_params(categories="categories.json", queries="queries.json"), tmp_path, 1).info
    assert (info.synonyms, info.attributes) == ({}, {})
