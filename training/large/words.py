"""Word-level vocabulary of the larger model; the prompt is that of `tokenizer.py`."""

from __future__ import annotations

import tokenizer
from scenes import COLOR_NAMES, COLUMN_NAMES, ROW_NAMES
from tokenizer import ANSWER_PROMPT, DIGITS, SPECIALS, plurals

from .pictures import SHAPE_NAMES, TAG_WORDS

PLURALS = plurals(SHAPE_NAMES)
WORDS = [
    *COLOR_NAMES, *SHAPE_NAMES, *PLURALS.values(), *DIGITS, *ROW_NAMES, *COLUMN_NAMES, *TAG_WORDS,
    "yes", "no", "nothing", "what", "color", "shape", "number", "word", "small", "is", "are", "there",
    "a", "an", "the", "object", "objects", "how", "many", "where", "of", "above", "on", "in",
    "describe", "image", "?", ".", ",", "answer", ":",
]
VOCABULARY = {word: index for index, word in enumerate([*SPECIALS, *WORDS])}


def encode(text: str) -> list[int]:
    """Ids of words and punctuation, without special tokens around them."""
    return tokenizer.encode(text, VOCABULARY)


def encode_prompt(question: str) -> list[int]:
    """Ids behind the image tokens, up to where the answer begins."""
    return encode(f"{question} {ANSWER_PROMPT}")
