"""A sample of a set as one picture, to look at before anything is trained on it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from for_retrieval.errors import ForError
from for_retrieval.files import atomic
from for_retrieval.project import Project
from for_retrieval.records.images import open_image
from for_retrieval.records.records import load_records

TILE = 240  # px
GAP = 4
LINE = (230, 40, 60)


def write_sheet(project: Project, out: Path, count: int, boxes: bool) -> None:
    """Write `count` evenly spread images of the prepared set to `out`, with their boxes if asked.

    Raises:
        ForError: nothing is prepared, or an image can no longer be read.
    """
    if out.suffix.lower() != ".png":
        raise ForError(f"{out} must end in .png")
    records = load_records(project.prepared)
    rows = np.unique(np.linspace(0, len(records.images) - 1, count).astype(int))
    paths = records.paths(project.root)
    columns = math.ceil(math.sqrt(len(rows) * 2))
    height = math.ceil(len(rows) / columns)
    sheet = Image.new("RGB", (columns * (TILE + GAP) - GAP, height * (TILE + GAP) - GAP), "white")
    for place, row in enumerate(rows):
        image = open_image(paths[row], project.params.data.max_pixels, project.params.data.min_side)
        scale = TILE / max(image.size)
        tile = image.resize(
            (max(1, round(image.width * scale)), max(1, round(image.height * scale))),
            Image.Resampling.LANCZOS,
        )
        if boxes:
            draw = ImageDraw.Draw(tile)
            objects = records.objects[records.objects["image_id"] == records.images["image_id"].iloc[row]]
            for o in objects.itertuples(index=False):
                corners = [o.x * scale, o.y * scale, (o.x + o.w) * scale, (o.y + o.h) * scale]
                draw.rectangle(corners, outline=LINE)
                draw.text((corners[0] + 2, corners[1]), o.category, fill=LINE)
        y, x = divmod(place, columns)
        sheet.paste(tile, (x * (TILE + GAP), y * (TILE + GAP)))
    with atomic(out) as temporary:
        sheet.save(temporary, format="PNG")
