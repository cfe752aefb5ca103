from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from for_retrieval.records import workers
from for_retrieval.records.images import BrokenImage, ImageFacts, inspect_all


def test_results_keep_the_order_and_reasons(picture: Callable[..., Path], tmp_path: Path) -> None:
    paths = [picture("a.png", (10, 20)), tmp_path / "none.png", picture("ü b\n.png", (30, 20))]
    one, two, three = inspect_all(paths, 1, 1000, 8)
    assert isinstance(one, ImageFacts)
    assert (one.width, one.height) == (10, 20)
    assert isinstance(two, BrokenImage)
    assert two.reason == "missing file"
    assert isinstance(three, ImageFacts)
    assert (three.width, three.height) == (30, 20)


def test_processes_give_the_same_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = []
    for number in range(40):
        paths.append(tmp_path / f"{number}.png")
        Image.new("RGB", (8 + number, 9), (number, 0, 0)).save(paths[-1])
    paths[7].write_bytes(b"")
    monkeypatch.setattr(workers, "_POOL_FROM", 2)
    pooled = inspect_all(paths, 2, 1000, 8)
    alone = inspect_all(paths, 1, 1000, 8)
    assert [str(result) for result in pooled] == [str(result) for result in alone]
    assert isinstance(pooled[7], BrokenImage)


def test_nothing_is_nothing() -> None:
    assert inspect_all([], 2, 1000, 8) == []


def test_a_pipe_gets_no_progress_bar(picture: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    inspect_all([picture("a.png")], 1, 10_000, 8)
    assert capsys.readouterr() == ("", "")
