"""The open_clip tower: where weights come from, what is refused and how, and what the tower answers."""

from __future__ import annotations

import json
import pickle
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import open_clip
import open_clip.pretrained
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import CPU
from torch.testing import assert_close

from for_retrieval.errors import ForError, UsageError
from for_retrieval.model import open_clip_tower
from for_retrieval.model.mini_clip import minilm_folder
from for_retrieval.model.open_clip_tower import OpenClipTower
from for_retrieval.model.tower import find_device, load_tower

Tiny = Callable[..., Path]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, and no way to the network."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def cache(hub: Path, repository: str, name: str, file: Path) -> None:
    """Put `file` where the hub's client looks."""
    folder = hub / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True, exist_ok=True)
    (folder / "refs/main").write_text("abc")
    (folder / "snapshots/abc").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, folder / "snapshots/abc" / name)


def test_loads_by_absolute_and_relative_path(checkpoint: Tiny, model_params: Any, tmp_path: Path) -> None:
    file = checkpoint("tiny-vit")
    (tmp_path / "weights").mkdir()
    shutil.copyfile(file, tmp_path / "weights/mine.safetensors")
    torch.save(load_file(file), tmp_path / "weights/mine.pt")
    pixels = torch.randn(1, 3, 64, 64)
    found = []
    for pretrained in (str(file), "weights/mine.safetensors", "weights/mine.pt"):
        it = load_tower(model_params(name="tiny-vit", pretrained=pretrained), CPU, tmp_path)
        found.append(it.features(pixels).dense)
    assert_close(found[1], found[0], rtol=0, atol=0)
    assert_close(found[2], found[0], rtol=0, atol=0)


@pytest.mark.parametrize("name", ["tiny-resnet", "tiny-vit", "tiny-map", "tiny-convnext"])
def test_resolution_change(name: str, tower: Callable[..., OpenClipTower], pictures: Any) -> None:
    small, large = tower(name, 64), tower(name, 96)
    assert large.layout.coarse.grid[0] / small.layout.coarse.grid[0] == 96 / 64
    assert large.features(pictures(2, 96)).dense.shape == (
        2,
        large.layout.coarse.grid[0] * large.layout.coarse.grid[1],
        large.layout.dim,
    )
    assert (large.layout.dim, sum(large.layout.coarse.dims)) == (small.layout.dim, sum(small.layout.coarse.dims))
    assert large.id != small.id


def test_a_compiled_tower_gives_the_same_features_for_batches_of_two_sizes(
    tower: Callable[..., OpenClipTower], pictures: Callable[[int, int], torch.Tensor]
) -> None:
    plain, compiled = tower("tiny-vit", 64), tower("tiny-vit", 64)
    compiled.compile("aot_eager")
    for size in (3, 2):
        shown = pictures(size, 64)
        expected, found = plain.features(shown), compiled.features(shown)
        for part in ("patches", "dense", "pooled"):
            assert_close(getattr(found, part), getattr(expected, part), rtol=0, atol=1e-4)


def test_id_changes_with_the_weights_only(checkpoint: Tiny, model_params: Any, tmp_path: Path) -> None:
    state = load_file(checkpoint("tiny-vit"))
    save_file(state, tmp_path / "same.safetensors")
    state["visual.proj"] = state["visual.proj"] + 1e-3
    save_file(state, tmp_path / "other.safetensors")

    def tower_id(pretrained: str) -> str:
        return OpenClipTower(model_params(name="tiny-vit", pretrained=pretrained), CPU, tmp_path).id

    first = tower_id(str(checkpoint("tiny-vit")))
    assert tower_id("same.safetensors") == first
    assert tower_id("other.safetensors") != first


def test_text_is_normalised_batched_and_in_order(tower: Callable[..., OpenClipTower]) -> None:
    it = tower("tiny-vit")
    words = ["a car", "a dog", "a cat on a mat", "a bus", "a red tie", "snow"]  # more than one batch of 4
    found = it.text(words)
    assert found.shape == (6, it.layout.dim)
    assert_close(found.norm(dim=-1), torch.ones(6))
    assert_close(found[5:], it.text(["snow"]), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("name", "tag"), [("ViT-B-32", "openai"), ("ViT-B-16-SigLIP", "webli")])
def test_tag_fails_fast_without_a_hub(name: str, tag: str, model_params: Any, hub: Path, tmp_path: Path) -> None:
    begin = time.monotonic()
    with pytest.raises(ForError) as caught:
        OpenClipTower(model_params(name=name, pretrained=tag), CPU, tmp_path)
    assert time.monotonic() - begin < 2
    sentence = str(caught.value)
    assert "\n" not in sentence
    for part in (
        tag,
        "model hub",
        "model.name to mini-clip",
        "embedded",
        "local checkpoint",
        "model.pretrained",
    ):
        assert part in sentence


def test_tag_in_the_cache_is_used(
    checkpoint: Tiny, model_params: Any, hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = {"hf_hub": "nobody/tiny/", "mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6), "quick_gelu": True}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "tiny-vit", {"mine": tag})
    cache(hub, "nobody/tiny", "open_clip_model.safetensors", checkpoint("tiny-vit"))
    it = OpenClipTower(model_params(name="tiny-vit", pretrained="mine"), CPU, tmp_path)
    assert (it.mean, it.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    gelu = it._model.visual.transformer.resblocks[0].mlp.gelu
    assert type(gelu).__name__ == "QuickGELU"


def test_normalisation_of_a_local_file(checkpoint: Tiny, model_params: Any, tmp_path: Path) -> None:
    shutil.copyfile(checkpoint("tiny-vit"), tmp_path / "mine.safetensors")
    params = model_params(name="tiny-vit", pretrained="mine.safetensors")
    before = OpenClipTower(params, CPU, tmp_path)
    assert before.mean == open_clip.OPENAI_DATASET_MEAN
    published = {"preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(published))
    after = OpenClipTower(params, CPU, tmp_path)
    assert after.mean == after.std == (0.5, 0.5, 0.5)
    assert after.id != before.id


def test_tokenizer_of_a_hub(
    checkpoint: Tiny, model_params: Any, hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copyfile(checkpoint("tiny-hosted"), tmp_path / "mine.safetensors")
    params = model_params(name="tiny-hosted", pretrained="mine.safetensors")
    with pytest.raises(ForError, match=r"the tokenizer nobody/tokenizer of tiny-hosted needs a model hub"):
        OpenClipTower(params, CPU, tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(minilm_folder() / name, tmp_path / name)
    it = OpenClipTower(params, CPU, tmp_path)
    assert_close(it.text(["a car"]).norm(dim=-1), torch.ones(1))
    assert it.export_text(tmp_path) == {"text": "text.onnx", "tokenizer": "tokenizer.json", "max_tokens": 77}
    monkeypatch.setattr(open_clip_tower, "load_tokenizer", lambda *_: open_clip.SimpleTokenizer(clean="canonicalize"))
    with pytest.raises(UsageError, match=r"model\.name 'tiny-hosted' is not supported: queries run without torch"):
        OpenClipTower(params, CPU, tmp_path)


class _Code:
    def __reduce__(self) -> Any:
        return (print, ("this must not run",))


def test_wrong_names_and_files(
    checkpoint: Tiny, model_params: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(checkpoint("tiny-vit"))
    (tmp_path / "code.pt").write_bytes(pickle.dumps({"state_dict": _Code()}))
    torch.save({"visual.proj": _Code()}, tmp_path / "zip.pt")
    (tmp_path / "cut.safetensors").write_bytes(Path(file).read_bytes()[:1000])
    torch.save({}, tmp_path / "empty.pt")
    (tmp_path / "mine.npz").touch()
    vit, usage = {"name": "tiny-vit", "pretrained": file}, UsageError
    unknown = "neither a file nor a tag of"
    cases: list[tuple[dict[str, Any], type[ForError], str]] = [
        ({**vit, "name": "ViT-B32"}, usage, "model.name 'ViT-B32' is unknown; did you mean 'ViT-B-32'"),
        ({**vit, "name": "mini-clp"}, usage, "did you mean 'mini-clip'"),
        (
            {"name": "ViT-B-32", "pretrained": "openia"},
            usage,
            f"{unknown} ViT-B-32; of its tags, did you mean",
        ),
        ({**vit, "pretrained": "gone.pt"}, usage, f"'gone.pt' is {unknown} tiny-vit; it has no tags"),
        ({**vit, "pretrained": "mine.npz"}, usage, "must end in .safetensors, .pt, .pth, .bin"),
        ({**vit, "pretrained": "code.pt"}, ForError, "holds more than tensors"),
        ({**vit, "pretrained": "zip.pt"}, ForError, "holds more than tensors"),
        ({**vit, "pretrained": "empty.pt"}, ForError, "does not hold the weights of tiny-vit"),
        ({**vit, "pretrained": "cut.safetensors"}, ForError, "does not hold the weights of tiny-vit"),
        ({**vit, "name": "tiny-resnet"}, ForError, "does not hold the weights of tiny-resnet"),
        ({**vit, "input_size": 72}, usage, "must be a multiple of 16, such as 64, not 72"),
        ({**vit, "name": "roberta-ViT-B-32"}, usage, "its text tower is not open_clip's own"),
    ]
    for changes, kind, sentence in cases:
        with pytest.raises(kind) as caught:
            OpenClipTower(model_params(**changes), CPU, tmp_path)
        assert sentence in str(caught.value)
        assert "\n" not in str(caught.value)
    assert "must not run" not in capsys.readouterr().out


def test_embedded_belongs_to_mini_clip(model_params: Any, tmp_path: Path) -> None:
    with pytest.raises(ForError, match=r"model\.pretrained must be 'embedded' for mini-clip, not 'openai'"):
        load_tower(model_params(pretrained="openai"), CPU, tmp_path)


def test_device_that_is_not_there() -> None:
    assert find_device("cpu") == CPU
    with pytest.raises(UsageError, match="set FOR_DEVICE to auto or cpu"):
        find_device("warp")


def test_the_teachers_tower_is_the_same_on_more_pixels(checkpoint: Tiny, model_params: Any, tmp_path: Path) -> None:
    params = model_params(name="tiny-vit", pretrained=str(checkpoint("tiny-vit")), teacher_size=96)
    tower, teacher = load_tower(params, CPU, tmp_path), load_tower(params, CPU, tmp_path, "teacher_size")
    assert (tower.input_size, teacher.input_size) == (64, 96)
    assert teacher.id != tower.id
    assert_close(teacher.text(["a car"]), tower.text(["a car"]))
    odd = params.model_copy(update={"teacher_size": 97})
    with pytest.raises(UsageError, match=r"model\.teacher_size must be a multiple of"):
        load_tower(odd, CPU, tmp_path, "teacher_size")
    with pytest.raises(UsageError, match=r"model\.teacher_size must be a multiple of 32, not 97"):
        load_tower(model_params(teacher_size=97), CPU, tmp_path, "teacher_size")
