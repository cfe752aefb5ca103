"""Features by content hash: nothing is encoded twice, and a killed run keeps every finished shard."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from for_retrieval.errors import ForError
from for_retrieval.files import atomic
from for_retrieval.model.tower import Features

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
