from __future__ import annotations

import hashlib
import pickle
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from for_retrieval.records.images import EXTENSIONS, BrokenImage, ImageFacts, inspect, open_image

LIMITS = {"max_pixels": 1_000_000, "min_side": 8}
Picture = Callable[..., Path]


def _corner(path: Path) -> tuple[int, ...]:
    image = open_image(path, **LIMITS)
    assert image.mode == "RGB"
    return image.getpixel((1, 1))  # type: ignore[return-value]


def _save(path: Path, mode: str, colour: Any, **save: Any) -> Path:
    Image.new(mode, (20, 10), colour).save(path, **save)
    return path


def _reason(path: Path, **limits: int) -> str:
    with pytest.raises(BrokenImage) as caught:
        open_image(path, **{**LIMITS, **limits})
    assert str(caught.value) == f"{path}: {caught.value.reason}; replace or remove the file"
    return caught.value.reason


@pytest.mark.parametrize("ending", EXTENSIONS)
def test_every_listed_format_is_read(picture: Picture, ending: str) -> None:
    mode = "L" if ending == ".pgm" else "RGB"
    path = picture(f"x{ending}")
    Image.new(mode, (40, 30), 120 if mode == "L" else (120, 120, 120)).save(path)
    image = open_image(path, **LIMITS)
    assert (image.mode, image.size) == ("RGB", (40, 30))
    assert np.abs(np.asarray(image).astype(int) - 120).max() <= 3


def test_there_are_thirteen_endings() -> None:
    assert len(set(EXTENSIONS)) == 13


@pytest.mark.parametrize(
    ("name", "mode", "colour", "save", "expected"),
    [
        ("cmyk.jpg", "CMYK", (0, 255, 255, 0), {"quality": 100}, (254, 0, 0)),
        ("white-transparent.png", "RGBA", (0, 0, 255, 0), {}, (255, 255, 255)),
        ("half.png", "RGBA", (0, 0, 0, 128), {}, (127, 127, 127)),
        ("grey-alpha.png", "LA", (0, 0), {}, (255, 255, 255)),
        ("bits.png", "1", 1, {}, (255, 255, 255)),
        ("bits.tif", "1", 0, {}, (0, 0, 0)),
        ("palette.gif", "P", 0, {"transparency": 0}, (255, 255, 255)),
        ("palette.png", "P", 0, {"transparency": b"\x00"}, (255, 255, 255)),
        ("16.png", "I;16", 32896, {}, (128, 128, 128)),
        ("16.tif", "I;16", 65535, {}, (255, 255, 255)),
        ("16-dark.png", "I;16", 514, {}, (2, 2, 2)),
        ("float.tif", "F", 0.5, {}, (0, 0, 0)),
    ],
)
def test_every_mode_becomes_rgb(
    tmp_path: Path, name: str, mode: str, colour: Any, save: dict[str, Any], expected: tuple[int, ...]
) -> None:
    assert _corner(_save(tmp_path / name, mode, colour, **save)) == pytest.approx(expected, abs=2)


def test_a_float_image_uses_its_own_range(tmp_path: Path) -> None:
    ramp = np.linspace(-2, 6, 200, dtype=np.float32).reshape(10, 20)
    Image.fromarray(ramp).save(tmp_path / "ramp.tif")
    values = np.asarray(open_image(tmp_path / "ramp.tif", **LIMITS))
    assert (values.min(), values.max()) == (0, 255)


def test_palette_colours_are_kept(tmp_path: Path) -> None:
    image = Image.new("P", (20, 10), 7)
    image.putpalette([0, 0, 0] * 7 + [10, 200, 30])
    image.save(tmp_path / "p.png")
    assert _corner(tmp_path / "p.png") == (10, 200, 30)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.tif", "x.webp"])
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int, name: str) -> None:
    upright = Image.new("RGB", (32, 16), "black")
    upright.paste("white", (0, 0, 8, 8))
    undo = [None, None, 0, 3, 1, 5, 2, 6, 4][orientation]  # the transpose that a camera held so applies
    stored = upright if undo is None else upright.transpose(Image.Transpose(undo))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / name, exif=exif)
    image = open_image(tmp_path / name, **LIMITS)
    assert image.size == (32, 16)
    assert min(image.getpixel((3, 3))) > 200  # type: ignore[arg-type]
    facts = inspect(tmp_path / name, **LIMITS)
    assert (facts.width, facts.height) == (32, 16)


def test_damaged_exif_does_not_spoil_the_picture(picture: Picture) -> None:
    path = picture("x.jpg", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xffgarbage")
    assert open_image(path, **LIMITS).size == (40, 30)


@pytest.mark.parametrize("ending", [".gif", ".webp", ".png"])
def test_the_first_frame_counts(tmp_path: Path, ending: str) -> None:
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "blue", "lime")]
    frames[0].save(tmp_path / f"x{ending}", save_all=True, append_images=frames[1:], duration=50)
    assert _corner(tmp_path / f"x{ending}") == pytest.approx((254, 0, 0), abs=4)


@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif", ".webp", ".bmp", ".gif", ".jp2", ".avif", ".tga"])
def test_a_truncated_file_is_told(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"x{ending}"
    noise = np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert _reason(path)


@pytest.mark.parametrize("ending", [".jpg", ".png", ".bmp"])
def test_a_truncated_file_is_called_so(picture: Picture, ending: str) -> None:
    path = picture(f"x{ending}", (200, 200))
    path.write_bytes(path.read_bytes()[:-40] if ending != ".bmp" else path.read_bytes()[:5000])
    assert _reason(path) == "truncated file"


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.png").touch()
    assert _reason(tmp_path / "x.png") == "empty file"


@pytest.mark.parametrize("name", ["x.jpg", "x.tga"])
@pytest.mark.parametrize("content", [b"hello", b"<svg/>", bytes(64), b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_what_is_no_image_is_told(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert _reason(tmp_path / name) == "not an image of a supported format"


def test_formats_outside_the_list_are_not_parsed(tmp_path: Path) -> None:
    Image.new("RGB", (20, 10)).save(tmp_path / "x.pcx")
    (tmp_path / "x.pcx").rename(tmp_path / "x.jpg")
    assert _reason(tmp_path / "x.jpg") == "not an image of a supported format"


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert _reason(tmp_path / "x.png") == "missing file"


def test_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.png").mkdir()
    assert _reason(tmp_path / "x.png") == "cannot be read (Is a directory)"


def test_a_single_pixel_is_too_small(picture: Picture) -> None:
    assert _reason(picture("x.png", (1, 1))) == "1 x 1 px, a side below data.min_side (8)"


def _png(width: int, height: int, data: bytes) -> bytes:
    """A PNG with a header of any size and any compressed data."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_a_hundred_megapixels_are_refused_from_the_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    path = tmp_path / "x.png"
    path.write_bytes(_png(10_000, 10_000, zlib.compress(b"")))
    assert _reason(path, max_pixels=60_000_000) == "10000 x 10000 px, more than data.max_pixels (60000000)"


def test_what_pillow_itself_calls_a_bomb_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(_png(100_000, 100_000, b""))
    assert _reason(tmp_path / "x.png") == "more pixels than Pillow decodes (179 million)"


@pytest.mark.parametrize("name", ["my photo.png", "Käfer.png", "two\nlines.png", "'quoted'.png", "日本.png"])
def test_any_file_name_is_read(picture: Picture, name: str) -> None:
    path = picture(name)
    assert inspect(path, **LIMITS) == ImageFacts(40, 30, hashlib.sha256(path.read_bytes()).hexdigest())


def test_a_message_is_one_line_whatever_the_name(tmp_path: Path) -> None:
    message = str(BrokenImage(tmp_path / "two\nlines.png", "empty file"))
    assert "\n" not in message
    assert r"two\nlines.png" in message


def test_a_broken_image_survives_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(BrokenImage(Path("x.png"), "empty file")))
    assert isinstance(error, BrokenImage)
    assert (error.path, error.reason) == (Path("x.png"), "empty file")
