"""SUM-CLIP: K learnable queries attend to the patch features and summarise an image into K embeddings.

It starts from the tower itself. Values and output projection are the tower's (the dense embeddings), each query
begins as the average over a window of the image, and every refinement enters through a branch whose last layer
starts at zero: before any training each embedding is a mixture of dense embeddings. Where the tower pools by
attention, the queries begin as that pool, each within its window. Each box begins as its query's window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn
from torch.nn.functional import normalize

from for_retrieval.model.features import Features
from for_retrieval.params import Head

SHARE = 0.5  # of the peak; cells above it that touch the peak form the region


def attention_boxes(
    attention: NDArray[np.float32], grid: tuple[int, int], width: int, height: int
) -> NDArray[np.float32]:
    """The region around each query's peak: [K, N] -> [K, 4] as x, y, w, h in pixels of the image."""
    boxes = np.empty((len(attention), 4), np.float32)
    for k, row in enumerate(attention.reshape(-1, *grid)):
        labels, _ = ndimage.label(row >= SHARE * row.max())
        peak = np.unravel_index(int(row.argmax()), grid)
        rows, columns = ndimage.find_objects(labels)[labels[peak] - 1]
        boxes[k] = (columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
    return boxes * np.asarray([width / grid[1], height / grid[0]] * 2, np.float32)


@dataclass(frozen=True)
class Summary:
    """E [B, K, D], L2-normalised, and where each query looked.

    attention: [B, K, N], rows sum to 1. boxes: [B, K, 4] as centre x, centre y, width, height, of the image's sides.
    """

    regions: Tensor
    attention: Tensor
    boxes: Tensor


class DecoderLayer(nn.Module):
    """Pre-norm: self-attention among queries, cross-attention to cells, feed-forward; all start as identity."""

    def __init__(self, width: int, heads: int, feed_forward: int) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.self_attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.cross_attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.feed_forward = nn.Sequential(nn.Linear(width, feed_forward), nn.GELU(), nn.Linear(feed_forward, width))
        for last in (self.self_attention.out_proj, self.cross_attention.out_proj, self.feed_forward[2]):
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    def forward(self, queries: Tensor, cells: Tensor) -> Tensor:
        """Queries [B, K, W] and cells [B, N, W] -> queries."""
        q = self.norm1(queries)
        queries = queries + self.self_attention(q, q, q, need_weights=False)[0]
        q = self.norm2(queries)
        queries = queries + self.cross_attention(q, cells, cells, need_weights=False)[0]
        return queries + self.feed_forward(self.norm3(queries))  # type: ignore[no-any-return]


class SumClip(nn.Module):
    """Features of B images -> their K region embeddings and attention maps."""

    def __init__(
        self, params: Head, grid: tuple[int, int], patch_dim: int, dim: int, pool: nn.Module | None = None
    ) -> None:
        """pool: the tower's own, where it is attention."""
        super().__init__()
        width, cells = params.width, grid[0] * grid[1]
        self.pool, self.whole = pool, params.queries == 1
        self.patch_norm = nn.LayerNorm(patch_dim)
        self.inward = nn.Linear(patch_dim + dim, width)
        self.positions = nn.Parameter(torch.randn(cells, width) * 0.02)
        self.cell_norm = nn.LayerNorm(width)
        self.queries = nn.Parameter(torch.randn(params.queries, width) * 0.5)
        self.layers = nn.ModuleList(
            DecoderLayer(width, params.heads, params.feed_forward) for _ in range(params.layers)
        )
        self.query_norm = nn.LayerNorm(width)
        self.to_query = nn.Linear(width, width)
        self.to_key = nn.Linear(width, width, bias=False)
        whole = torch.zeros(1, cells)  # one query looks everywhere
        self.windows = nn.Parameter(whole if self.whole and pool else window_logits(params.queries, grid))
        self.values = nn.Sequential(
            nn.Linear(patch_dim + dim, params.feed_forward), nn.GELU(), nn.Linear(params.feed_forward, dim)
        )
        self.outward = nn.Linear(width, dim)
        self.to_box = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 4))
        self.register_buffer("first_boxes", window_boxes(params.queries, grid).logit(eps=1e-4), persistent=False)
        # Zero keys: attention starts as the windows; zero last layers: values start as the dense embeddings.
        for last in (self.to_key, self.values[2], self.outward, self.to_box[2]):
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    def forward(self, features: Features) -> Summary:
        """Summarise; the features are float32 and on the head's device."""
        dense = normalize(features.dense, dim=-1)
        z = torch.cat([dense, self.patch_norm(features.patches)], dim=-1)
        cells = self.cell_norm(self.inward(z) + self.positions)
        queries = self.queries.expand(len(z), -1, -1)
        for layer in self.layers:
            queries = layer(queries, cells)
        queries = self.query_norm(queries)
        logits = self.to_query(queries) @ self.to_key(cells).transpose(1, 2) / math.sqrt(cells.shape[-1])
        change, own, boxes = self.values(z).float(), self.outward(queries).float(), self.to_box(queries).float()
        with torch.autocast(z.device.type, enabled=False):  # what is stored and compared keeps full precision
            logits = logits.float() + self.windows
            if self.pool is None:
                attention = logits.softmax(-1)  # [B, K, N]
                mixed = attention @ dense
            else:
                pooled, attention = self.pool(features.patches, logits, self.whole)
                mixed = normalize(pooled, dim=-1)
            regions = mixed + attention @ change + own
            boxes = (self.first_boxes + boxes).sigmoid()
        return Summary(normalize(regions, dim=-1), attention, boxes)


def summarise(head: nn.Module, features: Features) -> Summary:
    """Run the head, with its linear layers in bfloat16 on CUDA: the one way for training, evaluation and the index."""
    device = features.dense.device.type
    with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
        summary: Summary = head(features)
    return summary


def window_boxes(queries: int, grid: tuple[int, int]) -> Tensor:
    """[K, 4] windows that tile the image, as centre x, centre y, width, height, of its sides."""
    columns = math.ceil(math.sqrt(queries * grid[1] / grid[0]))
    rows = math.ceil(queries / columns)
    # The last row may have fewer windows, which are then wider: every cell belongs to some window.
    per_row = [min(columns, queries - row * columns) for row in range(rows)]
    return torch.tensor(
        [((k + 0.5) / n, (row + 0.5) / rows, 1 / n, 1 / rows) for row, n in enumerate(per_row) for k in range(n)]
    )


def window_logits(queries: int, grid: tuple[int, int]) -> Tensor:
    """[K, N] logits whose softmax is soft and centred on each window of `window_boxes`."""
    x0, y0, width, height = window_boxes(queries, grid).unsqueeze(2).unbind(1)
    y = (torch.arange(grid[0]) + 0.5) / grid[0]
    x = (torch.arange(grid[1]) + 0.5) / grid[1]
    dy, dx = (y - y0) / height, (x - x0) / width
    # A Gaussian of 0.4 windows: most of the weight inside the window, some on its neighbours.
    return -(dy.square()[:, :, None] + dx.square()[:, None, :]).flatten(1) / (2 * 0.4**2)
