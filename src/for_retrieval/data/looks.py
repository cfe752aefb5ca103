"""What images look like, and whether their files are still those that were prepared: each content decoded once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageStat

from for_retrieval.data.images import MISSING, BrokenImage, open_image
from for_retrieval.data.workers import for_images
from for_retrieval.files import file_hash, write_text

CHANGED = "changed since it was prepared"
_VERSION = 1  # of what a Look says; another one is decoded anew
_SHARD = 4096  # looks a file: what a killed run decodes again at most
_FLAT = 2.0  # of 255: grey values closer than this are compression noise, which says nothing of a picture


@dataclass(frozen=True)
class Look:
    """One image as decoded.

    width, height: px, upright. brightness: mean luminance, 0 (black) to 1 (white).
    fingerprint: 64-bit difference hash in hexadecimal; empty for a picture of one tone, which has none.
    """

    width: int
    height: int
    brightness: float
    fingerprint: str


def look_at(image: Image.Image) -> Look:
    """Brightness and fingerprint of an upright RGB image.

    The fingerprint has a bit for each of 8 x 8 steps from one cell to the next on its right: 1 where it gets
    brighter. Scaling, compression and a change of brightness or contrast leave nearly all of them as they are.
    """
    grey = image.convert("L")
    cells = np.asarray(grey.resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    bits = np.packbits((cells[:, 1:] > cells[:, :-1]).ravel()).tobytes()
    flat = int(cells.max()) - int(cells.min()) <= _FLAT
    return Look(*image.size, round(ImageStat.Stat(grey).mean[0] / 255, 4), "" if flat else bits.hex())


def look_at_all(
    paths: Sequence[Path], hashes: Sequence[str], cache: Path, processes: int, max_pixels: int, min_side: int
) -> list[Look | str]:
    """A look at each file, or a clause that says why there is none.

    `hashes` are the recorded sha256 of the files: a file with another one is not looked at. Every file is read
    to check that; only content that `cache` does not know is decoded, and then kept there.

    Raises:
        ForError: a worker process died, or the cache cannot be written.
    """
    known = _load(cache)
    items = [(path, content, content in known) for path, content in zip(paths, hashes, strict=True)]
    work = partial(_look, max_pixels=max_pixels, min_side=min_side)
    found: list[Look | str] = []
    new: dict[str, Look] = {}
    for (_, content, _), result in zip(items, for_images(work, items, processes), strict=True):
        if isinstance(result, Look):
            new[content] = result
        found.append(known[content] if result is None else result)
        if len(new) == _SHARD:
            _save(cache, new)
            new = {}
    if new:
        _save(cache, new)
    return found


def _look(item: tuple[Path, str, bool], max_pixels: int, min_side: int) -> Look | str | None:
    """None: the content is as recorded, and known."""
    path, content, known = item
    try:
        if file_hash(path) != content:
            return CHANGED
        return None if known else look_at(open_image(path, max_pixels, min_side))
    except FileNotFoundError:
        return MISSING
    except BrokenImage as error:
        return error.reason
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def _folder(cache: Path) -> Path:
    return cache / "looks" / f"v{_VERSION}"


def _load(cache: Path) -> dict[str, Look]:
    looks: dict[str, Look] = {}
    for path in sorted(_folder(cache).glob("[!.]*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            looks |= {digest: Look(*values) for digest, values in content.items()}
        except (ValueError, TypeError, AttributeError):
            path.unlink()  # cut short by a full disk, say; its images are decoded again
    return looks


def _save(cache: Path, looks: dict[str, Look]) -> None:
    text = json.dumps({digest: astuple(look) for digest, look in looks.items()})
    write_text(_folder(cache) / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json", text)
