"""Encode a set's images with the frozen tower: the stage `features`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from for_retrieval.errors import ForError
from for_retrieval.files import atomic, write_json
from for_retrieval.model import parallel
from for_retrieval.model.features import Features, normalised, squared
from for_retrieval.model.tower import Tower
from for_retrieval.params import Params
from for_retrieval.records.images import open_image
from for_retrieval.records.records import Records

PARTS = ("patches", "dense", "pooled")


class FeatureStore:
    """A folder of safetensors shards for one tower; each shard names the content hashes of its rows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._place: dict[str, tuple[Path, int]] = {}
        for path in sorted(folder.glob("*.safetensors")):
            if not path.name.startswith("."):
                self._register(path)

    def _register(self, path: Path) -> None:
        try:
            with safe_open(path, framework="np") as shard:
                hashes = shard.metadata()["hashes"].split()
        except (SafetensorError, TypeError, KeyError):
            path.unlink()  # cut short by a full disk, say; its images are encoded again
            return
        for row, content in enumerate(hashes):
            self._place.setdefault(content, (path, row))

    def missing(self, hashes: Sequence[str]) -> list[str]:
        """Those of `hashes` that have no features yet, once each, in their order."""
        return [h for h in dict.fromkeys(hashes) if h not in self._place]

    def add(self, hashes: Sequence[str], features: Features) -> None:
        """Write one shard in half precision; `hashes` name its rows.

        Raises:
            ForError: a value is not finite in half precision.
        """
        arrays = {part: getattr(features, part).cpu().to(torch.float16).numpy() for part in PARTS}
        for part, array in arrays.items():
            if not np.isfinite(array).all():
                raise ForError(
                    f"the tower's {part} features are not finite for an image with content {hashes[0][:12]}..., "
                    "or one of the images encoded with it; check the checkpoint in model.pretrained"
                )
        name = hashlib.sha256(" ".join(hashes).encode()).hexdigest()[:16]
        path = self._folder / f"{name}.safetensors"
        with atomic(path) as temporary:
            save_file(arrays, temporary, {"hashes": " ".join(hashes)})
        self._register(path)

    def load(self, hashes: Sequence[str]) -> Features:
        """The features of `hashes`, in their order, in half precision on the CPU.

        Raises:
            ForError: an image has not been encoded.
        """
        if missing := self.missing(hashes):
            raise ForError(f"{len(missing)} images have no features in {self._folder}; run `for-cli features`")
        if not hashes:  # an empty split; nothing tells the sizes
            return Features(torch.empty(0, 0, 0), torch.empty(0, 0, 0), torch.empty(0, 0))
        rows_by_shard: dict[Path, list[tuple[int, int]]] = {}
        for position, content in enumerate(hashes):
            path, row = self._place[content]
            rows_by_shard.setdefault(path, []).append((position, row))
        out: dict[str, NDArray[np.float16]] = {}
        for path, rows in rows_by_shard.items():
            positions, picked = (list(column) for column in zip(*rows, strict=True))
            with safe_open(path, framework="np") as shard:
                for part in PARTS:
                    tensor = shard.get_tensor(part)
                    if part not in out:
                        out[part] = np.empty((len(hashes), *tensor.shape[1:]), np.float16)
                    out[part][positions] = tensor[picked]
        return Features(*(torch.from_numpy(out[part]) for part in PARTS))


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
