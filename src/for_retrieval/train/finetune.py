"""End-to-end finetuning: the image tower learns along with a head, from pictures. The command `for-cli finetune`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from for_retrieval.data.records import Records
from for_retrieval.files import file_hash
from for_retrieval.model.encode import Pictures
from for_retrieval.model.layers import checkpoint_gradients, layer_groups
from for_retrieval.model.open_clip_tower import OpenClipTower
from for_retrieval.model.parallel import Team
from for_retrieval.model.sum_clip import SumClip, Summary, summarise
from for_retrieval.model.tower import normalised
from for_retrieval.params import Params, Train
from for_retrieval.train.loop import Lesson, descend, draw_batch, losses
from for_retrieval.train.run import make_lesson, new_head


def finetune(
    records: Records, tower: OpenClipTower, params: Params, root: Path, data: Path, cache: Path, workers: int, out: Path
) -> tuple[str, SumClip]:
    """Finetune the image tower of `tower` in place and write the model into the folder `out`.

    The labels, the vocabulary, the objectives and the head's knobs are those of `train`; the teacher and the clusters
    to keep are the frozen tower's. A killed run goes on from its last checkpoint.

    Returns:
        The name to load the model by, and the head that was trained along.

    Raises:
        ForError: an earlier stage is missing.
    """
    settings, device = params.finetune, tower.device
    lesson = make_lesson(records, tower, params, settings.run, data, cache)
    plan = _plan(params)
    head = new_head(params, tower, params.seed, device)
    visual = tower.visual.requires_grad_(True)  # in evaluation mode: batch norms keep their statistics
    if settings.checkpointing:
        checkpoint_gradients(visual)
    groups = layer_groups(visual, settings.learning_rate, settings.layer_decay, params.train.weight_decay)
    groups.append({"params": list(head.parameters()), "lr": params.train.learning_rate})
    optimizer = torch.optim.AdamW(groups, weight_decay=params.train.weight_decay)
    team = Team(device)
    pictures = _Reader(records, lesson, params, plan, root, tower, workers, team)

    def summaries(rows: Tensor, step: int) -> Summary:
        return summarise(head, tower.differentiable(pictures.at(step)))

    head.train()
    module = nn.ModuleList([visual, head])
    place = cache / "progress" / f"{_key(records, tower, params, data)}.pt"
    temperature = params.head.temperature
    descend(module, optimizer, summaries, lesson, plan, temperature, params.seed, place, "finetuning", losses, team)
    head.eval()
    visual.requires_grad_(False)
    team.end()
    name = tower.save(out) if team.writes else ""
    if team.writes:
        place.unlink(missing_ok=True)
    return name, head


def _plan(params: Params) -> Train:
    """`train` with the knobs of `finetune` in place of its own."""
    own = params.finetune
    run = params.train.run(own.run)
    changed = {name: getattr(own, name) for name in ("steps", "warmup", "batch_size", "checkpoint_every")}
    return params.train.of(run).model_copy(update=changed)


def _key(records: Records, tower: OpenClipTower, params: Params, data: Path) -> str:
    """Sixteen digits that change with anything that changes the result."""
    run = params.train.run(params.finetune.run)
    inputs = [file_hash(path) for path in sorted((data / "pseudo" / run.vocabulary).iterdir())]
    fraction = file_hash(data / "fractions" / f"{run.fraction:g}.json")
    parts = (tower.id, records.info.digest, params.seed, params.head, params.train, params.finetune, fraction, *inputs)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


class _Reader:
    """The pictures of each step's batch, this process's part, read ahead by worker processes."""

    def __init__(
        self,
        records: Records,
        lesson: Lesson,
        params: Params,
        plan: Train,
        root: Path,
        tower: OpenClipTower,
        workers: int,
        team: Team,
    ) -> None:
        images = records.images["split"] == "train"
        paths = [path for path, own in zip(records.paths(root), images, strict=True) if own]
        self._pictures = Pictures(paths, tower.input_size, params.data.max_pixels, params.data.min_side)
        self._lesson, self._plan, self._seed = lesson, plan, params.seed
        self._tower, self._workers, self._team = tower, workers, team
        self._batches: Iterator[Tensor] | None = None

    def at(self, step: int) -> Tensor:
        """The pictures of `step`, normalised, on the tower's device; steps are asked for in their order."""
        if self._batches is None:
            plan, team = self._plan, self._team
            rows = (draw_batch(self._lesson.labelled, plan.batch_size, self._seed, s) for s in range(step, plan.steps))
            batches = [team.part(team.even(part)).tolist() for part in rows]
            pinned = self._tower.device.type == "cuda"
            loader = DataLoader(self._pictures, batch_sampler=batches, num_workers=self._workers, pin_memory=pinned)
            self._batches = iter(loader)
        return normalised(next(self._batches).to(self._tower.device, non_blocking=True), self._tower)
