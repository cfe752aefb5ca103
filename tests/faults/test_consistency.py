"""10,000 queries from 4 processes while the index is refreshed 20 times, and champions come and go 5 times."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import draw_streets, take_out
from tests.faults.conftest import pair_of, set_params

from for_retrieval.project import Project
from for_retrieval.release.promote import promote, rollback
from for_retrieval.release.refresh import refresh

pytestmark = pytest.mark.faults
READERS, QUERIES, REFRESHES, SWITCHES = 4, 2_500, 20, 5
READER = Path(__file__).with_name("reader.py")
Run = Callable[..., Any]


def drop_or_restore(root: Path, number: int) -> None:
    """Take some images out of the set, other ones each time; every other time none."""
    draw_streets(root)
    if number % 2:
        take_out(root, *(f"test_{n:05}" for n in range(number, number + 4)))


def write(here: Project, seen: set[Any]) -> int:
    """Refresh, promote and roll back; `seen` gathers every pair that was live. Returns how often champions changed."""
    moves = 0
    for number in range(1, REFRESHES + 1):
        drop_or_restore(here.root, number)
        assert not refresh(here, progress=False).nothing_to_do
        seen.add(pair_of(here.root))
        if number % (REFRESHES // SWITCHES) == 0:
            if moves % 2:
                assert promote(here, "2", force=True).promoted
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
    outs, stop = [tmp_path / f"reader-{number}.jsonl" for number in range(READERS)], tmp_path / "stop"
    command = [sys.executable, str(READER), str(project), str(QUERIES), str(stop)]
    readers = [subprocess.Popen([*command, str(out)]) for out in outs]
    try:
        moves = write(here, seen)
        stop.touch()
        assert [reader.wait(timeout=900) for reader in readers] == [0] * READERS
    finally:
        for reader in readers:
            reader.kill()
    answers = [json.loads(line) for out in outs for line in out.read_text(encoding="utf-8").splitlines()]
    assert len(answers) >= READERS * QUERIES
    assert [line["error"] for line in answers if "error" in line] == []
    assert {(line["generation"], line["version"], line["model"]) for line in answers} <= seen
    told = defaultdict(set)
    for line in answers:
        told[line["generation"], line["query"]].add((line["model"], line["answer"], line["results"]))
    assert {key for key, values in told.items() if len(values) > 1} == set()
    assert len({line["generation"] for line in answers}) >= REFRESHES // 2, "they saw too few of the generations"
    assert moves == SWITCHES
