"""Queries from text to results."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from for_retrieval.errors import ForError, UsageError
from for_retrieval.query.answer import Answer, answer


def ids(found: Answer) -> list[str]:
    return [result.image_id for result in found.results]


def test_ranks_images_by_their_best_region(project):
    found = answer(project, "  blue\n car ", 3)
    assert found.query == "blue car"
    assert found.model == "tiny-1"
    assert found.warnings == []
    assert ids(found)[:2] == ["street-2", "street-3"]
    first, second = found.results[:2]
    assert (first.rank, first.path, first.box) == (1, "data/pictures/day/street-2.png", (10, 20.3, 30, 40))
    assert second.box == (50, 20.3, 30, 40)  # the blue one of three
    assert (project / first.path).exists()
    assert 0.9 < second.score <= first.score <= 1


def test_json(project):
    value = json.loads(answer(project, "yellow", 1).to_json())
    assert list(value) == ["query", "model", "results"]
    assert (value["query"], value["model"]) == ("yellow", "tiny-1")
    (result,) = value["results"]
    assert list(result) == ["rank", "score", "image_id", "path", "box"]
    assert result["box"] == [10, 20.3, 30, 40]
    assert result["rank"] == 1


def test_fewer_images_than_asked_for(project):
    assert len(answer(project, "green", 1000).results) == 4


@pytest.mark.parametrize("top_k", [0, -3])
def test_number_of_results(project, top_k):
    with pytest.raises(UsageError, match=f"must be at least 1, not {top_k}"):
        answer(project, "green", top_k)


def test_empty_query(project):
    with pytest.raises(UsageError, match="the query is empty"):
        answer(project, " \n ", 3)


def test_long_query(project):
    with pytest.raises(UsageError, match="the query has 10,000 characters, the limit is 1,000"):
        answer(project, "x" * 10_000, 3)


def test_chinese_query_is_answered_with_a_warning(project):
    found = answer(project, "红色的汽车", 2)
    assert len(found.results) == 2
    assert found.warnings == ["the text tower knows English; results may be poor"]
    assert "红色的汽车" in found.to_json()


def test_hostile_queries_are_just_text(project):
    for query in ("{} {0} %s $query", "'; DROP TABLE", "\x00\x1b[31mred", "red " * 240):
        assert len(answer(project, query, 2).results) == 2


def test_nothing_exported(tmp_path):
    with pytest.raises(ForError, match=r"bundle.json does not exist; run `dvc repro export`"):
        answer(tmp_path, "red", 3)


def test_nothing_indexed(project, tmp_path):
    with pytest.raises(ForError, match=r"there is no index yet in .*nowhere; run `dvc repro`"):
        answer(project, "red", 3, index=tmp_path / "nowhere")


def test_bundle_of_another_model(project, tmp_path):
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    for path in (project / "models/bundle").iterdir():
        (bundle / path.name).write_bytes(path.read_bytes())
    settings = json.loads((bundle / "bundle.json").read_text())
    (bundle / "bundle.json").write_text(json.dumps({**settings, "model": "tiny-2"}))
    with pytest.raises(ForError, match="built by model 'tiny-1', but the bundle holds model 'tiny-2'"):
        answer(project, "red", 3, bundle=bundle)


SLOW = [
    "torch",
    "pandas",
    "pyarrow",
    "pydantic",
    "qdrant_client",
    "yaml",
    "matplotlib",
    "onnx",
    "rich",
    "PIL",
]
COLD = f"""
import sys
from pathlib import Path
from for_retrieval.query.answer import answer
print(answer(Path(sys.argv[1]), "red", 2).results[0].image_id, [m for m in {SLOW} if m in sys.modules])
"""


def test_processes_answer_together_and_load_nothing_slow(project):
    command = [sys.executable, "-c", COLD, str(project)]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [child.communicate(timeout=60)[0] for child in children] == ["street-1 []\n"] * 2
