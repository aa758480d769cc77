"""Write the sample scenes and the evaluation set, both with the truth of every patch.

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

from questions import FORMS, Question, describe
from scenes import (
    COLOR_NAMES, GRID, IMAGE_SIZE, NO_DIGIT, PATCH_SIZE, SHAPE_NAMES, COLUMN_NAMES, ROW_NAMES, Scene,
    SceneObject, generate_scenes,
)

SAMPLE_SEED, EVALUATION_SEED = (90, 4), (90, 5)
SAMPLES, EVALUATION_SCENES = 8, 200
QUESTIONS_PER_KIND = 180
SHEET_COLUMNS, SHEET_ROWS = 10, 5  # scenes on one PNG sheet


def readable(text: str) -> str:
    """The question as a person writes it: no blank before the punctuation."""
    return text.replace(" ?", "?").replace(" .", ".")


def object_entry(scene: Scene, index: int) -> dict:
    """One object: names, box in pixels (x, y, width, height) and the patches it covers."""
    item: SceneObject = scene.objects[index]
    row, column = item.place
    return {
        "color": COLOR_NAMES[item.color],
        "shape": SHAPE_NAMES[item.shape],
        "digit": None if item.digit == NO_DIGIT else item.digit,
        "place": f"{ROW_NAMES[row]} {COLUMN_NAMES[column]}",
        "box": [item.left, item.top, item.size, item.size],
        "patches": np.flatnonzero(scene.patch_objects == index).tolist(),
    }


def question_entry(scene: Scene, question: Question) -> dict:
    """One question with the objects that it names; all of them where it names none."""
    named = sorted({index for _, index in question.referents})
    return {
        "kind": question.kind,
        "question": readable(question.text),
        "answer": question.answer,
        "objects": named or list(range(len(scene.objects))),
    }


def scene_entry(scene: Scene, questions: list[Question]) -> dict:
    """Objects and questions of one scene."""
    return {
        "objects": [object_entry(scene, index) for index in range(len(scene.objects))],
        "questions": [question_entry(scene, question) for question in questions],
    }


def write_samples(folder: Path) -> None:
    """Eight scenes as PNG files and `samples.json` with one question of every kind."""
    folder.mkdir(parents=True, exist_ok=True)
    choice = random.Random("samples")
    images, scenes = generate_scenes(SAMPLE_SEED, SAMPLES)
    entries = []
    for number, (image, scene) in enumerate(zip(images, scenes), 1):
        name = f"scene-{number}.png"
        Image.fromarray(image).save(folder / name, optimize=True)
        asked = [form(scene, choice) for form in FORMS.values()]
        questions = [question for question in asked if question is not None] + [describe(scene)]
        entries.append({"image": name, **scene_entry(scene, questions)})
    document = {"imageSize": IMAGE_SIZE, "patchSize": PATCH_SIZE, "grid": GRID, "samples": entries}
    (folder / "samples.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def balanced_questions(scenes: list[Scene], choice: random.Random) -> list[list[Question]]:
    """Up to `QUESTIONS_PER_KIND` of every kind, spread over the scenes; one description each."""
    asked: list[dict[str, Question]] = [{} for _ in scenes]
    for kind, form in FORMS.items():
        left = QUESTIONS_PER_KIND
        for _ in range(3):
            for scene, found in zip(scenes, asked):
                question = form(scene, choice) if left else None
                if question is not None and question.text not in found:
                    found[question.text] = question
                    left -= 1
    return [[*found.values(), describe(scene)] for scene, found in zip(scenes, asked)]


def write_evaluation(folder: Path) -> None:
    """PNG sheets and `evaluation.json`; scene n is cell n of the sheets, row by row."""
    folder.mkdir(parents=True, exist_ok=True)
    images, scenes = generate_scenes(EVALUATION_SEED, EVALUATION_SCENES)
    questions = balanced_questions(scenes, random.Random("evaluation"))
    cells = SHEET_COLUMNS * SHEET_ROWS
    sheets = []
    for start in range(0, EVALUATION_SCENES, cells):
        grid = images[start : start + cells].reshape(
            SHEET_ROWS, SHEET_COLUMNS, IMAGE_SIZE, IMAGE_SIZE, 3
        )
        sheet = grid.transpose(0, 2, 1, 3, 4).reshape(
            SHEET_ROWS * IMAGE_SIZE, SHEET_COLUMNS * IMAGE_SIZE, 3
        )
        sheets.append(f"sheet-{len(sheets) + 1}.png")
        Image.fromarray(sheet).save(folder / sheets[-1], optimize=True)
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
        "scenes": [scene_entry(scene, found) for scene, found in zip(scenes, questions)],
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
