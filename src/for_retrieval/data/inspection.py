"""Many images at once: their facts, or why they cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from for_retrieval.data.images import BrokenImage, ImageFacts, inspect
from for_retrieval.data.workers import for_images


def inspect_all(
    paths: Sequence[Path], processes: int, max_pixels: int, min_side: int
) -> list[ImageFacts | BrokenImage]:
    """Inspect `paths` in `processes` processes; the results are in their order.

    Raises:
        ForError: a process died, which mostly means that memory ran out.
    """
    return list(for_images(partial(_facts_or_reason, max_pixels=max_pixels, min_side=min_side), paths, processes))


def _facts_or_reason(path: Path, max_pixels: int, min_side: int) -> ImageFacts | BrokenImage:
    try:
        return inspect(path, max_pixels, min_side)
    except BrokenImage as error:
        return error
