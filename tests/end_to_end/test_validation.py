"""`for-cli validate` and `for-cli data check`: exit code, messages, what is written, and when it is not run again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from for_retrieval.files import file_hash, read_json

Command = Callable[..., Any]
Copy = Callable[..., Path]
PARTS = ("data/prepared", "data/fractions")


@pytest.fixture
def folder(project: Path, copy: Copy) -> Path:
    """What `validate` reads, and nothing else."""
    return copy(*PARTS)


def test_the_stage_left_report_profile_and_pages(project: Path) -> None:
    report = read_json(project / "reports" / "validation.json")
    assert (report["name"], report["success"], report["failed"]) == ("tiny-streets", True, 0)
    assert report["checks"] == len(report["outcomes"]) > 60
    assert report["accepted"] is None
    profile = read_json(project / "data" / "validation" / "profile.json")
    assert profile["images"] == {"test": 40, "train": 60, "val": 10}
    assert profile["digest"] == report["digest"]
    assert "This set" in (project / "data" / "validation" / "index.html").read_text(encoding="utf-8")
    generation = read_json(project / "data" / "index" / "CURRENT")["live"]["generation"]
    assert read_json(project / "data" / "index" / generation / "bundle" / "profile.json") == profile


def test_another_run_writes_the_same_and_decodes_nothing(project: Path, copy: Copy, cli: Command) -> None:
    folder = copy(*PARTS, "data/cache")
    shards = sorted((folder / "data/cache/looks").rglob("*.json"))
    before = [(path, path.stat().st_mtime_ns) for path in shards]
    assert len(before) == 1
    done = cli("validate", cwd=folder)
    assert done.code == 0, done.err
    assert "checks passed" in done.err.splitlines()[-1]
    for place in ("reports/validation.json", "data/validation"):
        written, expected = (sorted(p for p in [r / place, *(r / place).rglob("*")]) for r in (folder, project))
        pairs = [(a, b) for a, b in zip(written, expected, strict=True) if a.is_file()]
        assert pairs
        assert [a.name for a, b in pairs if file_hash(a) != file_hash(b)] == []
    assert [(path, path.stat().st_mtime_ns) for path in sorted((folder / "data/cache/looks").rglob("*.json"))] == before


def test_a_broken_set_stops_here_with_a_sentence_each(folder: Path, cli: Command) -> None:
    first, second = sorted((folder / "data/streets/images").glob("train_*.jpg"))[:2]
    first.unlink()
    second.write_bytes(b"no picture")
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["checks"]["min_images"] = 61
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    names = f"{first.stem} (missing file), {second.stem} (changed since it was prepared)"
    done = cli("validate", cwd=folder)
    assert (done.code, done.out) == (1, "")
    lines = [line for line in done.err.splitlines() if not line.startswith("warning: ")]
    remedy = "; check data.splits and data.split_ratio (checks.min_images)"
    count = len(read_json(folder / "reports/validation.json")["outcomes"])
    assert lines[0] == (
        f"error: tiny-streets failed 3 of {count} checks; all of them are in data/validation/index.html"
    )
    assert lines[1:] == [
        f"  2 of 110 image files are missing, changed or do not decode (images.file, first {names}); "
        "restore or remove the files, then `dvc repro`",
        f"  the split train has 60 images, fewer than 61{remedy}",
        f"  the gallery (index.gallery) has 40 images, fewer than 61{remedy}",
    ]
    assert "must not be used" in (folder / "data/validation/index.html").read_text(encoding="utf-8")


def test_data_check_as_json_fails_with_the_same_message(folder: Path, cli: Command) -> None:
    (folder / "data/fractions/10.json").write_text('{"percent": 10, "images": ["train_00000", "test_00000"]}')
    done = cli("data", "check", "--json", cwd=folder)
    assert done.code == 1
    report = json.loads(done.out)
    assert report == read_json(folder / "var/check/validation.json")
    failed = [entry["sentence"] for entry in report["outcomes"] if not entry["success"] and not entry["warns"]]
    assert report["failed"] == len(failed) >= 2
    assert any("1 of 62 images of fractions are not training images" in sentence for sentence in failed)
    assert done.err.splitlines()[1:] == [f"  {sentence}" for sentence in failed]


def test_data_check_measures_drift_against_the_live_index(project: Path, copy: Copy, cli: Command) -> None:
    folder = copy(*PARTS, "data/index", "data/cache")
    generation = read_json(folder / "data/index/CURRENT")["live"]["generation"]
    path = folder / "data/index" / generation / "bundle" / "profile.json"
    accepted = read_json(path)
    accepted["brightness"]["mean"] = round(accepted["brightness"]["mean"] - 0.2, 6)
    path.write_text(json.dumps(accepted))
    done = cli("data", "check", cwd=folder)
    assert done.code == 0, done.err
    assert "every file is there, unchanged, and decodes" in done.out
    assert "0 of 110" in done.out
    assert done.err.splitlines()[0] == "pages: var/check/index.html"
    assert "checks passed" in done.err.splitlines()[-1]
    assert (
        "warning: the brightness values are 0.2 away from those of the accepted set, more than 0.1; "
        "retrain if the change is intended (checks.drift.brightness)"
    ) in done.err.splitlines()
    assert read_json(folder / "var/check/validation.json")["accepted"] == accepted["digest"]
    assert not (folder / "reports").exists()  # the stage's own
    assert not (folder / "data/validation").exists()


@pytest.mark.parametrize("command", [("validate",), ("data", "check")])
def test_too_early(project: Path, copy: Copy, cli: Command, command: tuple[str, ...]) -> None:
    done = cli(*command, cwd=copy())
    assert (done.code, done.out) == (1, "")
    assert done.err.endswith("data/prepared/dataset.json does not exist; run `dvc repro prepare`\n")
