"""Worker processes, and what Ctrl-C does to them."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ProcessPoolExecutor

from for_retrieval.records.workers import end_with_parent, for_images


def interrupted(number: int) -> tuple[int, bool]:
    """As a worker: survive a Ctrl-C; tells whether one would have been held back from the first import on."""
    os.kill(os.getpid(), signal.SIGINT)
    return number, signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_ctrl_c_is_left_to_the_parent() -> None:
    numbers = list(range(100))
    assert list(for_images(interrupted, numbers, 2)) == [(number, True) for number in numbers]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])  # the parent hears it again


def test_ctrl_c_ends_no_worker_that_is_at_work() -> None:
    """Those of a pool that holds nothing back while it starts, as the generator's."""
    with ProcessPoolExecutor(1, initializer=end_with_parent) as pool:
        assert list(pool.map(interrupted, range(3))) == [(number, False) for number in range(3)]
