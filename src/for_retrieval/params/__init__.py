"""params.yaml as typed, checked values: every knob that changes a result, and nothing else."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import ValidationError, model_validator

from for_retrieval.errors import UsageError, nearest
from for_retrieval.invalid import sentences
from for_retrieval.params.sections import (
    Checks,
    Contrast,
    Data,
    Evaluate,
    Finetune,
    Fractions,
    Head,
    Index,
    Localise,
    Model,
    Monitor,
    Promote,
    Pseudo,
    Run,
    Section,
    Seed,
    SplitRatio,
    Train,
    Vocabulary,
)

__all__ = [
    "Checks",
    "Contrast",
    "Data",
    "Evaluate",
    "Finetune",
    "Fractions",
    "Head",
    "Index",
    "Localise",
    "Model",
    "Monitor",
    "Params",
    "Promote",
    "Pseudo",
    "Run",
    "SplitRatio",
    "Train",
    "Vocabulary",
    "load_params",
]


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
        for name, run in self.train.runs.items():
            if run.fraction not in self.fractions.percent:
                raise ValueError(f"train.runs.{name}.fraction {run.fraction:g} is not in fractions.percent")
        if self.index.run not in self.train.runs:
            raise ValueError(
                f"index.run {self.index.run!r} is not in train.runs; {nearest(self.index.run, self.train.runs)}"
            )
        return self


def load_params(path: Path) -> Params:
    """Read and check params.yaml.

    Raises:
        UsageError: the file cannot be read, is no YAML, or holds an unknown, missing or wrong value.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist; run this inside the project") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise UsageError(f"{path} must hold sections such as 'data:' and 'model:'")
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        raise UsageError(sentences(path, Params, error)) from None
