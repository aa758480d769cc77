"""Masks, plates and backgrounds that pictures are drawn of.

Needs the fonts of DejaVu (Debian: fonts-dejavu-core); `DEJAVU_FONTS` names another folder with them.
"""

from __future__ import annotations

import math
import os
import random
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from catalogue import ICONS, PLAIN_SHAPES, SHAPE_NAMES, TAG_WORDS, TAGS

PATCH_SIZE = 8
GRID = 24  # patches in a row and in a column
IMAGE_SIZE = GRID * PATCH_SIZE
MEAN = 122  # brightness around which backgrounds vary, of 255

FONT_FOLDERS = [
    os.environ.get("DEJAVU_FONTS", ""), "/usr/share/fonts/truetype/dejavu",
    "/usr/share/fonts/TTF", "/usr/share/fonts/dejavu",
]
TAG_FACES = [("DejaVuSansMono", 8), ("DejaVuSansMono-Bold", 8), ("DejaVuSansMono-Bold", 7)]
NUMBER_FACES = [
    ("DejaVuSansMono-Bold", 16), ("DejaVuSans-Bold", 14), ("DejaVuSansMono-Bold", 14), ("DejaVuSans", 16),
]


@lru_cache(maxsize=None)
def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """A font of DejaVu from the first folder that has it."""
    for folder in FONT_FOLDERS:
        path = Path(folder) / f"{name}.ttf"
        if folder and path.exists():
            return ImageFont.truetype(str(path), size)
    raise SystemExit(f"{name}.ttf not found; install fonts-dejavu-core or set DEJAVU_FONTS")


def _written(text: str, face: ImageFont.FreeTypeFont) -> np.ndarray:
    """Ink of a text, cropped, float32 0..1 `[height, width]`."""
    left, top, right, bottom = face.getbbox(text)
    image = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(image).text((-left, -top), text, fill=255, font=face)
    return np.asarray(image, dtype=np.float32) / 255


def _centered(ink: np.ndarray, height: int, width: int) -> np.ndarray:
    plate = np.zeros((height, width), dtype=np.float32)
    ink = ink[:height, :width]
    top, left = (height - ink.shape[0]) // 2, (width - ink.shape[1]) // 2
    plate[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return plate


@lru_cache(maxsize=None)
def tag_plate(tag: int, face: int) -> np.ndarray:
    """Ink on a tag's plate: a word on `[8, 16]`, a digit on `[8, 8]`."""
    name, size = TAG_FACES[face]
    word = tag < len(TAG_WORDS)
    ink = _written(TAGS[tag].upper(), font(name, size if word else size + 2))
    return _centered(ink, PATCH_SIZE, PATCH_SIZE * (2 if word else 1))


@lru_cache(maxsize=None)
def number_plate(digit: int, face: int) -> np.ndarray:
    """Ink of the number on an object, with a frame of one pixel."""
    return np.pad(_written(str(digit), font(*NUMBER_FACES[face])), 1)


@lru_cache(maxsize=None)
def object_mask(shape: int, size: int) -> np.ndarray:
    """Pixels covered by a shape or an icon, bool `[size, size]`."""
    name = SHAPE_NAMES[shape]
    if name in PLAIN_SHAPES:
        return _shape_mask(name, size)
    ink = _written(ICONS[name], font("DejaVuSans", 96))
    image = Image.fromarray((ink * 255).astype(np.uint8)).resize((size, size), Image.Resampling.BOX)
    return np.asarray(image) > 110


def _shape_mask(name: str, size: int) -> np.ndarray:
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    y, x = np.meshgrid(axis, axis, indexing="ij")
    radius = np.hypot(x, y)
    if name == "circle":
        return radius <= 1
    if name == "square":
        return np.maximum(abs(x), abs(y)) <= 0.86
    if name == "triangle":
        return (abs(x) <= (y + 1) / 2) & (y <= 0.9)
    if name == "star":
        sector, inner = 2 * math.pi / 5, 0.45
        half = sector / 2
        offset = abs((np.arctan2(x, -y) + half) % sector - half)
        # Polar form of the straight edge from a tip (radius 1) to a notch (radius `inner`).
        edge = inner * math.sin(half) / (np.sin(half - offset) * inner + np.sin(offset) + 1e-9)
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
def _interpolation(points: int) -> np.ndarray:
    """Weights that stretch `points` values smoothly over a picture, `[IMAGE_SIZE, points]`."""
    position = np.linspace(0, points - 1, IMAGE_SIZE)
    low = np.minimum(position.astype(int), points - 2)
    fraction = position - low
    fraction = fraction * fraction * (3 - 2 * fraction)
    weights = np.zeros((IMAGE_SIZE, points), dtype=np.float32)
    weights[np.arange(IMAGE_SIZE), low] = 1 - fraction
    weights[np.arange(IMAGE_SIZE), low + 1] = fraction
    return weights


def draw_background(noise: np.random.Generator) -> np.ndarray:
    """Smooth coloured noise with grain, on half of the pictures a faint grating; float32 0-255."""
    image = noise.standard_normal((IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.float32)
    image *= 8
    image += MEAN
    for points, strength in ((8, 20.0), (16, 14.0)):
        coarse = noise.standard_normal((points, points, 3), dtype=np.float32) * strength
        weights = _interpolation(points)
        image += np.matmul(weights, np.tensordot(weights, coarse, 1))
    if noise.random() < 0.5:
        angle, period = noise.uniform(0, np.pi), noise.uniform(5, 16)
        axis = np.arange(IMAGE_SIZE, dtype=np.float32)
        wave = np.cos(angle) * axis[None, :] + np.sin(angle) * axis[:, None]
        tint = noise.uniform(3, 11, 3).astype(np.float32)
        image += np.sin(wave * np.float32(2 * np.pi / period))[..., None] * tint
    return image


def texture(choice: random.Random, size: int) -> np.ndarray | float:
    """A factor on an object's brightness: plain, stripes, checks or dots."""
    kind = choice.randrange(6)
    if kind > 2:
        return 1.0
    y, x = np.mgrid[:size, :size].astype(np.float32)
    step, depth = choice.randint(3, 5), choice.uniform(0.1, 0.22)
    if kind == 0:
        dark = ((x if choice.random() < 0.5 else y) // step) % 2
    elif kind == 1:
        dark = (x // step + y // step) % 2
    else:
        dark = np.hypot(x % (2 * step) - step, y % (2 * step) - step) < step * 0.6
    return 1 - depth * np.asarray(dark, dtype=np.float32)[..., None]
