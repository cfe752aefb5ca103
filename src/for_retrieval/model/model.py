"""The model: a tower, a head and prompts. What every stage, command and test holds."""

from __future__ import annotations

import copy
import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, load_file, save
from torch import Tensor
from torch.nn.functional import normalize

from for_retrieval.errors import ForError
from for_retrieval.files import atomic, read_json, write_json
from for_retrieval.model import box_net
from for_retrieval.model.encode import FeatureStore, Reading, encode
from for_retrieval.model.features import Features, Tower
from for_retrieval.model.identity import EMBEDDED, fill_prompts, model_id
from for_retrieval.model.sum_clip import SumClip, Summary, summarise
from for_retrieval.model.tower import load_tower
from for_retrieval.model.training_free import TrainingFree
from for_retrieval.model.views import view_key
from for_retrieval.params import Head as HeadParams
from for_retrieval.params import Model as ModelParams
from for_retrieval.params import Params

if TYPE_CHECKING:
    from for_retrieval.project import Project
    from for_retrieval.records.records import Records

HEAD = "head.safetensors"
SPLITS = ("train", "val", "test")
_REMEDY = "run `dvc repro export`"


def head_path(folder: Path, run: str, seed: int) -> Path:
    """Where the trained head of a run and seed is."""
    return folder / run / f"seed{seed}.safetensors"


@dataclass(eq=False)
class Model:
    """Encodes texts and images into one space, an image as K regions."""

    tower: Tower
    head: SumClip
    settings: ModelParams  # the section `model` of params.yaml that it was made with
    sizes: HeadParams  # the section `head`
    _file: bytes | None = field(default=None, init=False, repr=False)  # what the head was read from
    _known: str | None = field(default=None, init=False, repr=False)  # the tower's id in a bundle of an earlier version

    @classmethod
    def new(
        cls, params: Params, root: Path, device: torch.device, *, seed: int | None = None, tower: Tower | None = None
    ) -> Model:
        """The model that params.yaml describes, before training.

        root: the folder that relative paths start from. seed: of the head's first weights, in place of `params.seed`.
        tower: used instead of the one that params.yaml names.
        """
        tower = tower or load_tower(params.model, device, root)
        torch.manual_seed(params.seed if seed is None else seed)
        return cls(tower, _head(params.head, tower), params.model, params.head)

    @classmethod
    def load(cls, folder: Path, root: Path, device: torch.device, *, like: Model | None = None) -> Model:
        """The model that was saved in `folder`; ForError if that is damaged or old, or the tower's weights changed.

        Its id differs from the one in bundle.json where the code of the forward path has changed since.
        like: a model whose tower is shared where it is the same one, since loading it takes seconds.
        """
        path = folder / "bundle.json"
        values = read_json(path, _REMEDY)
        try:
            about, sizes = dict(values["tower"]), dict(values["head"])
            known, made_of, sha256 = about.pop("id"), about.pop("made_of", None), sizes.pop("sha256")
            settings, head_params = ModelParams.model_validate(about), HeadParams.model_validate(sizes)
        except (KeyError, TypeError, ValueError):  # pydantic's is a ValueError
            raise ForError(f"{path} is damaged or was written by an earlier version of for-cli; {_REMEDY}") from None
        tower = like.tower if like and like.tower.made_of == made_of else load_tower(settings, device, root)
        if made_of is not None and tower.made_of != made_of:
            raise ForError(
                f"the tower of {folder} cannot be rebuilt: {settings.name} ({settings.pretrained}) is now {tower.id} "
                f"instead of {known}; put its checkpoint back"
            )
        model = cls(tower, _head(head_params, tower), settings, head_params).with_head(folder / HEAD)
        model._known = known if made_of is None else None  # so that it keeps the id that a light reader computes
        if hashlib.sha256(model._head_bytes()).hexdigest() != sha256:
            raise ForError(f"{folder / HEAD} is not the head that bundle.json names; {_REMEDY}")
        return model

    def untrained(self, seed: int) -> Model:
        """A model with the same tower and a new head."""
        torch.manual_seed(seed)
        return Model(self.tower, _head(self.sizes, self.tower), self.settings, self.sizes)

    def unrefined(self) -> Model:
        """The same model with its boxes, and regions that no training has refined."""
        head = copy.deepcopy(self.head)
        for parameter in head.last.parameters():
            torch.nn.init.zeros_(parameter)
        return Model(self.tower, head, self.settings, self.sizes)

    def with_head(self, path: Path) -> Model:
        """The same tower with the head in the file `path`, for inference; ForError if it is missing or another one."""
        head = _head(self.sizes, self.tower)
        try:
            content = path.read_bytes()
            head.load_state_dict(load(content))
        except FileNotFoundError:
            raise ForError(f"{path} does not exist; run `dvc repro train`") from None
        except (SafetensorError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise ForError(f"{path} is not a head of these sizes ({reason}); run `dvc repro train`") from None
        model = Model(self.tower, head.requires_grad_(False).eval(), self.settings, self.sizes)
        model._file = content
        return model

    def save_head(self, path: Path) -> None:
        """Write the head's weights in float32."""
        with atomic(path) as temporary:
            temporary.write_bytes(self._head_bytes())

    def save(
        self, folder: Path, *, dataset: dict[str, str], run: str, metrics: dict[str, Any], profile: Path | None = None
    ) -> None:
        """Write the bundle: all that queries need, and with the tower's weights enough for `load`.

        bundle.json is written last: a folder with it is complete. dataset: name and digest of the set that the head was
        trained on. metrics: its scores on the validation split. profile: that of this set, if `validate` has run.
        """
        folder.mkdir(parents=True, exist_ok=True)
        text = self.tower.export_text(folder)
        self.save_head(folder / HEAD)
        write_json(folder / "metrics.json", metrics)
        if profile and profile.exists():
            shutil.copyfile(profile, folder / "profile.json")
        about = {"model": self.id, "dataset": dataset, "run": run}
        write_json(folder / "bundle.json", {**about, **self._description(), **text})

    @property
    def id(self) -> str:
        """Changes with anything that changes an embedding; see model/identity.py."""
        return model_id(self._description())

    @property
    def device(self) -> torch.device:
        """Where tower and head compute."""
        return self.tower.device

    @property
    def training_free(self) -> TrainingFree:
        """The methods that need no training, on this tower's features."""
        return TrainingFree(self.tower.layout.coarse.grid, self.settings.clusters, self.settings.pool)

    def text(self, phrases: Sequence[str]) -> Tensor:
        """Embeddings [T, D] of `phrases`: the mean over the prompts, L2-normalised."""
        if not phrases:
            return torch.zeros(0, self.tower.layout.dim, device=self.device)
        prompts = self.settings.prompts
        texts = [text for phrase in phrases for text in fill_prompts(prompts, phrase)]
        return normalize(self.tower.text(texts).view(len(phrases), len(prompts), -1).mean(1), dim=-1)

    def store(self, cache: Path) -> FeatureStore:
        """The features of this model's tower below the cache folder."""
        return FeatureStore(cache / "features" / self.tower.id)

    def features(self, hashes: Sequence[str], cache: Path) -> Features:
        """The features of the images with these content hashes; see `FeatureStore.load`."""
        return self.store(cache).load(hashes)

    def split(self, records: Records, name: str, cache: Path) -> tuple[list[str], Features]:
        """The image ids of a split, sorted, and their `features`."""
        rows = records.images[records.images["split"] == name]
        return rows["image_id"].tolist(), self.features(rows["hash"].tolist(), cache)

    def encode(
        self, project: Project, records: Records, splits: Sequence[str] = SPLITS, backend: str = "none", views: int = 1
    ) -> int:
        """As `encode`, for the images of `splits`; `views` of each training image, others are only seen whole."""
        paths = zip(records.images["hash"], records.paths(project.root), records.images["split"], strict=True)
        images = {
            view_key(content, view): path
            for content, path, split in paths
            if split in splits
            for view in range(views if split == "train" else 1)
        }
        reading = Reading.of(project, self.settings.batch_size)
        return encode(self.tower, self.store(project.cache), images, reading, backend)

    @torch.inference_mode()
    def regions(self, features: Features) -> Summary:
        """The K regions of each image: embeddings [B, K, D], boxes [B, K, 4] and objectness [B, K]."""
        return summarise(self.head, features.to(self.device))

    def _head_bytes(self) -> bytes:
        return self._file or save({name: value.cpu().contiguous() for name, value in self.head.state_dict().items()})

    def _description(self) -> dict[str, Any]:
        tower = {"id": self._known} if self._known else {"id": self.tower.id, "made_of": self.tower.made_of}
        return {
            "tower": {**self.settings.model_dump(), **tower},
            "head": {**self.sizes.model_dump(), "sha256": hashlib.sha256(self._head_bytes()).hexdigest()},
            "input_size": self.settings.input_size,
            "dim": self.tower.layout.dim,
            "prompts": list(self.settings.prompts),
        }


def _head(sizes: HeadParams, tower: Tower) -> SumClip:
    """A new head; with the embedded tower, and a box net of the shipped sizes, its boxes are those of photographs."""
    head = SumClip(sizes, tower.layout)
    if tower.made_of["name"] == EMBEDDED and sizes.box_net == box_net.SHIPPED:
        state = {name: value.float() for name, value in load_file(box_net.WEIGHTS).items()}
        head.box_net.load_state_dict({**state, "learned": torch.tensor(True)})
    return head.to(tower.device)
