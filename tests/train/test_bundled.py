"""A bundle alone is enough to rebuild the model that it was exported from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from for_retrieval.errors import ForError
from for_retrieval.model.export import export
from for_retrieval.model.tower import load_tower
from for_retrieval.params import load_params
from for_retrieval.train.bundled import load_bundled
from for_retrieval.train.checkpoints import head_path, save_head
from for_retrieval.train.run import new_head
from toy import CPU


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, write_params: Callable[..., Path]) -> Path:
    """The bundle of a head with sizes and a tower with an input size that params.yaml does not have."""
    root = tmp_path_factory.mktemp("bundle")
    params = load_params(write_params(root, {"head.queries": 4, "model.input_size": 128, "model.prompts": ["one {}"]}))
    tower = load_tower(params.model, CPU, root)
    save_head(head_path(root, "in-100", 0), new_head(params, tower, 7, CPU))
    (root / "profile.json").write_text('{"images": 3}')
    export(
        tower,
        head_path(root, "in-100", 0),
        params,
        root / "bundle",
        dataset={"name": "a-set", "digest": "0" * 64},
        metrics={"metrics": {}, "categories": {}},
        profile=root / "profile.json",
    )
    return root / "bundle"


def test_the_model_is_rebuilt_as_it_was(bundle: Path) -> None:
    model = load_bundled(bundle, CPU, bundle)
    said = json.loads((bundle / "bundle.json").read_text())
    assert model.model == said["model"]
    assert (model.tower.input_size, model.tower.grid) == (128, (4, 4))
    assert model.settings.prompts == ["one {}"]
    assert model.head.queries.shape[0] == 4
    saved = new_head(load_params(bundle.parent / "params.yaml"), model.tower, 7, CPU)
    assert all(torch.equal(a, b) for a, b in zip(model.head.parameters(), saved.parameters(), strict=True))
    assert load_bundled(bundle, CPU, bundle, model).tower is model.tower


def test_a_bundle_says_what_it_was_made_of(bundle: Path) -> None:
    said = json.loads((bundle / "bundle.json").read_text())
    assert said["dataset"] == {"name": "a-set", "digest": "0" * 64}
    assert said["run"] == "in-100"
    names = {path.name for path in bundle.iterdir()}
    assert names >= {"metrics.json", "profile.json", "head.safetensors", "text.onnx", "tokenizer.json"}


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("head", None, "was written by an earlier version of for-cli"),
        ("tower", {"id": "x", "name": "mini-clip", "pretrained": "embedded"}, "was written by an earlier version"),
        ("tower.id", "0" * 12, "cannot be rebuilt: mini-clip (embedded) is now"),
        ("head.width", 512, "is not a head of these sizes"),
    ],
)
def test_what_does_not_fit_is_told(bundle: Path, tmp_path: Path, key: str, value: object, said: str) -> None:
    values = json.loads((bundle / "bundle.json").read_text())
    section, _, name = key.partition(".")
    if name:
        values[section][name] = value
    elif value is None:
        del values[section]
    else:
        values[section] = value
    (tmp_path / "bundle.json").write_text(json.dumps(values))
    (tmp_path / "head.safetensors").symlink_to(bundle / "head.safetensors")
    with pytest.raises(ForError) as caught:
        load_bundled(tmp_path, CPU, tmp_path)
    assert said in str(caught.value)
