"""The training loop: losses down, in steps that a killed run takes up again."""

from __future__ import annotations

import math
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor, nn
from torch.optim import Optimizer

from for_retrieval.files import atomic
from for_retrieval.model.parallel import Team

History = list[dict[str, float]]
Losses = Callable[[int], dict[str, Tensor]]  # of a step, by name


@dataclass(frozen=True)
class Course:
    """One training, from its first step to its last."""

    steps: int
    warmup: int
    clip: float
    checkpoint_every: int
    seed: int  # of what is drawn
    progress: Path  # where the state of the unfinished training is kept
    title: str  # of its progress bar
    team: Team

    def generator(self, step: int) -> torch.Generator:
        """For what a step draws: a resumed run draws what an undisturbed one does."""
        return torch.Generator().manual_seed(self.seed * 1_000_003 + step)


def draw_batch(
    labelled: Tensor, size: int, share: float, at_once: float, generator: torch.Generator, views: int = 1
) -> Tensor:
    """Rows of one batch: first of the labelled images ([n] bool), as many as allowed; the rest from all; none twice.

    Few labelled images in every batch would be overfitted, and leave less room for pseudo-labels. share: of a batch
    that labelled images may have, beside those that chance draws. at_once: share of all labelled images that a batch
    takes. views: of each image, of which one is drawn; row ``v n + i`` is view v of image i.
    """
    own = labelled.nonzero().flatten()
    most = min(int(size * share), math.ceil(len(own) * at_once))
    own = own[torch.randperm(len(own), generator=generator)[:most]]
    rest = torch.randperm(len(labelled), generator=generator)
    rest = rest[~torch.isin(rest, own)][: size - len(own)]
    rows = torch.cat([own, rest])
    return rows + len(labelled) * torch.randint(views, (len(rows),), generator=generator)


def descend(
    course: Course, module: nn.Module, optimizer: Optimizer, losses: Losses, weights: dict[str, float] | None = None
) -> History:
    """Take the steps of `course` that its last checkpoint leaves: train all parameters of `module` with `optimizer`.

    weights: of each loss in the sum; 1 where not given. Returns each loss at each step.
    """
    team, weigh = course.team, weights or {}
    rates = [group["lr"] for group in optimizer.param_groups]
    history = load_progress(course.progress, module, optimizer)
    with Progress(console=Console(stderr=True), disable=not team.writes) as bars:
        bar = bars.add_task(course.title, total=course.steps, completed=len(history))
        for step in range(len(history), course.steps):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * schedule(step, course.steps, course.warmup)
            torch.manual_seed(course.seed * 1_000_003 + step)  # of dropout
            parts = losses(step)
            total = torch.stack([weigh.get(name, 1.0) * value for name, value in parts.items()]).sum()
            optimizer.zero_grad(set_to_none=True)
            total.backward()  # type: ignore[no-untyped-call]
            team.average(module)
            nn.utils.clip_grad_norm_(module.parameters(), course.clip)
            optimizer.step()
            history.append({name: float(value.detach()) for name, value in parts.items()})
            bars.advance(bar)
            if team.writes and (len(history) % course.checkpoint_every == 0 or len(history) == course.steps):
                save_progress(course.progress, module, optimizer, history)
    return history


def schedule(step: int, steps: int, warmup: int) -> float:
    """Linear warm-up, then half a cosine down to zero; a factor of the learning rate."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def save_progress(path: Path, module: nn.Module, optimizer: Optimizer, history: History) -> None:
    """Keep the state after ``len(history)`` steps, so that a killed run goes on."""
    with atomic(path) as temporary:
        torch.save({"module": module.state_dict(), "optimizer": optimizer.state_dict(), "history": history}, temporary)


def load_progress(path: Path, module: nn.Module, optimizer: Optimizer) -> History:
    """Restore what `save_progress` kept, on the device that `module` is on; an empty history if there is none.

    A damaged file is set aside, and training starts anew. Any other error is raised, and the file stays as it is.
    """
    if not path.exists():
        return []
    try:
        with zipfile.ZipFile(path) as archive:  # as torch writes it, with a checksum for each part
            intact = archive.testzip() is None
    except zipfile.BadZipFile:
        intact = False
    if not intact:
        aside = path.with_name(f"{path.name}.damaged")
        path.replace(aside)
        note = f"the checkpoint {path} is damaged; moved to {aside.name}, training starts anew"
        print(f"warning: {note}", file=sys.stderr)
        return []
    state = torch.load(path, weights_only=True, map_location="cpu")  # written on a GPU, perhaps, and this has none
    module.load_state_dict(state["module"])
    optimizer.load_state_dict(state["optimizer"])
    return list(state["history"])
