"""The annotation formats. A new one is a file in this folder that defines FORMAT, and its name in KINDS.

This file is light: the command line takes the names for its help from here. Readers are imported when they are used.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from for_retrieval.errors import UsageError, nearest, printable

if TYPE_CHECKING:
    from for_retrieval.records.readers.format import Format, Place, Places

# Values of `data.kind`, in the order in which a folder is tried.
KINDS = ("nuimages", "yolo", "voc", "coco", "panoptic", "lvis", "webdataset", "folder")


def format_of(kind: str) -> Format:
    """The format of a `data.kind`; UsageError if there is none."""
    if kind not in KINDS:
        raise UsageError(f"{kind!r} is not a kind of data set; {nearest(kind, KINDS)}")
    found: Format = import_module(f"{__name__}.{kind}").FORMAT
    return found


def detect(folder: Path, kind: str | None, annotations: Places | None) -> Place:
    """The set in `folder` as the first format in KINDS finds it; `kind` and `annotations` are what the user named.

    Raises UsageError: an unknown kind, no set of that kind, or several annotation files without a clear choice.
    """
    from for_retrieval.records.readers.format import Place

    tried = KINDS if kind is None else (kind,)
    if annotations is not None:
        first = folder / (annotations if isinstance(annotations, str) else next(iter(annotations.values())))
        kind = kind or next(name for name in tried if format_of(name).fits(first))
        if remark := format_of(kind).unannotated:
            raise UsageError(remark)
        return Place(kind, format_of(kind).images(folder, annotations), annotations)
    for name in tried:
        if found := format_of(name).find(folder, kind is not None):
            return found
    raise UsageError(format_of(tried[0]).missing.format(printable(folder)))
