"""Features on disk: found again by content, whatever was killed in between."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from for_retrieval.errors import ForError
from for_retrieval.model.encode import FeatureStore, Reading, encode
from for_retrieval.model.features import CPU, Features
from for_retrieval.model.mini_clip import MiniTower
from for_retrieval.params import Model

Random = Callable[..., Features]


def test_rows_come_back_in_the_order_asked(tmp_path: Path, random_features: Random) -> None:
    first, second = random_features(3, 4), random_features(2, 4, seed=1)
    FeatureStore(tmp_path).add(["a", "b", "c"], first)
    FeatureStore(tmp_path).add(["d", "e"], second)
    found = FeatureStore(tmp_path).load(["e", "a", "c", "a"])
    for part in ("patches", "dense", "pooled"):
        mine, other = getattr(first, part), getattr(second, part)
        assert_close(getattr(found, part), torch.stack([other[1], mine[0], mine[2], mine[0]]).half())


def test_missing_names_each_once(tmp_path: Path, random_features: Random) -> None:
    store = FeatureStore(tmp_path)
    store.add(["a"], random_features(1, 4))
    assert store.missing(["b", "a", "c", "b"]) == ["b", "c"]
    with pytest.raises(ForError, match=r"2 images have no features in .*; run `for-cli features`"):
        store.load(["a", "b", "c"])


def test_a_damaged_shard_is_reported_and_encoded_again(
    tmp_path: Path, random_features: Random, capsys: pytest.CaptureFixture[str]
) -> None:
    FeatureStore(tmp_path).add(["a", "b"], random_features(2, 4))
    (shard,) = tmp_path.glob("*.safetensors")
    shard.write_bytes(shard.read_bytes()[:40])
    store = FeatureStore(tmp_path)
    assert capsys.readouterr().err == f"warning: {shard} is damaged; its images have to be encoded again\n"
    assert store.missing(["a", "b"]) == ["a", "b"]
    store.add(["b", "c"], random_features(2, 4))
    store.add(["a"], random_features(1, 4))
    assert not shard.exists()
    assert FeatureStore(tmp_path).missing(["a", "b", "c"]) == []
    assert capsys.readouterr().err == "", "reported no longer"


def test_a_damaged_shard_is_replaced_by_one_of_the_same_images(tmp_path: Path, random_features: Random) -> None:
    FeatureStore(tmp_path).add(["a", "b"], random_features(2, 4))
    (shard,) = tmp_path.glob("*.safetensors")
    shard.write_bytes(shard.read_bytes()[:40])
    stores = [FeatureStore(tmp_path) for _ in range(2)]  # two processes see the damage
    stores[0].add(["a", "b"], random_features(2, 4))
    stores[1].add(["c"], random_features(1, 4))
    assert FeatureStore(tmp_path).missing(["a", "b", "c"]) == []


@pytest.mark.parametrize("content", [b"", b"x" * 40, b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_reader_changes_nothing(tmp_path: Path, random_features: Random, content: bytes) -> None:
    FeatureStore(tmp_path).add(["a"], random_features(1, 4))
    (tmp_path / "foreign.safetensors").write_bytes(content)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    FeatureStore(tmp_path).load(["a"])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_is_not_finite_is_refused(tmp_path: Path, random_features: Random) -> None:
    broken = random_features(1, 4)
    broken.dense[0, 0, 0] = 1e6  # beyond half precision
    with pytest.raises(ForError, match="dense features are not finite"):
        FeatureStore(tmp_path).add(["a"], broken)
    assert list(tmp_path.iterdir()) == []


def test_of_several_processes_each_encodes_its_part_however_late_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_params: Callable[..., Model]
) -> None:
    images = {str(n): tmp_path / f"{n}.png" for n in range(5)}
    for n, path in enumerate(images.values()):
        Image.new("RGB", (40, 40), (50 * n, 0, 0)).save(path)
    tower, folder = MiniTower(model_params(input_size=32), CPU), tmp_path / "store"
    monkeypatch.setenv("WORLD_SIZE", "2")
    counts = []
    for rank in ("0", "1"):  # the second opens the store when the first has written its part
        monkeypatch.setenv("RANK", rank)
        counts.append(encode(tower, FeatureStore(folder), images, Reading(2, 0, 10**6, 8)))
    assert counts == [3, 2]
    assert FeatureStore(folder).missing(list(images)) == []
