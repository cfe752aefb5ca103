"""What heads are trained on: a file for each objective, which params.yaml weighs below ``train.objectives``.

To add one, write ``train/objectives/<name>.py`` with a function ``loss(batch, settings) -> Tensor`` (a scalar) and give
``train.objectives`` in params.yaml the line ``<name>: {weight: 1.0}``, with any further numbers that `settings` shall
have. The sum of the losses, the curves and what MLflow records follow from that.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from torch import Tensor

from for_retrieval.errors import UsageError, nearest
from for_retrieval.params import Train
from for_retrieval.train.lesson import Batch

Loss = Callable[[Batch, Any], Tensor]


def losses(batch: Batch, train: Train) -> dict[str, Tensor]:
    """The value of each objective that has a weight, on one batch."""
    weighed = {name: settings for name, settings in train.objectives.by_name().items() if settings.weight}
    return {name: loss_of(name)(batch, settings) for name, settings in weighed.items()}


def loss_of(name: str) -> Loss:
    """The function of the objective `name`. Raises UsageError: there is none."""
    known = [module.name for module in iter_modules(__path__)]
    if name not in known:
        raise UsageError(f"train.objectives: there is no objective {name!r}; {nearest(name, known)}")
    found: Loss = import_module(f"{__name__}.{name}").loss
    return found
