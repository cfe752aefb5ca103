"""Settings: environment first, then settings.toml, then defaults; nothing unknown passes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from for_retrieval.errors import UsageError
from for_retrieval.settings import Settings, find_root, load_settings


def complaint(root: Path) -> str:
    with pytest.raises(UsageError) as caught:
        load_settings(root)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_defaults(tmp_path: Path) -> None:
    assert load_settings(tmp_path) == Settings(device="auto", workers=0, cache="data/cache")


def test_the_file_then_the_environment_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "settings.toml").write_text('device = "cpu"\nworkers = 3\ncache = "/big/disk"\n')
    assert load_settings(tmp_path) == Settings(device="cpu", workers=3, cache="/big/disk")
    monkeypatch.setenv("FOR_WORKERS", "5")
    monkeypatch.setenv("FOR_CACHE", "elsewhere")
    assert load_settings(tmp_path) == Settings(device="cpu", workers=5, cache="elsewhere")


def test_an_empty_variable_is_no_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DEVICE", "WORKERS", "CACHE"):
        monkeypatch.setenv(f"FOR_{name}", "")
    assert load_settings(tmp_path) == Settings()


def test_no_workers_means_all_cores() -> None:
    assert Settings(workers=0).processes == len(os.sched_getaffinity(0))
    assert Settings(workers=3).processes == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("worker = 2", "unknown key 'worker'; did you mean 'workers'?"),
        ("zzz = 2", "unknown key 'zzz'; valid are: cache, compile, device, devices, engine, keep_generations"),
        ("device = 0", "device must be text in quotes, not 0"),
        ("device =", "is not valid TOML"),
    ],
)
def test_a_wrong_file_is_told(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    assert complaint(tmp_path).startswith(str(path))
    assert said in complaint(tmp_path)


def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").mkdir()
    assert complaint(tmp_path) == f"{tmp_path / 'settings.toml'} cannot be read (Is a directory)"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("two", "FOR_WORKERS: workers must be a whole number, not 'two'"),
        ("-1", "FOR_WORKERS: workers must be 0 or more, not -1"),
        ("1.5", "FOR_WORKERS: workers must be a whole number, not '1.5'"),
    ],
)
def test_a_wrong_variable_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, said: str) -> None:
    monkeypatch.setenv("FOR_WORKERS", value)
    assert complaint(tmp_path) == said


def test_the_project_is_found_from_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "params.yaml").touch()
    below = tmp_path / "data" / "prepared"
    below.mkdir(parents=True)
    assert find_root(below) == tmp_path
    monkeypatch.chdir(below)
    assert find_root() == tmp_path


def test_outside_a_project_the_remedy_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        find_root(tmp_path)
    assert str(caught.value) == (
        f"no params.yaml in {tmp_path} or above it; run for-cli inside the project, or name it with --project"
    )


def test_other_programs_names_are_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QDRANT_URL", "http://somewhere:6333")
    monkeypatch.setenv("QDRANT_API_KEY", "very-secret")
    monkeypatch.setenv("FOR_QDRANT_SHARDS", "4")
    settings = load_settings(tmp_path)
    assert (settings.qdrant_url, settings.qdrant_api_key, settings.qdrant_shards) == (
        "http://somewhere:6333",
        "very-secret",
        4,
    )
    assert "very-secret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("FOR_KEEP_GENERATIONS", "1", "keep_generations must be 2 or more, not 1"),
        ("FOR_QUERY_LOG", "perhaps", "query_log must be true or false, not 'perhaps'"),
        ("FOR_QDRANT_QUANTIZATION", "int4", "qdrant_quantization must be one of none, int8, not 'int4'"),
        ("FOR_QDRANT_TIMEOUT", "0", "qdrant_timeout must be 1 or more, not 0"),
    ],
)
def test_a_wrong_setting_of_the_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    assert complaint(tmp_path) == f"{name}: {said}"


def test_a_secret_of_the_wrong_type_is_not_printed(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("qdrant_api_key = 918273")
    assert complaint(tmp_path) == (
        f"{tmp_path / 'settings.toml'}: qdrant_api_key must be text in quotes, not the given value"
    )
