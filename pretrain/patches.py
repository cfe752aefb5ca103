"""The patch features of the drawn way: the main directions of its last map."""

from __future__ import annotations

import torch

from for_retrieval.model.mini_clip import PATCH_DIM, MiniClip
from pretrain.stems import Stems

PICTURES = 500


@torch.no_grad()
def set_patch_features(model: MiniClip, stems: Stems) -> None:
    """Make `drawn.reduce` a whitened PCA of the cells of some training pictures."""
    rows = range(0, len(stems.objects), max(1, len(stems.objects) // PICTURES))
    cells = torch.cat([model.drawn.cells(torch.from_numpy(stems.maps[r : r + 1]).float())[0] for r in rows])
    mean = cells.mean(0)
    _, strength, directions = torch.linalg.svd(cells - mean, full_matrices=False)
    scale = len(cells) ** 0.5 / strength[:PATCH_DIM].clamp(min=1e-3)
    weight = directions[:PATCH_DIM] * scale[:, None]
    model.drawn.reduce.weight.copy_(weight)
    model.drawn.reduce.bias.copy_(-(weight @ mean))
