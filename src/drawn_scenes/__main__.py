"""Draw a set: ``python -m drawn_scenes driving OUT``."""

from __future__ import annotations

import os
import sys
from concurrent.futures.process import BrokenProcessPool
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Optional

import typer

from drawn_scenes.coco import SETS, WrongUseError, write_set

Name = StrEnum("Name", list(SETS))  # type: ignore[misc]


def draw(
    name: Annotated[Name, typer.Argument(help="The set.")],
    out: Annotated[Path, typer.Argument(help="The folder to write: new, empty, or drawn before.")],
    size: Annotated[int, typer.Option(help="Width and height of the images, px.", min=32, max=1024)] = 160,
    train: Annotated[int, typer.Option(help="Training images.", min=1)] = 6000,
    val: Annotated[int, typer.Option(help="Validation images.", min=1)] = 1000,
    test: Annotated[int, typer.Option(help="Test images.", min=1)] = 4000,
    seed: Annotated[int, typer.Option(help="Another seed draws other scenes.")] = 0,
    processes: Annotated[int, typer.Option(help="0: one per core.", min=0, envvar="FOR_WORKERS")] = 0,
    novel: Annotated[
        Optional[str], typer.Option(help="Novel categories, separated by commas; by default the set's own.")
    ] = None,
) -> None:
    """Draw a labelled set as a COCO folder; the same options give the same bytes."""
    words = None if novel is None else [word.strip() for word in novel.split(",") if word.strip()]
    counts = {"train": train, "val": val, "test": test}
    try:
        write_set(name.value, out, size=size, counts=counts, seed=seed, processes=processes or _cores(), novel=words)
    except WrongUseError as error:
        _fail(str(error), 2)
    except BrokenProcessPool:
        _fail("a process died while drawing, mostly because memory ran out; run again with --processes 1", 1)
    except OSError as error:
        _fail(f"{error.filename or out} cannot be written ({error.strerror}); make room, or name another folder", 1)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _fail(sentence: str, code: int) -> None:
    print(f"error: {sentence}", file=sys.stderr)
    raise typer.Exit(code)


if __name__ == "__main__":
    typer.run(draw)
