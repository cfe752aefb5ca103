"""Another profile or fraction for one run: in a project of its own, so that params.yaml stays as it is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from flows.overrides import project_for

from for_retrieval.errors import UsageError
from for_retrieval.params import Params, check_params, load_params
from for_retrieval.params.editing import overridden
from for_retrieval.project import Project
from for_retrieval.settings import find_root
from for_retrieval.stages import dvc

REPOSITORY = Path(__file__).parents[2]

STAGES = """\
stages:
  prepare:
    cmd: echo prepare >> var/ran; mkdir data/prepared; cp data/mine/x data/prepared
    deps: [data/mine, code]
    params: [seed]
    outs: [data/prepared]
  train:
    cmd: echo train >> var/ran; mkdir -p models/heads; grep -m1 '^  steps' params.yaml > models/heads/x; sleep $PAUSE
    deps: [data/prepared, code/a.py]
    params: [train.steps]
    outs: [models/heads]
  index:
    cmd: echo index >> var/ran; mkdir -p data/index; cp models/heads/x data/index; cp models/heads/x data/index.json
    deps: [models/heads]
    outs: [data/index.json: {persist: true}]
  compare:
    cmd: echo compare >> var/ran; mkdir -p reports; cp models/heads/x reports/compare.md
    deps: [models/heads]
    outs: [reports/compare.md: {cache: false}]
"""


@pytest.fixture
def root(tmp_path: Path, write_tiny: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a small pipeline that has run; var/ran lists the stages that did."""
    root = tmp_path / "project"
    for name in ("params", ".dvc", "var", "code", "data/mine"):
        (root / name).mkdir(parents=True)
    path = write_tiny(root)
    path.write_text("# a comment of the user\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    quick = "train: {steps: 5, objectives: {base: {weight: 2.0}}}\nindex: {gallery: [val]}\n"
    (root / "params" / "quick.yaml").write_text(quick)
    (root / ".dvc" / "config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    (root / ".dvcignore").write_text("__pycache__\n")
    (root / "dvc.yaml").write_text(STAGES)
    (root / "data" / "mine" / "x").write_text("an image")
    (root / "code" / "a.py").write_text("1")
    monkeypatch.setenv("PAUSE", "0")
    monkeypatch.setenv("FOR_CACHE", "")  # so that what a run sets is taken back after the test
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    return root


@pytest.fixture
def made(root: Path) -> Path:
    """The same after `dvc repro`."""
    dvc.dvc(root, "repro", say=print)
    (root / "var" / "ran").write_text("")
    return root


def ran(root: Path) -> list[str]:
    return (root / "var" / "ran").read_text().split()


def silent(line: str) -> None:
    """Where lines go that no test reads."""


def params_of(root: Path, profile: str | None, fraction: float | None) -> Params:
    return check_params(overridden(root, profile, fraction))


def test_a_profile_is_laid_over_params(root: Path) -> None:
    plain, changed = load_params(root / "params.yaml"), params_of(root, "quick", None)
    assert (changed.train.steps, changed.train.objectives.base.weight, changed.index.gallery) == (5, 2.0, ["val"])
    assert changed.train.objectives.pseudo == plain.train.objectives.pseudo
    assert changed.index.run == plain.index.run


def test_a_fraction_names_the_run_that_serves(root: Path) -> None:
    assert params_of(root, None, 100).index.run == "held-out-100"
    assert params_of(root, "quick", 10).index.run == "in-10"
    assert params_of(root, None, 10) == load_params(root / "params.yaml")


def test_of_two_runs_of_a_fraction_the_one_that_serves_stays_else_the_one_with_all_words(root: Path) -> None:
    values = yaml.safe_load((root / "params.yaml").read_text())
    values["train"]["runs"]["in-100"] = {"fraction": 100, "vocabulary": "in", "seeds": [0]}
    (root / "params.yaml").write_text(yaml.safe_dump(values))
    assert params_of(root, None, 100).index.run == "in-100"
    values["index"]["run"] = "held-out-100"
    (root / "params.yaml").write_text(yaml.safe_dump(values))
    assert params_of(root, None, 100).index.run == "held-out-100"


@pytest.mark.parametrize(
    ("profile", "fraction", "message"),
    [
        ("quik", None, r"there is no profile 'quik' .*did you mean 'quick'\?"),
        ("../params", None, "there is no profile"),
        (None, 7, "no run of train.runs uses 7 % of the labels; there are 10, 100"),
        ("wrong", None, "params.yaml with the requested changes: .*train.step"),
        ("list", None, "list.yaml must hold sections such as "),
        ("bad", None, "bad.yaml is not valid YAML"),
    ],
)
def test_what_makes_no_sense_changes_nothing(
    profile: str | None, fraction: float | None, message: str, root: Path
) -> None:
    for name, text in (("wrong", "train: {step: 5}"), ("list", "- 1"), ("bad", "a: [")):
        (root / "params" / f"{name}.yaml").write_text(text)
    with pytest.raises(UsageError, match=message), project_for(root, profile, fraction, silent):
        pytest.fail("it ran")
    assert list((root / "var").iterdir()) == []


def test_without_either_a_run_works_in_the_project(root: Path) -> None:
    with project_for(root, None, None, silent) as folder:
        assert folder == root
    assert list((root / "var").iterdir()) == []


def test_a_run_has_a_project_of_its_own(made: Path) -> None:
    before, state = (made / "params.yaml").read_bytes(), (made / "params.yaml").stat()
    lock = (made / "dvc.lock").read_bytes()
    with project_for(made, "quick", 100, silent) as folder:
        assert folder == made / "var" / "runs" / "quick-fraction-100"
        assert find_root(folder / "data") == folder, "as for-cli finds it"
        params = load_params(folder / "params.yaml")
        assert (params.train.steps, params.index.run) == (5, "held-out-100")
        dvc.dvc(folder, "repro", say=silent)
        assert ran(made) == ["train", "index", "compare"], "what has not changed is not made again"
        assert (folder / "data" / "prepared" / "x").read_text() == "an image"
        assert Project(folder).cache == made / "data" / "cache"
    after = (made / "params.yaml").stat()
    assert (made / "params.yaml").read_bytes() == before
    assert (after.st_ino, after.st_mtime_ns) == (state.st_ino, state.st_mtime_ns), "nobody has written it meanwhile"
    assert (made / "dvc.lock").read_bytes() == lock
    assert (made / "data" / "index" / "x").read_text().strip() == "steps: 5", "the index is the project's"
    assert (made / "models" / "heads" / "x").read_text().strip() == "steps: 12"
    assert (made / "reports" / "compare.md").read_text().strip() == "steps: 12"
    assert (made / "data" / "mine" / "x").exists()
    kept = {str(path.relative_to(folder)) for path in folder.rglob("*")}
    assert kept == {"params.yaml", "data", "reports", "reports/compare.md"}
    assert (folder / "reports" / "compare.md").read_text().strip() == "steps: 5"
    dvc.dvc(made, "repro", say=silent)
    assert ran(made) == ["train", "index", "compare"], "the project itself has nothing to do"


def test_the_same_run_again_trains_nothing(made: Path) -> None:
    for _ in range(2):
        with project_for(made, "quick", None, silent) as folder:
            dvc.dvc(folder, "repro", say=silent)
            assert (folder / "models" / "heads" / "x").read_text().strip() == "steps: 5"
    assert ran(made).count("train") == 1


KILLED = """
import sys
from pathlib import Path
from flows.overrides import project_for
from for_retrieval.stages import dvc
with project_for(Path.cwd(), "quick", None, print) as folder:
    dvc.dvc(folder, "repro", say=print)
"""


def test_a_killed_run_is_repeated_to_the_same_result(made: Path, until: Callable[..., None]) -> None:
    before = (made / "params.yaml").read_bytes()
    variables = {**os.environ, "PAUSE": "600", "PYTHONPATH": str(REPOSITORY)}
    run = subprocess.Popen([sys.executable, "-c", KILLED], cwd=made, env=variables, stdout=subprocess.DEVNULL)
    folder = made / "var" / "runs" / "quick"
    until(lambda: "train" in ran(made), 60, "the run trains")
    run.kill()
    run.wait()
    assert (made / "params.yaml").read_bytes() == before
    (folder / "models" / "heads" / "rest").write_text("what a killed stage had written")
    dvc.dvc(made, "repro", say=silent)
    assert ran(made) == ["train"], "the project has nothing to do"
    with project_for(made, "quick", None, silent) as again:
        assert again == folder
        dvc.dvc(folder, "repro", say=silent)
        assert [path.name for path in (folder / "models" / "heads").iterdir()] == ["x"]
    assert (made / "data" / "index" / "x").read_text().strip() == "steps: 5"


def test_paths_in_the_settings_are_those_of_the_project(made: Path) -> None:
    (made / "settings.toml").write_text('cache = "../features"\n')
    with project_for(made, "quick", None, silent) as folder:
        assert Project(folder).cache.resolve() == made.parent / "features"
        assert Project(folder).settings.tracking_uri == f"sqlite:///{made / 'var' / 'mlflow' / 'mlflow.db'}"
