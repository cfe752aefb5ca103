"""Draw the whole set: images on disk, and the records that every later stage reads."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.progress import track

from drawn_scenes.benchmarks import benchmark
from drawn_scenes.captions import caption
from drawn_scenes.compose import SceneObject
from drawn_scenes.pen import COLOURS
from for_retrieval.errors import UsageError, nearest
from for_retrieval.files import file_hash
from for_retrieval.params import Scenes
from for_retrieval.records.records import DatasetInfo, Records
from for_retrieval.records.workers import end_with_parent

QUALITY = 92


@dataclass(frozen=True)
class Scene:
    """One drawn image and what it shows."""

    image_id: str
    file: str
    hash: str
    split: str
    objects: list[SceneObject]
    caption: str


def draw_scene(task: tuple[str, int], *, name: str, folder: Path, size: int, seed: int) -> Scene:
    """Draw image number `task[1]` of split `task[0]` of the set `name` into `folder`.

    The same arguments give the same bytes.
    """
    split, number = task
    drawn = benchmark(name)
    rng = random.Random(f"{seed}/{split}/{number}")
    objects: list[SceneObject] = []
    while not objects:
        image, objects = drawn.draw(size, rng)
    image_id = f"{split}_{number:05d}"
    path = folder / f"{image_id}.jpg"
    image.save(path, quality=QUALITY)
    text = caption(objects, rng, openings=drawn.openings)
    return Scene(image_id, path.name, file_hash(path), split, objects, text)


def generate(params: Scenes, seed: int, folder: Path, processes: int) -> Records:
    """Draw `params.train` + `params.val` + `params.test` scenes into `folder`/images.

    Returns:
        Their records, with captions in `folder`/captions.json.

    Raises:
        UsageError: a novel category that is not drawn.
    """
    kinds = benchmark(params.benchmark).kinds
    for name in params.novel or ():
        if name not in kinds:
            raise UsageError(f"data.scenes.novel: no category {name!r} is drawn; {nearest(name, kinds)}")
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    tasks = [(split, n) for split in ("train", "val", "test") for n in range(getattr(params, split))]
    draw = partial(draw_scene, name=params.benchmark, folder=images, size=params.size, seed=seed)
    with ProcessPoolExecutor(processes, initializer=end_with_parent) as pool:
        drawn: Iterable[Scene] = pool.map(draw, tasks, chunksize=16)
        scenes = list(track(drawn, "drawing scenes", len(tasks), console=Console(stderr=True)))
    (folder / "captions.json").write_text(
        json.dumps({scene.image_id: scene.caption for scene in scenes}, indent=0), encoding="utf-8"
    )
    return _records(scenes, params, images)


def _records(scenes: list[Scene], params: Scenes, images: Path) -> Records:
    rows = [(s.image_id, s.file, params.size, params.size, s.hash, s.split) for s in scenes]
    objects = [
        (
            s.image_id,
            o.x,
            o.y,
            o.w,
            o.h,
            o.category,
            json.dumps({"colour": o.colour} if o.colour else {}),
            False,
        )
        for s in scenes
        for o in s.objects
    ]
    made = benchmark(params.benchmark)
    novel = made.novel if params.novel is None else params.novel
    info = DatasetInfo(
        name="",
        root=str(images),
        base=[name for name in made.kinds if name not in novel],
        novel=list(novel),
        synonyms={name: list(kind.synonyms) for name, kind in made.kinds.items()},
        hypernyms={name: list(kind.hypernyms) for name, kind in made.kinds.items()},
        colours=list(COLOURS),
    )
    return Records(
        pd.DataFrame(rows, columns=["image_id", "path", "width", "height", "hash", "split"]),
        pd.DataFrame(objects, columns=["image_id", "x", "y", "w", "h", "category", "attributes", "crowd"]),
        info,
    )
