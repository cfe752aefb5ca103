"""Loading a tower: the one place that knows which kinds there are."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from for_retrieval.errors import ForError, UsageError
from for_retrieval.model import parallel
from for_retrieval.model.features import SizeKey, Tower
from for_retrieval.model.identity import EMBEDDED
from for_retrieval.params import Model


def find_device(name: str) -> torch.device:
    """The torch device for the setting FOR_DEVICE; UsageError if this machine does not have it."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and parallel.count() > 1:
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"device {name!r} cannot be used ({reason}); set FOR_DEVICE to auto or cpu") from None
    return device


def load_tower(params: Model, device: torch.device, root: Path, size: SizeKey = "input_size") -> Tower:
    """The tower that params.yaml names, at the input size with the key `size`: the teacher's has more pixels.

    ForError if its weights cannot be found or loaded, or its kind is not supported.
    """
    if params.name == EMBEDDED:
        if params.pretrained != "embedded":
            raise ForError(f"model.pretrained must be 'embedded' for {EMBEDDED}, not {params.pretrained!r}")
        from for_retrieval.model.mini_clip import MiniTower

        return MiniTower(params, device, size)
    from for_retrieval.model.open_clip_tower import OpenClipTower

    return OpenClipTower(params, device, root, size)
