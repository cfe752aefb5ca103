"""The whole table: methods x sets x label fractions x seeds, as DVC projects below var/benchmark.

python -m benchmarks.benchmark                     # the three drawn sets
python -m benchmarks.benchmark --photos FOLDER     # and a COCO folder of your own

Killed, the same command goes on: what is done, DVC knows.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.report import write_report
from for_retrieval.errors import ForError
from for_retrieval.files import read_json, write_text

ROOT = Path(__file__).resolve().parents[1]
PLAN = Path(__file__).with_suffix(".yaml")
PLACE = ROOT / "var" / "benchmark"
LAST = "compare"  # the stage that everything before it leads to


def plan() -> dict[str, Any]:
    """benchmark.yaml."""
    values: dict[str, Any] = yaml.safe_load(PLAN.read_text(encoding="utf-8"))
    return values


def changed(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`values` with the entries at dotted keys replaced."""
    for key, value in changes.items():
        *sections, last = key.split(".")
        section = values
        for name in sections:
            section = section[name]
        section[last] = value
    return values


def make_project(folder: Path, changes: dict[str, Any]) -> None:
    """A DVC project in `folder` with this repository's code and graph, and its params.yaml changed."""
    (folder / ".dvc").mkdir(parents=True, exist_ok=True)
    write_text(folder / ".dvc" / "config", "[core]\n    no_scm = true\n    analytics = false\n")
    shutil.copyfile(ROOT / "dvc.yaml", folder / "dvc.yaml")
    if not (folder / "src").is_symlink():
        (folder / "src").symlink_to(ROOT / "src")
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    write_text(folder / "params.yaml", yaml.safe_dump(changed(values, changes), sort_keys=False))


def import_photos(folder: Path, photos: Path) -> None:
    """Point the project in `folder` at a COCO folder of the user's."""
    splits = ["--splits", "splits.json"] if (photos / "splits.json").exists() else []
    categories = ["--categories", "categories.json"] if (photos / "categories.json").exists() else []
    command = ["for-cli", "data", "import", str(photos.resolve()), "--kind", "coco", "--name", "photos"]
    subprocess.run([*command, *splits, *categories], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def stages(folder: Path) -> list[str]:
    """The stages up to the last, as `dvc` names them."""
    done = _dvc(folder, "stage", "list", "--name-only")
    names = done.stdout.split()
    return [name for name in names if name not in ("export", "index")]


def reproduce(folder: Path, advance: Any) -> None:
    """`dvc repro`, up to the comparison; `advance` is told of each stage.

    Raises:
        ForError: a stage failed.
    """
    log = folder / "log.txt"
    with log.open("w", encoding="utf-8") as out:
        for line in _lines(folder, "repro", LAST):
            out.write(line)
            out.flush()
            if line.startswith(("Running stage", "Stage '")):
                advance(line.split("'")[1])
    status = _dvc(folder, "status", LAST).stdout
    if "up to date" not in status:
        raise ForError(f"a stage of {folder.name} failed; {log} has its messages")


def _environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1", "DO_NOT_TRACK": "1", "PYTHONUNBUFFERED": "1"}


def _dvc(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dvc", *words]
    return subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True)


def _lines(folder: Path, *words: str) -> Iterator[str]:
    command = [sys.executable, "-m", "dvc", *words]
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=folder, env=_environment(), **streams) as child:
        assert child.stdout is not None
        yield from child.stdout


def main() -> int:
    """Run what is missing and write the report; returns the exit code."""
    known = list(plan()["sets"])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", choices=known, default=known, help="the drawn sets to run")
    parser.add_argument("--photos", type=Path, help="a COCO folder, measured besides")
    asked = parser.parse_args()
    console = Console(stderr=True)
    try:
        run(asked.sets, asked.photos, console)
    except ForError as error:
        console.print(f"error: {error}", style="red", highlight=False)
        return error.exit_code
    return 0


def run(sets: list[str], photos: Path | None, console: Console) -> None:
    """Every set in turn, then the report over all that were ever run."""
    settings = plan()
    projects = {name: PLACE / name for name in sets}
    for name, folder in projects.items():
        make_project(folder, {**settings["common"], **settings["sets"][name]})
    if photos is not None:
        projects["photos"] = PLACE / "photos"
        make_project(projects["photos"], settings["common"])
        import_photos(projects["photos"], photos)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    total = {name: stages(folder) for name, folder in projects.items()}
    with Progress(*columns, TimeRemainingColumn(), console=console) as bars:
        bar = bars.add_task("", total=sum(map(len, total.values())))
        for name, folder in projects.items():

            def advance(stage: str, name: str = name) -> None:
                bars.update(bar, description=f"{name}: {stage}", advance=1)

            reproduce(folder, advance)
    done = [name for name in [*settings["sets"], "photos"] if (PLACE / name / "data/evaluation/test.json").exists()]
    rows = [row for name in done for row in read_json(PLACE / name / "data/evaluation/test.json")]
    for path in write_report(rows, ROOT):
        console.print(f"{path.relative_to(ROOT)} written", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
