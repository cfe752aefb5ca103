"""Worker processes for many small jobs, which end when their parent does."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
from rich.text import Text

from for_retrieval.errors import ForError

_POOL_FROM = 64  # images; with fewer, starting processes takes longer than reading
_CHUNK = 16  # images per job

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.0f} images/s" if task.speed else "")


def for_images(work: Callable[[Item], Result], items: Sequence[Item], processes: int) -> Iterator[Result]:
    """Apply `work` to each item, one per image, in `processes` processes, in order; ForError if a process died."""
    console = Console(stderr=True)
    columns = ("reading", BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield from progress.track(_results(work, items, processes), total=len(items))


def _results(work: Callable[[Item], Result], items: Sequence[Item], processes: int) -> Iterator[Result]:
    if processes < 2 or len(items) < _POOL_FROM:
        yield from map(work, items)
        return
    # spawn: a fork of a process that runs threads (torch, rich) can hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=end_with_parent)
    try:
        # Ctrl-C is blocked in processes that are started here, so that it cannot end one while it imports.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            results = pool.map(work, items, chunksize=_CHUNK)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        yield from results
    except BrokenProcessPool:
        what = f"a process died while reading {len(items)} images, most likely because memory ran out"
        raise ForError(f"{what}; run again with FOR_WORKERS=1 or a lower data.max_pixels") from None
    finally:
        pool.shutdown(cancel_futures=True)


def end_with_parent() -> None:
    """Initializer of a worker process: it ends when its parent ends, even by kill -9, and ignores Ctrl-C.

    Without it, the workers of a killed ProcessPoolExecutor wait for ever, and each prints a traceback on Ctrl-C.
    """

    def watch() -> None:
        if parent := multiprocessing.parent_process():
            parent.join()
            os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=watch, daemon=True).start()
