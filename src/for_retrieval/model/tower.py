"""One interface over every image-text tower: pictures in, patch features and joint-space embeddings out."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import normalize

from for_retrieval.errors import ForError, UsageError
from for_retrieval.model import parallel
from for_retrieval.model.tower_pool import TowerPool
from for_retrieval.params import Model

EMBEDDED = "mini-clip"
SizeKey = Literal["input_size", "teacher_size"]  # of the section model in params.yaml


@dataclass(frozen=True)
class Features:
    """What a frozen tower says of B images; N = rows x columns cells in reading order.

    patches: [B, N, C], the last feature map. dense: [B, N, D], every cell in the joint space, not
    normalised. pooled: [B, D], the tower's own embedding, L2-normalised.
    """

    patches: Tensor
    dense: Tensor
    pooled: Tensor

    def to(self, device: torch.device) -> Features:
        """The same in float32 on `device`."""
        return Features(*(t.to(device, torch.float32) for t in (self.patches, self.dense, self.pooled)))

    def rows(self, index: Tensor | slice) -> Features:
        """The images at `index`."""
        return Features(self.patches[index], self.dense[index], self.pooled[index])


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


def squared(image: Image.Image, size: int) -> Tensor:
    """An RGB image as bytes [S, S, 3].

    The whole image is resized to a square: cropping would lose what stands at the edge, and cells map
    back to boxes by one multiplication.
    """
    return torch.from_numpy(np.array(image.resize((size, size), Image.Resampling.BICUBIC)))


def normalised(pixels: Tensor, tower: Tower) -> Tensor:
    """Bytes [B, S, S, 3] as the tower's input [B, 3, S, S]."""
    mean, std = (torch.tensor(values, device=pixels.device) for values in (tower.mean, tower.std))
    return ((pixels.float() / 255 - mean) / std).permute(0, 3, 1, 2)


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
        from for_retrieval.model.mini_tower import MiniTower

        return MiniTower(params, device, size)
    from for_retrieval.model.open_clip_tower import OpenClipTower

    return OpenClipTower(params, device, root, size)
