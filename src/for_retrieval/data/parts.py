"""Sets that come in parts, a file each for train, val and test: read one by one, and joined here."""

from __future__ import annotations

import dataclasses
import posixpath
from collections import Counter
from collections.abc import Mapping

import pandas as pd

from for_retrieval.data.records import Source


def join_parts(sources: Mapping[str, Source], folders: Mapping[str, str]) -> Source:
    """One `Source` of several, by the part (train, val or test) that each is.

    folders: part -> where its images lie, below the image folder of the set; those of other parts lie in it itself.
    Image ids stay as they are, unless two parts use the same one: then all get their part before them (``val/12``).
    """
    ids = Counter(image_id for source in sources.values() for image_id in source.images["image_id"])
    clash = any(count > 1 for count in ids.values())
    moved = {
        part: _placed(source, folders.get(part, "."), f"{part}/" if clash else "") for part, source in sources.items()
    }
    negatives = [source.negatives for source in moved.values() if source.negatives is not None]
    dropped: dict[str, int] = {}
    synonyms: dict[str, list[str]] = {}
    hypernyms: dict[str, list[str]] = {}
    group_of: dict[str, str] = {}  # the first part decides
    for source in moved.values():
        dropped = {key: dropped.get(key, 0) + source.dropped.get(key, 0) for key in [*dropped, *source.dropped]}
        synonyms, hypernyms = {**source.synonyms, **synonyms}, {**source.hypernyms, **hypernyms}
        group_of = {name: group for group, names in source.groups.items() for name in names} | group_of
    categories = list(dict.fromkeys(name for source in moved.values() for name in source.categories))
    groups = dict.fromkeys(group for source in moved.values() for group in source.groups)
    return Source(
        images=pd.concat([source.images for source in moved.values()], ignore_index=True),
        objects=pd.concat([source.objects for source in moved.values()], ignore_index=True),
        categories=categories,
        synonyms=synonyms,
        hypernyms=hypernyms,
        broken=[entry for source in moved.values() for entry in source.broken],
        dropped=dropped,
        parts={image_id: part for part, source in moved.items() for image_id in source.images["image_id"]},
        groups={group: [name for name in categories if group_of.get(name) == group] for group in groups},
        negatives=pd.concat(negatives, ignore_index=True) if negatives else None,
        captions={image_id: text for source in moved.values() for image_id, text in source.captions.items()},
    )


def _placed(source: Source, folder: str, prefix: str) -> Source:
    """The source with `folder` before every path, and `prefix` before every image id."""
    paths = [posixpath.normpath(posixpath.join(folder, path)) for path in source.images["path"]]
    negatives = source.negatives
    if negatives is not None:
        negatives = negatives.assign(image_id=prefix + negatives["image_id"])
    return dataclasses.replace(
        source,
        images=source.images.assign(image_id=prefix + source.images["image_id"], path=paths),
        objects=source.objects.assign(image_id=prefix + source.objects["image_id"]),
        negatives=negatives,
        captions={prefix + image_id: text for image_id, text in source.captions.items()},
        broken=[
            {**entry, "path": posixpath.normpath(posixpath.join(folder, entry["path"]))} for entry in source.broken
        ],
    )
