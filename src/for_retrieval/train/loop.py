"""Train one SUM-CLIP head on cached features."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor, nn

from for_retrieval.model.features import Features
from for_retrieval.model.parallel import Team
from for_retrieval.model.sum_clip import SumClip, Summary, summarise
from for_retrieval.params import Train
from for_retrieval.train.base import base_objective
from for_retrieval.train.checkpoints import load_progress, save_progress
from for_retrieval.train.keep import keep_objective
from for_retrieval.train.localise import Objects, localise_objective
from for_retrieval.train.pseudo import PseudoLabels, pseudo_objective

History = list[dict[str, float]]


@dataclass(frozen=True)
class Lesson:
    """All that a head learns from; n training images.

    base_texts: [T, D] of the base categories; labels, counted: [n, T] bool, which an image shows, and where that
    may be used; labelled: [n] bool, the images whose labels may be used. objects: those with boxes; grid: the cells.
    vocabulary: [V, D]; pseudo: the teacher's ranking, [n, V]. clusters: [n, C, D], Cluster-CLIP's embeddings.
    """

    features: Features
    base_texts: Tensor
    labels: Tensor
    counted: Tensor
    labelled: Tensor
    objects: Objects
    grid: tuple[int, int]
    vocabulary: Tensor
    pseudo: PseudoLabels
    clusters: Tensor


def smooth_scores(regions: Tensor, texts: Tensor, temperature: float) -> Tensor:
    """The score's maximum over regions, softened: ``T * LSE_k(cos / T)``, [B, K, D] x [T, D] -> [B, T]."""
    return temperature * torch.logsumexp(regions @ texts.T / temperature, dim=1)


def draw_batch(labelled: Tensor, size: int, seed: int, step: int) -> Tensor:
    """Rows of one batch: at most half from the labelled images, and a quarter of these; the rest from all; none twice.

    Few labelled images that were in every batch would be learned by heart, and leave less room for pseudo-labels.
    A function of seed and step alone, so that a resumed run sees the batches of an undisturbed one.
    """
    generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
    own = labelled.nonzero().flatten()
    most = min(size // 2, math.ceil(len(own) / 4))
    own = own[torch.randperm(len(own), generator=generator)[:most]]
    rest = torch.randperm(len(labelled), generator=generator)
    rest = rest[~torch.isin(rest, own)][: size - len(own)]
    return torch.cat([own, rest])


def losses(summary: Summary, lesson: Lesson, rows: Tensor, params: Train, temperature: float) -> dict[str, Tensor]:
    """Every objective with a weight, on one batch: the images at `rows`, summarised by the head."""
    device, regions = lesson.base_texts.device, summary.regions
    out: dict[str, Tensor] = {}
    if params.base.weight:
        base_scores = smooth_scores(regions, lesson.base_texts, temperature)
        out["base"] = base_objective(base_scores, lesson.labels[rows].to(device), lesson.counted[rows].to(device))
    if params.localise.weight:
        objects = lesson.objects.of(rows, lesson.labelled, device)
        out["localise"] = localise_objective(summary, lesson.base_texts, objects, lesson.grid)
    if params.pseudo.weight:
        open_scores = smooth_scores(regions, lesson.vocabulary, temperature)
        pseudo = lesson.pseudo
        table = (pseudo.positive[rows], pseudo.counted[rows], pseudo.weights)
        out["pseudo"] = pseudo_objective(open_scores, *(part.to(device) for part in table))
    if params.keep.weight:
        out["keep"] = keep_objective(regions, lesson.clusters[rows].to(device, torch.float32))
    return out


Objectives = Callable[[Summary, Lesson, Tensor, Train, float], dict[str, Tensor]]
Summaries = Callable[[Tensor, int], Summary]  # of the images at these rows, this process's part, at this step


def train_head(
    head: SumClip,
    lesson: Lesson,
    params: Train,
    temperature: float,
    seed: int,
    progress: Path,
    title: str,
    objectives: Objectives | None = None,
    team: Team | None = None,
    backend: str = "none",
) -> History:
    """Train `head` in place on cached features; returns the value of each objective at each step.

    `progress` holds the state of an unfinished run, which is taken up where it was left. backend: of torch.compile.
    """
    device = lesson.base_texts.device
    optimizer = torch.optim.AdamW(head.parameters(), lr=params.learning_rate, weight_decay=params.weight_decay)
    module = compiled(head, backend)

    def summaries(rows: Tensor, step: int) -> Summary:
        return summarise(module, lesson.features.rows(rows).to(device))

    head.train()
    team = team or Team(device)
    history = descend(
        head, optimizer, summaries, lesson, params, temperature, seed, progress, title, objectives or losses, team
    )
    head.eval()
    return history


def descend(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    summaries: Summaries,
    lesson: Lesson,
    params: Train,
    temperature: float,
    seed: int,
    progress: Path,
    title: str,
    objectives: Objectives,
    team: Team,
) -> History:
    """Take the steps of `params` from where `progress` was left: all parameters of `module`, by `optimizer`."""
    weights = {name: getattr(params, name).weight for name in ("base", "localise", "pseudo", "keep")}
    rates = [group["lr"] for group in optimizer.param_groups]
    history = load_progress(progress, module, optimizer)
    with Progress(console=Console(stderr=True), disable=not team.writes) as bars:
        bar = bars.add_task(title, total=params.steps, completed=len(history))
        for step in range(len(history), params.steps):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * schedule(step, params.steps, params.warmup)
            rows = team.even(draw_batch(lesson.labelled, params.batch_size, seed, step))
            summary = team.joined(summaries(team.part(rows), step))
            parts = objectives(summary, lesson, rows, params, temperature)
            total = torch.stack([weights[name] * value for name, value in parts.items()]).sum()
            optimizer.zero_grad(set_to_none=True)
            total.backward()  # type: ignore[no-untyped-call]
            team.average(module)
            nn.utils.clip_grad_norm_(module.parameters(), params.clip)
            optimizer.step()
            history.append({name: float(value.detach()) for name, value in parts.items()})
            bars.advance(bar)
            if team.writes and (len(history) % params.checkpoint_every == 0 or len(history) == params.steps):
                save_progress(progress, module, optimizer, history)
    return history


def compiled(head: nn.Module, backend: str) -> nn.Module:
    """`head` through torch.compile, where a backend is named."""
    out: nn.Module = head if backend == "none" else torch.compile(head, backend=backend)  # type: ignore[assignment]
    return out


def schedule(step: int, steps: int, warmup: int) -> float:
    """Linear warm-up, then half a cosine down to zero; a factor of the learning rate."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))
