"""Write a drawn set as a COCO folder.

``images/``, ``annotations.json`` (instances with attributes; each image with a caption), ``splits.json``,
``categories.json`` (base and novel) and ``queries.json`` (synonyms, wider words, attribute words).
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from drawn_scenes.captions import caption
from drawn_scenes.compose import SceneObject
from drawn_scenes.drawn_set import DrawnSet
from drawn_scenes.driving import driving
from drawn_scenes.everyday import everyday
from drawn_scenes.longtail import longtail
from drawn_scenes.pen import COLOURS

SETS: dict[str, Callable[[], DrawnSet]] = {"driving": driving, "everyday": everyday, "longtail": longtail}
SPLITS = ("train", "val", "test")
QUALITY = 92  # of the JPEG files
ANNOTATIONS = "annotations.json"
DRAWN_BY = "drawn_scenes"  # info.contributor in annotations.json: marks a folder that may be replaced


class WrongUseError(ValueError):
    """The caller asked for what cannot be drawn, or for a folder that must not be overwritten."""


@dataclass(frozen=True)
class Scene:
    """One drawn image and what it shows."""

    image_id: str
    split: str
    objects: list[SceneObject]
    caption: str


@cache
def drawn_set(name: str) -> DrawnSet:
    """The set of that name, made once a process."""
    return SETS[name]()


def draw_scene(task: tuple[str, int], *, name: str, images: Path, size: int, seed: int) -> Scene:
    """Draw image number `task[1]` of split `task[0]` of the set `name` as a JPEG file in `images`.

    The same arguments give the same bytes.
    """
    split, number = task
    drawn = drawn_set(name)
    rng = random.Random(f"{seed}/{split}/{number}")
    objects: list[SceneObject] = []
    while not objects:
        image, objects = drawn.draw(size, rng)
    image_id = f"{split}_{number:05d}"
    image.save(images / f"{image_id}.jpg", quality=QUALITY)
    return Scene(image_id, split, objects, caption(objects, rng, openings=drawn.openings))


def write_set(
    name: str,
    out: Path,
    *,
    size: int,
    counts: Mapping[str, int],
    seed: int,
    processes: int,
    novel: Sequence[str] | None = None,
) -> None:
    """Draw the set `name` into the folder `out`, which appears whole or not at all.

    Args:
        size: of the square images, px.
        counts: images a split (train, val, test).
        novel: categories without labels in finetuning; None takes the set's own.

    Raises:
        WrongUseError: an unknown novel category, or `out` holds something else than a drawn set.
    """
    kinds = drawn_set(name).kinds
    chosen = drawn_set(name).novel if novel is None else novel
    for word in chosen:
        if word not in kinds:
            close = get_close_matches(word, kinds, 1)
            remedy = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(kinds)}"
            raise WrongUseError(f"the set {name} has no category {word!r}; {remedy}")
    if not _may_be_replaced(out):
        raise WrongUseError(f"{out} holds something else than a drawn set; name a new or an empty folder")
    unfinished = out.with_name(f".{out.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)  # of a run that was killed
    (unfinished / "images").mkdir(parents=True)
    try:
        tasks = [(split, number) for split in SPLITS for number in range(counts[split])]
        draw = partial(draw_scene, name=name, images=unfinished / "images", size=size, seed=seed)
        for file, content in _contents(name, _drawn(draw, tasks, processes), size, chosen).items():
            (unfinished / file).write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
        if out.exists():
            shutil.rmtree(out)
        unfinished.rename(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _may_be_replaced(out: Path) -> bool:
    """Whether `out` is not there, empty, or a set that this module wrote."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return True
    try:
        return bool(json.loads((out / ANNOTATIONS).read_text(encoding="utf-8"))["info"]["contributor"] == DRAWN_BY)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _drawn(draw: Callable[[tuple[str, int]], Scene], tasks: list[tuple[str, int]], processes: int) -> list[Scene]:
    """The scenes in the order of `tasks`, with a progress bar on stderr where that is a terminal."""
    console = Console(stderr=True)
    with ProcessPoolExecutor(processes, initializer=_end_with_parent) as pool:
        scenes: Iterable[Scene] = pool.map(draw, tasks, chunksize=16)
        return list(track(scenes, "drawing scenes", len(tasks), console=console, disable=not console.is_terminal))


def _end_with_parent() -> None:
    """Make a worker process end when its parent does, even by kill -9, and leave Ctrl-C to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _contents(name: str, scenes: Sequence[Scene], size: int, novel: Sequence[str]) -> dict[str, Any]:
    """File name -> content, of all files but the images."""
    kinds = drawn_set(name).kinds
    numbers = {kind: number for number, kind in enumerate(kinds, start=1)}
    objects = [(scene.image_id, o) for scene in scenes for o in scene.objects]
    return {
        ANNOTATIONS: {
            "info": {"description": f"drawn scenes: {name}", "contributor": DRAWN_BY},
            "images": [
                {
                    "id": scene.image_id,
                    "file_name": f"{scene.image_id}.jpg",
                    "width": size,
                    "height": size,
                    "caption": scene.caption,
                }
                for scene in scenes
            ],
            "annotations": [
                {
                    "id": number,
                    "image_id": image_id,
                    "category_id": numbers[o.category],
                    "bbox": [o.x, o.y, o.w, o.h],
                    "area": o.w * o.h,
                    "iscrowd": 0,
                    "attributes": {"colour": o.colour} if o.colour else {},
                }
                for number, (image_id, o) in enumerate(objects, start=1)
            ],
            "categories": [
                {
                    "id": numbers[kind.name],
                    "name": kind.name,
                    "supercategory": kind.hypernyms[0],
                    "synonyms": list(kind.synonyms),
                }
                for kind in kinds.values()
            ],
        },
        "splits.json": {split: [scene.image_id for scene in scenes if scene.split == split] for split in SPLITS},
        "categories.json": {"base": [kind for kind in kinds if kind not in novel], "novel": list(novel)},
        "queries.json": {
            "synonyms": {kind.name: list(kind.synonyms) for kind in kinds.values()},
            "hypernyms": {kind.name: list(kind.hypernyms) for kind in kinds.values()},
            "attributes": {"colour": list(COLOURS)},
        },
    }
