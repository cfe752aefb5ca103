"""`for-cli init`: what it lays, what it refuses, and what it leaves to the user."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from for_retrieval.params import load_params

REPOSITORY = Path(__file__).resolve().parents[2]
Command = Callable[..., Any]
CODE = "requirements.txt"


def stages(folder: Path) -> dict[str, dict[str, Any]]:
    """The stages of a dvc.yaml; those of a foreach without the word `do`."""
    content = yaml.safe_load((folder / "dvc.yaml").read_text(encoding="utf-8"))
    return {name: {**stage.pop("do", {}), **stage} for name, stage in content["stages"].items()}


@pytest.fixture
def mine(tmp_path: Path, cli: Command) -> Path:
    """A new project."""
    done = cli("init", "mine", cwd=tmp_path)
    assert (done.code, done.out) == (0, ""), done.err
    return tmp_path / "mine"


def test_it_says_what_comes_next(tmp_path: Path, cli: Command) -> None:
    done = cli("init", "my photos", cwd=tmp_path)
    assert done.err.splitlines() == [
        "my photos is a project now; next:",
        "  cd 'my photos'",
        "  for-cli data import ~/my-photos",
        "  dvc repro",
    ]
    assert load_params(tmp_path / "my photos" / "params.yaml").data.name == "my-photos"


def test_the_pipeline_is_that_of_the_repository(mine: Path) -> None:
    """The same stages with the same parameters, outputs and data; the code is the pinned version instead of src/."""
    ours, theirs = stages(mine), stages(REPOSITORY)
    assert list(ours) == list(theirs)
    for name, stage in theirs.items():
        deps = stage.pop("deps")
        data = [entry for entry in deps if not entry.startswith("src/")]
        assert ours[name].pop("deps") == data + [CODE] * (len(data) < len(deps))
        assert ours[name] == stage
    assert f"for-retrieval[all]=={version('for-retrieval')}" in (mine / CODE).read_text(encoding="utf-8").splitlines()


def test_all_else_is_as_in_the_repository(mine: Path) -> None:
    changed = {"dvc.yaml", "params.yaml", "Makefile", CODE}
    laid = [path for path in mine.rglob("*") if path.is_file() and ".git" not in path.relative_to(mine).parts]
    names = {path.relative_to(mine).as_posix() for path in laid} - changed
    assert names >= {".gitignore", ".dvcignore", ".dvc/config", "prefect.yaml", "flows/retrain.py", "params/coco.yaml"}
    assert [name for name in names if (mine / name).read_bytes() != (REPOSITORY / name).read_bytes()] == []


def test_params_differ_where_the_images_lie_only(mine: Path) -> None:
    ours, theirs = (load_params(folder / "params.yaml").model_dump() for folder in (mine, REPOSITORY))
    assert ours.pop("data") == {
        **theirs.pop("data"),
        "kind": "folder",
        "name": "mine",
        "root": "data/raw",
        "images": ".",
        "splits": None,
        "categories": None,
        "queries": None,
    }
    assert ours.pop("index") == {**theirs.pop("index"), "gallery": ["train", "val", "test"]}
    assert ours == theirs
    lines = [(folder / "params.yaml").read_text(encoding="utf-8").count("#") for folder in (mine, REPOSITORY)]
    assert lines[0] == lines[1], "the reasons stay"


def test_a_demo_draws_its_images(tmp_path: Path, cli: Command, run: Command) -> None:
    done = cli("init", "demo", "--demo", cwd=tmp_path)
    assert done.err.splitlines()[1:] == ["  cd demo", "  dvc repro", '  for-cli query "red car"']
    demo = tmp_path / "demo"
    assert (demo / "params.yaml").read_bytes() == (REPOSITORY / "params.yaml").read_bytes()
    assert not (demo / "data" / "raw").exists()
    sizes = demo / "data" / "drawn" / "params.yaml"
    values = yaml.safe_load(sizes.read_text(encoding="utf-8"))
    values["sets"]["driving"] = {"train": 6, "val": 2, "test": 4}
    sizes.write_text(yaml.safe_dump(values), encoding="utf-8")
    done = run("dvc", "repro", "prepare", cwd=demo)
    assert done.code == 0, done.err
    assert "12 images" in done.out + done.err
    assert run("dvc", "status", "prepare", "--json", cwd=demo).out.strip() == "{}"


def test_git_and_dvc_are_ready(mine: Path, run: Command) -> None:
    assert run("git", "rev-parse", "--show-toplevel", cwd=mine).out.strip() == str(mine)
    assert run("dvc", "root", cwd=mine).out.strip() == "."
    assert run("dvc", "config", "core.analytics", cwd=mine).out.strip() == "false"
    listed = run("git", "ls-files", "-o", "--exclude-standard", cwd=mine).out.splitlines()
    assert {"dvc.yaml", "params.yaml", CODE, ".dvc/config", "data/README.md"} <= set(listed)
    (mine / "data" / "raw" / "a.txt").write_text("a", encoding="utf-8")
    assert run("dvc", "add", "data/raw", cwd=mine).code == 0
    assert "data/raw.dvc" in run("git", "ls-files", "-o", "--exclude-standard", cwd=mine).out.splitlines()


def test_make_starts_and_stops_the_services(mine: Path, run: Command) -> None:
    """As messages and documents say; the flows are modules of the project."""
    for target in ("up", "down"):
        assert run("make", "--no-print-directory", "-n", target, cwd=mine).out == f"python -m flows.services {target}\n"
    done = run("python", "-m", "flows.services", "--help", cwd=mine, PYTHONPATH=f"{REPOSITORY / 'src'}")
    assert (done.code, done.err) == (0, "")
    assert "down" in done.out


def test_in_a_repository_there_is_no_second_one(tmp_path: Path, cli: Command, run: Command) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_text("scratch/\n", encoding="utf-8")
    assert cli("init", "here", cwd=tmp_path).code == 0
    assert not (tmp_path / "here" / ".git").exists()
    done = run("dvc", "status", "prepare", cwd=tmp_path / "here")
    assert done.code == 0, done.err
    assert cli("init", "scratch/there", cwd=tmp_path).code == 0
    assert (tmp_path / "scratch" / "there" / ".git").is_dir(), "the one around ignores the folder"


def test_a_fresh_repository_with_its_environment_is_no_obstacle(tmp_path: Path, cli: Command) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / ".venv").mkdir()
    done = cli("init", ".", cwd=tmp_path)
    assert done.code == 0
    assert done.err.splitlines()[1] == "  for-cli data import ~/my-photos", "one is there already"


def test_a_stage_runs_with_the_version_that_is_named_only(mine: Path, cli: Command) -> None:
    """Or results of two versions would mix: DVC sees the file, not what is installed."""
    (mine / CODE).write_text("for-retrieval[all]==0.0.9\n", encoding="utf-8")
    for command in ("prepare", "index"):
        done = cli(command, cwd=mine)
        assert (done.code, done.out) == (1, "")
        assert done.err == (
            f"error: {mine / CODE} names for-retrieval 0.0.9, but {version('for-retrieval')} is installed; "
            f"write {version('for-retrieval')} there, or run pip install -r requirements.txt\n"
        )
    (mine / CODE).write_text("for-retrieval @ file:///somewhere.whl\n", encoding="utf-8")
    assert cli("prepare", cwd=mine).err.startswith("error: there are no images ")


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["a.txt"], "is not empty: it holds a.txt; name a new folder"),
        (["d", "a", "c", ".git", "b", "params.yaml"], "is not empty: it holds a, b, c and 2 more; name a new folder"),
    ],
)
def test_a_folder_in_use_is_left_as_it_is(names: list[str], sentence: str, tmp_path: Path, cli: Command) -> None:
    (tmp_path / "used").mkdir()
    for name in names:
        (tmp_path / "used" / name).write_text("mine", encoding="utf-8")
    done = cli("init", "used", cwd=tmp_path)
    assert (done.code, done.out, done.err) == (2, "", f"error: used {sentence}\n")
    assert sorted(os.listdir(tmp_path / "used")) == sorted(names)
    assert {(tmp_path / "used" / name).read_text(encoding="utf-8") for name in names} == {"mine"}


def test_a_file_in_the_way_is_named(tmp_path: Path, cli: Command) -> None:
    (tmp_path / "used").write_text("mine", encoding="utf-8")
    done = cli("init", "used", cwd=tmp_path)
    assert (done.code, done.err) == (2, "error: used is a file; name a new folder\n")
    done = cli("init", "used/below", cwd=tmp_path)
    assert (done.code, done.err) == (1, "error: used/below cannot be written (Not a directory); choose another place\n")
