"""10,000 queries from 4 processes while the index is refreshed 20 times, and champions come and go 5 times."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.faults.conftest import pair_of, set_params

from for_retrieval.project import Project
from for_retrieval.records.records import load_records
from for_retrieval.release.promote import promote, rollback
from for_retrieval.release.refresh import refresh

pytestmark = pytest.mark.faults
READERS, QUERIES, REFRESHES, SWITCHES = 4, 2_500, 20, 5
READER = Path(__file__).with_name("reader.py")
Run = Callable[..., Any]


def drop_or_restore(project: Project, full: Any, number: int) -> None:
    """Take some images out of the prepared set, other ones each time; every other time none."""
    gallery = full.images[full.images["split"] == "test"]["image_id"].tolist()
    gone = set(gallery[number : number + 4]) if number % 2 else set()
    images = full.images[~full.images["image_id"].isin(gone)]
    objects = full.objects[~full.objects["image_id"].isin(gone)]
    dataclasses.replace(full, images=images, objects=objects).save(project.prepared)


def write(here: Project, seen: set[Any]) -> int:
    """Refresh, promote and roll back; `seen` gathers every pair that was live. Returns how often champions changed."""
    full = load_records(here.prepared)
    moves = 0
    for number in range(1, REFRESHES + 1):
        drop_or_restore(here, full, number)
        assert not refresh(here, progress=False).nothing_to_do
        seen.add(pair_of(here.root))
        if number % (REFRESHES // SWITCHES) == 0:
            if moves % 2:
                assert promote(here, 2, force=True).promoted
            else:
                assert rollback(here).version == 1
            moves += 1
            seen.add(pair_of(here.root))
    return moves


def test_no_query_fails_and_none_mixes_generations(project: Path, flow: Run, tmp_path: Path) -> None:
    set_params(project, {"train.steps": 14})
    done = flow("retrain", "--force", cwd=project)
    assert done.code == 0, done.out + done.err
    here, seen = Project(project), {pair_of(project)}
    assert pair_of(project)[1] == 2
    outs = [tmp_path / f"reader-{number}.jsonl" for number in range(READERS)]
    readers = [subprocess.Popen([sys.executable, str(READER), str(project), str(QUERIES), str(out)]) for out in outs]
    try:
        moves = write(here, seen)
        still_asking = [reader.poll() is None for reader in readers]
        assert [reader.wait(timeout=900) for reader in readers] == [0] * READERS
    finally:
        for reader in readers:
            reader.kill()
    answers = [json.loads(line) for out in outs for line in out.read_text(encoding="utf-8").splitlines()]
    assert len(answers) == READERS * QUERIES
    assert [line["error"] for line in answers if "error" in line] == []
    assert any(still_asking), "the readers were done before the writer: nothing was tested"
    assert {(line["generation"], line["version"], line["model"]) for line in answers} <= seen
    told = defaultdict(set)
    for line in answers:
        told[line["generation"], line["query"]].add((line["model"], line["answer"], line["results"]))
    assert {key for key, values in told.items() if len(values) > 1} == set()
    assert len({line["generation"] for line in answers}) >= REFRESHES // 2, "they saw too few of the generations"
    assert moves == SWITCHES
