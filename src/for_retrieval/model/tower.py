"""One interface over every image-text tower: pictures in, patch features and joint-space embeddings out."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn.functional import normalize

from for_retrieval.errors import ForError, UsageError
from for_retrieval.model import parallel
from for_retrieval.model.features import Features
from for_retrieval.model.tower_pool import TowerPool
from for_retrieval.params import Model

EMBEDDED = "mini-clip"
SizeKey = Literal["input_size", "teacher_size"]  # of the section model in params.yaml


class Tower(Protocol):
    """A frozen image tower and the text tower that shares its joint space."""

    id: str
    grid: tuple[int, int]
    patch_dim: int
    dim: int
    input_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    device: torch.device
    pool: TowerPool | None  # where it pools by attention: what heads start from

    def features(self, pictures: Tensor) -> Features:
        """Normalised pictures [B, 3, S, S] -> features."""

    def compile(self, backend: str) -> None:
        """Let `features` go through torch.compile with this backend."""

    def text(self, texts: list[str]) -> Tensor:
        """Texts -> L2-normalised embeddings [T, D]."""

    def export_text(self, folder: Path) -> dict[str, object]:
        """Write the torch-free text tower into `folder`; returns its entries of bundle.json."""


def prompted(tower: Tower, phrases: list[str], prompts: list[str]) -> Tensor:
    """Embeddings [T, D] of `phrases`: the mean over the prompts, L2-normalised (method.md)."""
    texts = tower.text([prompt.format(phrase) for phrase in phrases for prompt in prompts])
    return normalize(texts.view(len(phrases), len(prompts), -1).mean(1), dim=-1)


def tower_id(parts: dict[str, object]) -> str:
    """Twelve hexadecimal digits that change with anything that changes a feature."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def find_device(name: str) -> torch.device:
    """The device that settings name.

    Raises:
        UsageError: it does not exist here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and parallel.count() > 1:
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(
            f"device {name!r} cannot be used ({str(error).splitlines()[0]}); set FOR_DEVICE to auto or cpu"
        ) from None
    return device


def load_tower(params: Model, device: torch.device, root: Path, size: SizeKey = "input_size") -> Tower:
    """The tower that params.yaml names.

    Args:
        size: where params.yaml says how many pixels it reads. The teacher's tower is the same on more pixels.

    Raises:
        ForError: its weights cannot be found or loaded, or its kind is not supported.
    """
    if params.name == EMBEDDED:
        if params.pretrained != "embedded":
            raise ForError(f"model.pretrained must be 'embedded' for {EMBEDDED}, not {params.pretrained!r}")
        from for_retrieval.model.mini_clip import MiniTower

        return MiniTower(params, device, size)
    from for_retrieval.model.open_clip_tower import OpenClipTower

    return OpenClipTower(params, device, root, size)
