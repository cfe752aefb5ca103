"""A bundle alone is enough to rebuild the model that it was exported from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.nn.functional import normalize
from torch.testing import assert_close

from for_retrieval.errors import ForError
from for_retrieval.model import identity
from for_retrieval.model.identity import model_id
from for_retrieval.model.model import Model
from for_retrieval.params import load_params
from toy import CPU, toy_model

PACKAGE = Path(identity.__file__).parents[1]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, write_params: Callable[..., Path]) -> Path:
    """The bundle of a head with sizes and a tower with an input size that params.yaml does not have."""
    root = tmp_path_factory.mktemp("bundle")
    params = load_params(
        write_params(root, {"head.proposals": 4, "model.input_size": 128, "model.prompts": ["one {}"]})
    )
    (root / "profile.json").write_text('{"images": 3}')
    Model.new(params, root, CPU, seed=7).save(
        root / "bundle",
        dataset={"name": "a-set", "digest": "0" * 64},
        run="in-100",
        metrics={"metrics": {}, "categories": {}},
        profile=root / "profile.json",
    )
    return root / "bundle"


def test_the_model_is_rebuilt_as_it_was(bundle: Path) -> None:
    model = Model.load(bundle, bundle, CPU)
    described = json.loads((bundle / "bundle.json").read_text())
    assert model.id == described["model"] == model_id(described)
    assert (model.tower.input_size, model.tower.layout.coarse.grid) == (128, (4, 4))
    assert model.settings.prompts == ["one {}"]
    assert model.head.proposals == 4
    saved = Model.new(load_params(bundle.parent / "params.yaml"), bundle, CPU, seed=7, tower=model.tower)
    assert saved.id == model.id
    assert all(torch.equal(a, b) for a, b in zip(model.head.parameters(), saved.head.parameters(), strict=True))
    assert Model.load(bundle, bundle, CPU, like=model).tower is model.tower


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
        ("tower.made_of", {"name": "mini-clip"}, "cannot be rebuilt: mini-clip (embedded) is now"),
        ("head.width", 64, "is not a head of these sizes"),
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
        Model.load(tmp_path, tmp_path, CPU)
    assert said in str(caught.value)


def test_after_an_edit_of_the_code_it_is_another_model(bundle: Path, tmp_path: Path) -> None:
    package = shutil.copytree(PACKAGE, tmp_path / "for_retrieval", ignore=shutil.ignore_patterns("*.safetensors"))
    described = json.loads((bundle / "bundle.json").read_text())
    assert model_id(described, package) == described["model"]
    source = package / "model" / "sum_clip.py"
    source.write_text(source.read_text() + "\nSHARE = 0.4\n")
    identity._code_hash.cache_clear()
    assert model_id(described, package) != described["model"]


def test_a_bundle_that_does_not_say_what_its_tower_is_made_of_is_loaded_as_it_is(bundle: Path, tmp_path: Path) -> None:
    """Those of earlier versions; else a champion of before an upgrade could not be compared with."""
    values = json.loads((bundle / "bundle.json").read_text())
    values["tower"] = {**values["tower"], "id": "570806919025"}
    del values["tower"]["made_of"]
    (tmp_path / "bundle.json").write_text(json.dumps(values))
    (tmp_path / "head.safetensors").symlink_to(bundle / "head.safetensors")
    model = Model.load(tmp_path, tmp_path, CPU)
    assert model.id == model_id(values) != values["model"]


def test_another_head_than_the_one_that_was_saved_is_refused(bundle: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(bundle, tmp_path / "bundle")
    model = Model.load(copy, copy, CPU)
    model.untrained(9).save_head(copy / "head.safetensors")
    with pytest.raises(ForError, match=r"head.safetensors is not the head that bundle\.json names; run `dvc repro exp"):
        Model.load(copy, copy, CPU)


def test_text_is_the_mean_over_the_prompts(write_params: Callable[..., Path], tmp_path: Path) -> None:
    params = load_params(write_params(tmp_path, {"model.prompts": ["{}", "a {x} {}"]}))
    model = toy_model(params)
    found = model.text(["red {car}", "dog"])
    mean = model.tower.text(["red {car}", "a {x} red {car}"]).mean(0)
    assert_close(found[0], normalize(mean, dim=0))
    assert found.shape == (2, model.tower.layout.dim)
    assert model.text([]).shape == (0, model.tower.layout.dim)
