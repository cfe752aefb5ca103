from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from for_retrieval.errors import ForError, UsageError
from for_retrieval.records.splits import novel_by_name, read_categories

NAMES = ["car", "dog", "traffic light"]


def _file(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "categories.json"
    path.write_text(json.dumps(content))
    return path


def test_what_is_not_novel_is_base() -> None:
    assert novel_by_name(NAMES, ["dog"]) == (["car", "traffic light"], ["dog"])
    assert novel_by_name(NAMES, []) == (NAMES, [])
    assert novel_by_name([], []) == ([], [])


def test_an_unknown_novel_name_gets_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"data.novel names 'trafic light', .* did you mean 'traffic light'\?"):
        novel_by_name(NAMES, ["trafic light"])


def test_something_must_be_left_to_learn_from() -> None:
    with pytest.raises(UsageError, match="names every category"):
        novel_by_name(NAMES, NAMES)


def test_a_file_may_leave_categories_out(tmp_path: Path) -> None:
    path = _file(tmp_path, {"base": ["car"], "novel": ["dog"], "ignored": ["traffic light"]})
    assert read_categories(path, NAMES) == (["car"], ["dog"])


def test_a_file_needs_no_novel(tmp_path: Path) -> None:
    assert read_categories(_file(tmp_path, {"base": ["car"]}), NAMES) == (["car"], [])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "must hold {base: [...], novel: [...], ignored: [...]}"),
        ({"novel": ["car"]}, "must have names in the list 'base'"),
        ({"base": []}, "must have names in the list 'base'"),
        ({"base": ["car"], "nowel": []}, "has the key 'nowel'; did you mean 'novel'?"),
        ({"base": ["car"], "novel": "dog"}, "'novel' must be a list of category names"),
        ({"base": ["cat"]}, "names 'cat' in base, which is no category; did you mean 'car'?"),
        ({"base": ["car", "dog"], "novel": ["dog"]}, "has 'dog' in base and in novel; keep one"),
    ],
)
def test_a_wrong_file_is_told(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(ForError) as caught:
        read_categories(_file(tmp_path, content), NAMES)
    assert message in str(caught.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ForError, match=r"the category file .* does not exist; check data.categories"):
        read_categories(tmp_path / "none.json", NAMES)
