"""Many images at once: their facts, or why they cannot be used."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
from rich.text import Text

from for_retrieval.data.images import BrokenImage, ImageFacts, inspect
from for_retrieval.data.workers import end_with_parent
from for_retrieval.errors import ForError

_POOL_FROM = 64  # images; for fewer, starting processes takes longer than reading
_CHUNK = 16  # images that a process takes at a time


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.0f} images/s" if task.speed else "")


def inspect_all(
    paths: Sequence[Path], processes: int, max_pixels: int, min_side: int
) -> list[ImageFacts | BrokenImage]:
    """Inspect `paths` in `processes` processes; the results are in their order.

    A progress bar shows on stderr where that is a terminal.

    Raises:
        ForError: a process died, which mostly means that memory ran out.
    """
    console = Console(stderr=True)
    columns = ("reading", BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        results = _inspections(paths, processes, max_pixels, min_side)
        return list(progress.track(results, total=len(paths)))


def _inspections(
    paths: Sequence[Path], processes: int, max_pixels: int, min_side: int
) -> Iterator[ImageFacts | BrokenImage]:
    work = partial(_facts_or_reason, max_pixels=max_pixels, min_side=min_side)
    if processes < 2 or len(paths) < _POOL_FROM:
        yield from map(work, paths)
        return
    # spawn: a fork of a process that runs threads (torch, rich) can hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=end_with_parent)
    try:
        yield from pool.map(work, paths, chunksize=_CHUNK)
    except BrokenProcessPool:
        raise ForError(
            f"a process died while reading {len(paths)} images, which mostly means that memory ran out; "
            "run again with FOR_WORKERS=1 or a lower data.max_pixels"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _facts_or_reason(path: Path, max_pixels: int, min_side: int) -> ImageFacts | BrokenImage:
    try:
        return inspect(path, max_pixels, min_side)
    except BrokenImage as error:
        return error
