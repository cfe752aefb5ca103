"""`for-cli data convert`: write a set of any format as a COCO folder, which import recognises without options."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, Unpack

import pandas as pd

from for_retrieval.errors import ForError, UsageError, printable
from for_retrieval.files import write_json, write_text
from for_retrieval.records.importer import Found, Options, read_without_project, require_usable, summary
from for_retrieval.records.readers.source import leaves
from for_retrieval.records.records import Records


def convert(folder: Path, out: Path, processes: int, **options: Unpack[Options]) -> Found:
    """Write the set in `folder` as a COCO folder `out`: images, annotations.json, and the lists that import reads.

    The lists are splits.json and, with labels, categories.json (base, novel) and queries.json (words of queries). Image
    files are hard-linked where the disk allows it, and copied elsewhere. Broken images and dropped objects are left
    out, and so are LVIS's negatives, which COCO does not have. `out` appears only when it is complete. Raises
    UsageError: `out` exists, or as `describe`. ForError: the data is invalid, too many images are broken, or the disk
    is full.
    """
    if out.exists():
        raise UsageError(f"{printable(out)} exists already; name a new folder")
    whole = out.absolute()
    partial = whole.with_name(f".{out.name}.{os.getpid()}")
    unpacked = partial / ".unpacked"
    try:
        data, records, captions = read_without_project(folder, unpacked, processes, **options)
        found = summary(data, records)
        require_usable(found)
        names = _place_images(records, folder, partial / "images")
        content = coco_content(records, names, captions)
        write_text(partial / "annotations.json", json.dumps(content, ensure_ascii=False))
        splits = pd.Series(names).groupby(records.images["split"]).apply(list)
        write_json(partial / "splits.json", splits.to_dict())
        if found["categories"]:
            write_json(partial / "categories.json", {key: found[key] for key in ("base", "novel")})
            words = {key: getattr(records.info, key) for key in ("synonyms", "hypernyms", "attributes")}
            write_json(partial / "queries.json", words)
        shutil.rmtree(unpacked, ignore_errors=True)
        partial.rename(whole)
    except OSError as error:
        raise ForError(f"{printable(out)} cannot be written ({error.strerror})") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    if records.negatives is not None:
        found["dropped"]["negatives"] = len(records.negatives)
    return found


def _place_images(records: Records, folder: Path, target: Path) -> list[str]:
    """Link or copy all images into `target`; returns their paths below it, in the order of the records."""
    names = []
    for number, (path, source) in enumerate(zip(records.images["path"], records.paths(folder), strict=True)):
        name = f"{number:08d}{source.suffix}" if leaves(path) else path  # parts may lie outside the folder of the set
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source.resolve(), place)
        except OSError:  # another disk, or one without hard links
            shutil.copyfile(source, place)
        names.append(name)
    return names


def coco_content(records: Records, names: list[str], captions: dict[str, str]) -> dict[str, Any]:
    """The records as a COCO instances file.

    names: the path of each image below the image folder. Ids are numbers: those of the images, if all of them are
    numbers already, and otherwise from 1 on. Beyond COCO, images may have a ``caption``, and annotations have
    ``attributes``, as CVAT writes them.
    """
    info, images = records.info, records.images
    ids = images["image_id"].tolist()
    kept = all(text.isdecimal() and str(int(text)) == text for text in ids)
    numbers = {image_id: int(image_id) if kept else number for number, image_id in enumerate(ids, 1)}
    categories = {name: number for number, name in enumerate([*info.base, *info.novel], 1)}
    return {
        "info": {"description": info.name},
        "images": [
            {"id": numbers[row.image_id], "file_name": name, "width": row.width, "height": row.height}
            | ({"caption": captions[row.image_id]} if row.image_id in captions else {})
            for row, name in zip(images.itertuples(), names, strict=True)
        ],
        "annotations": [
            {
                "id": number,
                "image_id": numbers[row.image_id],
                "category_id": categories[row.category],
                "bbox": [float(side) for side in (row.x, row.y, row.w, row.h)],
                "area": float(row.w) * float(row.h),
                "iscrowd": int(row.crowd),
                "attributes": json.loads(row.attributes),
            }
            for number, row in enumerate(records.objects.itertuples(), 1)
        ],
        "categories": [{"id": number, "name": name} for name, number in categories.items()],
    }
