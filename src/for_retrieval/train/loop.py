"""The training loop: one SUM-CLIP head on cached features, or a tower along with its head."""

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

from for_retrieval.files import atomic
from for_retrieval.model.parallel import Team
from for_retrieval.model.sum_clip import SumClip, Summary, summarise
from for_retrieval.params import Train
from for_retrieval.train.lesson import Batch, Lesson
from for_retrieval.train.objectives import losses

History = list[dict[str, float]]
Losses = Callable[[Batch, Train], dict[str, Tensor]]
Summaries = Callable[[Tensor, int], Summary]  # of the images at these rows, this process's part, at this step


@dataclass(frozen=True)
class Course:
    """One training, from its first step to its last.

    temperature: of the smooth maximum over regions. seed: of the batches. progress: where the state of the unfinished
    training is kept. title: of its progress bar. losses: in place of the objectives of `train`.
    """

    lesson: Lesson
    train: Train
    temperature: float
    seed: int
    progress: Path
    title: str
    team: Team
    losses: Losses | None = None


def draw_batch(labelled: Tensor, train: Train, seed: int, step: int) -> Tensor:
    """Rows of one batch: first of the labelled images, as many as `train` allows; the rest from all; none twice.

    Few labelled images in every batch would be overfitted, and leave less room for pseudo-labels.
    A function of seed and step alone, so that a resumed run sees the batches of an undisturbed one.
    """
    generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
    own, size = labelled.nonzero().flatten(), train.batch_size
    most = min(int(size * train.labelled_in_batch), math.ceil(len(own) * train.labelled_at_once))
    own = own[torch.randperm(len(own), generator=generator)[:most]]
    rest = torch.randperm(len(labelled), generator=generator)
    rest = rest[~torch.isin(rest, own)][: size - len(own)]
    return torch.cat([own, rest])


def train_head(head: SumClip, course: Course, backend: str = "none") -> History:
    """Train `head` in place on cached features; returns the value of each objective at each step.

    An interrupted training goes on from its last checkpoint. backend: of torch.compile.
    """
    train, features, device = course.train, course.lesson.features, course.lesson.base_texts.device
    optimizer = torch.optim.AdamW(head.parameters(), lr=train.learning_rate, weight_decay=train.weight_decay)
    module: nn.Module = head if backend == "none" else torch.compile(head, backend=backend)  # type: ignore[assignment]

    def summaries(rows: Tensor, step: int) -> Summary:
        return summarise(module, features.rows(rows).to(device))

    head.train()
    history = descend(course, head, optimizer, summaries)
    head.eval()
    return history


def descend(course: Course, module: nn.Module, optimizer: torch.optim.Optimizer, summaries: Summaries) -> History:
    """Take the remaining steps of `course`: train all parameters of `module` with `optimizer`."""
    train, lesson, team = course.train, course.lesson, course.team
    weights = {name: settings.weight for name, settings in train.objectives.by_name().items()}
    rates = [group["lr"] for group in optimizer.param_groups]
    history = load_progress(course.progress, module, optimizer)
    with Progress(console=Console(stderr=True), disable=not team.writes) as bars:
        bar = bars.add_task(course.title, total=train.steps, completed=len(history))
        for step in range(len(history), train.steps):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * schedule(step, train.steps, train.warmup)
            rows = team.even(draw_batch(lesson.labelled, train, course.seed, step))
            summary = team.joined(summaries(team.part(rows), step))
            parts = (course.losses or losses)(Batch(summary, lesson, rows, course.temperature), train)
            total = torch.stack([weights[name] * value for name, value in parts.items()]).sum()
            optimizer.zero_grad(set_to_none=True)
            total.backward()  # type: ignore[no-untyped-call]
            team.average(module)
            nn.utils.clip_grad_norm_(module.parameters(), train.clip)
            optimizer.step()
            history.append({name: float(value.detach()) for name, value in parts.items()})
            bars.advance(bar)
            if team.writes and (len(history) % train.checkpoint_every == 0 or len(history) == train.steps):
                save_progress(course.progress, module, optimizer, history)
    return history


def schedule(step: int, steps: int, warmup: int) -> float:
    """Linear warm-up, then half a cosine down to zero; a factor of the learning rate."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def save_progress(path: Path, module: nn.Module, optimizer: torch.optim.Optimizer, history: History) -> None:
    """Keep the state after ``len(history)`` steps, so that a killed run goes on."""
    with atomic(path) as temporary:
        torch.save({"module": module.state_dict(), "optimizer": optimizer.state_dict(), "history": history}, temporary)


def load_progress(path: Path, module: nn.Module, optimizer: torch.optim.Optimizer) -> History:
    """Restore what `save_progress` kept, on the device that `module` is on; an empty history if there is none.

    A damaged file is set aside, which a message on stderr reports, and training starts anew. Any other error is raised,
    and the file stays as it is.
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
        print(
            f"warning: the checkpoint {path} is damaged; moved to {aside.name}, training starts anew", file=sys.stderr
        )
        return []
    state = torch.load(path, weights_only=True, map_location="cpu")  # written on a GPU, perhaps, and this has none
    module.load_state_dict(state["module"])
    optimizer.load_state_dict(state["optimizer"])
    return list(state["history"])
