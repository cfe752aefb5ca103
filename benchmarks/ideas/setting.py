"""A project of `make benchmark`, opened so that heads can be trained in other ways and measured."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from for_retrieval.errors import ForError
from for_retrieval.evaluate.queries import QuerySet
from for_retrieval.evaluate.validation import names_of
from for_retrieval.model.encode import load_split
from for_retrieval.model.features import Features
from for_retrieval.model.sum_clip import SumClip
from for_retrieval.model.tower import Tower, find_device, load_tower, prompted
from for_retrieval.params import Params
from for_retrieval.project import Project
from for_retrieval.records.records import Records, load_records
from for_retrieval.train.loop import Lesson, Objectives, train_head
from for_retrieval.train.run import make_lesson, new_head
from for_retrieval.train.vocabulary import Phrase

RUN = "held-out-100"  # all labels; the novel names are in no vocabulary


@dataclass(frozen=True)
class Split:
    """Images and the names asked of them; texts: [T, D]."""

    features: Features
    names: QuerySet
    texts: Tensor


@dataclass(frozen=True)
class Setting:
    """What every idea starts from."""

    project: Project
    params: Params
    records: Records
    tower: Tower
    teacher: Tower
    lesson: Lesson
    phrases: list[Phrase]
    splits: dict[str, Split]

    @cached_property
    def teacher_features(self) -> Features:
        """Of the training images, as the teacher sees them."""
        return load_split(self.records, self.teacher, self.project.cache, "train")[1]

    def texts(self, phrases: list[str]) -> Tensor:
        """[T, D] of any words."""
        return prompted(self.tower, phrases, self.params.model.prompts)

    def new_head(self, seed: int) -> SumClip:
        """A head as it is before training."""
        return new_head(self.params, self.tower, seed, self.lesson.base_texts.device)

    def train(
        self,
        seed: int,
        progress: Path,
        *,
        lesson: Lesson | None = None,
        head: SumClip | None = None,
        steps: int | None = None,
        objectives: Objectives | None = None,
        weights: dict[str, float] | None = None,
    ) -> SumClip:
        """Train a head as params.yaml says, but for what is given."""
        settings, head = self.params.train, head or self.new_head(seed)
        changed = {
            name: getattr(settings, name).model_copy(update={"weight": w}) for name, w in (weights or {}).items()
        }
        params = settings.model_copy(update={"steps": steps or settings.steps, **changed})
        lesson = lesson or self.lesson
        train_head(head, lesson, params, self.params.head.temperature, seed, progress, "", objectives)
        return head.requires_grad_(False).eval()


def open_setting(folder: Path) -> Setting:
    """Open the project in `folder`.

    Raises:
        ForError: a stage that comes before training has not run there.
    """
    from for_retrieval.train.teacher import load_teacher

    project = Project(folder.resolve())
    params, device = project.params, find_device(project.settings.device)
    records = load_records(project.prepared)
    tower, teacher = (load_tower(params.model, device, project.root, s) for s in ("input_size", "teacher_size"))
    lesson = make_lesson(records, tower, params, RUN, project.data, project.cache)
    splits = {}
    for name in ("val", "test"):
        ids, features = load_split(records, tower, project.cache, name)
        names = names_of(records, ids, params.evaluate.small)
        if names is None:
            raise ForError(f"{folder}: the {name} split shows no category; nothing can be measured")
        splits[name] = Split(features, names, prompted(tower, names.texts, params.model.prompts))
    phrases = load_teacher(project.data / "pseudo" / params.train.runs[RUN].vocabulary)[0]
    torch.manual_seed(params.seed)
    return Setting(project, params, records, tower, teacher, lesson, phrases, splits)
