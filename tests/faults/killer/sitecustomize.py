"""Every Python that a fault test starts loads this: at one named point it kills all of them, as a power cut would.

FAULT_POINT  module:qualified.name:before or :after, of the function at whose call everything ends
FAULT_COUNT  at which call, counted in one process (default 1)
FAULT_GROUP  a word that all processes of one test carry in their environment; these are killed
FAULT_FIRED  a file that is written first, so that the test knows that the point was reached
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import os
import signal
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

POINT = os.environ.get("FAULT_POINT", "")


def kill_all() -> None:
    """SIGKILL to every process of the group, this one last."""
    Path(os.environ["FAULT_FIRED"]).write_text(POINT)
    mark = b"FAULT_GROUP=" + os.environ["FAULT_GROUP"].encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if int(folder.name) != os.getpid() and mark in (folder / "environ").read_bytes().split(b"\0"):
                os.kill(int(folder.name), signal.SIGKILL)
        except OSError:
            continue
    os.kill(os.getpid(), signal.SIGKILL)


def mined(function: Any, when: str, count: int) -> Any:
    """`function`, with the kill before or after its `count`-th call."""
    calls = 0

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if when == "before" and calls == count:
            kill_all()
        value = function(*arguments, **named)
        if when == "after" and calls == count:
            kill_all()
        return value

    return call


class Miner(importlib.abc.MetaPathFinder):
    """Finds one module as usual and changes one function right after it was loaded."""

    def __init__(self, module: str, name: str, when: str, count: int) -> None:
        self.module, self.name, self.when, self.count = module, name, when, count

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """The spec that the other finders give, with a loader that ends in `_mine`."""
        if fullname != self.module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        assert spec is not None
        assert spec.loader is not None
        load = spec.loader.exec_module

        def load_and_mine(module: ModuleType) -> None:
            load(module)
            self._mine(module)

        spec.loader.exec_module = load_and_mine  # type: ignore[method-assign]
        return spec

    def _mine(self, module: ModuleType) -> None:
        *parents, last = self.name.split(".")
        owner = functools.reduce(getattr, parents, module)
        kept = vars(owner)[last]
        plain = kept.__func__ if isinstance(kept, classmethod | staticmethod) else kept
        changed = mined(plain, self.when, self.count)
        setattr(owner, last, type(kept)(changed) if plain is not kept else changed)


if POINT:
    import importlib.util

    _module, _name, _when = POINT.split(":")
    sys.meta_path.insert(0, Miner(_module, _name, _when, int(os.environ.get("FAULT_COUNT", "1"))))
