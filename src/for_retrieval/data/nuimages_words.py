"""What to ask for the 23 object categories of nuImages, whose names are paths such as ``vehicle.bus.bendy``."""

from __future__ import annotations

from typing import NamedTuple


class Words(NamedTuple):
    """The query word of a category, other words for the same, and words for more than it."""

    word: str
    synonyms: tuple[str, ...] = ()
    hypernyms: tuple[str, ...] = ()


SURFACES = ("flat.driveable_surface", "vehicle.ego")  # masks without boxes

WORDS = {
    "animal": Words("animal"),
    "human.pedestrian.adult": Words("adult", ("grown-up",), ("pedestrian", "person")),
    "human.pedestrian.child": Words("child", ("kid",), ("pedestrian", "person")),
    "human.pedestrian.construction_worker": Words("construction worker", ("road worker",), ("pedestrian", "person")),
    "human.pedestrian.personal_mobility": Words("kick scooter", ("personal mobility device",)),
    "human.pedestrian.police_officer": Words("police officer", ("policeman",), ("pedestrian", "person")),
    "human.pedestrian.stroller": Words("stroller", ("pram", "baby carriage")),
    "human.pedestrian.wheelchair": Words("wheelchair"),
    "movable_object.barrier": Words("barrier", ("road barrier",)),
    "movable_object.debris": Words("debris", ("rubble",)),
    "movable_object.pushable_pullable": Words("pushcart", ("handcart",)),
    "movable_object.trafficcone": Words("traffic cone", ("pylon",)),
    "static_object.bicycle_rack": Words("bicycle rack", ("bike rack",)),
    "vehicle.bicycle": Words("bicycle", ("bike",), ("two-wheeler",)),
    "vehicle.bus.bendy": Words("articulated bus", ("bendy bus",), ("bus", "vehicle")),
    "vehicle.bus.rigid": Words("rigid bus", (), ("bus", "vehicle")),
    "vehicle.car": Words("car", ("automobile",), ("vehicle",)),
    "vehicle.construction": Words("construction vehicle", ("construction machine",), ("vehicle",)),
    "vehicle.emergency.ambulance": Words("ambulance", (), ("emergency vehicle", "vehicle")),
    "vehicle.emergency.police": Words("police car", ("patrol car",), ("emergency vehicle", "vehicle")),
    "vehicle.motorcycle": Words("motorcycle", ("motorbike",), ("two-wheeler",)),
    "vehicle.trailer": Words("trailer", (), ("vehicle",)),
    "vehicle.truck": Words("truck", ("lorry",), ("vehicle",)),
}
