"""What the recipe relies on: truth of the scenes, honest questions, packing, stacking.

    python -m unittest test_recipe
"""

from __future__ import annotations

import random
import unittest

import numpy as np
import torch

from losses import run_packed
from model import DecoderShape, SceneModel, stack_layers
from packing import PREFIX, pack
from questions import FORMS, ask, describe
from scenes import COLOR_NAMES, GRID, SHAPE_NAMES, generate_scenes
from tokenizer import BOS, EOS, IMAGE, UNK, VOCABULARY, decode, encode, prompt_ids

EVEN = dict.fromkeys(FORMS, 1.0)


def small_model(layers: int = 2) -> SceneModel:
    """An untrained model in evaluation mode."""
    torch.manual_seed(0)
    return SceneModel(DecoderShape(len(VOCABULARY), num_hidden_layers=layers)).eval()


class Scenes(unittest.TestCase):
    def test_same_seed_same_scenes(self) -> None:
        first, again = generate_scenes((7, 1), 4), generate_scenes((7, 1), 4)
        self.assertTrue((first[0] == again[0]).all())
        self.assertEqual(first[1][2].objects, again[1][2].objects)

    def test_every_object_owns_patches_within_its_box(self) -> None:
        for scene in generate_scenes((7, 2), 50)[1]:
            self.assertEqual(scene.patch_objects.shape, (GRID, GRID))
            for index, item in enumerate(scene.objects):
                rows, columns = np.nonzero(scene.patch_objects == index)
                self.assertGreater(len(rows), 0)
                self.assertTrue((columns * 8 + 8 > item.left).all())
                self.assertTrue((columns * 8 < item.left + item.size).all())
                self.assertTrue((rows * 8 + 8 > item.top).all())
                self.assertTrue((rows * 8 < item.top + item.size).all())


class Questions(unittest.TestCase):
    def setUp(self) -> None:
        self.scenes = generate_scenes((7, 3), 200)[1]
        choice = random.Random(1)
        self.asked = [[*ask(scene, choice, 10, EVEN), describe(scene)] for scene in self.scenes]

    def test_vocabulary_covers_all_words(self) -> None:
        for questions in self.asked:
            for question in questions:
                self.assertNotIn(UNK, encode(f"{question.text} {question.answer}"))

    def test_referents_point_at_the_word_that_names_the_object(self) -> None:
        for scene, questions in zip(self.scenes, self.asked):
            for question in questions:
                for word, index in question.referents:
                    name = question.text.split()[word]
                    self.assertIn(name, (SHAPE_NAMES[scene.objects[index].shape], "object"))

    def test_looked_up_properties_are_unique(self) -> None:
        for scene, questions in zip(self.scenes, self.asked):
            for question in questions:
                words = question.text.split()
                if question.kind == "color":
                    fits = [item for item in scene.objects if SHAPE_NAMES[item.shape] == words[-2]]
                    self.assertEqual([COLOR_NAMES[item.color] for item in fits], [question.answer])

    def test_yes_and_no_are_balanced(self) -> None:
        for kind in ("exist", "relation"):
            answers = [q.answer for questions in self.asked for q in questions if q.kind == kind]
            self.assertAlmostEqual(answers.count("yes") / len(answers), 0.5, delta=0.1)


class Packing(unittest.TestCase):
    def test_a_packed_question_reads_as_if_it_stood_alone(self) -> None:
        model = small_model()
        images, scenes = generate_scenes((7, 4), 2)
        choice = random.Random(2)
        asked = [ask(scene, choice, 4, EVEN) for scene in scenes]
        packed = pack(scenes, asked)
        with torch.no_grad():
            together = run_packed(model, torch.from_numpy(images), packed).hidden
            for row, spans in enumerate(packed.questions):
                for question, first, end in spans:
                    single = pack([scenes[row]], [[question]])
                    pixels = torch.from_numpy(images[row : row + 1])
                    alone = run_packed(model, pixels, single).hidden[0, first - end :]
                    torch.testing.assert_close(together[row, first:end], alone, atol=1e-4, rtol=1e-4)

    def test_prompt_matches_the_packed_form(self) -> None:
        images, scenes = generate_scenes((7, 5), 1)
        question = describe(scenes[0])
        packed = pack(scenes, [[question]])
        prompt = prompt_ids(question.text)
        self.assertEqual(packed.ids[0, : len(prompt)].tolist(), prompt)
        self.assertEqual(prompt[:PREFIX], [BOS] + [IMAGE] * (GRID * GRID))
        answer = packed.targets[0, len(prompt) - 1 :].tolist()
        self.assertEqual((decode(answer[:-1]), answer[-1]), (question.answer, EOS))


class Stacking(unittest.TestCase):
    def test_stacking_keeps_the_function(self) -> None:
        model = small_model()
        deeper = stack_layers(model).eval()
        self.assertEqual(len(deeper.decoder.model.layers), 4)
        images, scenes = generate_scenes((7, 6), 2)
        packed = pack(scenes, [[describe(scene)] for scene in scenes])
        with torch.no_grad():
            before = run_packed(model, torch.from_numpy(images), packed).hidden
            after = run_packed(deeper, torch.from_numpy(images), packed).hidden
        torch.testing.assert_close(before, after)


if __name__ == "__main__":
    unittest.main()
