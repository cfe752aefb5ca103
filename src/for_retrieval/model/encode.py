"""Features of images: encoded with a frozen tower, kept in a folder of shards."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from for_retrieval.errors import ForError
from for_retrieval.files import atomic, write_json
from for_retrieval.model import parallel
from for_retrieval.model.features import PARTS, Features, Tower, normalised, squared
from for_retrieval.model.views import picture
from for_retrieval.records.images import open_image

if TYPE_CHECKING:
    from for_retrieval.project import Project
    from for_retrieval.records.records import Records

SHARD = 512  # images a shard, which is the most that a kill can cost


class FeatureStore:
    """A folder of safetensors shards for one tower; each shard names the content hashes of its rows.

    Opening and reading change nothing on disk. A damaged shard is reported and left out, so that its images are
    encoded again; `add` then removes it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._place: dict[str, tuple[Path, int]] = {}
        self._damaged: list[Path] = []
        for path in sorted(folder.glob("[!.]*.safetensors")):
            self._register(path)

    def _register(self, path: Path) -> None:
        hashes = _hashes(path)
        if hashes is None:
            print(f"warning: {path} is damaged; its images have to be encoded again", file=sys.stderr)
            self._damaged.append(path)
        for row, content in enumerate(hashes or []):
            self._place.setdefault(content, (path, row))

    def missing(self, hashes: Sequence[str]) -> list[str]:
        """Those of `hashes` that have no features yet, once each, in their order."""
        return [h for h in dict.fromkeys(hashes) if h not in self._place]

    def add(self, hashes: Sequence[str], features: Features) -> None:
        """Write one shard in half precision, whose rows `hashes` name; ForError if a value is not finite there."""
        arrays = features.arrays()
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
        while self._damaged:
            damaged = self._damaged.pop()
            if damaged.exists() and _hashes(damaged) is None:  # another process may have replaced it
                damaged.unlink(missing_ok=True)

    def load(self, hashes: Sequence[str]) -> Features:
        """The features of `hashes`, in their order, in half precision on the CPU; ForError if one is missing."""
        if missing := self.missing(hashes):
            raise ForError(f"{len(missing)} images have no features in {self._folder}; run `for-cli features`")
        if not hashes:  # an empty split; the sizes are unknown
            return Features(torch.empty(0, 0, 0), torch.empty(0, 0, 0), torch.empty(0, 0), torch.empty(0, 0, 0))
        shards: dict[Path, dict[int, int]] = {}  # position in `hashes` -> row
        for position, content in enumerate(hashes):
            path, row = self._place[content]
            shards.setdefault(path, {})[position] = row
        out: dict[str, NDArray[np.float16]] = {}
        for path, rows in shards.items():
            with safe_open(path, framework="np") as shard:
                for part in PARTS:
                    tensor = shard.get_tensor(part)
                    if part not in out:
                        out[part] = np.empty((len(hashes), *tensor.shape[1:]), np.float16)
                    out[part][list(rows)] = tensor[list(rows.values())]
        return Features(*(torch.from_numpy(out[part]) for part in PARTS))


def _hashes(path: Path) -> list[str] | None:
    """The content hashes of a shard's rows; None where it is damaged, for example by a full disk."""
    try:
        with safe_open(path, framework="np") as shard:
            return shard.metadata()["hashes"].split()  # type: ignore[no-any-return]
    except (SafetensorError, TypeError, KeyError):
        return None


@dataclass(frozen=True)
class Reading:
    """How images are read: so many at once, by so many worker processes, within these limits (px)."""

    batch_size: int
    workers: int
    max_pixels: int
    min_side: int

    @classmethod
    def of(cls, project: Project, batch_size: int) -> Reading:
        """With the limits and processes of a project."""
        data = project.params.data
        return cls(batch_size, project.settings.processes, data.max_pixels, data.min_side)


class Pictures(Dataset[Tensor]):
    """Images as bytes [S, S, 3], not floats: what worker processes send is copied, and a quarter of the size."""

    def __init__(self, paths: Sequence[Path], size: int, reading: Reading, views: Sequence[str] = ()) -> None:
        """views: the key (model/views.py) of each picture; without them they are whole."""
        self.paths, self.size, self.reading, self.views = paths, size, reading, views

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> Tensor:
        image = open_image(self.paths[i], self.reading.max_pixels, self.reading.min_side)
        return squared(picture(image, self.views[i]) if self.views else image, self.size)


def encode(
    tower: Tower, store: FeatureStore, images: Mapping[str, Path], reading: Reading, backend: str = "none"
) -> int:
    """Encode those of `images` (`view_key` -> file) that `store` lacks; returns how many that were.

    Of several processes each encodes its part. backend: of torch.compile. ForError if an image cannot be read.
    """
    # This process's part of all images, not of the missing ones: another process may have written some by now.
    todo = store.missing(list(images)[parallel.rank() :: parallel.count()])
    if backend != "none":
        tower.compile(backend)
    done, held = 0, list[Features]()
    for part in _encoded(tower, [images[h] for h in todo], reading, todo, quiet=not todo or parallel.rank() > 0):
        held.append(part)
        pending = sum(len(part.pooled) for part in held)
        if pending >= SHARD or done + pending == len(todo):
            store.add(todo[done : done + pending], Features.joined(held))
            done, held = done + pending, []
    return len(todo)


def encode_anew(tower: Tower, paths: Sequence[Path], reading: Reading) -> Features:
    """Features of all images in `paths`, kept nowhere: for a tower that is being finetuned."""
    return Features.joined(list(_encoded(tower, paths, reading, [], quiet=True)))


def _encoded(
    tower: Tower, paths: Sequence[Path], reading: Reading, views: Sequence[str], quiet: bool
) -> Iterator[Features]:
    loader = DataLoader(
        Pictures(paths, tower.input_size, reading, views),
        batch_size=reading.batch_size,
        num_workers=reading.workers if len(paths) > SHARD else 0,
        pin_memory=tower.device.type == "cuda",  # so that the next batch is copied while this one is encoded
    )
    bar = Console(stderr=True, quiet=quiet)
    for batch in track(loader, f"encoding images at {tower.input_size} px", console=bar):
        yield tower.features(normalised(batch.to(tower.device, non_blocking=True), tower))


def write_summaries(folder: Path, records: Records, tower: Tower, teacher: Tower) -> None:
    """What was encoded, and by what: the stage's tracked outputs (the features themselves are a cache).

    features.json is about all images. learning.json is about those that heads learn from and are chosen on, and their
    words: a new image of the gallery does not change it, so no head is trained again.
    """
    learning, info = records.of("train", "val"), records.info
    by = {"tower": tower.id, "teacher": teacher.id}
    coarse = tower.layout.coarse
    sizes = {"grid": list(coarse.grid), "patch_dim": sum(coarse.dims), "dim": tower.layout.dim}
    words = {name: getattr(info, name) for name in ("base", "novel", "synonyms", "hypernyms", "colours")}
    about = {"name": info.name, "digest": learning.info.digest, "images": len(learning.images)}
    write_json(folder / "features.json", {**by, "images": len(records.images), "dataset": info.digest, **sizes})
    write_json(folder / "learning.json", {**about, **by, **sizes, **words})
