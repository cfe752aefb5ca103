"""What the annotations teach: labels, what was judged, and objects with boxes of their own."""

from __future__ import annotations

import dataclasses

import pandas as pd
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from for_retrieval.records.records import Records
from for_retrieval.train.annotations import judged_matrix, label_matrix, objects_of, seen_in, viewed
from for_retrieval.train.lesson import Objects
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


def test_a_mirrored_view_has_its_objects_on_the_other_side() -> None:
    them = Objects(torch.tensor([[0, -1], [2, 1]]), torch.tensor([[[0.3, 0.4, 0.2, 0.2]] * 2] * 2))
    found = viewed(them, ["a" * 12, "b" * 12], 2)
    assert torch.equal(found.category, them.category.repeat(2, 1))
    assert_close(found.boxes[:2], them.boxes)
    assert_close(found.boxes[2:], torch.tensor([0.7, 0.4, 0.2, 0.2]).expand(2, 2, 4))


def test_a_crop_counts_what_is_known_to_be_in_it() -> None:
    """Three images: with a box, with a label that has no box, and without labels that may be used."""
    labels = torch.tensor([[True, False], [True, False], [True, False]])
    counted = torch.tensor([[True, True], [True, True], [False, False]])
    category, boxes = torch.tensor([[0], [-1], [-1]]), torch.tensor([[[0.35, 0.45, 0.2, 0.2]]] * 3)
    views = 8
    objects = viewed(Objects(category, boxes), ["0123456789abcdef"] * 3, views)
    shown, known = seen_in(views, labels, counted, objects)
    assert shown.shape == known.shape == (24, 2)
    for view in range(views):
        one, two, three = (slice(3 * view + k, 3 * view + k + 1) for k in range(3))
        there = bool(objects.category[one][0, 0] == 0)
        assert known[one].all()
        assert not known[three].any()
        if view in (0, 1, 5):  # all of the image
            assert torch.equal(shown[one], labels[:1])
            assert known[two].all()
        else:
            assert shown[one].tolist() == [[there, False]]
            assert known[two].tolist() == [[False, True]]
