"""Which reader reads which `data.kind`, and where its images lie."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from pathlib import Path

from for_retrieval.params import Data
from for_retrieval.records.readers.annotations import join_parts
from for_retrieval.records.readers.coco import read_coco
from for_retrieval.records.readers.folder import read_folder, require_folder
from for_retrieval.records.readers.lvis import read_lvis
from for_retrieval.records.readers.nuimages import read_nuimages
from for_retrieval.records.readers.panoptic import read_panoptic
from for_retrieval.records.readers.voc import read_voc
from for_retrieval.records.readers.webdataset import read_webdataset
from for_retrieval.records.readers.yolo import read_yolo
from for_retrieval.records.records import Source

# What `data.annotations` names, a file or a folder, is all that these need.
_FROM_ANNOTATIONS: dict[str, Callable[[Path], Source]] = {
    "coco": read_coco,
    "panoptic": read_panoptic,
    "lvis": read_lvis,
    "nuimages": read_nuimages,
    "voc": read_voc,
    "yolo": read_yolo,
}


def read_source(data: Data, root: Path, unpacked: Path) -> tuple[Source, str]:
    """What the set holds, and the folder of its images as `DatasetInfo.root` has it.

    root: the project folder. unpacked: where the images of shards may be written.

    Raises:
        ForError: the data is bad, or not there.
    """
    if data.kind == "webdataset":
        return read_webdataset(root / data.root, root / unpacked), unpacked.as_posix()
    inside = data.images if isinstance(data.images, str) else "."
    place = posixpath.normpath(posixpath.join(data.root, inside))
    if data.kind == "folder":
        return read_folder(root / place), place
    read, base = _FROM_ANNOTATIONS[data.kind], root / data.root
    if isinstance(data.annotations, str):
        source = read(base / data.annotations)
    else:
        folders = {} if isinstance(data.images, str) else {str(part): at for part, at in data.images.items()}
        source = join_parts({part: read(base / at) for part, at in data.annotations.items()}, folders)
    require_folder(root / place)
    return source, place
