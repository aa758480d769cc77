"""Write the sample pictures and the evaluation set, both with the truth of every patch.

    python -m samples --to ../packages/embedded-model
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from catalogue import COLOR_NAMES, NO_DIGIT, SHAPE_NAMES, TAGS, place_name
from drawing import GRID, IMAGE_SIZE, PATCH_SIZE
from pictures import Picture, generate_pictures
from questions import FORMS, Question, describe

SAMPLE_SEED, EVALUATION_SEED = (190, 4), (190, 5)
SAMPLES, EVALUATION_PICTURES = 8, 128
QUESTIONS_PER_KIND = 256
SHEET_COLUMNS, SHEET_ROWS = 8, 4  # pictures on one sheet
JPEG_QUALITY = 90  # grain compresses badly; the answers stay the same


def readable(text: str) -> str:
    """The question as a person writes it: no blank before the punctuation."""
    return text.replace(" ?", "?").replace(" .", ".")


def object_entries(picture: Picture) -> list[dict]:
    """Objects, then tags: what they are, box in pixels (x, y, width, height), the patches they cover."""
    objects = [
        {
            "color": COLOR_NAMES[item.color],
            "shape": SHAPE_NAMES[item.shape],
            "digit": None if item.digit == NO_DIGIT else item.digit,
            "place": place_name(item.place),
            "box": [item.left, item.top, item.size, item.size],
            "patches": np.flatnonzero(picture.patch_objects == index).tolist(),
        }
        for index, item in enumerate(picture.objects)
    ]
    tags = [
        {
            "text": TAGS[tag.tag],
            "place": place_name(tag.place),
            "box": [
                tag.column * PATCH_SIZE, tag.row * PATCH_SIZE, len(tag.patches) * PATCH_SIZE, PATCH_SIZE
            ],
            "patches": [row * GRID + column for row, column in tag.patches],
        }
        for tag in picture.tags
    ]
    return [*objects, *tags]


def question_entry(picture: Picture, question: Question) -> dict:
    """One question with the objects and tags that it names; all of them where it names none."""
    named = sorted({index for _, index in question.referents})
    return {
        "kind": question.kind,
        "question": readable(question.text),
        "answer": question.answer,
        "objects": named or list(range(len(picture.objects) + len(picture.tags))),
    }


def entry(picture: Picture, questions: list[Question]) -> dict:
    """Objects and questions of one picture."""
    return {
        "objects": object_entries(picture),
        "questions": [question_entry(picture, question) for question in questions],
    }


def write_samples(folder: Path) -> None:
    """Eight pictures as PNG files and `samples.json` with one question of every kind."""
    folder.mkdir(parents=True, exist_ok=True)
    choice = random.Random("samples")
    images, pictures = generate_pictures(SAMPLE_SEED, SAMPLES)
    entries = []
    for number, (image, picture) in enumerate(zip(images, pictures), 1):
        name = f"scene-{number}.png"
        Image.fromarray(image).save(folder / name, optimize=True)
        asked = [form(picture, choice) for form in FORMS.values()]
        questions = [question for question in asked if question is not None] + describe(picture)[:1]
        entries.append({"image": name, **entry(picture, questions)})
    document = {"imageSize": IMAGE_SIZE, "patchSize": PATCH_SIZE, "grid": GRID, "samples": entries}
    (folder / "samples.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def balanced_questions(pictures: list[Picture], choice: random.Random) -> list[list[Question]]:
    """Up to `QUESTIONS_PER_KIND` of every kind, spread over the pictures; a description of one row each."""
    asked: list[dict[str, Question]] = [{} for _ in pictures]
    for kind, form in FORMS.items():
        left = QUESTIONS_PER_KIND
        for _ in range(4):
            for picture, found in zip(pictures, asked):
                question = form(picture, choice) if left else None
                if question is not None and question.text not in found:
                    found[question.text] = question
                    left -= 1
    return [[*found.values(), choice.choice(describe(picture))] for picture, found in zip(pictures, asked)]


def write_evaluation(folder: Path) -> None:
    """Sheets of pictures and `evaluation.json`; picture n is cell n of the sheets, row by row."""
    folder.mkdir(parents=True, exist_ok=True)
    images, pictures = generate_pictures(EVALUATION_SEED, EVALUATION_PICTURES)
    questions = balanced_questions(pictures, random.Random("evaluation"))
    cells = SHEET_COLUMNS * SHEET_ROWS
    sheets = []
    for start in range(0, EVALUATION_PICTURES, cells):
        grid = images[start : start + cells].reshape(SHEET_ROWS, SHEET_COLUMNS, IMAGE_SIZE, IMAGE_SIZE, 3)
        sheet = grid.transpose(0, 2, 1, 3, 4).reshape(SHEET_ROWS * IMAGE_SIZE, SHEET_COLUMNS * IMAGE_SIZE, 3)
        sheets.append(f"sheet-{len(sheets) + 1}.jpg")
        Image.fromarray(sheet).save(
            folder / sheets[-1], quality=JPEG_QUALITY, subsampling=0, optimize=True
        )
    counts: dict[str, Counter[str]] = {}
    for question in (question for found in questions for question in found):
        counts.setdefault(question.kind, Counter())[question.answer] += 1
    document = {
        "imageSize": IMAGE_SIZE,
        "patchSize": PATCH_SIZE,
        "grid": GRID,
        "sheets": sheets,
        "sheetColumns": SHEET_COLUMNS,
        "sheetRows": SHEET_ROWS,
        "kinds": {
            kind: {
                "questions": sum(answers.values()),
                "prior": round(answers.most_common(1)[0][1] / sum(answers.values()), 4),
            }
            for kind, answers in counts.items()
        },
        "scenes": [entry(picture, found) for picture, found in zip(pictures, questions)],
    }
    (folder / "evaluation.json").write_text(
        json.dumps(document, separators=(",", ":")) + "\n", encoding="utf-8"
    )
    print({kind: sum(answers.values()) for kind, answers in counts.items()})


def main() -> None:
    """Write both sets; the same bytes on every run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, required=True)
    arguments = parser.parse_args()
    write_samples(arguments.to / "samples")
    write_evaluation(arguments.to / "evaluation")


if __name__ == "__main__":
    main()
