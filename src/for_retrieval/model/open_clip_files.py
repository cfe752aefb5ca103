"""Where an open_clip model's files are. Nothing here uses a network: a tag must be in the local cache."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import open_clip
from huggingface_hub import try_to_load_from_cache
from open_clip.constants import HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME
from open_clip.pretrained import get_pretrained_cfg
from open_clip.tokenizer import DEFAULT_CONTEXT_LENGTH, HFTokenizer

from for_retrieval.errors import ForError, UsageError, nearest
from for_retrieval.files import read_json
from for_retrieval.model.tower import EMBEDDED

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")


@dataclass(frozen=True)
class Checkpoint:
    """A weights file, and what it was trained with: pixel mean and deviation, and the activation."""

    path: Path
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    quick_gelu: bool


def find_checkpoint(name: str, pretrained: str, root: Path) -> Checkpoint:
    """The weights that params.yaml names: a tag of the model `name`, or a path, absolute or below `root`.

    Raises:
        UsageError: the model, the tag or the file does not exist, or the file's kind is not accepted.
        ForError: the tag's weights are not in the local cache.
    """
    known = open_clip.list_models()
    if name not in known:
        raise UsageError(f"model.name {name!r} is unknown; {nearest(name, [EMBEDDED, *known])}")
    if tag := get_pretrained_cfg(name, pretrained):
        return _checkpoint(_cached_weights(name, pretrained, tag["hf_hub"]), tag, bool(tag.get("quick_gelu")))
    path = root / Path(pretrained).expanduser()
    if not path.is_file():
        tags = open_clip.list_pretrained_tags_by_model(name)
        hint = f"of its tags, {nearest(pretrained, tags)}" if tags else "it has no tags"
        raise UsageError(f"model.pretrained {pretrained!r} is neither a file nor a tag of {name}; {hint}")
    if path.suffix not in SUFFIXES:
        raise UsageError(f"model.pretrained {pretrained!r} must end in {', '.join(SUFFIXES)}")
    return _checkpoint(path, _trained_with(name, path), False)


def _checkpoint(path: Path, values: dict[str, Any], quick_gelu: bool) -> Checkpoint:
    mean = tuple(values.get("mean", open_clip.OPENAI_DATASET_MEAN))
    std = tuple(values.get("std", open_clip.OPENAI_DATASET_STD))
    return Checkpoint(path, mean, std, quick_gelu)


def _trained_with(name: str, path: Path) -> dict[str, Any]:
    """Mean and std for a local file: of the config published beside it, else of the model's first tag."""
    config = path.with_name("open_clip_config.json")
    if config.is_file():
        return dict(read_json(config).get("preprocess_cfg", {}))
    tags = open_clip.list_pretrained_tags_by_model(name)
    return dict(get_pretrained_cfg(name, tags[0])) if tags else {}


def _cached_weights(name: str, tag: str, place: str) -> Path:
    """The cached file of a tag; `place` is "org/repository/" or "org/repository/file"."""
    repository, _, file = place.rpartition("/")
    safe = PurePosixPath(file).with_suffix(".safetensors").name if file else HF_SAFE_WEIGHTS_NAME
    for candidate in (safe, file or HF_WEIGHTS_NAME):
        if repository and isinstance(found := try_to_load_from_cache(repository, candidate), str):
            return Path(found)
    raise ForError(
        f"model.pretrained {tag!r} of {name} needs a model hub, which is never contacted, and it is not in "
        f"the local cache; set model.name to {EMBEDDED} with model.pretrained embedded, or set "
        "model.pretrained to the path of a local checkpoint (.safetensors)"
    )


def load_tokenizer(name: str, checkpoint: Path) -> Any:
    """The tokenizer of the model `name`: callable, texts -> ids [T, L].

    Raises:
        ForError: it is not part of open_clip, and neither beside the checkpoint nor in the local cache.
    """
    text = open_clip.get_model_config(name)["text_cfg"]
    options = {"context_length": text.get("context_length", DEFAULT_CONTEXT_LENGTH)}
    options |= text.get("tokenizer_kwargs") or {}
    repository = text.get("hf_tokenizer_name")
    if not repository:
        return open_clip.SimpleTokenizer(**options)
    found = try_to_load_from_cache(repository, "tokenizer.json")
    folder = Path(found).parent if isinstance(found, str) else checkpoint.parent
    if not (folder / "tokenizer.json").is_file():
        raise ForError(
            f"the tokenizer {repository} of {name} needs a model hub, which is never contacted, and it is "
            f"not in the local cache; put its tokenizer.json and tokenizer_config.json into "
            f"{checkpoint.parent}, or set model.name to {EMBEDDED} with model.pretrained embedded"
        )
    mode = text.get("tokenizer_mode")
    return HFTokenizer(str(folder), tokenizer_mode=mode, local_files_only=True, **options)
