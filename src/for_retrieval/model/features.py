"""What towers give and take: features of images, pixels, and the arithmetic in which a device is fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

CPU = torch.device("cpu")


def arithmetic(device: torch.device) -> torch.dtype:
    """bfloat16 on CUDA and on CPUs with instructions for it; others emulate it, many times slower than float32."""
    # No public name says so in every release of torch that is supported.
    native = device.type == "cuda" or (device.type == "cpu" and torch.cpu._is_avx512_bf16_supported())
    return torch.bfloat16 if native else torch.float32


def autocast(device: torch.device) -> torch.autocast:
    """The context in which a tower computes in `arithmetic`."""
    kind = arithmetic(device)
    return torch.autocast(device.type, torch.bfloat16, enabled=kind == torch.bfloat16)


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


class HasPixelStatistics(Protocol):
    """Mean and deviation of pixels, by channel, of 0 to 1."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def squared(image: Image.Image, size: int) -> Tensor:
    """An RGB image as bytes [S, S, 3].

    The whole image is resized to a square: cropping would lose what stands at the edge, and cells map
    back to boxes by one multiplication.
    """
    return torch.from_numpy(np.array(image.resize((size, size), Image.Resampling.BICUBIC)))


def normalised(pixels: Tensor, tower: HasPixelStatistics) -> Tensor:
    """Bytes [B, S, S, 3] as the tower's input [B, 3, S, S]."""
    mean, std = (torch.tensor(values, device=pixels.device) for values in (tower.mean, tower.std))
    return ((pixels.float() / 255 - mean) / std).permute(0, 3, 1, 2)
