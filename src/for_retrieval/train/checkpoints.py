"""Heads on disk: finished ones as safetensors, unfinished ones so that a killed run goes on."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from for_retrieval.errors import ForError
from for_retrieval.files import atomic
from for_retrieval.model.sum_clip import SumClip

LATER = "to_box."  # what older heads lack; no embedding depends on it


def head_path(folder: Path, run: str, seed: int) -> Path:
    """Where the finished head of a run and seed lies."""
    return folder / run / f"seed{seed}.safetensors"


def save_head(path: Path, head: SumClip) -> None:
    """Write the weights in float32."""
    with atomic(path) as temporary:
        save_file({name: value.cpu().contiguous() for name, value in head.state_dict().items()}, str(temporary))


def _of(head: SumClip, part: str) -> dict[str, torch.Tensor]:
    return {name: value for name, value in head.state_dict().items() if name.startswith(part)}


def load_head(path: Path, head: SumClip) -> SumClip:
    """Fill `head` with the weights at `path`, ready for inference.

    Heads of before there were boxes lack these, and are measured and refreshed as they are.

    Raises:
        ForError: the file is missing, damaged, or of a head with other sizes.
    """
    try:
        weights = {**_of(head, LATER), **load_file(path)}
        head.load_state_dict(weights)
    except FileNotFoundError:
        raise ForError(f"{path} does not exist; run `dvc repro train`") from None
    except (SafetensorError, RuntimeError) as error:
        raise ForError(
            f"{path} is not a head of these sizes ({str(error).splitlines()[0]}); run `dvc repro train`"
        ) from None
    return head.requires_grad_(False).eval()


def save_progress(
    path: Path, module: nn.Module, optimizer: torch.optim.Optimizer, history: list[dict[str, float]]
) -> None:
    """Keep the state after ``len(history)`` steps."""
    with atomic(path) as temporary:
        torch.save({"module": module.state_dict(), "optimizer": optimizer.state_dict(), "history": history}, temporary)


def load_progress(path: Path, module: nn.Module, optimizer: torch.optim.Optimizer) -> list[dict[str, float]]:
    """Restore what `save_progress` kept; an empty history if there is nothing usable."""
    if not path.exists():
        return []
    start = {name: value.clone() for name, value in module.state_dict().items()}
    try:
        state = torch.load(path, weights_only=True)
        history = list(state["history"])
        module.load_state_dict(state["module"])
        optimizer.load_state_dict(state["optimizer"])
    except Exception:  # torch.load raises many types for a damaged file, all of which mean: start anew
        path.unlink()
        module.load_state_dict(start)
        return []
    return history
