"""Word-level vocabulary and the prompt that training, export and evaluation share.

A prompt reads `<s> <image> x 576 what color is the star ? answer :` and the answer `red </s>`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from catalogue import COLOR_NAMES, COLUMN_NAMES, DIGITS, PLURALS, ROW_NAMES, SHAPE_NAMES, TAG_WORDS

SPECIALS = ["<unk>", "<s>", "</s>", "<pad>", "<image>"]
WORDS = [
    *COLOR_NAMES, *SHAPE_NAMES, *PLURALS.values(), *DIGITS, *ROW_NAMES, *COLUMN_NAMES, *TAG_WORDS,
    "yes", "no", "nothing", "what", "color", "shape", "number", "word", "small", "is", "are", "there",
    "a", "an", "the", "object", "objects", "how", "many", "where", "of", "above", "on", "in",
    "describe", "image", "?", ".", ",", "answer", ":",
]
VOCABULARY = {word: index for index, word in enumerate([*SPECIALS, *WORDS])}
UNK, BOS, EOS, PAD, IMAGE = range(len(SPECIALS))

ANSWER_PROMPT = "answer :"
# Images first, as in training; the answer prompt is the generation prompt.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %} answer: {% endif %}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>{% endif %}{% endfor %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %} answer:{% endif %}"
)


def encode(text: str) -> list[int]:
    """Ids of words and punctuation, without special tokens around them."""
    return [VOCABULARY.get(piece, UNK) for piece in re.findall(r"<\w+>|\w+|[^\w\s]", text.lower())]


def encode_prompt(question: str) -> list[int]:
    """Ids behind the image tokens, up to where the answer begins."""
    return encode(f"{question} {ANSWER_PROMPT}")


def write_tokenizer(folder: Path) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json` in the Hugging Face form."""
    special = [
        {
            "id": index, "content": word, "special": True, "single_word": False,
            "lstrip": False, "rstrip": False, "normalized": False,
        }
        for index, word in enumerate(SPECIALS)
    ]
    start = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    definition = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [start, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [
                start,
                {"Sequence": {"id": "A", "type_id": 0}},
                {"Sequence": {"id": "B", "type_id": 1}},
            ],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [BOS], "tokens": ["<s>"]}},
        },
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": VOCABULARY, "unk_token": "<unk>"},
    }
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": 2048,
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "image_token": "<image>",
        "padding_side": "left",
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }
    for name, content in (("tokenizer.json", definition), ("tokenizer_config.json", settings)):
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
