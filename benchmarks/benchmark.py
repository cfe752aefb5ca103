"""The whole table: methods x sets x label fractions x seeds, as DVC projects below var/benchmark.

python -m benchmarks.benchmark                       # the three drawn sets
python -m benchmarks.benchmark --photos FOLDER ...   # and COCO folders of your own, each called as its folder is
python -m benchmarks.benchmark --runs in-100         # only these of the runs

Killed, the same command goes on: what is done, DVC knows.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.report import write_report
from for_retrieval.errors import ForError
from for_retrieval.files import read_json, write_text
from for_retrieval.params.editing import merged
from for_retrieval.project import Project
from for_retrieval.stages.dvc import dvc

ROOT = Path(__file__).resolve().parents[1]
PLAN = Path(__file__).with_suffix(".yaml")
PLACE = ROOT / "var" / "benchmark"
DRAWN = "data/drawn"  # the pipeline that draws the sets
LAST = "compare"  # the stage that everything before it leads to


def plan() -> dict[str, Any]:
    """benchmark.yaml."""
    values: dict[str, Any] = yaml.safe_load(PLAN.read_text(encoding="utf-8"))
    return values


def make_project(folder: Path, changes: dict[str, Any]) -> None:
    """A DVC project in `folder` with this repository's code and graphs; `changes` are laid over its params.yaml.

    Runs of `changes` take the place of those of params.yaml.
    """
    (folder / ".dvc").mkdir(parents=True, exist_ok=True)
    (folder / DRAWN).mkdir(parents=True, exist_ok=True)
    write_text(folder / ".dvc" / "config", "[core]\n    no_scm = true\n    analytics = false\n")
    for name in ("dvc.yaml", f"{DRAWN}/dvc.yaml", f"{DRAWN}/params.yaml"):
        shutil.copyfile(ROOT / name, folder / name)
    if not (folder / "src").is_symlink():
        (folder / "src").symlink_to(ROOT / "src")
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    if "runs" in changes.get("train", {}):
        del values["train"]["runs"]
    write_text(folder / "params.yaml", yaml.safe_dump(merged(values, changes), sort_keys=False))


def import_photos(folder: Path, photos: Path) -> None:
    """Point the project in `folder` at a COCO folder of the user's.

    Raises:
        ForError: it is no such folder.
    """
    from for_retrieval.records.importer import import_data

    here = photos.resolve()
    import_data(folder, here, kind="coco", name=here.name, processes=Project(folder).settings.processes)


def stages(folder: Path) -> list[str]:
    """The stages up to the last, as `dvc` names them."""
    lines: list[str] = []
    dvc(folder, "stage", "list", "--name-only", say=lines.append)
    return [name for name in lines if name not in ("export", "index")]


def reproduce(folder: Path, advance: Callable[[str], object]) -> None:
    """`dvc repro`, up to the comparison; `advance` is called with the name of each stage of dvc.yaml.

    Raises:
        ForError: a stage failed; the sentence says why, and log.txt in the folder has all that was said.
    """
    with (folder / "log.txt").open("w", encoding="utf-8") as log:

        def say(line: str) -> None:
            print(line, file=log, flush=True)
            if line.startswith(("Running stage '", "Stage '")) and DRAWN not in line:
                advance(line.split("'")[1])

        dvc(folder, "repro", LAST, say=say)


def main() -> int:
    """Run what is missing and write the report; returns the exit code."""
    known, runs = list(plan()["sets"]), list(plan()["common"]["train"]["runs"])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", choices=known, default=known, help="the drawn sets to run")
    parser.add_argument("--photos", nargs="*", type=Path, default=[], help="COCO folders, measured besides")
    parser.add_argument("--runs", nargs="*", choices=runs, default=runs, help="the runs to train")
    parser.add_argument("--place", type=Path, default=PLACE, help="where the projects lie: gigabytes each")
    asked = parser.parse_args()
    console = Console(stderr=True)
    try:
        run(asked.sets, asked.photos, asked.runs, asked.place.resolve(), console)
    except ForError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130
    return 0


def run(sets: list[str], photos: list[Path], runs: list[str], place: Path, console: Console) -> None:
    """Every set in turn, as projects below `place`; then their report, beside what it has of others."""
    settings = plan()
    common, train = settings["common"], settings["common"]["train"]
    train["runs"] = {name: train["runs"][name] for name in runs}
    folders = {path.resolve().name: path for path in photos}
    projects = {name: place / name for name in (*folders, *sets)}
    for name, folder in projects.items():
        make_project(folder, merged(common, settings["sets"].get(name, {})))
        if name in folders:
            import_photos(folder, folders[name])
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    total = {name: stages(folder) for name, folder in projects.items()}
    with Progress(*columns, TimeRemainingColumn(), console=console) as bars:
        bar = bars.add_task("", total=sum(map(len, total.values())))
        for name, folder in projects.items():

            def advance(stage: str, name: str = name) -> None:
                bars.update(bar, description=f"{name}: {stage}", advance=1)

            reproduce(folder, advance)
    found = {name: read_json(folder / "reports" / "compare.json") for name, folder in projects.items()}
    for path in write_report(found, ROOT):
        console.print(f"{path.relative_to(ROOT)} written", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
