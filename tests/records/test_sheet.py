"""Contact sheets: what is drawn where, and what happens to images that cannot be drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from for_retrieval.errors import UsageError
from for_retrieval.records.records import DatasetInfo, Records
from for_retrieval.records.sheet import CAPTION, CELL, GAP, TITLE, WELL, Cell, Group, clip, draw_sample, draw_sheet

Picture = Callable[..., Path]
GREEN = (26, 127, 55)


def colours(sheet: Image.Image, cell: tuple[int, int], top: int) -> dict[tuple[int, ...], int]:
    """Colour -> pixels, in the cell at (row, column) of a sheet without captions."""
    x, y = GAP + cell[1] * (CELL + GAP), top + cell[0] * (CELL + GAP)
    found = sheet.crop((x, y, x + CELL, y + CELL)).getcolors(1 << 20) or []
    return {colour: count for count, colour in found}  # type: ignore[misc]


def test_groups_stand_one_below_the_other_in_rows(picture: Picture, tmp_path: Path) -> None:
    one = picture("a.png", (40, 40), (0, 0, 255))
    groups = [Group("first", [Cell(one, f"{n}.") for n in range(5)]), Group("", [Cell(one)])]
    draw_sheet(groups, tmp_path / "new" / "sheet.png", columns=3)
    sheet = Image.open(tmp_path / "new" / "sheet.png")
    assert sheet.size == (GAP + 3 * (CELL + GAP), TITLE + 2 * (CELL + CAPTION + GAP) + GAP + CELL + GAP)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["sheet.png"]


def test_boxes_are_drawn_in_place_with_their_labels(picture: Picture, tmp_path: Path) -> None:
    """A box over the right half of a picture twice as wide as high, which fills the middle half of its cell."""
    one = picture("a.png", (80, 40), (0, 0, 255))
    half, outside = (40, 0, 40, 40), (100, 100, 5, 5)
    draw_sheet(
        [Group("", [Cell(one, "", [(half, "")]), Cell(one, "", [(outside, "")])], "#1a7f37")], tmp_path / "s.png", 2
    )
    sheet = Image.open(tmp_path / "s.png").convert("RGB")
    left, top = GAP, GAP + CELL // 4
    assert sheet.getpixel((left + CELL // 2, top + 30)) == GREEN
    assert sheet.getpixel((left + CELL // 4, top + 30)) == (0, 0, 255)
    assert sheet.getpixel((left + 3 * CELL // 4, top + 30)) == (0, 0, 255)
    draw_sheet([Group("", [Cell(one, "", [((40, 20, 10, 10), "a label")])], "#1a7f37")], tmp_path / "t.png", 2)
    plain, labelled = (colours(Image.open(tmp_path / f"{name}.png"), (0, 0), GAP) for name in "st")
    assert (255, 255, 255) not in plain
    assert labelled[GREEN] > 500
    assert (255, 255, 255) in labelled


def test_a_framed_group_has_a_frame_around_each_image(picture: Picture, tmp_path: Path) -> None:
    one = picture("a.png", (80, 40), (0, 0, 255))
    draw_sheet([Group("won", [Cell(one)], "#1a7f37", framed=True)], tmp_path / "s.png", 5)
    sheet = Image.open(tmp_path / "s.png").convert("RGB")
    assert sheet.getpixel((GAP + CELL // 2, TITLE + CELL // 4)) == GREEN
    assert sheet.getpixel((GAP + CELL // 2, TITLE + CELL // 4 - 1)) == tuple(bytes.fromhex(WELL[1:]))
    assert any(colour == GREEN for _, colour in sheet.crop((0, 0, sheet.width, TITLE)).getcolors(1 << 16) or [])


def test_an_image_that_cannot_be_opened_becomes_a_cell_with_the_reason(picture: Picture, tmp_path: Path) -> None:
    cells = [Cell(tmp_path / "none.png"), Cell(picture("a.png"))]
    draw_sheet([Group("", cells)], tmp_path / "s.png", 2)
    missing = colours(Image.open(tmp_path / "s.png").convert("RGB"), (0, 0), GAP)
    assert missing[tuple(bytes.fromhex(WELL[1:]))] > 0.9 * CELL * CELL
    assert len(missing) > 2, "the reason is written"


def test_no_images_give_an_empty_sheet(tmp_path: Path) -> None:
    draw_sheet([Group("nothing", [])], tmp_path / "s.png", 5)
    assert Image.open(tmp_path / "s.png").size == (GAP + CELL + GAP, TITLE)


def test_only_png_is_written(picture: Picture, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"s.jpg must be a PNG file; give it a name that ends in .png"):
        draw_sheet([Group("", [Cell(picture("a.png"))])], tmp_path / "s.jpg", 5)
    assert not (tmp_path / "s.jpg").exists()


@pytest.mark.parametrize(
    ("box", "inside"),
    [
        ((1, 2, 3, 4), (1, 2, 3, 4)),
        ((-5, -5, 10, 10), (0, 0, 5, 5)),
        ((35, 25, 99, 99), (35, 25, 5, 5)),
        ((50, 50, 5, 5), (40, 30, 0, 0)),
    ],
)
def test_boxes_are_clipped_to_their_image(box: tuple[float, ...], inside: tuple[float, ...]) -> None:
    assert clip(box, 40, 30) == inside  # type: ignore[arg-type]


def test_a_sample_is_spread_evenly(picture: Picture, tmp_path: Path) -> None:
    """Of 10 images in shades of blue, 4 are shown: 0, 3, 6 and 9."""
    rows = []
    for number in range(10):
        picture(f"{number}.png", (32, 32), (0, 0, 25 * number))
        rows.append((str(number), f"{number}.png", 32, 32, "0" * 64, "train"))
    images = pd.DataFrame(rows, columns=["image_id", "path", "width", "height", "hash", "split"])
    objects = pd.DataFrame(
        [("3", 2, 2, 20, 20, "car", "{}", False)],
        columns=["image_id", "x", "y", "w", "h", "category", "attributes", "crowd"],
    )
    records = Records(images, objects, DatasetInfo("blue", ".", ["car"], []))
    for boxes in (False, True):
        draw_sample(records, tmp_path, tmp_path / "s.png", 4, boxes)
        sheet = Image.open(tmp_path / "s.png").convert("RGB")
        found = [colours(sheet, (place // 3, place % 3), GAP) for place in range(4)]
        assert [max(cell, key=lambda colour: cell[colour])[2] for cell in found] == [0, 75, 150, 225]
        assert [(232, 39, 27) in cell for cell in found] == [False, boxes, False, False]
    draw_sample(records, tmp_path, tmp_path / "s.png", 200, False)
    assert Image.open(tmp_path / "s.png").width == GAP + 5 * (CELL + GAP)
