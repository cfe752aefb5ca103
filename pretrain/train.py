"""Train the drawn way on captioned pictures; photographs hold it to ConSE with names.

As CLIP's own training, this sees pictures with words and no boxes: whole scenes, and crops of them.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor, nn
from torch.nn.functional import normalize

from for_retrieval.model.features import CPU, arithmetic, autocast
from for_retrieval.model.mini_clip import MiniClip
from pretrain.losses import both_ways, keep_photographs
from pretrain.phrases import PhraseBank
from pretrain.stems import Stems

SAVE_EVERY = 200


@dataclass(frozen=True)
class Recipe:
    """The knobs of the tower's training; pretrain/params.yaml."""

    seed: int
    steps: int
    warmup: int
    whole_batch: int
    crop_batch: int
    photo_batch: int
    trunk_rate: float
    head_rate: float
    weight_decay: float
    clip: float
    phrases: int
    average: float
    whole: float
    crops: float
    photographs: float


@dataclass
class Log:
    """Mean of each loss since the last line, for a person to read."""

    sums: dict[str, float] = field(default_factory=dict)
    count: int = 0

    def add(self, losses: dict[str, Tensor]) -> None:
        """Take in one step."""
        self.count += 1
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value)

    def line(self) -> str:
        """``region 1.234  image ...``; starts anew."""
        text = "  ".join(f"{name} {value / self.count:.3f}" for name, value in self.sums.items())
        self.sums, self.count = {}, 0
        return text


def trainable(model: MiniClip) -> list[nn.Module]:
    """The parts that learn."""
    return [model.drawn.blocks, model.drawn.conv_head, model.drawn.bn2, model.drawn.residual]


def depthwise_in_float32(model: MiniClip) -> None:
    """Keep depthwise convolutions out of autocast: on CPUs their bfloat16 gradient is three times slower."""

    def in_float32(forward: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return forward(x.float())

    for block in model.drawn.blocks:
        for layer in block:
            layer.conv_dw.forward = partial(in_float32, layer.conv_dw.forward)


def optimizer_for(model: MiniClip, scale: nn.Parameter, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW; the fresh residual learns faster than the pretrained blocks."""
    model.requires_grad_(False)
    for part in trainable(model):
        part.requires_grad_(True)
    residual = list(model.drawn.residual.parameters())
    trunk = [p for part in trainable(model)[:-1] for p in part.parameters()]
    return torch.optim.AdamW(
        [
            {"params": trunk, "lr": recipe.trunk_rate},
            {"params": residual, "lr": recipe.head_rate},
            {"params": [scale], "lr": recipe.head_rate, "weight_decay": 0.0},
        ],
        weight_decay=recipe.weight_decay,
        betas=(0.9, 0.98),
        fused=True,
    )


def caption_loss(
    model: MiniClip, bank: PhraseBank, stems: Stems, rows: list[int], scale: Tensor, phrases: int, rng: random.Random
) -> Tensor:
    """Pictures, each pooled to one embedding as CLIP does, against phrases of what they show; no box is used."""
    maps = torch.from_numpy(stems.maps[rows])
    with autocast(CPU):
        cells = model.drawn.cells(maps.to(arithmetic(CPU)).contiguous(memory_format=torch.channels_last))
        pooled = normalize(model.project(model.drawn, cells.mean(1)).float(), dim=-1)
    objects = [stems.objects[r] for r in rows]
    flat = [o for row in objects for o in row]
    owner = torch.tensor([i for i, row in enumerate(objects) for _ in row])
    keys = sorted({bank.draw(o, rng) for o in flat})
    keys = rng.sample(keys, min(len(keys), phrases))
    true = torch.zeros(len(rows), len(keys), dtype=torch.bool)
    true.index_put_((owner,), bank.matches(flat, keys), accumulate=True)
    return both_ways(scale * pooled @ bank.lookup(keys, rng).T, true)


def photo_loss(model: MiniClip, start: MiniClip, maps: Tensor) -> Tensor:
    """Student against plain ConSE on stem maps of photographs, pooled and cell by cell."""
    maps = maps.to(arithmetic(CPU)).contiguous(memory_format=torch.channels_last)
    with autocast(CPU):
        with torch.no_grad():
            reference = start.drawn.cells(maps)
            reference = torch.cat([reference.mean(1), reference.flatten(0, 1)[::7]])
            teacher_logits = start.classifier(reference)
            teacher = start.drawn.conse(teacher_logits)
        cells = model.drawn.cells(maps)
        cells = torch.cat([cells.mean(1), cells.flatten(0, 1)[::7]])
        student, logits = model.project(model.drawn, cells), model.classifier(cells)
    return keep_photographs(student.float(), teacher.float(), logits.float(), teacher_logits.float())


def rate_factor(step: int, recipe: Recipe) -> float:
    """Half a cosine down to zero, with a linear warm-up on it; a factor of the learning rates."""
    return min(1.0, (step + 1) / recipe.warmup) * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))


def batches(count: int, size: int, seed: int) -> Iterator[list[int]]:
    """Shuffled rows, epoch after epoch; sorted inside a batch, which disks prefer."""
    rng = random.Random(seed)
    while True:
        order = rng.sample(range(count), count)
        for start in range(0, count - size + 1, size):
            yield sorted(order[start : start + size])


def train(
    model: MiniClip,
    start: MiniClip,
    bank: PhraseBank,
    whole: Stems,
    crops: Stems,
    photos: Tensor,
    recipe: Recipe,
    save: Callable[[MiniClip], None],
) -> MiniClip:
    """Train `model` in place and return a copy with averaged weights.

    Args:
        photos: stem maps [n, 112, h, w] of unlabelled photographs; n may be 0.
        save: is given the averaged model every `SAVE_EVERY` steps, so that a killed run leaves something.
    """
    torch.manual_seed(recipe.seed)
    depthwise_in_float32(model)
    rng = random.Random(recipe.seed)
    scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
    optimizer = optimizer_for(model, scale, recipe)
    average = torch.optim.swa_utils.AveragedModel(
        model,
        multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(recipe.average),  # type: ignore[no-untyped-call]
    )
    averaged = cast(MiniClip, average.module)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, partial(rate_factor, recipe=recipe))
    pictures = batches(len(whole.objects), recipe.whole_batch, recipe.seed)
    pieces = batches(len(crops.objects), recipe.crop_batch, recipe.seed)
    photographs = batches(len(photos), recipe.photo_batch, recipe.seed) if len(photos) else None
    log, console, began = Log(), Console(stderr=True), time.monotonic()
    with Progress(console=console) as progress:
        bar = progress.add_task("training the tower", total=recipe.steps)
        for step in range(recipe.steps):
            factor = scale.clamp(max=math.log(60.0)).exp()
            losses = {
                "whole": caption_loss(model, bank, whole, next(pictures), factor, recipe.phrases, rng),
                "crops": caption_loss(model, bank, crops, next(pieces), factor, recipe.phrases, rng),
            }
            if photographs is not None:
                losses["photographs"] = photo_loss(model, start, photos[next(photographs)])
            total = torch.stack([getattr(recipe, name) * value for name, value in losses.items()]).sum()
            total.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_([p for g in optimizer.param_groups for p in g["params"]], recipe.clip)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            average.update_parameters(model)
            log.add({name: value.detach() for name, value in losses.items()})
            progress.advance(bar)
            if (step + 1) % 25 == 0:
                progress.print(f"{step + 1:5d}  {time.monotonic() - began:5.0f} s  {log.line()}  scale {factor:.1f}")
            if (step + 1) % SAVE_EVERY == 0:
                save(averaged)
    return averaged.eval()
