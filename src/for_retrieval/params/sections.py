"""The sections of params.yaml, typed and checked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from for_retrieval.errors import UsageError, nearest

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]  # NumPy takes no negative ones


class Section(BaseModel):
    """A block of params.yaml. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SplitRatio(Section):
    """How images without a split of their own are divided, by a hash of their content."""

    train: Share
    val: Share
    test: Share

    @model_validator(mode="after")
    def _sums_to_one(self) -> SplitRatio:
        if abs(self.train + self.val + self.test - 1) > 1e-6:
            raise ValueError("train + val + test must be 1")
        return self


Part = Literal["train", "val", "test"]


def _place_or_parts(value: Any) -> Any:
    parts = value if isinstance(value, dict) and value else {"train": value}
    if set(parts) <= {"train", "val", "test"} and all(isinstance(place, str) for place in parts.values()):
        return value
    raise ValueError("must be a path, or a path for train, val and test")


Places = Annotated[str | dict[Part, str], BeforeValidator(_place_or_parts)]


class Data(Section):
    """Where images and annotations come from. `images` and `annotations` may name one place for each part."""

    kind: Literal["coco", "panoptic", "lvis", "nuimages", "voc", "yolo", "webdataset", "folder"]
    name: Annotated[str, Field(pattern=r"^[\w.-]+$")]
    root: str
    images: Places
    annotations: Places
    splits: str | None
    split_ratio: SplitRatio
    categories: str | None
    novel: list[str]
    queries: str | None
    min_side: Count
    max_pixels: Count
    max_broken: Share


class Fractions(Section):
    """Which parts of the training images may use their labels."""

    percent: list[Annotated[float, Field(gt=0, le=100)]]
    min_images: Count


class Model(Section):
    """The image and text tower, and the training-free representations."""

    name: str
    pretrained: str
    input_size: Annotated[int, Field(ge=32, le=2048)]
    teacher_size: Annotated[int, Field(ge=32, le=2048)]
    prompts: list[Annotated[str, Field(pattern=r"\{\}")]]
    batch_size: Count
    clusters: Count
    pool: Count


class Head(Section):
    """The SUM-CLIP head."""

    queries: Count
    width: Count
    layers: Count
    heads: Count
    feed_forward: Count
    temperature: Positive


class Vocabulary(Section):
    """The open vocabulary of the pseudo-labels."""

    nouns: str | None
    attributes: bool
    max_phrases: Count


class Weighted(Section):
    """An objective: its weight in the sum of the losses, 0 to leave it out."""

    weight: Weight


class Contrast(Weighted):
    """An objective with a softmax over cosines."""

    temperature: Positive


class Localise(Contrast):
    """How much each part counts when queries are matched with objects, and learn from them."""

    text: Weight
    l1: Weight
    giou: Weight
    look: Weight
    matching: Weight
    objects: Count


class Pseudo(Contrast):
    """How the teacher's scores become pseudo-labels."""

    teacher: Literal["ensemble", "cluster-clip"]
    querybank: Annotated[float, Field(ge=0)]
    novel: Positive
    positive: Share
    rarer: Positive
    ignore: Annotated[float, Field(ge=1)]


class Further(Weighted):
    """An objective that somebody added, with numbers of its own."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, float]


class Objectives(Section):
    """What heads are trained on: a section for each file of train/objectives."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Further]
    base: Contrast
    localise: Localise
    pseudo: Pseudo
    keep: Contrast

    def by_name(self) -> dict[str, Weighted]:
        """All of them, in the order in which their losses are summed."""
        return {name: getattr(self, name) for name in (*type(self).model_fields, *self.__pydantic_extra__)}


class Run(Section):
    """One row group of the comparison: what may be used, and from which seeds."""

    fraction: Annotated[float, Field(gt=0, le=100)]
    vocabulary: Literal["in", "held_out"]
    seeds: Annotated[list[Seed], Field(min_length=1)]
    without: tuple[str, ...] = ()  # objectives left out: an ablation


class Train(Section):
    """Finetuning of the head."""

    steps: Count
    warmup: Annotated[int, Field(ge=0)]
    batch_size: Count
    labelled_in_batch: Share
    labelled_at_once: Share
    learning_rate: Positive
    weight_decay: Weight
    clip: Positive
    checkpoint_every: Count
    keep_start: Share
    objectives: Objectives
    vocabulary: Vocabulary
    runs: dict[str, Run]

    @model_validator(mode="after")
    def _ablations_exist(self) -> Train:
        known = self.objectives.by_name()
        for name, run in self.runs.items():
            if unknown := [word for word in run.without if word not in known]:
                raise ValueError(
                    f"runs.{name}.without names no objective with {unknown[0]!r}; {nearest(unknown[0], known)}"
                )
        return self

    def run(self, name: str) -> Run:
        """The run of that name.

        Raises:
            UsageError: there is none.
        """
        if name not in self.runs:
            raise UsageError(f"train.runs has no run {name!r}; {nearest(name, self.runs)}")
        return self.runs[name]

    def of(self, run: Run) -> Train:
        """These settings with a weight of 0 for the objectives that `run` does without."""
        known = self.objectives.by_name()
        left_out = {name: known[name].model_copy(update={"weight": 0.0}) for name in run.without}
        return self.model_copy(update={"objectives": self.objectives.model_copy(update=left_out)})


class Finetune(Section):
    """Finetuning of the image tower itself, end to end."""

    run: str
    steps: Count
    warmup: Annotated[int, Field(ge=0)]
    batch_size: Count
    learning_rate: Positive
    layer_decay: Annotated[float, Field(gt=0, le=1)]
    checkpointing: bool
    checkpoint_every: Count


class Evaluate(Section):
    """The metric."""

    k: Count
    rare: Count
    draws: Count
    small: Share


class Index(Section):
    """Which images can be searched, and by which run's model."""

    run: str
    gallery: list[Literal["train", "val", "test"]]


class Drift(Section):
    """How far a set may be from the one that the champion was trained on, before a warning."""

    categories: Share
    box_size: Weight
    brightness: Weight


class Checks(Section):
    """Bounds of the stage `validate`."""

    min_images: Count
    min_labelled: Count
    max_imbalance: Share
    max_duplicates: Share
    max_near_duplicates: Share
    max_near_leakage: Share
    near_duplicate_bits: Annotated[int, Field(ge=0, le=16)]  # beyond it unrelated pictures meet by chance
    box_slack: Weight
    drift: Drift


class Canary(Section):
    """Queries whose answer is known, asked before a model may serve."""

    queries: list[str] | None
    top_k: Count
    precision: Share


class Promote(Section):
    """The gate between challenger and champion."""

    tolerance: Weight
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    resamples: Count
    recall: Share
    canary: Canary


class Monitor(Section):
    """What the hourly look at data and queries calls worth acting on."""

    min_queries: Count
    weak_score: Share
    weak_share: Share
    retrain: bool
