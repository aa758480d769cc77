"""What can be on a picture, by name: colours, shapes, icons, tags and places."""

from __future__ import annotations

COLORS = {
    "red": (222, 38, 38),
    "green": (42, 170, 62),
    "blue": (62, 78, 226),
    "yellow": (240, 226, 52),
    "orange": (242, 146, 24),
    "purple": (158, 54, 182),
    "cyan": (66, 202, 226),
    "pink": (246, 128, 176),
}
COLOR_NAMES = list(COLORS)

PLAIN_SHAPES = ["circle", "square", "triangle", "star", "cross", "ring", "diamond", "heart"]
ICONS = {
    "sun": "\u2600", "cloud": "\u2601", "umbrella": "\u2602", "phone": "\u260e",
    "anchor": "\u2693", "plane": "\u2708", "flower": "\u273f", "crown": "\u265b",
}
SHAPE_NAMES = [*PLAIN_SHAPES, *ICONS]
PLURALS = {name: "crosses" if name == "cross" else f"{name}s" for name in SHAPE_NAMES}

DIGITS = [str(value) for value in range(10)]
NO_DIGIT = len(DIGITS)  # class of "this object carries no number"

TAG_WORDS = ["cat", "dog", "map", "key", "box", "cup", "hat", "bus", "fin", "web", "zip", "oak"]
TAGS = [*TAG_WORDS, *DIGITS]
NO_TAG = len(TAGS)  # class of "no tag here"

ROW_NAMES = ["top", "middle", "bottom"]
COLUMN_NAMES = ["left", "center", "right"]


def place_name(place: tuple[int, int]) -> str:
    """Name of a row and column of the nine places, such as `top left`."""
    return f"{ROW_NAMES[place[0]]} {COLUMN_NAMES[place[1]]}"
