"""Values of params.yaml are changed, and the rest of its text is not."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from for_retrieval.errors import UsageError
from for_retrieval.params.editing import edit_params

PARAMS = Path(__file__).parents[1] / "params.yaml"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_bytes(PARAMS.read_bytes())
    return tmp_path


def test_block_lists_stay_block_lists(project: Path) -> None:
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("gallery: [test]", "gallery:\n    - test\n    - val"))
    before = path.read_text()
    edit_params(path, {("data", "novel"): ["a b", "it's: x"]})
    assert path.read_text() == before.replace("novel: []                   ", """novel: [a b, "it's: x"]     """, 1)


def test_an_edit_that_would_spoil_the_file_is_refused(project: Path) -> None:
    before = (project / "params.yaml").read_text()
    with pytest.raises(
        UsageError, match=r"params.yaml cannot be edited automatically; set data.max_broken: 2 yourself"
    ):
        edit_params(project / "params.yaml", {("data", "max_broken"): 2})
    assert (project / "params.yaml").read_text() == before


def test_null_stays_a_word(project: Path) -> None:
    edit_params(project / "params.yaml", {("train", "vocabulary", "nouns"): "words.txt"})
    edit_params(project / "params.yaml", {("train", "vocabulary", "nouns"): None})
    text = (project / "params.yaml").read_text()
    assert "nouns: null" in text
    assert "queries: null" in text
    assert yaml.safe_load(text) == yaml.safe_load(PARAMS.read_text())
