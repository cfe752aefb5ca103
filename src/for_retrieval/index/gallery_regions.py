"""The gallery as regions: what is fed into an engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from for_retrieval.index.regions import ImageRegions
from for_retrieval.index.table import ImageRow
from for_retrieval.model.boxes import attention_boxes
from for_retrieval.model.encode import store_for
from for_retrieval.model.sum_clip import SumClip, summarise
from for_retrieval.model.tower import Tower

BATCH = 256


@torch.inference_mode()
def gallery_regions(
    rows: Sequence[ImageRow], tower: Tower, head: SumClip, cache: Path, device: torch.device
) -> Iterator[ImageRegions]:
    """The regions of every image in `rows`, in their order.

    Raises:
        ForError: an image has no features yet.
    """
    store = store_for(tower, cache)
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        summary = summarise(head, store.load([row.hash for row in batch]).to(device))
        regions, attention = summary.regions.cpu().numpy(), summary.attention.cpu().numpy()
        for k, row in enumerate(batch):
            yield ImageRegions(
                image_id=row.image_id,
                path=row.path,
                hash=row.hash,
                split=row.split,
                width=row.width,
                height=row.height,
                embeddings=regions[k],
                boxes=attention_boxes(attention[k], tower.grid, row.width, row.height),
            )
