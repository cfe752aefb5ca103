"""The torch-free text tower against the same arithmetic by hand, and bundles that are not whole."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from for_retrieval.errors import ForError
from for_retrieval.model.text_tower import TextTower


@pytest.fixture
def bundle(project, tmp_path):
    return shutil.copytree(project / "models/bundle", tmp_path / "bundle")


def change(bundle, **values):
    path = bundle / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def by_hand(*prompts):
    """The tower of conftest.py: colours are axes 0 to 3, every other word is 0.05 everywhere."""
    axes = ("red", "green", "blue", "yellow")
    embeddings = []
    for words in prompts:
        total = np.zeros(8)
        for word in words.split():
            vector = np.full(8, 0.05)
            if word in axes:
                vector[axes.index(word)] = 1
            total += vector
        embeddings.append(total / np.linalg.norm(total))
    mean = np.mean(embeddings, axis=0)
    return mean / np.linalg.norm(mean)


def test_mean_over_prompts(bundle):
    embedding = TextTower(bundle).embed("Red car")
    assert embedding.dtype == np.float32
    assert embedding.shape == (8,)
    np.testing.assert_allclose(embedding, by_hand("red car", "a photo of a red car"), atol=1e-6)


def test_prompts_are_templates_not_formats(bundle):
    change(bundle, prompts=["{}", "100% {} {x}"])
    assert np.isfinite(TextTower(bundle).embed("{red} {0}")).all()


def test_long_text_is_cut(bundle):
    change(bundle, max_tokens=1, prompts=["{}"])
    tower = TextTower(bundle)
    np.testing.assert_array_equal(tower.embed("red green blue"), tower.embed("red"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dim": 9}, "text.onnx does not give embeddings of dimension 9; run `for-cli index`"),
        ({"dim": "x"}, "bundle.json is damaged .*; run `for-cli index`"),
        ({"text": None}, "bundle.json is damaged .*; run `for-cli index`"),
        ({"text": "gone.onnx"}, "gone.onnx is missing from the bundle; run `for-cli index`"),
        (
            {"text": "tokenizer.json"},
            "tokenizer.json cannot be opened as an ONNX model .*; run `for-cli index`",
        ),
        ({"tokenizer": "text.onnx"}, "text.onnx is not a tokenizer .*; run `for-cli index`"),
    ],
)
def test_damaged_bundles_are_named(bundle, values, message):
    change(bundle, **values)
    with pytest.raises(ForError, match=message):
        TextTower(bundle).embed("red")


@pytest.mark.parametrize("key", ["text", "tokenizer"])
@pytest.mark.parametrize("name", ["../{}", "/{}", "folder/{}", "..", ".", "", "a\\{}", "a\0{}"])
def test_a_bundle_names_files_of_its_own_folder_only(bundle, key, name):
    """It may come from anywhere: a path out of it would open any file of this machine as a model."""
    own = json.loads((bundle / "bundle.json").read_text())[key]
    if name.startswith("../"):
        shutil.copyfile(bundle / own, bundle.parent / own)
    change(bundle, **{key: str(bundle.parent / own) if name == "/{}" else name.format(own)})
    with pytest.raises(ForError, match=rf"bundle.json: {key} is '.*', which is no name of a file beside it; run"):
        TextTower(bundle)


def test_missing_key(bundle):
    (bundle / "bundle.json").write_text('{"model": "m"}')
    with pytest.raises(ForError, match="lacks the key 'dim'"):
        TextTower(bundle)
