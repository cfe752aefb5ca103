"""One small set for each format, in the official schema; what is in each is counted by hand beside it."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

Content = dict[str, Any]
Change = Callable[[Any], object]


def as_it_is(_: Any) -> None:
    """No change."""


def pixels(number: int, size: tuple[int, int] = (40, 30), kind: str = "PNG") -> bytes:
    """A picture of one colour, which differs by number."""
    file = io.BytesIO()
    Image.new("RGB", size, (number * 8 % 256, number * 3 % 256, 90)).save(file, kind)
    return file.getvalue()


def write(path: Path, content: bytes | str | list[Any] | Content) -> Path:
    """Write bytes, text, or JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


# LVIS: 4 train images, 2 val images; bow (weapon) and bow (ribbon) would both be "bow"; car_(automobile) is car.
LVIS_CATEGORIES = [
    {"id": 1, "name": "car_(automobile)", "synonyms": ["car_(automobile)", "auto_(automobile)"], "frequency": "f"},
    {"id": 2, "name": "bow_(weapon)", "synonyms": ["bow_(weapon)"], "frequency": "r"},
    {"id": 3, "name": "bow_(decorative_ribbons)", "synonyms": ["bow_(decorative_ribbons)"], "frequency": "c"},
    {"id": 4, "name": "fire_hydrant", "synonyms": ["fire_hydrant", "fireplug"], "frequency": "c"},
]


def lvis_image(number: int, part: str, absent: list[int], partly: list[int]) -> Content:
    """As lvis_v1_train.json has it: no file_name, and a coco_url that says where the image is."""
    return {
        "id": number,
        "width": 40,
        "height": 30,
        "license": 1,
        "flickr_url": "http://farm9.staticflickr.com/1/1_z.jpg",
        "coco_url": f"http://images.cocodataset.org/{part}2017/{number:012d}.jpg",
        "date_captured": "2013-11-14 11:18:45",
        "neg_category_ids": absent,
        "not_exhaustive_category_ids": partly,
    }


def lvis_box(number: int, image: int, category: int, box: list[float]) -> Content:
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": box,
        "area": box[2] * box[3],
        "segmentation": [[1, 1, 5, 1, 5, 5]],
    }


def lvis(folder: Path, change: Change = as_it_is) -> Path:
    """Train: images 1 to 4 with 4 boxes, one of no area. Val: images 5 and 6 with 2 boxes."""
    train = {
        "info": {},
        "licenses": [],
        "images": [
            lvis_image(1, "train", [2], [4]),
            lvis_image(2, "train", [1, 3], []),
            lvis_image(3, "train", [4], [4]),  # contradicts itself: the hydrant is partly labelled
            lvis_image(4, "train", [1], []),  # contradicts annotation 13
        ],
        "annotations": [
            lvis_box(10, 1, 1, [0, 0, 10, 10]),
            lvis_box(11, 1, 4, [5, 5, 10, 20]),
            lvis_box(12, 2, 2, [4, 4, 0, 3]),
            lvis_box(13, 4, 1, [20, 10, 20, 20]),
        ],
        "categories": LVIS_CATEGORIES,
    }
    val = {
        "images": [lvis_image(5, "val", [1], []), lvis_image(6, "val", [], [])],
        "annotations": [lvis_box(20, 5, 3, [1, 1, 5, 5]), lvis_box(21, 6, 2, [1, 1, 30, 5])],
        "categories": LVIS_CATEGORIES,
    }
    change(train)
    write(folder / "lvis_v1_train.json", train)
    write(folder / "lvis_v1_val.json", val)
    for number in range(1, 7):
        part = "train" if number < 5 else "val"
        write(folder / f"{part}2017" / f"{number:012d}.jpg", pixels(number, kind="JPEG"))
    return folder


def panoptic(folder: Path, change: Change = as_it_is) -> Path:
    """Two images, 3 segments of things (one a crowd) and 2 of stuff."""
    content = {
        "images": [
            {"id": n, "file_name": f"{n:012d}.jpg", "width": 40, "height": 30, "coco_url": f"http://x/val2017/{n}.jpg"}
            for n in (139, 285)
        ],
        "annotations": [
            {
                "image_id": 139,
                "file_name": "000000000139.png",
                "segments_info": [
                    {"id": 3226956, "category_id": 1, "iscrowd": 0, "bbox": [10, 5, 6, 13], "area": 50},
                    {"id": 6979964, "category_id": 184, "iscrowd": 0, "bbox": [0, 0, 40, 30], "area": 900},
                ],
            },
            {
                "image_id": 285,
                "file_name": "000000000285.png",
                "segments_info": [
                    {"id": 3226956, "category_id": 23, "iscrowd": 0, "bbox": [0, 9, 29, 21], "area": 300},
                    {"id": 7, "category_id": 1, "iscrowd": 1, "bbox": [30, 1, 9, 9], "area": 80},
                    {"id": 8, "category_id": 193, "iscrowd": 0, "bbox": [0, 0, 40, 10], "area": 200},
                ],
            },
        ],
        "categories": [
            {"supercategory": "person", "isthing": 1, "id": 1, "name": "person", "color": [220, 20, 60]},
            {"supercategory": "animal", "isthing": 1, "id": 23, "name": "bear", "color": [209, 226, 140]},
            {"supercategory": "plant", "isthing": 0, "id": 184, "name": "tree-merged", "color": [107, 255, 200]},
            {"supercategory": "plant", "isthing": 0, "id": 193, "name": "grass-merged", "color": [152, 251, 152]},
        ],
    }
    change(content)
    write(folder / "annotations" / "panoptic_val2017.json", content)
    for n in (139, 285):
        write(folder / "val2017" / f"{n:012d}.jpg", pixels(n, kind="JPEG"))
    return folder


def nuimages(folder: Path, change: Change = as_it_is) -> Path:
    """Mini: 3 key frames, of which one has objects, one a surface only, one nothing; 1 frame between; 3 objects."""
    names = {"ka": "n1__CAM_FRONT__1.jpg", "kb": "n1__CAM_BACK__2.jpg", "kc": "n1__CAM_BACK__3.jpg"}
    frames = [
        {
            "token": token,
            "sample_token": f"s{token}",
            "ego_pose_token": "e",
            "calibrated_sensor_token": "c",
            "filename": f"samples/{name.split('__')[1]}/{name}",
            "fileformat": "jpg",
            "width": 40,
            "height": 30,
            "timestamp": 1,
            "is_key_frame": True,
            "prev": "",
            "next": "",
        }
        for token, name in names.items()
    ]
    between = {**frames[0], "token": "between", "filename": "sweeps/CAM_FRONT/x.jpg", "is_key_frame": False}
    category = ["vehicle.car", "human.pedestrian.adult", "vehicle.bus.bendy", "flat.driveable_surface", "vehicle.ego"]
    attribute = ["vehicle.parked", "pedestrian.moving", "vertical_position.on_ground"]
    tables = {
        "sample_data": [*frames, between],
        "category": [{"token": f"t-{name}", "name": name, "description": ""} for name in category],
        "attribute": [{"token": f"a-{name}", "name": name, "description": ""} for name in attribute],
        "object_ann": [
            {
                "token": f"o{number}",
                "sample_data_token": "ka",
                "category_token": f"t-{name}",
                "attribute_tokens": [f"a-{entry}" for entry in said],
                "bbox": box,
                "mask": {"size": [900, 1600], "counts": "x"},
            }
            for number, (name, said, box) in enumerate(
                [
                    ("vehicle.car", ["vehicle.parked"], [0, 10, 20, 30]),
                    ("human.pedestrian.adult", ["pedestrian.moving", "vertical_position.on_ground"], [30, 5, 35, 25]),
                    ("vehicle.bus.bendy", [], [20, 0, 40, 12]),
                ]
            )
        ],
        "surface_ann": [
            {"token": "u1", "sample_data_token": "kb", "category_token": "t-flat.driveable_surface", "mask": None}
        ],
    }
    change(tables)
    for name, table in tables.items():
        write(folder / "v1.0-mini" / f"{name}.json", table)
    for number, frame in enumerate(frames):
        write(folder / str(frame.get("filename", "none.jpg")), pixels(number, kind="JPEG"))
    return folder


VOC_XML = """<annotation>
	<folder>VOC2012</folder>
	<filename>{name}.jpg</filename>
	<source><database>The VOC2007 Database</database><image>flickr</image></source>
	<size><width>40</width><height>30</height><depth>3</depth></size>
	<segmented>0</segmented>
{objects}</annotation>
"""
VOC_OBJECT = """	<object>
		<name>{name}</name>
		<pose>Unspecified</pose>
		<truncated>{truncated}</truncated>
		<difficult>{difficult}</difficult>
		<bndbox><xmin>{box[0]}</xmin><ymin>{box[1]}</ymin><xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox>
		<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>4</xmax><ymax>4</ymax></bndbox></part>
	</object>
"""


def voc_object(name: str, box: tuple[Any, ...], truncated: int = 0, difficult: int = 0) -> str:
    return VOC_OBJECT.format(name=name, box=box, truncated=truncated, difficult=difficult)


def voc(folder: Path) -> Path:
    """Train: 3 images, val: 2; 4 objects of 3 categories; one listed image has no annotation."""
    objects = {
        "2007_000001": voc_object("person", (1, 1, 40, 30)) + voc_object("dog", (11, 6, 20, 25), truncated=1),
        "2007_000002": voc_object("aeroplane", (5.5, 5, 10, 10), difficult=1),
        "2007_000003": "",
        "2007_000004": voc_object("dog", (1, 1, 10, 10)),
        "2007_000005": "",
    }
    for number, (name, its) in enumerate(objects.items()):
        write(folder / "Annotations" / f"{name}.xml", VOC_XML.format(name=name, objects=its))
        write(folder / "JPEGImages" / f"{name}.jpg", pixels(number, kind="JPEG"))
    names = list(objects)
    lists = folder / "ImageSets" / "Main"
    write(lists / "train.txt", "\n".join(names[:3]) + "\n")
    write(lists / "val.txt", "\n".join([*names[3:], "2007_000099"]) + "\n")
    write(lists / "trainval.txt", "\n".join(names) + "\n")
    write(lists / "dog_train.txt", f"{names[0]}  1\n{names[1]} -1\n")
    return folder


def yolo(folder: Path, **changes: Any) -> Path:
    """Train: 3 images, one without labels; val: 1; 4 labels of which one is an outline. Names by number."""
    config = {"path": "../datasets/coco8", "train": "images/train", "val": "images/val", "test": None}
    content = {**config, "names": {0: "person", 1: "bicycle", 2: "car"}, **changes}
    write(folder / "data.yaml", "# COCO8\n" + yaml.safe_dump(content, sort_keys=False))
    for number, name in enumerate(("train/a", "train/b", "train/c", "val/d")):
        write(folder / "images" / f"{name}.jpg", pixels(number, kind="JPEG"))
    write(folder / "labels" / "train" / "a.txt", "2 0.5 0.5 0.5 1\n0 0.25 0.5 0.1 0.2\n")
    write(folder / "labels" / "train" / "b.txt", "1 0.1 0.1 0.5 0.1 0.5 0.6\n\n")
    write(folder / "labels" / "val" / "d.txt", "0 0.9 0.9 0.4 0.4")
    return folder


def tar(path: Path, members: dict[str, bytes | str]) -> Path:
    """A shard with these members."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            data = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def webdataset(folder: Path) -> Path:
    """Train: 3 images with 2 boxes, 1 class and 2 captions; test: 1 image of a class; 1 sample has no image."""
    boxes = [
        {"bbox": [1, 2, 10, 10], "category": "car", "attributes": {"color": "red"}},
        {"bbox": [0, 0, 40, 30], "category": "street"},
    ]
    tar(
        folder / "train-000000.tar",
        {
            "sub/0001.jpg": pixels(1, kind="JPEG"),
            "sub/0001.json": json.dumps({"objects": boxes, "caption": "a red car"}),
            "0002.png": pixels(2),
            "0002.txt": "nothing to see",
            "0002.seg.png": b"not an image, and not taken for one",
        },
    )
    tar(
        folder / "train-000001.tar",
        {"0001.png": pixels(3), "0001.cls": "1", "0002.txt": "words of an image that is gone"},
    )
    tar(folder / "test-000000.tar", {"x.y.png": b"", "0001.webp": pixels(4, kind="WEBP"), "0001.cls": "dog"})
    write(folder / "classnames.txt", "cat\nfox\n")
    return folder
