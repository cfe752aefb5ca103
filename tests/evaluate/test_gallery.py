"""Seen and unseen images in one ranking, worked out by hand."""

from __future__ import annotations

import numpy as np

from for_retrieval.evaluate.gallery import only, training_shares
from for_retrieval.evaluate.metric import average_precisions, unjudged_last
from for_retrieval.evaluate.queries import QuerySet

TRAIN = np.array([True, True, True, False, False, False])
RELEVANT = np.array([[1, 0], [1, 1], [0, 0], [1, 0], [0, 0], [0, 0]], bool)
QUERIES = QuerySet("names", ["car", "dog"], RELEVANT, {"base": np.array([0]), "novel": np.array([1])})
SCORES = np.array([[0.9, 0.1], [0.8, 0.9], [0.7, 0.2], [0.6, 0.3], [0.5, 0.4], [0.4, 0.5]], np.float32)


def test_relevant_images_of_the_other_kind_are_left_out_and_irrelevant_ones_stay() -> None:
    unseen, columns = only(QUERIES, ~TRAIN)
    assert (unseen.texts, columns.tolist()) == (["car"], [0])  # no dog is unseen
    assert [members.tolist() for members in unseen.subsets.values()] == [[0], []]
    # Of the unseen: the training image without a car is before the one with.
    values = unjudged_last(SCORES[:, columns], unseen.judged)
    assert average_precisions(values, unseen.relevant, 50).tolist() == [0.5]
    seen, columns = only(QUERIES, TRAIN)
    assert columns.tolist() == [0, 1]
    values = unjudged_last(SCORES, seen.judged)
    assert average_precisions(values, seen.relevant, 50).tolist() == [1.0, 1.0]


def test_shares_of_training_images() -> None:
    found = training_shares(SCORES, QUERIES, TRAIN)
    assert found == {"base": {"first": 50.0, "relevant": 66.67}, "novel": {"first": 50.0, "relevant": 100.0}}
