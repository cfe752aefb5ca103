"""Try again what a server could not do just now; give up with one sentence."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from for_retrieval.errors import ForError

FIRST_PAUSE = 0.25  # seconds, doubled after each attempt
LONGEST_PAUSE = 4.0
GIVE_UP = 6.0  # seconds without any answer after which no further attempt is made

Verdict = Literal["unreachable", "busy", "final"]
T = TypeVar("T")


@dataclass(frozen=True)
class Failure:
    """Why a call failed. unreachable: no connection. busy: worth another attempt. final: it is not.

    reason: a clause without secrets. pause: seconds that the server asks to wait, 0 where it asks for nothing.
    """

    verdict: Verdict
    reason: str
    pause: float = 0.0


def attempt(call: Callable[[], T], judge: Callable[[Exception], Failure | None], retries: int, where: str) -> T:
    """What `call` returns, tried up to 1 + `retries` times; `where` names the server.

    An error that `judge` knows nothing of is raised as it is.

    Raises:
        ForError: it failed for good, or still after all attempts.
    """
    start, pause = time.monotonic(), FIRST_PAUSE
    for number in range(retries + 1):
        try:
            return call()
        except Exception as error:
            found = judge(error)
            if found is None:
                raise
            failure = found
        late = failure.verdict == "unreachable" and time.monotonic() - start > GIVE_UP
        if failure.verdict == "final" or late or number == retries:
            break
        time.sleep(min(LONGEST_PAUSE, max(pause, failure.pause)))
        pause *= 2
    if failure.verdict == "unreachable":
        raise ForError(f"{where} does not answer ({failure.reason}); check QDRANT_URL and that the server runs")
    times = "" if failure.verdict == "final" else f" after {number + 1} attempts"
    raise ForError(f"{where} failed{times} ({failure.reason}); look at the server's log, then run the same again")
