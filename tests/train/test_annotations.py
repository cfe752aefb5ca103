"""What the annotations teach: labels, what was judged, and objects with boxes of their own."""

from __future__ import annotations

import dataclasses

import pandas as pd
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from for_retrieval.records.records import Records
from for_retrieval.train.annotations import judged_matrix, label_matrix, objects_of
from toy import OBJECT_COLUMNS, SHOWN, toy_records

TWELVE = toy_records(12, 0)


def records(rows: list[tuple[object, ...]]) -> Records:
    return dataclasses.replace(toy_records(4, 0), objects=pd.DataFrame(rows, columns=OBJECT_COLUMNS))


def test_labels_are_the_objects_of_known_categories() -> None:
    them = toy_records(6, 0)
    matrix = label_matrix(them.objects, them.images["image_id"].tolist(), ["car", "tree"])
    assert matrix.tolist() == [["car" in shown, "tree" in shown] for shown in SHOWN]


@given(st.data())
def test_the_label_matrix_is_what_a_loop_would_fill(data: st.DataObject) -> None:
    ids = data.draw(st.permutations(TWELVE.images["image_id"].tolist()).map(lambda order: order[:7]))
    names = data.draw(st.permutations(["car", "dog", "tree", "bus", "cat"]).map(lambda order: order[:3]))
    pairs = set(zip(TWELVE.objects["image_id"], TWELVE.objects["category"], strict=True))
    expected = [[(image_id, name) in pairs for name in names] for image_id in ids]
    assert label_matrix(TWELVE.objects, ids, names).tolist() == expected


def test_where_not_every_image_was_searched_only_listed_ones_are_judged() -> None:
    them = toy_records(6, 0)
    ids, names = them.images["image_id"].tolist(), ["car", "tree"]
    labels = label_matrix(them.objects, ids, names)
    assert judged_matrix(them, ids, labels, names).all()
    negatives = pd.DataFrame({"image_id": [ids[4], ids[5]], "category": ["car", "tree"]})
    judged = judged_matrix(dataclasses.replace(them, negatives=negatives), ids, labels, names)
    assert judged.tolist() == [
        [True, False],
        [True, False],
        [False, False],
        [False, False],
        [True, True],
        [False, True],
    ]


def test_objects_are_the_largest_with_boxes_of_their_own() -> None:
    first, second, third, _ = TWELVE.images["image_id"].tolist()[:4]
    them = records(
        [
            (first, 0, 0, 8, 8, "car", "{}", False),
            (first, 32, 16, 32, 32, "tree", "{}", False),
            (first, 0, 0, 16, 16, "car", "{}", False),
            (first, 0, 0, 64, 64, "car", "{}", True),  # a crowd
            (second, 0, 0, 64, 64, "car", '{"whole_image": true}', False),
            (third, 0, 0, 64, 64, "bus", "{}", False),  # of no category that may be learnt
        ]
    )
    found = objects_of(them, them.images["image_id"].tolist(), ["car", "tree"], 2)
    assert found.category.tolist() == [[1, 0], [-1, -1], [-1, -1], [-1, -1]]
    assert_close(found.boxes[0], torch.tensor([[0.75, 0.5, 0.5, 0.5], [0.125, 0.125, 0.25, 0.25]]))


def test_a_set_without_boxes_has_no_objects() -> None:
    them = records([])
    found = objects_of(them, them.images["image_id"].tolist(), ["car"], 32)
    assert found.category.shape == (4, 0)
    assert found.boxes.shape == (4, 0, 4)
