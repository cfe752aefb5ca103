"""The three query sets of a set of ten images, worked out by hand."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from for_retrieval.evaluate.queries import QuerySet, query_sets
from for_retrieval.records.records import DatasetInfo, Records

COLUMNS = ["image_id", "x", "y", "w", "h", "category", "attributes", "crowd"]
IDS = [f"i{number}" for number in range(10)]


def thing(image: int, category: str, colour: str | None = None, side: float = 40) -> tuple[object, ...]:
    """A square object in a picture of 100 x 100 px."""
    return (f"i{image}", 0, 0, side, side, category, json.dumps({"colour": colour} if colour else {}), False)


OBJECTS = [
    thing(0, "car", "red"),
    thing(0, "car", "blue"),
    thing(1, "car", "red", side=5),
    thing(2, "truck", "red"),
    thing(3, "dog", "brown", side=9),
    thing(4, "dog", "brown", side=9),
    thing(5, "dog", "brown", side=50),
    thing(6, "mailbox"),
    thing(6, "tree", side=3),
    thing(7, "tree", side=3),
    thing(7, "tree", side=30),  # the largest in its image is what counts
    thing(9, "stranger"),  # of no category that is known
]


@pytest.fixture(scope="module")
def records() -> Records:
    images = pd.DataFrame({"image_id": IDS, "path": IDS, "width": 100, "height": 100, "hash": IDS, "split": "test"})
    info = DatasetInfo(
        name="hand",
        root="images",
        base=["car", "mailbox", "tree"],
        novel=["truck", "dog", "unseen"],
        synonyms={
            "car": ["automobile"],
            "truck": ["lorry"],
            "dog": ["hound", "car"],
            "unseen": ["ghost"],
            "gone": ["nothing"],
        },
        hypernyms={"car": ["vehicle"], "truck": ["vehicle"], "dog": ["animal"], "mailbox": ["automobile"]},
        attributes={"colour": ["red", "blue", "brown", "green"]},
    )
    return Records(images, pd.DataFrame(OBJECTS, columns=COLUMNS), info)


@pytest.fixture(scope="module")
def sets(records: Records) -> dict[str, QuerySet]:
    return {query_set.name: query_set for query_set in query_sets(records, IDS, 0.01)}


def relevant(query_set: QuerySet) -> dict[str, list[int]]:
    columns = zip(query_set.texts, query_set.relevant.T, strict=True)
    return {text: column.nonzero()[0].tolist() for text, column in columns}


def subset(query_set: QuerySet, name: str) -> set[str]:
    return {query_set.texts[position] for position in query_set.subsets[name]}


def test_names(sets: dict[str, QuerySet]) -> None:
    names = sets["names"]
    assert relevant(names) == {"car": [0, 1], "mailbox": [6], "tree": [6, 7], "truck": [2], "dog": [3, 4, 5]}
    assert subset(names, "base") == {"car", "mailbox", "tree"}
    assert subset(names, "novel") == {"truck", "dog"}
    assert subset(names, "all") == set(names.texts)


def test_small_is_by_the_median_of_the_largest_instance(sets: dict[str, QuerySet]) -> None:
    """dog: 0.81 %, 0.81 %, 25 %, median below 1 %. tree: 0.09 % and 9 %. car: 16 % and 0.25 %."""
    assert subset(sets["names"], "small") == {"dog"}
    assert subset(sets["attributes"], "small") == {"brown dog"}


def test_small_follows_its_parameter(records: Records) -> None:
    names = next(s for s in query_sets(records, IDS, 0.1) if s.name == "names")
    assert subset(names, "small") == {"car", "dog", "tree"}
    names = next(s for s in query_sets(records, IDS, 0.0) if s.name == "names")
    assert subset(names, "small") == set()


def test_attributes(sets: dict[str, QuerySet]) -> None:
    attributes = sets["attributes"]
    expected = {"red car": [0, 1], "blue car": [0], "red truck": [2], "brown dog": [3, 4, 5]}
    assert relevant(attributes) == expected
    assert subset(attributes, "base") == {"red car", "blue car"}
    assert subset(attributes, "novel") == {"red truck", "brown dog"}


def test_a_word_of_two_attributes_is_one_query(records: Records) -> None:
    """An object that is orange in either sense answers "orange ball"; another category's does not."""
    said = [
        {"colour": "orange"},
        {"flavour": "Orange"},
        {"colour": "orange", "flavour": "orange"},
        {"flavour": "sweet"},
    ]
    rows = [(*thing(number, "ball")[:6], json.dumps(entry), False) for number, entry in enumerate(said)]
    rows.append((*thing(4, "car")[:6], '{"colour": "orange"}', False))
    info = DatasetInfo(
        "hand", "images", ["ball"], [], attributes={"colour": ["orange"], "flavour": ["orange", "sweet"]}
    )
    asked = Records(records.images, pd.DataFrame(rows, columns=COLUMNS), info)
    (attributes,) = (found for found in query_sets(asked, IDS, 0.01) if found.name == "attributes")
    assert relevant(attributes) == {"orange ball": [0, 1, 2], "sweet ball": [3]}


def test_synonyms_and_hypernyms(sets: dict[str, QuerySet]) -> None:
    """A word means every category that lists it; the name of a category is no synonym of another."""
    words = sets["synonyms"]
    assert relevant(words) == {
        "animal": [3, 4, 5],
        "automobile": [0, 1, 6],
        "hound": [3, 4, 5],
        "lorry": [2],
        "vehicle": [0, 1, 2],
    }


def test_a_word_for_base_and_novel_counts_in_all_only(sets: dict[str, QuerySet]) -> None:
    words = sets["synonyms"]
    assert subset(words, "base") == {"automobile"}
    assert subset(words, "novel") == {"animal", "hound", "lorry"}
    assert subset(words, "all") == {"animal", "automobile", "hound", "lorry", "vehicle"}


def test_every_query_has_a_relevant_image(sets: dict[str, QuerySet]) -> None:
    assert all(query_set.relevant.any(axis=0).all() for query_set in sets.values())


def test_rows_follow_the_images_that_are_asked_for(records: Records) -> None:
    names = next(s for s in query_sets(records, ["i5", "i0"], 0.01) if s.name == "names")
    assert relevant(names) == {"car": [1], "dog": [0]}


def test_a_set_without_colours_or_other_words_has_names_only(records: Records) -> None:
    info = DatasetInfo("hand", "images", ["car"], ["dog"])
    plain = Records(records.images, records.objects, info)
    assert [query_set.name for query_set in query_sets(plain, IDS, 0.01)] == ["names"]


@pytest.mark.parametrize("ids", [[], ["i8"]])
def test_nothing_to_ask_for_is_no_query_set(records: Records, ids: list[str]) -> None:
    assert query_sets(records, ids, 0.01) == []


def test_where_all_images_are_judged_no_table_says_so(sets: dict[str, QuerySet]) -> None:
    assert all(query_set.judged is None for query_set in sets.values())


def test_only_relevant_images_and_listed_negatives_are_judged(records: Records) -> None:
    """car is on 0 and 1 and listed as absent from 3 and 4; truck is on 2 and absent from 3 (twice); no other is."""
    listed = [("i3", "car"), ("i4", "car"), ("i3", "truck"), ("i3", "truck"), ("elsewhere", "car")]
    negatives = pd.DataFrame(listed, columns=["image_id", "category"])
    judged = Records(records.images, records.objects, records.info, negatives)
    sets = {query_set.name: query_set for query_set in query_sets(judged, IDS, 0.01)}
    assert judged_images(sets["names"]) == {
        "car": [0, 1, 3, 4],
        "mailbox": [6],
        "tree": [6, 7],
        "truck": [2, 3],
        "dog": [3, 4, 5],
    }
    assert judged_images(sets["attributes"])["red car"] == [0, 1, 3, 4]
    # i4 may show a truck, which is a vehicle; only i3 is known to show neither.
    assert judged_images(sets["synonyms"])["vehicle"] == [0, 1, 2, 3]
    assert judged_images(sets["synonyms"])["lorry"] == [2, 3]


def judged_images(query_set: QuerySet) -> dict[str, list[int]]:
    assert query_set.judged is not None
    columns = zip(query_set.texts, query_set.judged.T, strict=True)
    return {text: column.nonzero()[0].tolist() for text, column in columns}
