"""`for-cli init`: a new project, laid out with the files that this repository itself works with."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

import for_retrieval
from for_retrieval.cli.context import say
from for_retrieval.errors import ForError, UsageError

HARMLESS = {".git", ".venv"}  # may be in the folder already
PINNED = "requirements.txt"  # stands for the code wherever a stage of the repository depends on src/
RAW = "data/raw"
DRAWN = "data/drawn/"  # the pipeline of the drawn sets
MAKEFILE = """# Prefect's server and worker with the schedules of prefect.yaml, and MLflow's UI.
.PHONY: up down
up down:
\tpython -m flows.services $@
"""


def init(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    demo: Annotated[bool, typer.Option("--demo", help="With drawn images instead of yours.")] = False,
) -> None:
    """Start a project in a new folder: parameters, pipeline, flows, git and DVC."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; name a new folder")
    if taken := sorted(path.name for path in folder.glob("*") if path.name not in HARMLESS):
        more = f" and {len(taken) - 3} more" if len(taken) > 3 else ""
        raise UsageError(f"{folder} is not empty: it holds {', '.join(taken[:3])}{more}; name a new folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, source in template():
            if demo or not name.startswith(DRAWN):
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
        (folder / "Makefile").write_text(MAKEFILE, encoding="utf-8")
        _pin_the_code(folder)
        if not demo:
            (folder / RAW).mkdir(parents=True)
            _point_at_raw_images(folder)
    except OSError as error:
        place = error.filename or folder
        raise ForError(f"{place} cannot be written ({error.strerror}); choose another place") from None
    note = _init_git(folder)
    say(f"{folder} is a project now; next:")
    if folder.resolve() != Path.cwd():
        say(f"  cd {shlex.quote(str(folder))}")
    if not all(map(find_spec, ("torch", "dvc", "prefect"))):
        say(f"  pip install -r {PINNED}")
    for line in ("dvc repro", 'for-cli query "red car"') if demo else ("for-cli data import ~/my-photos", "dvc repro"):
        say(f"  {line}")
    if note:
        say(f"note: {note}")


def template() -> Iterator[tuple[str, Path]]:
    """Each file of a new project: its name in the project, and where it lies here.

    The wheel carries them. In a checkout they are the checkout's own, those that pyproject.toml lists.
    """
    package = Path(for_retrieval.__file__).parent
    shipped, root = package / "template", package.parents[1]
    if shipped.is_dir():
        files = (path for path in shipped.rglob("*") if path.is_file() and path.suffix != ".pyc")  # pip compiles flows/
        yield from ((path.relative_to(shipped).as_posix(), path) for path in files)
        return
    import tomllib

    patterns = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["for-retrieval"]["template"]
    yield from ((path.relative_to(root).as_posix(), path) for pattern in patterns for path in root.glob(pattern))


def _pin_the_code(folder: Path) -> None:
    """Write requirements.txt; where a stage depends on files of src/, let it depend on that instead."""
    from importlib.metadata import version  # 13 ms, which a query need not wait for

    from for_retrieval.params.editing import yaml_with_comments

    about = "# The code of the stages: with another version here `dvc repro` runs them again."
    (folder / PINNED).write_text(f"{about}\nfor-retrieval[all]=={version('for-retrieval')}\n", encoding="utf-8")
    yaml = yaml_with_comments()
    for path, up in ((folder / "dvc.yaml", ""), (folder / DRAWN / "dvc.yaml", "../../")):
        if not path.exists():
            continue
        content = yaml.load(path.read_text(encoding="utf-8"))
        for stage in content["stages"].values():
            deps: list[Any] = stage.get("do", stage).get("deps", [])
            data = [entry for entry in deps if not str(entry).startswith(f"{up}src/")]
            if len(data) < len(deps):
                deps[:] = [*data, up + PINNED]
        yaml.dump(content, path)


def _point_at_raw_images(folder: Path) -> None:
    """params.yaml reads the images in data/raw, until `for-cli data import` says otherwise."""
    from for_retrieval.params.editing import edit_params
    from for_retrieval.records.importer import set_name

    changes: dict[str, Any] = {"kind": "folder", "name": set_name(folder), "root": RAW, "images": "."}
    changes |= dict.fromkeys(("splits", "categories", "queries"))  # files of a labelled set
    edits: dict[tuple[str, ...], Any] = {("data", key): value for key, value in changes.items()}
    edit_params(folder / "params.yaml", {**edits, ("index", "gallery"): ["train", "val", "test"]})


def _init_git(folder: Path) -> str | None:
    """Make the folder a repository where no repository has it; returns what the user has to do, if anything."""
    if shutil.which("git") is None:
        return f"git is not installed and DVC needs it; install it and run `git init` in {folder}"
    # 1: in a repository that takes it; 0: in one that ignores it; 128: in none
    if subprocess.run(["git", "check-ignore", "-q", "."], cwd=folder, capture_output=True).returncode != 1:
        done = subprocess.run(["git", "init", "-q"], cwd=folder, capture_output=True, text=True)
        if done.returncode:
            return f"`git init` failed in {folder} ({done.stderr.strip()}); DVC needs a repository"
    return None
