"""Tiny open_clip models with random weights, saved as checkpoints, and the section `model` of params.yaml."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from safetensors.torch import save_file
from tiny_models import CPU, TEXT, VISION, VIT

from for_retrieval.model.features import Features
from for_retrieval.model.open_clip_tower import OpenClipTower
from for_retrieval.params import Head, Model


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a config, known to open_clip, for each of VISION."""
    folder = tmp_path_factory.mktemp("zoo")
    for name, vision in VISION.items():
        config = {"embed_dim": 64, "vision_cfg": vision, "text_cfg": TEXT}
        config["quick_gelu"] = name == "tiny-vit-plain"
        if name == "tiny-map":
            config["custom_text"] = True
        (folder / f"{name}.json").write_text(json.dumps(config))
    hosted = {**TEXT, "hf_tokenizer_name": "nobody/tokenizer"}
    (folder / "tiny-hosted.json").write_text(json.dumps({"embed_dim": 64, "vision_cfg": VIT, "text_cfg": hosted}))
    open_clip.add_model_config(folder)
    return folder


@pytest.fixture(scope="session")
def checkpoint(zoo: Path) -> Callable[[str], Path]:
    """The path of a checkpoint with random weights for a model of the zoo."""

    def make(name: str) -> Path:
        path = zoo / f"{name}.safetensors"
        if not path.exists():
            torch.manual_seed(0)
            save_file(open_clip.create_model(name).state_dict(), path)
        return path

    return make


@pytest.fixture
def model_params() -> Callable[..., Model]:
    """The section model, with changes."""

    def make(**changes: Any) -> Model:
        values = {
            "name": "mini-clip",
            "pretrained": "embedded",
            "input_size": 64,
            "teacher_size": 64,
            "prompts": ["{}"],
        }
        return Model.model_validate({**values, "batch_size": 4, "clusters": 3, "pool": 2, **changes})

    return make


@pytest.fixture
def tower(checkpoint: Callable[[str], Path], model_params: Callable[..., Model]) -> Callable[..., OpenClipTower]:
    """A tower of the zoo at an input size."""

    def make(name: str, input_size: int = 64) -> OpenClipTower:
        params = model_params(name=name, pretrained=str(checkpoint(name)), input_size=input_size)
        return OpenClipTower(params, CPU, Path("/nowhere"))

    return make


@pytest.fixture
def pictures() -> Callable[[int, int], torch.Tensor]:
    """Random pictures [B, 3, S, S]."""

    def make(batch: int, size: int) -> torch.Tensor:
        return torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(1))

    return make


@pytest.fixture
def random_features() -> Callable[..., Features]:
    """Random features of `batch` images with `cells` cells; dense is not normalised, as from a tower."""

    def make(batch: int, cells: int, patch_dim: int = 6, dim: int = 8, seed: int = 0, fine: int = 16) -> Features:
        generator = torch.Generator().manual_seed(seed)
        patches = torch.randn(batch, cells, patch_dim, generator=generator)
        dense = 3 * torch.randn(batch, cells, dim, generator=generator)
        pooled = torch.nn.functional.normalize(torch.randn(batch, dim, generator=generator), dim=-1)
        return Features(patches, dense, pooled, torch.randn(batch, fine, 5, generator=generator))

    return make


@pytest.fixture
def head_params() -> Callable[..., Head]:
    """The section head, small, with changes."""

    def make(**changes: Any) -> Head:
        sizes = {"proposals": 5, "width": 16, "box_net": {"width": 16, "blocks": 1}}
        values = {**sizes, "dropout": 0.1, "temperature": 0.1}
        return Head.model_validate({**values, **changes})

    return make
