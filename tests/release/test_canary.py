"""What counts as a right answer to a canary."""

from __future__ import annotations

import pytest

from for_retrieval.params import Canary
from for_retrieval.release.gate import Label, judge_answer, labels
from toy import toy_records

RULES = Canary(queries=None, top_k=4, precision=0.5)


@pytest.mark.parametrize(
    ("answered", "found", "passed"),
    [("abxy", 2, True), ("axyz", 1, False), ("xyab", 2, True), ("xyzwab", 0, False), ("", 0, False)],
)
def test_half_of_the_first_four(answered: str, found: int, passed: bool) -> None:
    asked = judge_answer("car", list(answered), Label(True, set("abcdef"), None), RULES)
    assert (asked.found, asked.of, asked.passed) == (found, 4, passed)


def test_fewer_are_asked_for_where_fewer_are_right() -> None:
    asked = judge_answer("car", list("xaby"), Label(True, {"a"}, None), RULES)
    assert (asked.found, asked.of, asked.passed) == (1, 1, True)
    assert asked.sentence() == 'canary "car": 1 of 1 right'


def test_images_that_nobody_judged_are_passed_over() -> None:
    label = Label(True, set("ab"), set("abxy"))
    assert judge_answer("car", list("123456ab"), label, RULES).passed
    assert not judge_answer("car", list("xy12xyab")[:2] + list("xy"), label, RULES).passed


def test_without_labels_an_answer_is_enough() -> None:
    assert judge_answer("car", ["a"], None, RULES).passed
    asked = judge_answer("car", [], None, RULES)
    assert not asked.passed
    assert asked.sentence() == 'canary "car": no answer (nothing is labelled)'


def test_labels_are_those_of_the_gallery() -> None:
    records = toy_records()
    found = labels(records, ["test"], 0.01)
    assert {text for text, label in found.items() if label.name} == {"car", "dog", "tree", "bus"}
    assert found["red dog"].right == {f"test-{number:03}" for number in range(36, 60) if number % 6 == 2}
    assert found["hound"].right == found["dog"].right
    assert set(labels(records, ["test"], 0.01, ("names",))) == {"car", "dog", "tree", "bus"}
    assert labels(records, ["val"], 0.01) == {}
