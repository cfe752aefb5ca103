"""Any open_clip model behind the tower interface, from local weights only."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.constants import HF_CONFIG_NAME, HF_SAFE_WEIGHTS_NAME
from safetensors.torch import save_file
from torch import Tensor, nn

from for_retrieval.errors import ForError, UsageError
from for_retrieval.files import atomic, file_hash, write_json
from for_retrieval.model.dense import attention_pool
from for_retrieval.model.dense.kinds import kind_of
from for_retrieval.model.open_clip_files import Checkpoint, find_checkpoint, load_tokenizer
from for_retrieval.model.open_clip_text import export_text, exportable
from for_retrieval.model.tower import Features, SizeKey, tower_id
from for_retrieval.model.tower_pool import TowerPool
from for_retrieval.params import Model


class OpenClipTower:
    """An open_clip model: its own embedding as pooled, its dense path by kind (model/dense)."""

    def __init__(self, params: Model, device: torch.device, root: Path, size: SizeKey = "input_size") -> None:
        """Load the model that `params` names; `root` is the folder that relative paths start from.

        Raises:
            UsageError: no such model, tag or file, a kind without dense path, or an input size between cells.
            ForError: the weights or the tokenizer are not here, or the weights are another model's.
        """
        self.input_size: int = getattr(params, size)
        checkpoint = find_checkpoint(params.name, params.pretrained, root)
        self._model = load_model(params.name, checkpoint, self.input_size).to(device)
        self._tokenizer = load_tokenizer(params.name, checkpoint.path)
        if not exportable(self._tokenizer):  # said now, not after hours of encoding and training
            raise UsageError(
                f"model.name {params.name!r} is not supported: queries run without torch, and its tokenizer needs it; "
                "choose a tower with CLIP's or SigLIP's tokenizer, such as ViT-B-16, RN50 or ViT-B-16-SigLIP"
            )
        # A file says nothing of its activation, so that a saved model needs the name that does.
        quick = f"{params.name}-quickgelu"
        self._name = quick if checkpoint.quick_gelu and quick in open_clip.list_models() else params.name
        self._kind = kind_of(self._model.visual, params.name)
        self._memory = torch.channels_last if self._kind.convolutions else torch.contiguous_format
        self._model.visual.to(memory_format=self._memory)
        self.device, self._batch_size = device, params.batch_size
        self.grid = _grid(size, self.input_size, self._kind.stride(self._model.visual))
        visual = self._model.visual
        self.pool = TowerPool(visual.attnpool) if attention_pool.fits(visual) else None
        self.mean, self.std = checkpoint.mean, checkpoint.std
        probe = self.features(torch.zeros(1, 3, self.input_size, self.input_size))
        self.patch_dim, self.dim = probe.patches.shape[2], probe.dense.shape[2]
        self.id = tower_id(
            {
                "name": params.name,
                "weights": file_hash(checkpoint.path),
                "input_size": self.input_size,
                "mean": self.mean,
                "std": self.std,
                "quick_gelu": checkpoint.quick_gelu,
                "dense": 1,
            }
        )

    @property
    def visual(self) -> nn.Module:
        """The image tower itself, for finetuning."""
        visual: nn.Module = self._model.visual
        return visual

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
            found = self._kind.features(self._model.visual, pictures)
        return found.to(self.device)

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
        config = {"preprocess_cfg": {"mean": list(self.mean), "std": list(self.std)}}
        write_json(folder / HF_CONFIG_NAME, config)
        return self._name

    def export_text(self, folder: Path) -> dict[str, object]:
        """text.onnx and tokenizer.json."""
        return export_text(self._model, self._tokenizer, folder)


def load_model(name: str, checkpoint: Checkpoint, input_size: int) -> Any:
    """The model on the CPU, in float32 and evaluation mode, its positions interpolated to `input_size`.

    Raises:
        UsageError: its text tower is one of Hugging Face's, whose config would have to be downloaded.
        ForError: the file is damaged, holds code, or holds another model's weights.
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
        attention_pool.resize(model.visual, input_size)
    return model.requires_grad_(False).eval()


def _grid(key: SizeKey, size: int, stride: int) -> tuple[int, int]:
    if size % stride:
        fitting = max(size // stride, 1) * stride
        raise UsageError(f"model.{key} must be a multiple of {stride}, such as {fitting}, not {size}")
    return size // stride, size // stride
