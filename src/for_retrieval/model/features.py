"""The interface of towers: pixels in, features out, and the precision that they compute and store in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

CPU = torch.device("cpu")
SizeKey = Literal["input_size", "teacher_size"]  # of the section model in params.yaml


def arithmetic(device: torch.device) -> torch.dtype:
    """bfloat16 on CUDA and on CPUs with instructions for it; others emulate it, many times slower than float32."""
    # Not every supported release of torch has a public name for this.
    native = device.type == "cuda" or (device.type == "cpu" and torch.cpu._is_avx512_bf16_supported())
    return torch.bfloat16 if native else torch.float32


def autocast(device: torch.device) -> torch.autocast:
    """The context in which a tower computes in `arithmetic`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=arithmetic(device) == torch.bfloat16)


PARTS = ("patches", "dense", "pooled")


@dataclass(frozen=True)
class Features:
    """The output of a frozen tower for B images; N = rows x columns cells in reading order.

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

    def chunks(self, device: torch.device, size: int = 256) -> Iterator[Features]:
        """Pieces of `size` images, in float32 on `device`."""
        for start in range(0, len(self.dense), size):
            yield self.rows(slice(start, start + size)).to(device)

    def arrays(self) -> dict[str, NDArray[np.float16]]:
        """As they are stored, by name: in half precision."""
        return {name: getattr(self, name).cpu().to(torch.float16).numpy() for name in PARTS}

    @classmethod
    def joined(cls, parts: Sequence[Features]) -> Features:
        """All images of `parts`."""
        return cls(*(torch.cat([getattr(part, name) for part in parts]) for name in PARTS))


class Tower(Protocol):
    """A frozen image tower and the text tower that shares its joint space.

    id: changes with anything that changes a feature. made_of: what it is computed from, without the code, as JSON.
    grid: rows and columns of cells. mean, std: of the pixels by channel, 0 to 1. pool: where the tower pools by
    attention; heads start from it.
    """

    id: str
    made_of: dict[str, Any]
    grid: tuple[int, int]
    patch_dim: int
    dim: int
    input_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    device: torch.device
    pool: nn.Module | None

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

    The whole image is resized to a square: cropping would lose the edges, and cells map back to boxes
    by one multiplication.
    """
    return torch.from_numpy(np.array(image.resize((size, size), Image.Resampling.BICUBIC)))


def normalised(pixels: Tensor, tower: Tower) -> Tensor:
    """Bytes [B, S, S, 3] as the tower's input [B, 3, S, S]."""
    mean, std = (torch.tensor(values, device=pixels.device) for values in (tower.mean, tower.std))
    return ((pixels.float() / 255 - mean) / std).permute(0, 3, 1, 2)
