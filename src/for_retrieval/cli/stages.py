"""One command a stage of dvc.yaml; each is a line of for_retrieval.stages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from for_retrieval.cli.context import say
from for_retrieval.cli.context import stage_project as project
from for_retrieval.errors import UsageError


def prepare(context: typer.Context) -> None:
    """Draw or import the images, check them, write the records."""
    from for_retrieval import stages

    say(stages.prepare(project(context)))


def fractions(context: typer.Context, percent: Annotated[float, typer.Argument()]) -> None:
    """Choose the training images whose labels may be used."""
    from for_retrieval import stages

    here = project(context)
    if percent not in here.params.fractions.percent:
        known = ", ".join(f"{p:g}" for p in here.params.fractions.percent)
        raise UsageError(f"{percent:g} is not in fractions.percent of params.yaml ({known})")
    say(stages.fractions(here, percent))


def validate(context: typer.Context) -> None:
    """Check images, objects and fractions; a broken set stops here."""
    from for_retrieval import stages

    say(stages.validate(project(context)))


def features(context: typer.Context) -> None:
    """Encode the images with the frozen tower."""
    from for_retrieval import stages

    say(stages.features(project(context)))


def pseudo(context: typer.Context, vocabulary: Annotated[str, typer.Argument(help="in or held_out")]) -> None:
    """Score the training images against the open vocabulary."""
    from for_retrieval import stages

    if vocabulary not in ("in", "held_out"):
        raise UsageError(f"the vocabulary is 'in' or 'held_out', not {vocabulary!r}")
    say(stages.pseudo(project(context), vocabulary))


def train(context: typer.Context, run: Annotated[str, typer.Argument(help="A run of train.runs.")]) -> None:
    """Finetune the SUM-CLIP heads of one run."""
    from for_retrieval import stages

    say(stages.train(project(context), run))


def finetune(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="A new folder for the checkpoint.")],
) -> None:
    """Finetune the image tower itself, end to end (not part of `dvc repro`)."""
    from for_retrieval import stages

    say(stages.finetune(project(context), out))


def evaluate(
    context: typer.Context,
    split: Annotated[str, typer.Option(help="val for choices, test for reports.")] = "test",
) -> None:
    """Measure every method and every head, exactly."""
    from for_retrieval import stages

    if split not in ("train", "val", "test"):
        raise UsageError(f"the split is train, val or test, not {split!r}")
    say(stages.evaluate(project(context), split))


def compare(context: typer.Context) -> None:
    """Write reports/compare.json, .md and .png."""
    from for_retrieval import stages

    say(stages.compare(project(context)))


def export(context: typer.Context) -> None:
    """Write the serving bundle."""
    from for_retrieval import stages

    say(stages.export(project(context)))


ALL = (prepare, fractions, validate, features, pseudo, train, finetune, evaluate, compare, export)
