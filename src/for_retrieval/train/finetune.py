"""End-to-end finetuning: the image tower learns along with a head, from pictures. The command `for-cli finetune`."""

from __future__ import annotations

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
from for_retrieval.model.views import view_key
from for_retrieval.params import Train
from for_retrieval.project import Project
from for_retrieval.records.records import Records
from for_retrieval.train.lesson import Batch, Lesson
from for_retrieval.train.loop import Course, descend
from for_retrieval.train.objectives import losses
from for_retrieval.train.run import batch_rows, inputs_of, key_of, learn_boxes, make_lesson

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

    The labels, the vocabulary, the objectives and the head's settings are those of `train`; the teacher is the frozen
    tower, and the box net learns on its maps before. A killed run goes on from its last checkpoint. `model` is
    untrained, with an open_clip tower; returns the name to load that by. ForError if an earlier stage is missing.
    """
    params = project.params
    settings, tower, head = params.finetune, model.tower, model.head
    assert isinstance(tower, OpenClipTower)
    changed = {name: getattr(settings, name) for name in ("steps", "warmup", "batch_size", "checkpoint_every")}
    plan = params.train.of(params.train.run(settings.run)).model_copy(update=changed)
    lesson = make_lesson(project, records, model, settings.run)
    key = key_of(inputs_of(project, records, model, settings.run), settings)
    progress, team = project.cache / "progress", Team(model.device)

    def course(steps: int, warmup: int, name: str, title: str) -> Course:
        place = progress / f"{name}.pt"
        return Course(steps, warmup, plan.clip, plan.checkpoint_every, params.seed, place, title, team)

    learn_boxes(head, lesson, plan, course(plan.boxes.steps, plan.boxes.warmup, f"{key}-boxes", "finetuning: boxes"))
    head.box_net.requires_grad_(False)
    visual = tower.visual.requires_grad_(True)  # in evaluation mode: batch norms keep their statistics
    if settings.checkpointing:
        checkpoint_gradients(visual)
    groups = layer_groups(visual, settings.learning_rate, settings.layer_decay, params.train.weight_decay)
    learning = [parameter for parameter in head.parameters() if parameter.requires_grad]
    groups.append({"params": learning, "lr": params.train.learning_rate})
    optimizer = torch.optim.AdamW(groups, weight_decay=params.train.weight_decay)
    own = course(plan.steps, plan.warmup, key, "finetuning")
    weights = {name: objective.weight for name, objective in plan.objectives.by_name().items()}
    pictures: Iterator[Tensor] | None = None

    def step_losses(step: int) -> dict[str, Tensor]:
        nonlocal pictures
        pictures = pictures or _pictures(project, records, tower, lesson, plan, own, step)
        mine = summarise(head, tower.differentiable(next(pictures)))
        summary = Summary(*team.joined(mine.regions, mine.boxes, mine.objectness))
        generator = own.generator(step)
        rows = batch_rows(lesson, plan, own, generator)
        return losses(Batch(summary, lesson, rows, params.head.temperature, generator), plan)

    head.train()
    descend(own, nn.ModuleList([visual, head]), optimizer, step_losses, weights)
    head.eval()
    visual.requires_grad_(False)
    team.end()
    if not team.writes:
        return ""
    name = tower.save(out)
    for finished in (own.progress, progress / f"{key}-boxes.pt"):
        finished.unlink(missing_ok=True)
    return name


def _pictures(
    project: Project, records: Records, tower: OpenClipTower, lesson: Lesson, plan: Train, course: Course, first: int
) -> Iterator[Tensor]:
    """Normalised, for each step from `first` on: this process's part of its batch, read ahead by worker processes."""
    paths, reading = records.of("train").paths(project.root), Reading.of(project, plan.batch_size)
    hashes = records.images.loc[records.images["split"] == "train", "hash"]
    keys = [view_key(content, view) for view in range(lesson.views) for content in hashes]
    pictures = Pictures(paths * lesson.views, tower.input_size, reading, keys)
    rows = (batch_rows(lesson, plan, course, course.generator(step)) for step in range(first, course.steps))
    batches = [course.team.part(part).tolist() for part in rows]
    pinned = tower.device.type == "cuda"
    for batch in DataLoader(pictures, batch_sampler=batches, num_workers=reading.workers, pin_memory=pinned):
        yield normalised(batch.to(tower.device, non_blocking=True), tower)
