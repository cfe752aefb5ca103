"""The state of unfinished training, so that a killed run goes on."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import torch
from torch import nn

from for_retrieval.files import atomic


def save_progress(
    path: Path, module: nn.Module, optimizer: torch.optim.Optimizer, history: list[dict[str, float]]
) -> None:
    """Keep the state after ``len(history)`` steps."""
    with atomic(path) as temporary:
        torch.save({"module": module.state_dict(), "optimizer": optimizer.state_dict(), "history": history}, temporary)


def load_progress(path: Path, module: nn.Module, optimizer: torch.optim.Optimizer) -> list[dict[str, float]]:
    """Restore what `save_progress` kept, on the device that `module` is on; an empty history if there is none.

    A damaged file is set aside, which a message on stderr reports, and training starts anew. Any other error is raised,
    and the file stays as it is.
    """
    if not path.exists():
        return []
    try:
        with zipfile.ZipFile(path) as archive:  # as torch writes it, with a checksum for each part
            intact = archive.testzip() is None
    except zipfile.BadZipFile:
        intact = False
    if not intact:
        aside = path.with_name(f"{path.name}.damaged")
        path.replace(aside)
        print(
            f"warning: the checkpoint {path} is damaged; moved to {aside.name}, training starts anew", file=sys.stderr
        )
        return []
    state = torch.load(path, weights_only=True, map_location="cpu")  # written on a GPU, perhaps, and this has none
    module.load_state_dict(state["module"])
    optimizer.load_state_dict(state["optimizer"])
    return list(state["history"])
