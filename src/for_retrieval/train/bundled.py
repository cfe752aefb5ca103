"""Tower and head as a bundle describes them, so that a champion is measured and refreshed with its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from for_retrieval.errors import ForError
from for_retrieval.files import read_json
from for_retrieval.model.sum_clip import SumClip
from for_retrieval.model.tower import Tower, load_tower
from for_retrieval.params import Head, Model
from for_retrieval.train.checkpoints import load_head

if TYPE_CHECKING:
    import torch

_REMEDY = "run `dvc repro export`"


@dataclass(frozen=True)
class Bundled:
    """A model that can encode images. model: its id. settings: the section `model` that it was made with."""

    model: str
    tower: Tower
    head: SumClip
    settings: Model


def load_bundled(folder: Path, device: torch.device, root: Path, like: Bundled | None = None) -> Bundled:
    """Rebuild what the bundle in `folder` was exported from; `root` is the folder of params.yaml.

    like: a model whose tower is taken where it is the same one, since loading it takes seconds.

    Raises:
        ForError: the bundle is damaged or of an earlier version, or the tower's weights are gone or have changed.
    """
    path = folder / "bundle.json"
    values = read_json(path, _REMEDY)
    try:
        model, tower_id = str(values["model"]), str(values["tower"]["id"])
        settings = Model.model_validate({k: v for k, v in values["tower"].items() if k != "id"})
        sizes = Head.model_validate({k: v for k, v in values["head"].items() if k != "sha256"})
    except (KeyError, TypeError, AttributeError, ValueError):  # pydantic's is a ValueError
        raise ForError(f"{path} is damaged or was written by an earlier version of for-cli; {_REMEDY}") from None
    tower = like.tower if like and like.tower.id == tower_id else load_tower(settings, device, root)
    if tower.id != tower_id:
        raise ForError(
            f"the tower of model {model} cannot be rebuilt: {settings.name} ({settings.pretrained}) is now "
            f"{tower.id} instead of {tower_id}; put its checkpoint back"
        )
    head = SumClip(sizes, tower.grid, tower.patch_dim, tower.dim, tower.pool).to(device)
    return Bundled(model, tower, load_head(folder / "head.safetensors", head), settings)
