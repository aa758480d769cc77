"""Generated scenes: smooth coloured noise with two to four coloured shapes, some with a digit.

The generator knows which object covers every patch, so the truth for training and for judging
pruned tokens comes for free.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

IMAGE_SIZE = 96
PATCH_SIZE = 8
GRID = IMAGE_SIZE // PATCH_SIZE
PATCHES = GRID * GRID
CELL = IMAGE_SIZE // 3

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
SHAPE_NAMES = ["circle", "square", "triangle", "star", "cross", "ring", "diamond", "heart"]
ROW_NAMES = ["top", "middle", "bottom"]
COLUMN_NAMES = ["left", "center", "right"]
NO_DIGIT = 10  # class index of "this object carries no digit"

MIN_OBJECT_SIZE, MAX_OBJECT_SIZE = 22, 37
OBJECT_GAP = 2  # empty pixels between two objects
BORDER_MARGIN = 2  # an object's centre stays this far from the lines between the nine places
MIN_PATCH_COVER = 10  # covered pixels (of 64) from which on a patch belongs to an object
REPEAT_PROBABILITY = 0.35  # an object takes its colour or its shape from an earlier object
DIGIT_PROBABILITY = 0.75
MIN_DIGIT_OBJECT_SIZE = 25  # smaller objects would vanish after their digit

_FONT_ROWS = {  # 5 x 7 dots, one number per row, most significant bit on the left
    0: (14, 17, 19, 21, 25, 17, 14),
    1: (4, 12, 4, 4, 4, 4, 14),
    2: (14, 17, 1, 2, 4, 8, 31),
    3: (31, 2, 4, 2, 1, 17, 14),
    4: (2, 6, 10, 18, 31, 2, 2),
    5: (31, 16, 30, 1, 1, 17, 14),
    6: (6, 8, 16, 30, 17, 17, 14),
    7: (31, 1, 2, 4, 8, 8, 8),
    8: (14, 17, 17, 14, 17, 17, 14),
    9: (14, 17, 17, 15, 1, 2, 12),
}


def place_name(place: tuple[int, int]) -> str:
    """Such as `top left`."""
    return f"{ROW_NAMES[place[0]]} {COLUMN_NAMES[place[1]]}"


@dataclass(frozen=True)
class SceneObject:
    """One object; `left`, `top` and `size` in pixels, `digit` is 0-9 or `NO_DIGIT`."""

    shape: int
    color: int
    digit: int
    left: int
    top: int
    size: int

    @property
    def center(self) -> tuple[float, float]:
        """Centre as (x, y) in pixels."""
        return self.left + self.size / 2, self.top + self.size / 2

    @property
    def place(self) -> tuple[int, int]:
        """Row and column of the 3 x 3 place that holds the centre."""
        x, y = self.center
        return int(y // CELL), int(x // CELL)


@dataclass
class Scene:
    """Objects in reading order and the object index per patch, -1 for background `[grid, grid]`."""

    objects: list[SceneObject]
    patch_objects: np.ndarray


@lru_cache(maxsize=None)
def shape_mask(shape: int, size: int) -> np.ndarray:
    """Pixels covered by a shape, bool `[size, size]`."""
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    y, x = np.meshgrid(axis, axis, indexing="ij")
    name = SHAPE_NAMES[shape]
    radius = np.hypot(x, y)
    if name == "circle":
        return radius <= 1
    if name == "square":
        return np.maximum(abs(x), abs(y)) <= 0.86
    if name == "triangle":
        return (abs(x) <= (y + 1) / 2) & (y <= 0.9)
    if name == "star":
        angle = np.arctan2(x, -y)
        sector = 2 * math.pi / 5
        offset = abs((angle + sector / 2) % sector - sector / 2)
        inner = 0.45
        # Polar form of the straight edge from a tip (radius 1) to a notch (radius `inner`).
        half = sector / 2
        edge = inner * math.sin(half) / (
            np.sin(half - offset) * inner + np.sin(offset) * 1.0 + 1e-9
        )
        return radius <= edge
    if name == "cross":
        return np.minimum(abs(x), abs(y)) <= 0.34
    if name == "ring":
        return (radius <= 1) & (radius >= 0.55)
    if name == "diamond":
        return abs(x) + abs(y) <= 1
    lobes = np.hypot(abs(x) - 0.48, y + 0.42) <= 0.52
    return lobes | ((abs(x) <= (1 - y) * 0.56) & (y >= -0.35) & (abs(x) <= 1))


@lru_cache(maxsize=None)
def digit_mask(digit: int) -> np.ndarray:
    """Dots of a digit at two pixels per dot with a frame of one, bool `[16, 12]`."""
    rows = [[(bits >> (4 - column)) & 1 for column in range(5)] for bits in _FONT_ROWS[digit]]
    return np.pad(np.kron(np.array(rows, dtype=bool), np.ones((2, 2), dtype=bool)), 1)


@lru_cache(maxsize=None)
def interpolation(points: int, size: int) -> np.ndarray:
    """Weights that stretch `points` values smoothly over an image, `[size, points]`."""
    position = np.linspace(0, points - 1, size)
    low = np.minimum(position.astype(int), points - 2)
    fraction = position - low
    fraction = fraction * fraction * (3 - 2 * fraction)
    weights = np.zeros((size, points), dtype=np.float32)
    weights[np.arange(size), low] = 1 - fraction
    weights[np.arange(size), low + 1] = fraction
    return weights


def draw_backgrounds(noise: np.random.Generator, count: int) -> np.ndarray:
    """Smooth coloured noise with grain, float32 `[count, size, size, 3]` in 0-255."""
    images = noise.standard_normal((count, IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.float32)
    images *= 9
    images += 122
    for points, strength in ((4, 20.0), (8, 15.0)):
        coarse = noise.standard_normal((count, points, points, 3), dtype=np.float32) * strength
        weights = interpolation(points, IMAGE_SIZE)
        rows = np.tensordot(weights, coarse, axes=(1, 1))  # [y, count, points, 3]
        images += np.tensordot(weights, rows, axes=(1, 2)).transpose(2, 1, 0, 3)
    return images


def _near_cell_border(center: float) -> bool:
    return min(abs(center - CELL), abs(center - 2 * CELL)) < BORDER_MARGIN


def choose_look(
    choice: random.Random, placed: Sequence[SceneObject], shapes: int, repeat: float
) -> tuple[int, int]:
    """Colour and shape of a further object, one of them at times that of an earlier object."""
    color, shape = choice.randrange(len(COLOR_NAMES)), choice.randrange(shapes)
    if placed and choice.random() < repeat:
        source = choice.choice(placed)
        if choice.random() < 0.5:
            color = source.color
        else:
            shape = source.shape
    return color, shape


def _place_object(choice: random.Random, placed: list[SceneObject]) -> SceneObject | None:
    for _ in range(40):
        size = choice.randint(MIN_OBJECT_SIZE, MAX_OBJECT_SIZE)
        left = choice.randint(0, IMAGE_SIZE - size)
        top = choice.randint(0, IMAGE_SIZE - size)
        if _near_cell_border(left + size / 2) or _near_cell_border(top + size / 2):
            continue
        if any(
            left < other.left + other.size + OBJECT_GAP
            and other.left < left + size + OBJECT_GAP
            and top < other.top + other.size + OBJECT_GAP
            and other.top < top + size + OBJECT_GAP
            for other in placed
        ):
            continue
        color, shape = choose_look(choice, placed, len(SHAPE_NAMES), REPEAT_PROBABILITY)
        if any((color, shape) == (other.color, other.shape) for other in placed):
            continue
        numbered = size >= MIN_DIGIT_OBJECT_SIZE and choice.random() < DIGIT_PROBABILITY
        digit = choice.randrange(10) if numbered else NO_DIGIT
        return SceneObject(shape, color, digit, left, top, size)
    return None


def reading_order(item: SceneObject) -> tuple[int, float]:
    return item.place[0], item.center[0]


def _draw_object(
    item: SceneObject, index: int, image: np.ndarray, owner: np.ndarray, choice: random.Random
) -> None:
    region = np.s_[item.top : item.top + item.size, item.left : item.left + item.size]
    mask = shape_mask(item.shape, item.size)
    base = [value + choice.uniform(-16, 16) for value in COLORS[COLOR_NAMES[item.color]]]
    image[region][mask] = base + (image[region][mask] - 122) * 0.12
    owner[region][mask] = index
    if item.digit != NO_DIGIT:
        dots = digit_mask(item.digit)
        height, width = dots.shape
        top = item.top + (item.size - height) // 2
        left = item.left + (item.size - width) // 2
        region = np.s_[top : top + height, left : left + width]
        image[region] = np.where(dots[..., None], 250.0, 18.0)
        owner[region] = index


def _patch_owner(owner: np.ndarray, count: int) -> np.ndarray:
    tiles = owner.reshape(GRID, PATCH_SIZE, GRID, PATCH_SIZE)
    cover = np.stack([(tiles == index).sum(axis=(1, 3)) for index in range(count)])
    best = cover.argmax(axis=0)
    return np.where(cover.max(axis=0) >= MIN_PATCH_COVER, best, -1)


def generate_scenes(seed: tuple[int, ...], count: int) -> tuple[np.ndarray, list[Scene]]:
    """Draw scenes that depend on the seed alone: images uint8 `[count, size, size, 3]`, scenes."""
    noise = np.random.default_rng(list(seed))
    choice = random.Random(".".join(map(str, seed)))
    images = draw_backgrounds(noise, count)
    scenes = []
    for image in images:
        placed: list[SceneObject] = []
        while len(placed) < 2:
            placed = []
            for _ in range(choice.randint(2, 4)):
                item = _place_object(choice, placed)
                if item is not None:
                    placed.append(item)
        placed.sort(key=reading_order)
        owner = np.full((IMAGE_SIZE, IMAGE_SIZE), -1, dtype=np.int8)
        for index, item in enumerate(placed):
            _draw_object(item, index, image, owner, choice)
        scenes.append(Scene(placed, _patch_owner(owner, len(placed))))
    return np.clip(images, 0, 255).astype(np.uint8), scenes


# Dense labels per patch: class counts of the heads that the vision encoder is trained with.
PATCH_LABELS = {
    "color": len(COLOR_NAMES) + 1,  # the last class is background
    "shape": len(SHAPE_NAMES) + 1,
    "digit": NO_DIGIT + 2,
    "center_row": GRID + 1,
    "center_column": GRID + 1,
}


def object_labels(item: SceneObject) -> tuple[int, int, int, int, int]:
    """Classes of an object in the order of `PATCH_LABELS`."""
    x, y = item.center
    return item.color, item.shape, item.digit, int(y // PATCH_SIZE), int(x // PATCH_SIZE)


def patch_labels(scenes: list[Scene]) -> np.ndarray:
    """Class of every patch per label, int64 `[labels, batch, patches]`."""
    background = [count - 1 for count in PATCH_LABELS.values()]
    labels = np.empty((len(PATCH_LABELS), len(scenes), PATCHES), dtype=np.int64)
    for index, scene in enumerate(scenes):
        table = np.array([object_labels(item) for item in scene.objects] + [background])
        labels[:, index] = table[scene.patch_objects.reshape(-1)].T  # -1 picks the background row
    return labels
