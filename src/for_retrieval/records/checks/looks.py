"""Fingerprints of images, cached by content, and whether files have changed since they were prepared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageStat

from for_retrieval.files import file_hash, write_text
from for_retrieval.records.images import MISSING, BrokenImage, open_image
from for_retrieval.records.workers import for_images

CHANGED = "changed since it was prepared"
_VERSION = 1  # of the fields of Look; entries of another version are ignored
_SHARD = 4096  # looks per file: the most that a killed run has to decode again
_FLAT = 2.0  # of 255: smaller differences of grey are compression noise


class Look(NamedTuple):
    """A decoded image."""

    width: int  # px, upright
    height: int
    brightness: float  # mean luminance, 0 (black) to 1 (white)
    fingerprint: str  # 64-bit difference hash in hexadecimal; empty for an image of one tone, which has none


def look_at(image: Image.Image) -> Look:
    """Brightness and fingerprint of an upright RGB image.

    The fingerprint has one bit for each of 8 x 8 steps from a cell to the next on its right: 1 if that is brighter.
    Scaling, compression and changes of brightness or contrast keep nearly all bits.
    """
    grey = image.convert("L")
    cells = np.asarray(grey.resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    bits = np.packbits((cells[:, 1:] > cells[:, :-1]).ravel()).tobytes()
    flat = int(cells.max()) - int(cells.min()) <= _FLAT
    return Look(*image.size, round(ImageStat.Stat(grey).mean[0] / 255, 4), "" if flat else bits.hex())


def look_at_all(
    paths: Sequence[Path], hashes: Sequence[str], cache: Path, processes: int, max_pixels: int, min_side: int
) -> list[Look | str]:
    """The look of each file, or a clause that says why there is none.

    hashes: the recorded sha256 of the files, to which each is compared. Only content that is not in `cache` is decoded,
    and then added to it. Raises ForError: a worker process died, or the cache cannot be written.
    """
    folder = cache / "looks" / f"v{_VERSION}"
    known = _load(folder)
    pairs = list(zip(paths, hashes, strict=True))
    with ThreadPoolExecutor(processes) as pool:  # reading and hashing need no process of their own
        problems = list(pool.map(lambda pair: _problem(*pair) if pair[1] in known else None, pairs))
    todo = [(path, content) for path, content in pairs if content not in known]
    work = partial(_look, max_pixels=max_pixels, min_side=min_side)
    results = zip(todo, for_images(work, todo, processes), strict=True)
    others: dict[tuple[Path, str], Look | str] = {}
    while some := list(islice(results, _SHARD)):
        others |= dict(some)
        if new := {content: look for (_, content), look in some if isinstance(look, Look)}:
            text = json.dumps(new)
            write_text(folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json", text)
    return [problem or known.get(pair[1]) or others[pair] for pair, problem in zip(pairs, problems, strict=True)]


def _look(item: tuple[Path, str], max_pixels: int, min_side: int) -> Look | str:
    try:
        return _problem(*item) or look_at(open_image(item[0], max_pixels, min_side))
    except BrokenImage as error:
        return error.reason


def _problem(path: Path, content: str) -> str | None:
    try:
        return None if file_hash(path) == content else CHANGED
    except FileNotFoundError:
        return MISSING
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def _load(folder: Path) -> dict[str, Look]:
    looks: dict[str, Look] = {}
    for path in sorted(folder.glob("[!.]*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            looks |= {digest: Look(*values) for digest, values in content.items()}
        except (ValueError, TypeError, AttributeError):
            path.unlink()  # truncated, by a full disk for example; its images are decoded again
    return looks


Bits = NDArray[np.uint64]
_BLOCK = 2048  # fingerprints that are compared with a whole bucket at a time: 2048 x 8192 distances are 16 MB


def near_pairs(fingerprints: Bits, most: int) -> NDArray[np.int64]:
    """All pairs [n, 2], each with the smaller index first, of fingerprints that differ in at most `most` bits.

    Two such fingerprints agree in at least one of most + 1 bands. So only those with an equal band are compared, and
    no pair is missed. Equal fingerprints are compared once.
    """
    unique, first, inverse = np.unique(fingerprints, return_index=True, return_inverse=True)
    rows = np.arange(len(fingerprints))
    # Of a group of equal ones, the first stands for all: each image is paired with the first of each near group.
    members = pd.DataFrame({"group": inverse, "row": rows})
    found = [np.stack([first[inverse], rows], axis=1)[rows != first[inverse]]]
    near = _between_unique(unique, most)
    for one, other in ((0, 1), (1, 0)):
        pairs = pd.DataFrame({"group": near[:, other], "first": first[near[:, one]]}).merge(members)
        found.append(pairs[["first", "row"]].to_numpy(np.int64))
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def _between_unique(unique: Bits, most: int) -> NDArray[np.int64]:
    edges = np.linspace(0, 64, most + 2).round().astype(int)
    found = [np.empty((0, 2), np.int64)]
    for low, high in pairwise(edges):
        band = unique & np.uint64(((1 << int(high - low)) - 1) << int(low))
        order = np.argsort(band, kind="stable")
        buckets = np.split(order, np.flatnonzero(np.diff(band[order])) + 1)
        blocks = ((b[start : start + _BLOCK], b) for b in buckets if len(b) > 1 for start in range(0, len(b), _BLOCK))
        for rows, bucket in blocks:
            distance = np.bitwise_count(unique[rows][:, None] ^ unique[bucket][None, :])
            row, column = np.nonzero(distance <= most)
            pairs = np.stack([rows[row], bucket[column]], axis=1)
            found.append(pairs[pairs[:, 0] < pairs[:, 1]])
    return np.unique(np.concatenate(found), axis=0)
