"""Any open_clip model behind the tower interface, from local weights only."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import open_clip
import torch
from huggingface_hub import try_to_load_from_cache
from open_clip.constants import HF_CONFIG_NAME, HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME
from open_clip.pretrained import get_pretrained_cfg
from open_clip.tokenizer import DEFAULT_CONTEXT_LENGTH, HFTokenizer
from safetensors.torch import save_file
from torch import Tensor, nn

from for_retrieval.errors import ForError, UsageError, nearest
from for_retrieval.files import atomic, file_hash, read_json, write_json
from for_retrieval.model.dense import captured, cells_of, kind_of, resize_pool
from for_retrieval.model.features import Cells, Features, Layout, SizeKey
from for_retrieval.model.identity import EMBEDDED, tower_id
from for_retrieval.model.open_clip_text import export_text, exportable
from for_retrieval.params import Model

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

    UsageError if there is no such model, tag or kind of file, ForError if a tag's weights are not in the local cache.
    """
    known = open_clip.list_models()
    if name not in known:
        raise UsageError(f"model.name {name!r} is unknown; {nearest(name, [EMBEDDED, *known])}")
    tag, tags = get_pretrained_cfg(name, pretrained), open_clip.list_pretrained_tags_by_model(name)
    if tag:
        path, values = _cached_weights(name, pretrained, tag["hf_hub"]), tag
    else:
        path = root / Path(pretrained).expanduser()
        if not path.is_file():
            hint = f"of its tags, {nearest(pretrained, tags)}" if tags else "it has no tags"
            raise UsageError(f"model.pretrained {pretrained!r} is neither a file nor a tag of {name}; {hint}")
        if path.suffix not in SUFFIXES:
            raise UsageError(f"model.pretrained {pretrained!r} must end in {', '.join(SUFFIXES)}")
        if (config := path.with_name(HF_CONFIG_NAME)).is_file():  # published beside it
            values = read_json(config).get("preprocess_cfg", {})
        else:
            values = get_pretrained_cfg(name, tags[0]) if tags else {}
    mean = tuple(values.get("mean", open_clip.OPENAI_DATASET_MEAN))
    std = tuple(values.get("std", open_clip.OPENAI_DATASET_STD))
    return Checkpoint(path, mean, std, bool(tag.get("quick_gelu")))


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

    ForError if it is not part of open_clip, and neither beside the checkpoint nor in the local cache.
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
    return HFTokenizer(str(folder), tokenizer_mode=text.get("tokenizer_mode"), local_files_only=True, **options)


class OpenClipTower:
    """An open_clip model: its own embedding as pooled, its dense path by kind (model/dense.py)."""

    def __init__(self, params: Model, device: torch.device, root: Path, size: SizeKey = "input_size") -> None:
        """Load the model that `params` names; `root` is the folder that relative paths start from.

        UsageError if there is no such model, tag or file, or its kind has no dense path, or the input size is between
        cells; ForError if the weights or the tokenizer are not here, or the weights are another model's.
        """
        self.input_size: int = getattr(params, size)
        checkpoint = find_checkpoint(params.name, params.pretrained, root)
        self._model = load_model(params.name, checkpoint, self.input_size).to(device)
        self._tokenizer = load_tokenizer(params.name, checkpoint.path)
        if not exportable(self._tokenizer):  # reported now, not after hours of encoding and training
            raise UsageError(
                f"model.name {params.name!r} is not supported: queries run without torch, and its tokenizer needs it; "
                "choose a tower with CLIP's or SigLIP's tokenizer, such as ViT-B-16, RN50 or ViT-B-16-SigLIP"
            )
        # A weights file does not hold the activation, so the name of a saved model has to.
        quick = f"{params.name}-quickgelu"
        self._name = quick if checkpoint.quick_gelu and quick in open_clip.list_models() else params.name
        self.visual: nn.Module = self._model.visual  # the image tower itself, for finetuning
        self._kind = kind_of(self.visual, params.name)
        self._memory = torch.channels_last if self._kind.convolutions else torch.contiguous_format
        self.visual.to(memory_format=self._memory)
        self.device, self._batch_size = device, params.batch_size
        stride = self._kind.stride(self.visual)
        if self.input_size % stride:
            fitting = max(self.input_size // stride, 1) * stride
            raise UsageError(f"model.{size} must be a multiple of {stride}, such as {fitting}, not {self.input_size}")
        side = self.input_size // stride
        self._block, stride = self._kind.fine(self.visual)
        small = self.input_size // stride if size == "input_size" else 0  # a teacher's fine maps are read by nobody
        self._fine_grid = (small, small)
        self.mean, self.std = checkpoint.mean, checkpoint.std
        probe = self.features(torch.zeros(1, 3, self.input_size, self.input_size))
        shift = self._kind.shift(self.visual) / self.input_size
        coarse = Cells((side, side), (probe.patches.shape[2],), shift)
        self.layout = Layout(coarse, Cells(self._fine_grid, (probe.fine.shape[2],), shift), probe.dense.shape[2])
        about = {"name": params.name, "weights": file_hash(checkpoint.path), "input_size": self.input_size}
        trained = {"mean": list(self.mean), "std": list(self.std), "quick_gelu": checkpoint.quick_gelu}
        self.made_of: dict[str, Any] = {**about, **trained}
        self.id = tower_id(self.made_of)

    @torch.no_grad()  # torch.compile fails in inference mode
    def features(self, pictures: Tensor) -> Features:
        """Pictures [B, 3, S, S] -> features, in float32; on CUDA in bfloat16 arithmetic."""
        return self.differentiable(pictures)

    def compile(self, backend: str) -> None:
        """Compile all of `features`, once for each size of batch."""
        self.features = torch.compile(self.features, backend=backend, dynamic=False)  # type: ignore[method-assign]

    def differentiable(self, pictures: Tensor) -> Features:
        """`features`, through which gradients reach `visual`."""
        pictures = pictures.to(self.device, memory_format=self._memory)
        with torch.autocast("cuda", torch.bfloat16, enabled=self.device.type == "cuda"):
            with captured(self._block) as blocks:
                parts = self._kind.features(self.visual, pictures)
            fine = cells_of(blocks[0].detach(), self._fine_grid)
            return Features(*parts, fine).to(self.device)

    @torch.inference_mode()
    def text(self, texts: list[str]) -> Tensor:
        """Texts -> L2-normalised embeddings [T, D], `model.batch_size` texts at a time."""
        batches = [texts[i : i + self._batch_size] for i in range(0, len(texts), self._batch_size)]
        return torch.cat([self._model.encode_text(self._tokenizer(b).to(self.device), normalize=True) for b in batches])

    def save(self, folder: Path) -> str:
        """Write the model as it is now into `folder`, as open_clip publishes models; returns the name to load it by."""
        state = {name: value.detach().cpu().clone().contiguous() for name, value in self._model.state_dict().items()}
        with atomic(folder / HF_SAFE_WEIGHTS_NAME) as temporary:
            save_file(state, str(temporary))
        write_json(folder / HF_CONFIG_NAME, {"preprocess_cfg": {"mean": list(self.mean), "std": list(self.std)}})
        return self._name

    def export_text(self, folder: Path) -> dict[str, object]:
        """text.onnx and tokenizer.json."""
        return export_text(self._model, self._tokenizer, folder)


def load_model(name: str, checkpoint: Checkpoint, input_size: int) -> Any:
    """The model on the CPU, in float32 and evaluation mode, its positions interpolated to `input_size`.

    UsageError if its text tower is one of Hugging Face's, whose config would have to be downloaded; ForError if the
    file is damaged, holds code, or holds another model's weights.
    """
    config = open_clip.get_model_config(name)
    if "hf_model_name" in config["text_cfg"]:
        raise UsageError(f"model.name {name!r} is not supported: its text tower is not open_clip's own")
    vision = config["vision_cfg"]
    resnet = isinstance(vision.get("layers"), list) and "timm_model_name" not in vision
    try:
        model = open_clip.create_model(
            name,
            pretrained=str(checkpoint.path),
            force_quick_gelu=checkpoint.quick_gelu,
            force_image_size=None if resnet else input_size,
        )
    except pickle.UnpicklingError:
        raise ForError(
            f"{checkpoint.path} is damaged or holds more than tensors, which is refused because it can run "
            "code; save the model's state dict as .safetensors"
        ) from None
    except Exception as error:  # torch, safetensors and open_clip share no narrower base for a wrong file
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1].strip()
        raise ForError(f"{checkpoint.path} does not hold the weights of {name}: {reason}") from None
    if resnet:
        resize_pool(model.visual, input_size)
    return model.requires_grad_(False).eval()
