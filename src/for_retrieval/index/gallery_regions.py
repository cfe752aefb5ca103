"""The gallery as regions: what the stage `index` feeds into an engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from for_retrieval.data.records import Records
from for_retrieval.errors import ForError
from for_retrieval.index.regions import ImageRegions
from for_retrieval.model.boxes import attention_boxes
from for_retrieval.model.encode import store_for
from for_retrieval.model.sum_clip import SumClip, summarise
from for_retrieval.model.tower import Tower

BATCH = 256


@torch.inference_mode()
def gallery_regions(
    records: Records, tower: Tower, head: SumClip, splits: list[str], cache: Path, device: torch.device
) -> Iterator[ImageRegions]:
    """The regions of every image in `splits`, by image id.

    Raises:
        ForError: the splits hold no images.
    """
    images = records.images[records.images["split"].isin(splits)]
    if images.empty:
        raise ForError(
            f"the splits {', '.join(splits)} of {records.info.name} hold no images to search; "
            "set index.gallery in params.yaml"
        )
    store = store_for(tower, cache)
    for start in range(0, len(images), BATCH):
        rows = images.iloc[start : start + BATCH]
        summary = summarise(head, store.load(rows["hash"].tolist()).to(device))
        regions, attention = summary.regions.cpu().numpy(), summary.attention.cpu().numpy()
        for k, image in enumerate(rows.itertuples(index=False)):
            yield ImageRegions(
                image_id=image.image_id,
                path=image.path,
                hash=image.hash,
                split=image.split,
                width=image.width,
                height=image.height,
                embeddings=regions[k],
                boxes=attention_boxes(attention[k], tower.grid, image.width, image.height),
            )
