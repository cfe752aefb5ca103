"""One command per stage of dvc.yaml; each calls the function of the same name in for_retrieval.stages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from for_retrieval.cli.context import say
from for_retrieval.cli.context import stage_project as project
from for_retrieval.errors import UsageError


def _run(context: typer.Context, name: str, *arguments: Any) -> None:
    from for_retrieval import stages

    say(getattr(stages, name)(project(context), *arguments))


def _plain(name: str, about: str) -> Callable[[typer.Context], None]:
    """The command of a stage without arguments."""

    def command(context: typer.Context) -> None:
        _run(context, name)

    command.__name__, command.__doc__ = name, about
    return command


def fractions(context: typer.Context, percent: Annotated[float, typer.Argument()]) -> None:
    """Choose the training images whose labels may be used."""
    given = project(context).params.fractions.percent
    if percent not in given:
        known = ", ".join(f"{p:g}" for p in given)
        raise UsageError(f"{percent:g} is not in fractions.percent of params.yaml ({known})")
    _run(context, "fractions", percent)


def pseudo(context: typer.Context, vocabulary: Annotated[Literal["in", "held_out"], typer.Argument()]) -> None:
    """Score the training images against the open vocabulary."""
    _run(context, "pseudo", vocabulary)


def train(context: typer.Context, run: Annotated[str, typer.Argument(help="A run of train.runs.")]) -> None:
    """Finetune the SUM-CLIP heads of one run."""
    _run(context, "train", run)


def finetune(
    context: typer.Context, out: Annotated[Path, typer.Option(help="A new folder for the checkpoint.")]
) -> None:
    """Finetune the image tower itself, end to end (not part of `dvc repro`)."""
    _run(context, "finetune", out)


def evaluate(
    context: typer.Context,
    split: Annotated[Literal["train", "val", "test"], typer.Option(help="val for choices, test for reports.")] = "test",
) -> None:
    """Measure every method and every head, exactly."""
    _run(context, "evaluate", split)


ALL = (
    _plain("prepare", "Read the images and annotations, check them, write the records."),
    fractions,
    _plain("validate", "Check images, objects and fractions; an invalid set stops the pipeline here."),
    _plain("features", "Encode the images with the frozen tower."),
    pseudo,
    train,
    finetune,
    evaluate,
    _plain("compare", "Write reports/compare.json, .md and .png."),
    _plain("export", "Write the serving bundle."),
)
