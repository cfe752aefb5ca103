"""Queries from text to results."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from colours import regions, serve

from for_retrieval.errors import ForError, UsageError
from for_retrieval.query.answer import Answer, answer
from for_retrieval.query.log import log_query
from for_retrieval.release.pointer import roll_back
from for_retrieval.release.search import open_entry, open_live


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
    assert list(value) == ["query", "model", "generation", "version", "results"]
    assert (value["query"], value["model"], value["version"]) == ("yellow", "tiny-1", None)
    assert (project / "data/index" / value["generation"] / "manifest.json").exists()
    (result,) = value["results"]
    assert list(result) == ["rank", "score", "image_id", "path", "box", "boxes"]
    assert result["box"] == [10, 20.3, 30, 40]
    assert result["boxes"] == [result["box"]]
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


def test_nothing_indexed(tmp_path):
    with pytest.raises(ForError, match=r"there is no index yet in .*data/index; run `dvc repro`"):
        answer(tmp_path, "red", 3)


def test_the_live_generation_brings_its_own_bundle(project, tmp_path):
    """What `export` writes does not matter before its index serves."""
    folder = shutil.copytree(project, tmp_path / "project")
    shutil.rmtree(folder / "models")
    assert ids(answer(folder, "blue", 2)) == ids(answer(project, "blue", 2))


def test_a_bundle_of_another_model(project, tmp_path):
    folder = shutil.copytree(project / "data/index", tmp_path / "data/index")
    (path,) = folder.glob("gen-*/bundle/bundle.json")
    path.write_text(path.read_text().replace("tiny-1", "tiny-2"))
    with pytest.raises(ForError, match=r"is of model 'tiny-1', but its bundle holds 'tiny-2'; run `for-cli index`"):
        answer(tmp_path, "red", 3)


def test_an_answer_names_its_generation_and_version(project, tmp_path):
    folder = shutil.copytree(project / "data/index", tmp_path / "data/index")
    bundle = project / "models/bundle"
    new = serve(folder, bundle, [regions("other", "day/other.png", ["red"])], version=4)
    found = answer(tmp_path, "red", 3)
    assert (found.generation, found.version, ids(found)) == (new, 4, ["other"])
    go_back = roll_back(folder, champion=False)
    found = answer(tmp_path, "red", 3)
    assert (found.generation, found.version) == (go_back.generation, None)
    assert "street-1" in ids(found)


def test_a_generation_that_vanishes_meanwhile_is_asked_for_again(project, tmp_path):
    """The pointer moves, and what it named is pruned, between reading it and opening what it names."""
    folder = shutil.copytree(project / "data/index", tmp_path / "data/index")
    asked = []

    def open_late(live):
        asked.append(live.generation)
        if len(asked) == 1:
            serve(folder, project / "models/bundle", [regions("other", "day/other.png", ["red"])])
            shutil.rmtree(folder / live.generation)
        return open_entry(folder, live)

    live, index = open_live(folder, open_late)
    with index:
        assert index.manifest.n_images == 1
    assert len(asked) == 2
    assert live.generation == asked[1] != asked[0]


def test_a_generation_that_is_gone_for_good_is_an_error(project, tmp_path):
    folder = shutil.copytree(project / "data/index", tmp_path / "data/index")
    (generation,) = folder.glob("gen-*")
    shutil.rmtree(generation)
    with pytest.raises(ForError, match=r"bundle.json does not exist; run `for-cli index` to rebuild it"):
        answer(tmp_path, "red", 3)


# The log


def test_each_query_is_a_line(project, tmp_path):
    path = tmp_path / "var" / "queries.jsonl"
    found = answer(project, "红色 car\n", 2)
    log_query(path, found, 12.34)
    log_query(path, replace(found, results=[]), 5)
    first, second = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    assert list(first) == ["time", "query", "model", "generation", "version", "best", "count", "ms"]
    assert (first["query"], first["best"], first["count"], first["ms"]) == (
        found.query,
        found.results[0].score,
        2,
        12.3,
    )
    assert (second["best"], second["count"]) == (None, 0)


def test_a_log_that_cannot_be_written_fails_no_query(project, tmp_path):
    (tmp_path / "var").write_text("a file where a folder should be")
    log_query(tmp_path / "var" / "queries.jsonl", answer(project, "red", 1), 1)
    assert (tmp_path / "var").read_text() == "a file where a folder should be"


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
