"""Generated pictures: objects, some with a number, and tiny tags on a coloured background.

A picture has 24 x 24 patches of 8 x 8 pixels and four to nine objects: shapes or icons. Tags are tiny
words and digits on plates that cover exactly two patches and one. The generator knows what covers every
patch, so the truth for training and for judging pruned tokens comes for free.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np

from catalogue import COLOR_NAMES, COLORS, NO_DIGIT, SHAPE_NAMES, TAG_WORDS
from drawing import (
    GRID, IMAGE_SIZE, MEAN, NUMBER_FACES, PATCH_SIZE, TAG_FACES,
    draw_background, number_plate, object_mask, tag_plate, texture,
)

FEWEST_OBJECTS, MOST_OBJECTS, MOST_TAGS = 4, 9, 4
MIN_OBJECT_SIZE, MAX_OBJECT_SIZE = 20, 36
MIN_NUMBERED_SIZE = 24  # smaller objects would vanish behind their number
NUMBER_PROBABILITY = 0.7
REPEAT_PROBABILITY = 0.3  # an object takes its colour or its shape from an earlier object
OBJECT_GAP = 2  # empty pixels between two objects
BORDER_MARGIN = 2  # an object's centre stays this far from the lines between the nine places
MIN_PATCH_COVER = 8  # covered pixels (of 64) from which on a patch belongs to an object
PLACE_GRID = GRID // 3  # patches in a row of one of the nine places

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels


@dataclass(frozen=True)
class Item:
    """One object; `left`, `top` and `size` in pixels, `digit` is 0-9 or `NO_DIGIT`."""

    shape: int
    color: int
    digit: int
    left: int
    top: int
    size: int

    @property
    def center(self) -> tuple[float, float]:
        """Centre as (x, y) in shares of the picture."""
        return (self.left + self.size / 2) / IMAGE_SIZE, (self.top + self.size / 2) / IMAGE_SIZE

    @property
    def place(self) -> tuple[int, int]:
        """Row and column of the one of nine places that holds the centre."""
        x, y = self.center
        return int(y * 3), int(x * 3)

    @property
    def middle(self) -> tuple[int, int]:
        """Row and column of the patch that holds the centre."""
        return (2 * self.top + self.size) // (2 * PATCH_SIZE), (2 * self.left + self.size) // (2 * PATCH_SIZE)


@dataclass(frozen=True)
class Tag:
    """A tiny word or digit whose plate starts at patch (`row`, `column`)."""

    tag: int
    row: int
    column: int

    @property
    def is_word(self) -> bool:
        """Whether it is a word; a word covers two patches, a digit one."""
        return self.tag < len(TAG_WORDS)

    @property
    def patches(self) -> list[tuple[int, int]]:
        """The patches it covers, as (row, column)."""
        return [(self.row, self.column + step) for step in range(2 if self.is_word else 1)]

    @property
    def place(self) -> tuple[int, int]:
        """Row and column of the one of nine places that holds it."""
        return self.row // PLACE_GRID, self.column // PLACE_GRID


@dataclass
class Picture:
    """Objects in reading order, tags, and what covers each patch, -1 for nothing `[grid, grid]`."""

    objects: list[Item]
    tags: list[Tag]
    patch_objects: np.ndarray
    patch_tags: np.ndarray


def _clear(box: Box, taken: list[Box], gap: int) -> bool:
    left, top, right, bottom = box
    return not any(
        left < r + gap and l < right + gap and top < b + gap and t < bottom + gap
        for l, t, r, b in taken
    )


def _near_border(center: float) -> bool:
    return min(abs(center - IMAGE_SIZE / 3), abs(center - IMAGE_SIZE * 2 / 3)) < BORDER_MARGIN


def _place_tags(choice: random.Random, taken: list[Box]) -> list[Tag]:
    """Tags in different places of the nine; no word or digit twice."""
    tags: list[Tag] = []
    for _ in range(choice.randint(1, MOST_TAGS)):
        word = choice.random() < 0.55
        tag = choice.randrange(len(TAG_WORDS)) if word else choice.randrange(10) + len(TAG_WORDS)
        if any(tag == other.tag for other in tags):
            continue
        width = 2 if word else 1
        for _ in range(12):
            column = choice.randrange(3) * PLACE_GRID + choice.randrange(PLACE_GRID - width + 1)
            placed = Tag(tag, choice.randrange(GRID), column)
            if any(placed.place == other.place for other in tags):
                continue
            left, top = column * PATCH_SIZE, placed.row * PATCH_SIZE
            box = (left, top, left + width * PATCH_SIZE, top + PATCH_SIZE)
            if _clear(box, taken, 0):
                taken.append(box)
                tags.append(placed)
                break
    return tags


def _choose_look(choice: random.Random, placed: list[Item]) -> tuple[int, int]:
    """Colour and shape of a further object, one of them at times that of an earlier object."""
    color, shape = choice.randrange(len(COLOR_NAMES)), choice.randrange(len(SHAPE_NAMES))
    if placed and choice.random() < REPEAT_PROBABILITY:
        source = choice.choice(placed)
        if choice.random() < 0.5:
            color = source.color
        else:
            shape = source.shape
    return color, shape


def _place_object(choice: random.Random, placed: list[Item], taken: list[Box]) -> Item | None:
    for _ in range(30):
        size = choice.randint(MIN_OBJECT_SIZE, MAX_OBJECT_SIZE)
        left, top = choice.randint(0, IMAGE_SIZE - size), choice.randint(0, IMAGE_SIZE - size)
        if _near_border(left + size / 2) or _near_border(top + size / 2):
            continue
        box = (left, top, left + size, top + size)
        if not _clear(box, taken, OBJECT_GAP):
            continue
        color, shape = _choose_look(choice, placed)
        if any((color, shape) == (other.color, other.shape) for other in placed):
            continue
        numbered = size >= MIN_NUMBERED_SIZE and choice.random() < NUMBER_PROBABILITY
        taken.append(box)
        return Item(shape, color, choice.randrange(10) if numbered else NO_DIGIT, left, top, size)
    return None


def _place_all(choice: random.Random) -> tuple[list[Item], list[Tag]]:
    """Tags and at least two objects, these in reading order."""
    while True:
        taken: list[Box] = []
        tags = _place_tags(choice, taken)
        placed: list[Item] = []
        for _ in range(choice.randint(FEWEST_OBJECTS, MOST_OBJECTS)):
            item = _place_object(choice, placed, taken)
            if item is not None:
                placed.append(item)
        if len(placed) >= 2:
            return sorted(placed, key=lambda item: (item.place[0], item.center[0])), tags


def _draw_object(item: Item, index: int, image: np.ndarray, owner: np.ndarray, choice: random.Random) -> None:
    region = np.s_[item.top : item.top + item.size, item.left : item.left + item.size]
    mask = object_mask(item.shape, item.size)
    base = np.array([value + choice.uniform(-16, 16) for value in COLORS[COLOR_NAMES[item.color]]])
    filled = base * texture(choice, item.size) + (image[region] - MEAN) * 0.12
    image[region] = np.where(mask[..., None], filled, image[region])
    owner[region][mask] = index
    if item.digit != NO_DIGIT:
        ink = number_plate(item.digit, choice.randrange(len(NUMBER_FACES)))[..., None]
        height, width = ink.shape[:2]
        top, left = item.top + (item.size - height) // 2, item.left + (item.size - width) // 2
        region = np.s_[top : top + height, left : left + width]
        paper, pen = (18.0, 250.0) if choice.random() < 0.7 else (250.0, 18.0)
        image[region] = paper + (pen - paper) * ink
        owner[region] = index


def _draw_tag(tag: Tag, image: np.ndarray, choice: random.Random) -> None:
    ink = tag_plate(tag.tag, choice.randrange(len(TAG_FACES)))[..., None]
    top, left = tag.row * PATCH_SIZE, tag.column * PATCH_SIZE
    paper, pen = choice.uniform(215, 250), choice.uniform(10, 50)
    if choice.random() < 0.4:
        paper, pen = pen, paper
    image[top : top + ink.shape[0], left : left + ink.shape[1]] = paper + (pen - paper) * ink


def _patch_objects(owner: np.ndarray, placed: list[Item]) -> np.ndarray:
    """The object that covers most of each patch, -1 for none `[grid, grid]`."""
    tiles = owner.reshape(GRID, PATCH_SIZE, GRID, PATCH_SIZE)
    cover = np.stack([(tiles == index).sum(axis=(1, 3)) for index in range(len(placed))])
    found = np.where(cover.max(axis=0) >= MIN_PATCH_COVER, cover.argmax(axis=0), -1)
    for index, item in enumerate(placed):
        found[item.middle] = index  # also where a ring is empty
    return found


def _draw_picture(noise: np.random.Generator, choice: random.Random) -> tuple[np.ndarray, Picture]:
    image = draw_background(noise)
    placed, tags = _place_all(choice)
    owner = np.full((IMAGE_SIZE, IMAGE_SIZE), -1, dtype=np.int8)
    for index, item in enumerate(placed):
        _draw_object(item, index, image, owner, choice)
    patch_tags = np.full((GRID, GRID), -1, dtype=np.int64)
    for index, tag in enumerate(tags):
        _draw_tag(tag, image, choice)
        for patch in tag.patches:
            patch_tags[patch] = index
    patch_objects = _patch_objects(owner, placed)
    patch_objects[patch_tags >= 0] = -1
    return np.clip(image, 0, 255).astype(np.uint8), Picture(placed, tags, patch_objects, patch_tags)


def generate_pictures(seed: tuple[int, ...], count: int) -> tuple[np.ndarray, list[Picture]]:
    """Draw pictures that depend on the seed alone: uint8 `[count, size, size, 3]`, and their truth."""
    noise = np.random.default_rng(list(seed))
    choice = random.Random(".".join(map(str, seed)))
    drawn = [_draw_picture(noise, choice) for _ in range(count)]
    return np.stack([image for image, _ in drawn]), [picture for _, picture in drawn]
