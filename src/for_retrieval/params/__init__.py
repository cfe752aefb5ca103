"""params.yaml as typed, checked values: what changes a result, but for the constants of formulas (docs/concepts.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from for_retrieval.errors import UsageError, nearest

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]  # NumPy takes no negative ones


class Section(BaseModel):
    """A section of params.yaml. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SplitRatio(Section):
    """The shares in which images without a given split are divided, by a hash of their content."""

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
    """Where images and annotations are read from."""

    kind: str  # one of for_retrieval.records.readers.KINDS, which checks it
    name: Annotated[str, Field(pattern=r"^[\w.-]+$")]
    root: str
    images: Places  # one path, or one per part
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
    """The fractions of the training images whose labels may be used."""

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


class BoxNet(Section):
    """The part of the head that proposes boxes."""

    width: Annotated[int, Field(ge=8, multiple_of=8)]
    blocks: Count


class Head(Section):
    """The SUM-CLIP head."""

    proposals: Count
    width: Count
    dropout: Annotated[float, Field(ge=0, lt=1)]
    temperature: Positive
    box_net: BoxNet


class Vocabulary(Section):
    """The open vocabulary of the pseudo-labels."""

    nouns: str | None
    attributes: bool
    max_phrases: Count


class Weighted(Section):
    """An objective."""

    weight: Weight  # in the sum of the losses; 0 leaves it out


class Contrast(Weighted):
    """An objective with a softmax over cosines."""

    temperature: Positive


class Region(Contrast):
    """An objective about regions that lie on objects."""

    overlap: Share  # how well a region has to lie on an object to be taught its name


class Local(Region):
    """An objective about the regions of one image."""

    ignore: Share  # from this overlap on a region that lies less well counts for nothing


class Pseudo(Contrast):
    """How the teacher's scores become pseudo-labels."""

    teacher: Literal["ensemble", "cluster-clip"]
    querybank: Annotated[float, Field(ge=0)]
    novel: Positive
    positive: Share
    rarer: Positive
    ignore: Annotated[float, Field(ge=1)]
    phrases: Count


class Further(Weighted):
    """An objective of an added file, with parameters of its own."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, float]


class Objectives(Section):
    """The objectives of the head: a section per file in train/objectives."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Further]
    base: Contrast
    pseudo: Pseudo
    region: Region
    local: Local

    def by_name(self) -> dict[str, Weighted]:
        """All objectives, in the order in which their losses are summed."""
        return {name: getattr(self, name) for name in (*type(self).model_fields, *self.__pydantic_extra__)}


class Run(Section):
    """A training run: which labels and words it may use, and its seeds."""

    fraction: Annotated[float, Field(gt=0, le=100)]
    vocabulary: Literal["in", "held_out"]
    seeds: Annotated[list[Seed], Field(min_length=1)]
    without: tuple[str, ...] = ()  # objectives left out, for ablations


class Boxes(Section):
    """Training of the box net, before the embeddings."""

    steps: Annotated[int, Field(ge=0)]
    warmup: Annotated[int, Field(ge=0)]
    batch_size: Count
    learning_rate: Positive
    objects: Count


class Views(Section):
    """In how many views a head sees each training image: `most`, or fewer, so that there are no more than `images`."""

    most: Count
    images: Count

    def each(self, images: int) -> int:
        """How many of each of so many images."""
        return max(1, min(self.most, self.images // max(1, images)))


class Train(Section):
    """Finetuning of the head."""

    boxes: Boxes
    views: Views
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
    only_if_better: bool
    objectives: Objectives
    vocabulary: Vocabulary
    runs: dict[str, Run]

    def run(self, name: str) -> Run:
        """The run called `name`. Raises UsageError: there is no such run."""
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
    """Which images can be searched, and with the model of which run."""

    run: str
    gallery: list[Part]


class Drift(Section):
    """How far a set may differ from the champion's training set before a warning."""

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
    near_duplicate_bits: Annotated[int, Field(ge=0, le=16)]  # with more, unrelated images match by chance
    box_slack: Weight
    drift: Drift


class Canary(Section):
    """Queries with known answers, checked before a model may serve."""

    queries: list[str] | None
    top_k: Count
    precision: Share


class Promote(Section):
    """The thresholds that a challenger must pass to become champion."""

    tolerance: Weight
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    resamples: Count
    recall: Share
    canary: Canary


class Monitor(Section):
    """Thresholds of the hourly check of data and queries."""

    min_queries: Count
    weak_score: Share
    weak_share: Share
    retrain: bool


class Params(Section):
    """The whole of params.yaml."""

    seed: Seed
    data: Data
    fractions: Fractions
    model: Model
    head: Head
    train: Train
    finetune: Finetune
    evaluate: Evaluate
    index: Index
    checks: Checks
    promote: Promote
    monitor: Monitor

    @model_validator(mode="after")
    def _runs_exist(self) -> Params:
        known = self.train.objectives.by_name()
        for name, run in self.train.runs.items():
            if run.fraction not in self.fractions.percent:
                raise ValueError(f"train.runs.{name}.fraction {run.fraction:g} is not in fractions.percent")
            if unknown := [word for word in run.without if word not in known]:
                hint = nearest(unknown[0], known)
                raise ValueError(f"train.runs.{name}.without: {unknown[0]!r} is not in train.objectives; {hint}")
        if (served := self.index.run) not in self.train.runs:
            raise ValueError(f"index.run {served!r} is not in train.runs; {nearest(served, self.train.runs)}")
        return self


def load_params(path: Path) -> Params:
    """params.yaml, checked; UsageError if it cannot be read, is not YAML, or has unknown, missing or invalid values."""
    if not path.exists():
        raise UsageError(f"{path} does not exist; run this inside the project")
    return check_params(read_sections(path), str(path))


def check_params(values: dict[str, Any], where: str = "params.yaml with the requested changes") -> Params:
    """The content of a params.yaml, called `where` in messages; UsageError with a line for each wrong key or value."""
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        raise UsageError("\n".join(_sentence(where, dict(entry)) for entry in error.errors())) from None


def read_sections(path: Path) -> dict[str, Any]:
    """The sections in a YAML file, unchecked; UsageError if it cannot be read, is not YAML, or holds no sections."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise UsageError(f"{path} must hold sections such as 'data:' and 'model:'")
    return values


def _sentence(place: str, error: dict[str, Any]) -> str:
    """One error of pydantic as a sentence; for an unknown key, with the nearest valid one."""
    keys = [str(key) for key in error["loc"]]
    where = ".".join(keys)
    if error["type"] == "extra_forbidden":
        return f"{place}: unknown key {where!r}; {nearest(keys[-1], _valid_keys(keys[:-1]))}"
    if error["type"] == "missing":
        return f"{place}: the key {where!r} is missing"
    message = error["msg"].removeprefix("Value error, ")
    return f"{place}: {where}: {message} (it is {error['input']!r})" if where else f"{place}: {message}"


def _valid_keys(keys: list[str]) -> list[str]:
    """The valid keys of the section at the path `keys`; names in a ``dict[str, Section]`` are skipped."""
    section: Any = Params
    for key in keys:
        field = getattr(section, "model_fields", {}).get(key)
        section = field.annotation if field else section
        section = next((a for a in getattr(section, "__args__", ()) if hasattr(a, "model_fields")), section)
    return list(getattr(section, "model_fields", {}))
