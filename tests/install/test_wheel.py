"""The wheel, outside any checkout: the light part alone, a missing extra, a new project and its stages."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from installed import Installed
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "open_clip", "timm", "transformers", "scipy", "pyarrow", "dvc", "prefect", "mlflow", "qdrant_client")
TINY = ("--train", "6", "--val", "2", "--test", "4")

Command = Callable[..., Any]


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """An empty folder, in no project and no repository."""
    folder = tmp_path / "outside"
    folder.mkdir()
    return folder


def test_the_wheel_holds_all_files_of_the_packages(wheel: Path, run: Command) -> None:
    listed = run("git", "ls-files", "-co", "--exclude-standard", "src", cwd=REPOSITORY).out.splitlines()
    packages = {name.removeprefix("src/") for name in listed if (REPOSITORY / name).is_file()}
    held = set(ZipFile(wheel).namelist())
    assert packages - held == set()
    rest = {name for name in held - packages if ".dist-info/" not in name}
    assert {name.split("/")[1] for name in rest} == {"template"}, "no tests, no benchmarks, no pretrain"


def test_the_light_part_is_light(light: Installed, outside: Path) -> None:
    script = "import importlib.util as u, sys; print([n for n in sys.argv[1:] if u.find_spec(n)])"
    assert light.python("-c", script, *HEAVY, cwd=outside).out == "[]\n"


def test_the_light_part_has_the_help_of_every_command(light: Installed, outside: Path) -> None:
    done = light.cli("--help", cwd=outside)
    assert (done.code, done.err) == (0, "")
    assert "init" in done.out
    for command in ("init", "query", "data", "index", "models", "profile", "train"):
        done = light.cli(command, "--help", cwd=outside)
        assert (done.code, done.err) == (0, ""), command


def test_a_query_needs_a_project_and_an_index(light: Installed, outside: Path) -> None:
    done = light.cli("query", "red car", cwd=outside)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: no params.yaml in {outside} or above it; ")
    assert light.cli("init", "mine", cwd=outside).code == 0
    done = light.cli("query", "red car", cwd=outside / "mine")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: there is no index yet in ")
    assert done.err.count("\n") == 1


def test_the_light_part_answers_as_the_whole_does(light: Installed, project: Path, cli: Command) -> None:
    asked = ("query", "red car", "--json", "-k", "5")
    here, there = cli(*asked, cwd=project, FOR_QUERY_LOG="false"), light.cli(*asked, cwd=project, FOR_QUERY_LOG="false")
    assert there.code == 0, there.err
    assert len(json.loads(there.out)["results"]) == 5
    assert (there.out, there.err) == (here.out, here.err)


def test_the_light_part_checks_and_converts_a_set(light: Installed, outside: Path, cli: Command) -> None:
    """In no project; the result is what the whole makes of it."""
    done = light.python("-m", "drawn_scenes", "driving", "set", "--size", "64", *TINY, cwd=outside)
    assert done.code == 0, done.err
    done = light.cli("data", "check", "set", "--json", cwd=outside)
    assert done.code == 0, done.err
    assert json.loads(done.out)["splits"] == {"train": 6, "val": 2, "test": 4}
    assert done.out == cli("data", "check", "set", "--json", cwd=outside).out
    assert light.cli("data", "convert", "set", "light", cwd=outside).code == 0
    assert cli("data", "convert", "set", "whole", cwd=outside).code == 0
    for name in ("annotations.json", "splits.json", "categories.json"):
        assert (outside / "light" / name).read_bytes() == (outside / "whole" / name).read_bytes()


@pytest.mark.parametrize(
    ("command", "library", "extra"),
    [
        ("features", "torch", "train"),
        ("prepare", "pyarrow", "train"),
        ("models list", "mlflow", "ops"),
    ],
)
def test_a_missing_extra_is_one_sentence_that_names_it(
    command: str, library: str, extra: str, light: Installed, outside: Path
) -> None:
    assert light.cli("init", "mine", cwd=outside).code == 0
    write_images(outside / "mine" / "data" / "raw", 3)
    done = light.cli(*command.split(), cwd=outside / "mine")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        f"error: this command needs {library}, which is not installed; run pip install 'for-retrieval[{extra}]'\n"
    )


@pytest.mark.parametrize("flow", ["retrain", "refresh_index", "release", "monitor", "services"])
def test_a_flow_names_its_extra_too(flow: str, light: Installed, outside: Path) -> None:
    assert light.cli("init", "mine", cwd=outside).code == 0
    done = light.python("-m", f"flows.{flow}", cwd=outside / "mine")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "error: this command needs prefect, which is not installed; run pip install 'for-retrieval[ops]'\n"
    )


def test_a_broken_library_is_no_missing_extra(light: Installed, outside: Path) -> None:
    assert light.cli("init", "mine", cwd=outside).code == 0
    (outside / "broken").mkdir()
    (outside / "broken" / "ruamel.py").write_text("import no_such_library\n", encoding="utf-8")
    done = light.cli("profile", "coco", cwd=outside / "mine", PYTHONPATH=str(outside / "broken"))
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: ModuleNotFoundError: No module named 'no_such_library' ")


def test_without_git_and_dvc_the_rest_of_a_project_is_laid(light: Installed, outside: Path) -> None:
    done = light.cli("init", "mine", cwd=outside, PATH=str(light.programs))
    assert done.code == 0
    assert done.err.splitlines() == [
        "mine is a project now; next:",
        "  cd mine",
        "  pip install -r requirements.txt",
        "  for-cli data import ~/my-photos",
        "  dvc repro",
        "note: git is not installed and DVC needs it; install it and run `git init` in mine",
    ]
    assert (outside / "mine" / "dvc.yaml").is_file()
    assert not (outside / "mine" / ".git").exists()


def test_a_project_from_the_wheel_is_that_of_the_checkout(light: Installed, outside: Path, cli: Command) -> None:
    assert light.cli("init", "mine", cwd=outside).code == 0
    (outside / "other").mkdir()
    assert cli("init", "mine", cwd=outside / "other").code == 0
    assert files_of(outside / "mine") == files_of(outside / "other" / "mine")


def test_the_stages_run_where_there_is_no_source(whole: Installed, outside: Path) -> None:
    """Before an import one sentence; after it DVC runs the stages, and again only with another version of the code."""
    mine = outside / "mine"
    assert whole.cli("init", "mine", cwd=outside).code == 0
    done = dvc(whole, mine, "repro", "prepare")
    assert done.code == 255
    said = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert len(said) == 1
    assert said[0].startswith(f"error: there are no images in {mine / 'data' / 'raw'}")
    write_images(outside / "photos", 12)
    assert whole.cli("data", "import", "../photos", cwd=mine).code == 0
    done = dvc(whole, mine, "repro", "prepare", "fractions")
    assert done.code == 0, done.err
    assert "12 images" in done.out + done.err
    assert dvc(whole, mine, "status", "--json", "prepare").out.strip() == "{}"
    pinned = mine / "requirements.txt"
    pinned.write_text(pinned.read_text(encoding="utf-8") + "# another version\n", encoding="utf-8")
    assert "prepare" in json.loads(dvc(whole, mine, "status", "--json", "prepare").out)


def dvc(installed: Installed, folder: Path, *arguments: str) -> Any:
    return installed.run("dvc", *arguments, cwd=folder, **installed.variables())


def write_images(folder: Path, count: int) -> None:
    """Images of one colour each, all different."""
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(count):
        Image.new("RGB", (64, 48), (20 * n, 255 - 20 * n, 90)).save(folder / f"{n:02}.png")


def files_of(folder: Path) -> dict[str, str]:
    """Every file of a project but git's own, by name."""
    paths = (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.relative_to(folder).parts)
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in paths}
