"""What changes the id of a tower and of a model, and what does not."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from for_retrieval.model import identity
from for_retrieval.model.identity import fill_prompts, model_id, tower_id
from for_retrieval.model.mini_clip import MiniTower
from for_retrieval.params import Model
from toy import CPU

PACKAGE = Path(identity.__file__).parents[1]
MINI = {"name": "mini-clip", "weights": "a", "text": "b", "input_size": 256}
RN50 = {"name": "RN50", "weights": "a", "input_size": 224, "mean": [0.5], "std": [0.5], "quick_gelu": True}
BUNDLE: dict[str, Any] = {
    "tower": {"id": "x", "made_of": RN50},
    "head": {"queries": 4, "width": 8, "temperature": 0.03, "sha256": "c"},
    "prompts": ["{}", "a {}"],
}


@pytest.fixture
def edit(tmp_path: Path) -> Callable[..., Path]:
    """A copy of the package in which `old` of one file is replaced by `new`."""

    def make(name: str, old: str, new: str) -> Path:
        copy = tmp_path / str(len(list(tmp_path.iterdir()))) / "for_retrieval"
        shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors"))
        source = (copy / name).read_text(encoding="utf-8")
        assert old in source
        (copy / name).write_text(source.replace(old, new, 1), encoding="utf-8")
        return copy

    return make


@pytest.mark.parametrize(
    ("name", "old", "new", "changed"),
    [
        ("model/dense.py", "patches = tokens[:, trunk.num_prefix_tokens :]", "patches = tokens", {"RN50", "model"}),
        ("model/open_clip_tower.py", "torch.bfloat16", "torch.float16", {"RN50", "model"}),
        ("model/mini_clip.py", "cells.mean(1)", "cells.amax(1)", {"mini-clip"}),
        ("model/features.py", "torch.bfloat16 if native", "torch.float16 if native", {"RN50", "mini-clip", "model"}),
        ("model/features.py", "to(torch.float16)", "to(torch.float32)", {"RN50", "mini-clip", "model"}),
        ("records/images.py", '"white"', '"black"', {"RN50", "mini-clip", "model"}),
        ("model/sum_clip.py", "start + self.last", "2 * start + self.last", {"model"}),
        ("train/loop.py", "0.5 * (1 +", "0.25 * (1 +", set()),
        ("model/encode.py", "SHARD = 512", "SHARD = 256", set()),
    ],
)
def test_editing_the_forward_path_gives_another_id(
    edit: Callable[..., Path], name: str, old: str, new: str, changed: set[str]
) -> None:
    copy = edit(name, old, new)
    found = {str(parts["name"]) for parts in (MINI, RN50) if tower_id(parts, copy) != tower_id(parts)}
    found |= {"model"} if model_id(BUNDLE, copy) != model_id(BUNDLE) else set()
    assert found == changed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Dense-CLIP and finer maps for each kind', '"""Dense CLIP and fine maps for every kind'),
        ("# Bicubic with antialiasing", "# Cubic, with antialiasing"),
        ("\n\nKINDS:", "\n\n\n# The table.\nKINDS:"),
        ("if maps.ndim == 3:  # [B, N, C]", "if maps.ndim == 3:"),
    ],
)
def test_words_about_the_code_do_not(edit: Callable[..., Path], old: str, new: str) -> None:
    assert tower_id(RN50, edit("model/dense.py", old, new)) == tower_id(RN50)


def test_text_inside_the_code_does(edit: Callable[..., Path]) -> None:
    assert tower_id(RN50, edit("model/dense.py", '"reduction"', '"#reduction"')) != tower_id(RN50)


@pytest.mark.parametrize("key", RN50)
def test_whatever_a_tower_is_made_of_changes_its_id(key: str) -> None:
    assert tower_id({**RN50, key: "other"}) != tower_id(RN50)


def test_head_sizes_and_prompts_change_the_id_of_a_model_and_training_does_not() -> None:
    def other(section: str, value: Any) -> str:
        return model_id({**BUNDLE, section: value})

    head = BUNDLE["head"]
    assert other("prompts", ["{}"]) != model_id(BUNDLE)
    assert other("prompts", ["a {}", "{}"]) != model_id(BUNDLE)
    for key in ("queries", "width", "sha256"):
        assert other("head", {**head, key: 5}) != model_id(BUNDLE)
    assert other("head", {**head, "temperature": 0.5}) == model_id(BUNDLE)
    assert other("tower", {**BUNDLE["tower"], "batch_size": 5, "id": "y"}) == model_id(BUNDLE)


def test_the_id_is_the_same_on_machines_of_other_precision(
    model_params: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = set()
    for native in (True, False):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda native=native: native)
        ids.add(MiniTower(model_params(), CPU).id)
    assert len(ids) == 1


# Files that forward code imports and that compute no part of an embedding.
BESIDE = {
    "errors.py",
    "files.py",
    "params/__init__.py",
    "model/identity.py",
    "model/open_clip_text.py",  # writes the text tower for queries; tests hold it to the tower's own
    "records/seen.py",
    "records/workers.py",
}


def test_no_file_of_the_forward_path_is_left_out() -> None:
    listed = {*identity._EMBEDDED_CODE, *identity._OPEN_CLIP_CODE, *identity._HEAD_CODE}
    for name in listed:
        tree = ast.parse((PACKAGE / name).read_text(encoding="utf-8"))
        modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
        own = {module.removeprefix("for_retrieval.") for module in modules if module.startswith("for_retrieval.")}
        paths = {f"{m.replace('.', '/')}/__init__.py" if m == "params" else f"{m.replace('.', '/')}.py" for m in own}
        assert paths <= listed | BESIDE, f"{name} imports a file that is neither in model/identity.py nor in BESIDE"


def test_braces_in_prompts_and_phrases_stay_as_they_are() -> None:
    assert fill_prompts(["{}", "100% {} {x}", "{} {}"], "a {0} {red} {car") == [
        "a {0} {red} {car",
        "100% a {0} {red} {car {x}",
        "a {0} {red} {car a {0} {red} {car",
    ]
