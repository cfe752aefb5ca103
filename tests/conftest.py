"""What all tests share: nothing of the user's own is read or written, and a small real project to work in."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock
from hypothesis import settings

from drawn_scenes.coco import write_set
from for_retrieval.settings import cores

REPOSITORY = Path(__file__).parents[1]
OF_THE_USER = ("FOR_", "DVC_", "GIT_", "HF_", "XDG_", "OPENBLAS_", "PREFECT_", "MLFLOW_", "QDRANT_")

# Before torch is imported: two processes with as many threads as cores each wait for one another at every step.
if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores() // int(workers))))

# The same examples every time, however slow the machine: a red run is about the change under test.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")

LONG = ("test_life.py", "test_kill.py", "test_devices.py", "test_lifecycle.py")  # files that take a minute or more

# Everything as it is, but few images, few steps and one seed a run.
TINY: dict[str, Any] = {
    "seed": 0,
    "data.kind": "coco",
    "data.name": "tiny-streets",
    "data.root": "data/streets",
    "data.categories": None,
    "data.novel": ["dog", "bus"],
    "fractions.percent": [10, 100],
    "model.name": "mini-clip",
    "model.pretrained": "embedded",
    "model.teacher_size": 288,
    "train.boxes.steps": 12,
    "train.only_if_better": False,  # a few steps rarely are; other steps have to give another model
    "train.boxes.warmup": 2,
    "train.boxes.batch_size": 8,
    "train.views.most": 3,
    "train.steps": 12,
    "train.warmup": 2,
    "train.batch_size": 20,
    "train.checkpoint_every": 3,
    "train.vocabulary": {"nouns": None, "attributes": True, "max_phrases": 100},
    "train.runs": {
        "in-10": {"fraction": 10, "vocabulary": "in", "seeds": [0]},
        "held-out-100": {"fraction": 100, "vocabulary": "held_out", "seeds": [0]},
    },
    "index": {"run": "in-10", "gallery": ["test"]},
    # What so few images teach: enough to tell a whole answer from none.
    "promote.canary": {"queries": None, "top_k": 10, "precision": 0.1},
}

WriteParams = Callable[..., Path]
Command = Callable[..., "Done"]


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code, stdout and stderr."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of every test and its child processes: no network, no analytics, an empty home."""
    home = tmp_path_factory.mktemp("home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OF_THE_USER)}
    return {
        **kept,
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        "MPLCONFIGDIR": str(home / "matplotlib"),
        "HF_HOME": str(home / "hugging-face"),
        "HF_HUB_OFFLINE": "1",
        "DVC_NO_ANALYTICS": "1",
        "DO_NOT_TRACK": "1",
        "DVC_GLOBAL_CONFIG_DIR": str(home / "dvc-global"),
        "DVC_SYSTEM_CONFIG_DIR": str(home / "dvc-system"),
        "DVC_SITE_CACHE_DIR": str(home / "dvc-site"),
        "PATH": f"{Path(sys.executable).parent}:{kept.get('PATH', '')}",  # for-cli and dvc
        "OMP_NUM_THREADS": "1",  # stages this small spend more on starting threads than they save
        "COLUMNS": "200",  # so that no sentence is folded
    }


@pytest.fixture(autouse=True)
def _isolated(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(OF_THE_USER)]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def changed(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`values` with the entries at dotted keys replaced."""
    for key, value in changes.items():
        *sections, last = key.split(".")
        section = values
        for name in sections:
            section = section[name]
        section[last] = value
    return values


def draw_streets(root: Path, *, train: int = 60, val: int = 10, test: int = 40) -> None:
    """Draw the set of the tiny project, again if it is there; more images of a split are added to the others."""
    counts = {"train": train, "val": val, "test": test}
    write_set("driving", root / TINY["data.root"], size=96, counts=counts, seed=0, processes=1)


def take_out(root: Path, *image_ids: str) -> None:
    """Take images out of the drawn set, as somebody does who deletes them and what is said of them."""
    folder = root / TINY["data.root"]
    content, splits = (json.loads((folder / name).read_text()) for name in ("annotations.json", "splits.json"))
    content["images"] = [image for image in content["images"] if image["id"] not in image_ids]
    content["annotations"] = [box for box in content["annotations"] if box["image_id"] not in image_ids]
    splits = {split: [name for name in names if name not in image_ids] for split, names in splits.items()}
    for name, value in (("annotations.json", content), ("splits.json", splits)):
        (folder / name).write_text(json.dumps(value))
    for image_id in image_ids:
        (folder / "images" / f"{image_id}.jpg").unlink()


def open_index(index: Path) -> Any:
    """The live index, open for search."""
    from for_retrieval.release.search import open_entry, open_live

    return open_live(index, lambda live: open_entry(index, live))[1]


def check_live(index: Path) -> Any:
    """The manifest of the live generation, all files of which are as they were written."""
    from for_retrieval.release.build import check_generation
    from for_retrieval.release.pointer import read_pointer

    return check_generation(index / read_pointer(index).live.generation)


@pytest.fixture(scope="session")
def write_params() -> WriteParams:
    """Write the repository's params.yaml into a folder, with changes at dotted keys."""

    def write(folder: Path, changes: dict[str, Any] | None = None) -> Path:
        values = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
        path = folder / "params.yaml"
        path.write_text(yaml.safe_dump(changed(values, changes or {}), sort_keys=False), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def write_tiny(write_params: WriteParams) -> Callable[[Path], Path]:
    """Write the params.yaml of the tiny project into a folder."""
    return lambda folder: write_params(folder, TINY)


@pytest.fixture(scope="session")
def fresh_database(tmp_path_factory: pytest.TempPathFactory, write_params: WriteParams) -> Path:
    """A var/mlflow with tables and no runs, to copy: making one takes seconds."""
    from for_retrieval.project import Project
    from for_retrieval.release.mlflow_store import connected

    root = tmp_path_factory.mktemp("fresh")
    write_params(root)
    with connected(Project(root), "another-set"):
        return root / "var" / "mlflow"


@pytest.fixture(scope="session")
def tiny_project(
    tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str], write_params: WriteParams
) -> Path:
    """A project as a clone of the repository has it, but with few images of its own: nothing has been run in it yet."""
    root = tmp_path_factory.mktemp("tiny") / "project"
    shutil.copytree(REPOSITORY / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    (root / ".dvc").mkdir()
    for name in ("dvc.yaml", ".dvcignore", ".gitignore", ".dvc/config"):
        shutil.copyfile(REPOSITORY / name, root / name)
    write_params(root, TINY)
    draw_streets(root)
    subprocess.run(["git", "init", "-q"], cwd=root, env=environment, check=True)
    return root


@pytest.fixture(scope="session")
def run(environment: dict[str, str]) -> Command:
    """Run a program in a folder; `for-cli` and `dvc` are found as a user's shell finds them."""

    def call(*command: str, cwd: Path, **variables: str) -> Done:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=300,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture(scope="session")
def cli(run: Command) -> Command:
    """`for-cli` with these arguments."""

    def call(*arguments: str, cwd: Path, **variables: str) -> Done:
        return run("for-cli", *arguments, cwd=cwd, **variables)

    return call


@pytest.fixture(scope="session")
def project(tiny_project: Path, run: Command, worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny project with everything made by one `dvc repro`; tests only read it. Of several workers one makes it."""
    if worker_id == "master":
        return _made(tiny_project, run)
    shared = tmp_path_factory.getbasetemp().parent / "made"
    with FileLock(shared.with_suffix(".lock")):
        if shared.exists():
            shutil.copytree(shared, tiny_project, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copytree(_made(tiny_project, run), shared.with_suffix(".part"), symlinks=True)
            shared.with_suffix(".part").rename(shared)
    return tiny_project


def _made(root: Path, run: Command) -> Path:
    done = run(sys.executable, "-m", "dvc", "repro", cwd=root)
    assert done.code == 0, done.err[-3000:]
    return root


@pytest.fixture(scope="session")
def until() -> Callable[..., None]:
    """Wait until something is true, looking often; a failure after `seconds`."""

    def wait(true: Callable[[], object], seconds: float, what: str) -> None:
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                pytest.fail(f"after {seconds:g} s still not: {what}")
            time.sleep(0.02)

    return wait


@pytest.fixture(scope="session")
def alive() -> Callable[[int], bool]:
    """Whether a process runs; a zombie does not."""

    def look(pid: int) -> bool:
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
        return False

    return look


def processes_of(root: Path) -> list[str]:
    """Command lines of the processes that work in a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (path / "cwd").readlink() == root and (line := (path / "cmdline").read_bytes()):
                found.append(line.replace(b"\0", b" ").decode())
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A long file first, which makes the tiny project; while it does, what needs none; short files last."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    need = {path for path, own in files.items() if any("tiny_project" in getattr(i, "fixturenames", ()) for i in own)}
    order = sorted(files, key=lambda path: (path.name != LONG[0], path in need, path.name not in LONG))
    items[:] = [item for path in order for item in files[path]]
