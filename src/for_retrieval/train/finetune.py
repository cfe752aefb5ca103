"""End-to-end finetuning: the image tower learns along with a head, from pictures. The command `for-cli finetune`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from open_clip.modified_resnet import ModifiedResNet
from open_clip.timm_model import TimmModel
from timm.models import group_parameters
from torch import Tensor, nn
from torch.utils.data import DataLoader

from for_retrieval.model.encode import Pictures, Reading
from for_retrieval.model.features import normalised
from for_retrieval.model.model import Model
from for_retrieval.model.open_clip_tower import OpenClipTower
from for_retrieval.model.parallel import Team
from for_retrieval.model.sum_clip import Summary, summarise
from for_retrieval.params import Train
from for_retrieval.project import Project
from for_retrieval.records.records import Records
from for_retrieval.train.lesson import Lesson
from for_retrieval.train.loop import Course, descend, draw_batch
from for_retrieval.train.run import inputs_of, make_lesson

# Name patterns from the first layer to the last, in the form of timm's group_matcher.
_LAST = (99999,)
_TRANSFORMER = {
    "stem": r"^conv1|^class_embedding|^positional_embedding|^ln_pre",
    "blocks": [(r"^transformer\.resblocks\.(\d+)", None), (r"^ln_post|^proj|^attn_pool", _LAST)],
}
_RESNET = {"stem": r"^conv\d|^bn\d", "blocks": [(r"^layer(\d+)", None), (r"^attnpool", _LAST)]}


def depths(visual: nn.Module) -> dict[str, int]:
    """Parameter name -> its layer, 0 at the pixels; the projection into the joint space goes with the last block."""
    if isinstance(visual, TimmModel):
        trunk = group_parameters(visual.trunk, visual.trunk.group_matcher(coarse=False), reverse=True)
        last = max(trunk.values()) + 1
        found = {f"trunk.{name}": depth for name, depth in trunk.items()}
        return found | {name: last for name, _ in visual.named_parameters() if name not in found}
    matcher = _RESNET if isinstance(visual, ModifiedResNet) else _TRANSFORMER
    layers: dict[str, int] = group_parameters(visual, matcher, reverse=True)
    return layers


def layer_groups(visual: nn.Module, rate: float, decay: float, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups for AdamW: the last layer has `rate`, and each layer before it `decay` times the next one's.

    Layer-wise decay as in Clark et al., "ELECTRA", 2020, and BEiT. Biases, norms and other vectors do not decay.
    """
    layer = depths(visual)
    last = max(layer.values())
    groups: dict[tuple[int, bool], dict[str, Any]] = {}
    for name, parameter in visual.named_parameters():
        vector, behind = parameter.ndim <= 1, last - layer[name]
        group = {"params": [], "lr": rate * decay**behind, "weight_decay": 0.0 if vector else weight_decay}
        groups.setdefault((behind, vector), group)["params"].append(parameter)
    return list(groups.values())


def checkpoint_gradients(visual: Any) -> None:
    """Keep no activations inside the blocks, but compute them again on the way back."""
    if isinstance(visual, ModifiedResNet):
        visual.checkpointing = True  # open_clip has none here; AttentionPool of model/dense.py does it
    else:
        visual.set_grad_checkpointing(True)


def finetune(project: Project, records: Records, model: Model, out: Path) -> str:
    """Finetune the image tower of `model` in place, along with its head, and write the tower into the folder `out`.

    The labels, the vocabulary, the objectives and the head's settings are those of `train`; the teacher and the
    clusters to keep are the frozen tower's. A killed run goes on from its last checkpoint. `model` is untrained, with
    an open_clip tower; returns the name to load that by.

    Raises:
        ForError: an earlier stage is missing.
    """
    params = project.params
    settings, tower, head = params.finetune, model.tower, model.head
    assert isinstance(tower, OpenClipTower)
    lesson = make_lesson(project, records, model, settings.run)
    own = {name: getattr(settings, name) for name in ("steps", "warmup", "batch_size", "checkpoint_every")}
    plan = params.train.of(params.train.run(settings.run)).model_copy(update=own)
    visual = tower.visual.requires_grad_(True)  # in evaluation mode: batch norms keep their statistics
    if settings.checkpointing:
        checkpoint_gradients(visual)
    groups = layer_groups(visual, settings.learning_rate, settings.layer_decay, params.train.weight_decay)
    groups.append({"params": list(head.parameters()), "lr": params.train.learning_rate})
    optimizer = torch.optim.AdamW(groups, weight_decay=params.train.weight_decay)
    team = Team(model.device)
    shown: Iterator[Tensor] | None = None

    def summaries(rows: Tensor, step: int) -> Summary:
        nonlocal shown
        shown = shown or _pictures(project, records, tower, lesson, plan, team, step)
        return summarise(head, tower.differentiable(next(shown)))

    head.train()
    module = nn.ModuleList([visual, head])
    key = hashlib.sha256(repr((inputs_of(project, records, model, settings.run), settings)).encode()).hexdigest()
    place = project.cache / "progress" / f"{key[:16]}.pt"
    course = Course(lesson, plan, params.head.temperature, params.seed, place, "finetuning", team)
    descend(course, module, optimizer, summaries)
    head.eval()
    visual.requires_grad_(False)
    team.end()
    if not team.writes:
        return ""
    name = tower.save(out)
    place.unlink(missing_ok=True)
    return name


def _pictures(
    project: Project, records: Records, tower: OpenClipTower, lesson: Lesson, plan: Train, team: Team, first: int
) -> Iterator[Tensor]:
    """Normalised, for each step from `first` on: this process's part of its batch, read ahead by worker processes."""
    reading = Reading.of(project, plan.batch_size)
    pictures = Pictures(records.of("train").paths(project.root), tower.input_size, reading)
    rows = (draw_batch(lesson.labelled, plan, project.params.seed, step) for step in range(first, plan.steps))
    batches = [team.part(team.even(part)).tolist() for part in rows]
    pinned = tower.device.type == "cuda"
    for batch in DataLoader(pictures, batch_sampler=batches, num_workers=reading.workers, pin_memory=pinned):
        yield normalised(batch.to(tower.device, non_blocking=True), tower)
