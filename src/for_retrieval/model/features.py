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
from torch import Tensor

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


PARTS = ("patches", "dense", "pooled", "fine")


@dataclass(frozen=True)
class Features:
    """The output of a frozen tower for B images; cells are in reading order."""

    patches: Tensor  # [B, N, C], the last feature map
    dense: Tensor  # [B, N, D], every cell in the joint space, not normalised
    pooled: Tensor  # [B, D], the tower's own embedding, L2-normalised
    fine: Tensor  # [B, M, F], earlier maps with smaller cells, which see where things end; M = 0 from a teacher

    def to(self, device: torch.device) -> Features:
        """The same in float32 on `device`."""
        return Features(*(getattr(self, name).to(device, torch.float32) for name in PARTS))

    def rows(self, index: Tensor | slice) -> Features:
        """The images at `index`."""
        return Features(*(getattr(self, name)[index] for name in PARTS))

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


@dataclass(frozen=True)
class Cells:
    """The cells of one map. shift: how far right and down of its tile a cell looks, in sides of the image."""

    grid: tuple[int, int]  # rows and columns
    dims: tuple[int, ...]  # channels of each of its sources, which stand one after the other
    shift: float = 0.0

    def centres(self, device: torch.device = CPU) -> Tensor:
        """[N, 2] x and y of the cells, in sides of the image."""
        rows, columns = ((torch.arange(side, device=device) + 0.5) / side + self.shift for side in self.grid)
        return torch.cartesian_prod(rows, columns).flip(-1)


@dataclass(frozen=True)
class Layout:
    """What a head has to know of a tower: its cells, those of its finer maps, and the size of the joint space."""

    coarse: Cells
    fine: Cells
    dim: int


class Tower(Protocol):
    """A frozen image tower and the text tower that shares its joint space."""

    id: str  # changes with anything that changes a feature
    made_of: dict[str, Any]  # what the id is computed from, without the code, as JSON
    layout: Layout
    input_size: int
    mean: tuple[float, float, float]  # of the pixels by channel, 0 to 1
    std: tuple[float, float, float]
    device: torch.device

    def features(self, pictures: Tensor) -> Features:
        """Normalised pictures [B, 3, S, S] -> features."""

    def compile(self, backend: str) -> None:
        """Let `features` go through torch.compile with this backend."""

    def text(self, texts: list[str]) -> Tensor:
        """Texts -> L2-normalised embeddings [T, D]."""

    def export_text(self, folder: Path) -> dict[str, object]:
        """Write the torch-free text tower into `folder`; returns its entries of bundle.json."""


def squared(image: Image.Image, size: int) -> Tensor:
    """An RGB image as bytes [S, S, 3]: all of it, since cropping would lose the edges, and cells map back to boxes."""
    return torch.from_numpy(np.array(image.resize((size, size), Image.Resampling.BICUBIC)))


def normalised(pixels: Tensor, tower: Tower) -> Tensor:
    """Bytes [B, S, S, 3] as the tower's input [B, 3, S, S]."""
    mean, std = (torch.tensor(values, device=pixels.device) for values in (tower.mean, tower.std))
    return ((pixels.float() / 255 - mean) / std).permute(0, 3, 1, 2)
