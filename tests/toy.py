"""A tower without weights and a set without pictures: what is shown is written straight into the features.

A text is the sum of its words, each a fixed random direction; a cell is the text of the object in it plus
noise. So every method can find what there is, in milliseconds, and no two machines differ.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import normalize

from for_retrieval.model.features import Cells, Features, Layout
from for_retrieval.model.model import Model
from for_retrieval.model.views import view_key
from for_retrieval.params import Params
from for_retrieval.records.records import DatasetInfo, Records

CPU = torch.device("cpu")
DIM = 64
SHOWN = ("red car", "blue car", "red dog", "blue dog", "green tree", "white bus")  # by image number, in turn
OBJECT_COLUMNS = ["image_id", "x", "y", "w", "h", "category", "attributes", "crowd"]


def word(text: str) -> Tensor:
    """The direction [DIM] of one word."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
    return torch.randn(DIM, generator=torch.Generator().manual_seed(seed))


class ToyTower:
    """The interface Tower with a joint space of DIM dimensions, 2 x 2 cells and 4 x 4 fine ones."""

    id = "toy"
    made_of: ClassVar[dict[str, Any]] = {"name": "toy"}
    layout = Layout(Cells((2, 2), (4,)), Cells((4, 4), (3,)), DIM)
    input_size = 32
    device = CPU
    mean = std = (0.5, 0.5, 0.5)

    def features(self, pictures: Tensor) -> Features:
        """There are no pictures."""
        raise NotImplementedError

    def text(self, texts: list[str]) -> Tensor:
        """The sum of the words' directions."""
        return normalize(torch.stack([sum(map(word, text.split()), torch.zeros(DIM)) for text in texts]), dim=-1)

    def compile(self, backend: str) -> None:
        """There is nothing to compile."""
        raise NotImplementedError

    def export_text(self, folder: Path) -> dict[str, object]:
        """There is nothing to export."""
        raise NotImplementedError


def toy_model(params: Params, seed: int = 0) -> Model:
    """An untrained model with a ToyTower, and the settings of `params`."""
    return Model.new(params, Path("/nowhere"), CPU, seed=seed, tower=ToyTower())


def toy_records(train: int = 36, test: int = 24) -> Records:
    """Each image shows one of SHOWN in its top left cell; the novel category is dog."""
    splits = ["train"] * train + ["test"] * test
    names = [f"{split}-{number:03}" for number, split in enumerate(splits)]
    shown = [SHOWN[number % len(SHOWN)].split() for number in range(len(names))]
    return Records(
        pd.DataFrame(
            {
                "image_id": names,
                "path": [f"{name}.png" for name in names],
                "width": 64,
                "height": 64,
                "hash": [hashlib.sha256(name.encode()).hexdigest() for name in names],
                "split": splits,
            }
        ),
        pd.DataFrame(
            [
                (name, 2, 2, 20, 20, category, json.dumps({"colour": colour}), False)
                for name, (colour, category) in zip(names, shown, strict=True)
            ],
            columns=OBJECT_COLUMNS,
        ),
        DatasetInfo(
            name="toy",
            root="images",
            base=["car", "tree", "bus"],
            novel=["dog"],
            synonyms={"car": ["automobile"], "dog": ["hound"]},
            hypernyms={"car": ["thing"], "dog": ["thing"]},
            attributes={"colour": ["red", "blue"]},
        ),
    )


def store_features(records: Records, model: Model, cache: Path) -> None:
    """What `encode` would have left for the images of `toy_records`."""
    tower, generator = model.tower, torch.Generator().manual_seed(0)
    texts = tower.text([SHOWN[int(name.split("-")[1]) % len(SHOWN)] for name in records.images["image_id"]])
    dense = torch.randn(len(texts), 4, DIM, generator=generator) * 0.1
    dense[:, 0] += texts
    patches = torch.randn(len(texts), 4, 4, generator=generator)
    fine = torch.randn(len(texts), 16, 3, generator=generator)
    fine[:, 5] += 5  # in the middle of the object
    features = Features(patches, dense, normalize(dense.mean(1), dim=-1), fine)
    hashes = records.images["hash"].tolist()
    model.store(cache).add(hashes, features)
    # Mirrored: cells change their sides, what they show does not.
    mirrored = Features(
        patches[:, [1, 0, 3, 2]], dense[:, [1, 0, 3, 2]], features.pooled, fine.view(-1, 4, 4, 3).flip(2).flatten(1, 2)
    )
    model.store(cache).add([view_key(content, 1) for content in hashes], mirrored)
