"""Encode a set's images with the frozen tower: the stage `features`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from for_retrieval.data.images import open_image
from for_retrieval.data.records import Records
from for_retrieval.files import write_json
from for_retrieval.model import parallel
from for_retrieval.model.feature_store import FeatureStore
from for_retrieval.model.tower import Features, Tower, normalised, squared
from for_retrieval.params import Params

SHARD = 512  # images a shard: what a kill can cost


class Pictures(Dataset[Tensor]):
    """Images as bytes [S, S, 3], not floats: what worker processes send is copied, and a quarter of the size."""

    def __init__(self, paths: list[Path], size: int, max_pixels: int, min_side: int) -> None:
        self.paths, self.size, self.max_pixels, self.min_side = paths, size, max_pixels, min_side

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> Tensor:
        return squared(open_image(self.paths[i], self.max_pixels, self.min_side), self.size)


def store_for(tower: Tower, cache: Path) -> FeatureStore:
    """The feature store of `tower` below the cache folder."""
    return FeatureStore(cache / "features" / tower.id)


def encode(
    records: Records,
    tower: Tower,
    params: Params,
    project: Path,
    cache: Path,
    workers: int,
    splits: tuple[str, ...] = ("train", "val", "test"),
    backend: str = "none",
) -> int:
    """Encode the images of `splits` that have no features yet; returns how many that were.

    Of several processes each encodes its part. backend: of torch.compile.

    Raises:
        ForError: an image that `prepare` accepted can no longer be read.
    """
    store = store_for(tower, cache)
    paths = dict(zip(records.images["hash"], records.paths(project), strict=True))
    todo = store.missing(records.images.loc[records.images["split"].isin(splits), "hash"].tolist())
    todo = todo[parallel.rank() :: parallel.count()]
    if backend != "none":
        tower.compile(backend)
    pictures = Pictures([paths[h] for h in todo], tower.input_size, params.data.max_pixels, params.data.min_side)
    loader = DataLoader(
        pictures,
        batch_size=params.model.batch_size,
        num_workers=workers if len(todo) > SHARD else 0,
        pin_memory=tower.device.type == "cuda",  # so that the next batch is copied while this one is encoded
    )
    columns = (
        TextColumn(f"encoding images at {tower.input_size} px"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not todo or parallel.rank() > 0) as progress:
        bar = progress.add_task("", total=len(todo))
        done, pending = 0, 0
        held: list[Features] = []
        for batch in loader:
            held.append(tower.features(normalised(batch.to(tower.device, non_blocking=True), tower)))
            pending += len(batch)
            progress.advance(bar, len(batch))
            if pending >= SHARD:
                store.add(todo[done : done + pending], _joined(held))
                done, pending, held = done + pending, 0, []
        if pending:
            store.add(todo[done:], _joined(held))
    return len(todo)


def encode_anew(records: Records, tower: Tower, params: Params, project: Path, workers: int) -> Features:
    """Features of all images of `records`, kept nowhere: for a tower that is being finetuned."""
    pictures = Pictures(records.paths(project), tower.input_size, params.data.max_pixels, params.data.min_side)
    loader = DataLoader(pictures, batch_size=params.model.batch_size, num_workers=workers)
    return _joined([tower.features(normalised(batch.to(tower.device), tower)) for batch in loader])


def _joined(parts: list[Features]) -> Features:
    return Features(
        torch.cat([p.patches for p in parts]),
        torch.cat([p.dense for p in parts]),
        torch.cat([p.pooled for p in parts]),
    )


def load_split(records: Records, tower: Tower, cache: Path, split: str) -> tuple[list[str], Features]:
    """The image ids of a split, sorted, and their features."""
    rows = records.images[records.images["split"] == split]
    return rows["image_id"].tolist(), store_for(tower, cache).load(rows["hash"].tolist())


def chunks(features: Features, size: int, device: torch.device) -> Iterator[Features]:
    """`features` in pieces of `size` images, in float32 on `device`."""
    for start in range(0, len(features.dense), size):
        yield features.rows(slice(start, start + size)).to(device)


def write_summaries(folder: Path, records: Records, tower: Tower, teacher: Tower) -> None:
    """What was encoded, and by what: the stage's tracked outputs (the features themselves are a cache).

    features.json is about all images. learning.json is about those that heads learn from and are chosen on, and the
    words that go with them: a new image of the gallery does not change it, so no head is trained again.
    """
    learning, info = records.of("train", "val"), records.info
    by = {"tower": tower.id, "teacher": teacher.id}
    sizes = {"grid": list(tower.grid), "patch_dim": tower.patch_dim, "dim": tower.dim}
    words = {name: getattr(info, name) for name in ("base", "novel", "synonyms", "hypernyms", "colours")}
    about = {"name": info.name, "digest": learning.info.digest, "images": len(learning.images)}
    write_json(folder / "features.json", {**by, "images": len(records.images), "dataset": info.digest, **sizes})
    write_json(folder / "learning.json", {**about, **by, **sizes, **words})
