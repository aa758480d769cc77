"""What pruning costs on this model, in PyTorch: TransPrune, its two signals alone, FastV, random.

    python -m large.probe_pruning --checkpoint deep --scenes 100

Schedules are those of the published 32 layers scaled to this depth, as the presets of `@transprune/core`
scale them. "At equal counts" keeps as many tokens after the same layers as TransPrune does.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from model import rope_tables, rotate
from questions import Question
from tokenizer import BOS, EOS, PAD

from .accuracy import held_out, likeliest_words
from .export import load_weights
from .model import PictureModel, load_model, normalise
from .packing import pack
from .pictures import Picture
from .run import checkpoint_folder
from .words import encode, encode_prompt

PROBE_SEED = (190, 6)
PUBLISHED_DEPTH, ACCUMULATE_FROM = 32, 7
HIGH = ((7, 0.875), (9, 0.625), (12, 0.125))
LOW = ((7, 0.625), (9, 0.1875), (12, 0.0625))


@dataclass
class Sequence:
    """All questions of one picture as a batch: `<s>`, image, text, in a state between two layers."""

    hidden: Tensor  # `[questions, tokens, hidden]`
    positions: Tensor  # `[questions, tokens]`
    prompt: Tensor  # whether a text token belongs to the prompt `[questions, text]`
    patches: Tensor  # the patches still present, in order `[questions, image]`
    transition: Tensor  # accumulated token transition of `<s>` and image tokens `[questions, 1 + image]`

    @property
    def images(self) -> int:
        """Image tokens still present."""
        return self.patches.shape[1]


# A method scores the image tokens `[questions, image]` after a layer (1-based).
Score = Callable[[PictureModel, Sequence, int], Tensor]


def scaled(schedule: tuple[tuple[int, float], ...], layers: int) -> list[tuple[int, float]]:
    """A published schedule at another depth: (prune after layer, ratio of all image tokens)."""
    found: list[tuple[int, float]] = []
    for layer, ratio in schedule:
        after = int(layer * layers / PUBLISHED_DEPTH + 0.5)
        found.append((max(after, found[-1][0] + 1 if found else 1), ratio))
    return found


def transition_of(inputs: Tensor, outputs: Tensor, prompt: Tensor) -> Tensor:
    """Magnitude times softmax of 1 - cosine, over the whole prompt, for `<s>` and image tokens."""
    magnitude = outputs.norm(dim=-1) / inputs.norm(dim=-1)
    direction = 1 - torch.cosine_similarity(inputs, outputs, dim=-1)
    front = inputs.shape[1] - prompt.shape[1]
    direction[:, front:] = direction[:, front:].masked_fill(~prompt, -torch.inf)
    return (magnitude * direction.softmax(-1))[:, :front]


def attention_of_prompt(
    model: PictureModel, state: Sequence, layer: int, rows: Tensor
) -> Tensor:
    """Attention of prompt tokens to image tokens in layer `layer + 1`, mean over heads and `rows`."""
    block = model.decoder.model.layers[layer]
    attention, shape = block.self_attn, model.decoder.shape
    hidden = block.input_layernorm(state.hidden)
    count, tokens, _ = hidden.shape
    rope = rope_tables(state.positions, shape.head_dim, shape.rope_theta)
    query, key = (
        rotate(project(hidden).view(count, tokens, -1, shape.head_dim).transpose(1, 2), *rope)
        for project in (attention.q_proj, attention.k_proj)
    )
    front = 1 + state.images
    scores = query[:, :, front:] @ key.transpose(-1, -2) * shape.head_dim**-0.5
    causal = torch.ones(tokens, tokens, dtype=torch.bool).tril()[front:]
    weights = scores.masked_fill(~causal, -torch.inf).softmax(-1).mean(1)[:, :, 1:front]
    rows = rows.float()[..., None]
    return (weights * rows).sum(1) / rows.sum(1)


def transition(model: PictureModel, state: Sequence, layer: int) -> Tensor:
    """Token transition alone, sum 1."""
    values = state.transition[:, 1:]
    return values / (values.sum(-1, keepdim=True) + 1e-8)


def instruction(model: PictureModel, state: Sequence, layer: int) -> Tensor:
    """Instruction-guided attention alone, sum 1."""
    values = attention_of_prompt(model, state, layer, state.prompt)
    return values / (values.sum(-1, keepdim=True) + 1e-8)


def transprune(model: PictureModel, state: Sequence, layer: int) -> Tensor:
    """Both signals."""
    return transition(model, state, layer) + instruction(model, state, layer)


def last_query(model: PictureModel, state: Sequence, layer: int) -> Tensor:
    """FastV: the last prompt token's attention in the layer just run, here taken from the next one."""
    last = state.prompt & (state.prompt.cumsum(1) == state.prompt.sum(1, keepdim=True))
    return attention_of_prompt(model, state, layer, last)


def drawn(model: PictureModel, state: Sequence, layer: int) -> Tensor:
    """Random, another draw for every question."""
    return torch.rand(state.patches.shape)


@dataclass(frozen=True)
class Method:
    """A score, when it prunes, and whether positions are renumbered."""

    name: str
    score: Score
    schedule: list[tuple[int, float]]
    renumber: bool = True


def methods_for(layers: int) -> list[Method]:
    """All that is compared."""
    high, low = scaled(HIGH, layers), scaled(LOW, layers)
    found = []
    for name, schedule in (("high", high), ("low", low)):
        found += [
            Method(f"transprune-{name}", transprune, schedule),
            Method(f"random-{name}", drawn, schedule),
            Method(f"random-{name}, ids kept", drawn, schedule, renumber=False),
            Method(f"fastv-{name}", last_query, schedule, renumber=False),
            Method(f"transition-{name}", transition, schedule),
            Method(f"instruction-{name}", instruction, schedule),
            Method(f"instruction-{name}, ids kept", instruction, schedule, renumber=False),
        ]
    return found


def start(model: PictureModel, features: Tensor, questions: list[Question]) -> tuple[Sequence, list[Tensor]]:
    """The sequences in front of the first layer, and the targets of every answer."""
    texts, prompts, targets = [], [], []
    for question in questions:
        prompt, answer = encode_prompt(question.text), [*encode(question.answer), EOS]
        texts.append(torch.tensor(prompt + answer[:-1]))
        prompts.append(torch.tensor([True] * len(prompt) + [False] * (len(answer) - 1)))
        targets.append(torch.tensor(answer))
    count, patches = len(questions), features.shape[0]
    embed = model.decoder.model.embed_tokens
    text = embed(pad_sequence(texts, batch_first=True, padding_value=PAD))
    first = embed(torch.tensor([[BOS]])).expand(count, -1, -1)
    hidden = torch.cat([first, features.expand(count, -1, -1), text], dim=1)
    state = Sequence(
        hidden, torch.arange(hidden.shape[1]).expand(count, -1), pad_sequence(prompts, batch_first=True),
        torch.arange(patches).expand(count, -1), torch.zeros(count, 1 + patches),
    )
    return state, targets


def run_layer(model: PictureModel, state: Sequence, layer: int, accumulate: bool) -> Sequence:
    """One layer (1-based) on a copy of the state."""
    block, shape = model.decoder.model.layers[layer - 1], model.decoder.shape
    hidden, gathered = state.hidden, state.transition
    rope = rope_tables(state.positions, shape.head_dim, shape.rope_theta)
    causal = torch.full((hidden.shape[1], hidden.shape[1]), -torch.inf).triu(1)
    for norm, module in (
        (block.input_layernorm, lambda read: block.self_attn(read, rope, causal)),
        (block.post_attention_layernorm, block.mlp),
    ):
        read = norm(hidden)
        written = module(read)
        hidden = hidden + written
        if accumulate:
            gathered = gathered + transition_of(read, written, state.prompt)
    return Sequence(hidden, state.positions, state.prompt, state.patches, gathered)


def prune(state: Sequence, score: Tensor, keep: int, renumber: bool) -> Sequence:
    """The state without the image tokens that score lowest."""
    chosen = score.topk(keep, dim=-1).indices.sort(-1).values
    front, tokens = 1 + state.images, state.hidden.shape[1]
    count = len(chosen)
    text = torch.arange(front, tokens).expand(count, -1)
    stay = torch.cat([torch.zeros_like(chosen[:, :1]), chosen + 1, text], dim=1)
    hidden = state.hidden.gather(1, stay[..., None].expand(-1, -1, state.hidden.shape[-1]))
    positions = torch.arange(stay.shape[1]).expand(count, -1) if renumber else state.positions.gather(1, stay)
    gathered = state.transition.gather(1, stay[:, : keep + 1])
    return Sequence(hidden, positions, state.prompt, state.patches.gather(1, chosen), gathered)


def answers_right(model: PictureModel, state: Sequence, targets: list[Tensor]) -> list[bool]:
    """Whether every word of every answer is the likeliest."""
    front = 1 + state.images
    best = model.decoder.logits(model.decoder.model.norm(state.hidden[:, front:])).argmax(-1)
    found = []
    for row, target in enumerate(targets):
        first = int(state.prompt[row].sum()) - 1
        found.append(bool((best[row, first : first + len(target)] == target).all()))
    return found


def unpruned_right(
    model: PictureModel, image: Tensor, picture: Picture, questions: list[Question]
) -> list[bool]:
    """Whether every answer is right when nothing is pruned; all questions share the image tokens."""
    packed = pack([picture], [questions])
    best = likeliest_words(model, image, [picture], packed)[0]
    return [
        bool((best[first:end] == packed.targets[0, first:end]).all())
        for _, first, end in packed.questions[0]
    ]


@torch.no_grad()
def probe(
    model: PictureModel, seed: tuple[int, ...], count: int, report: Callable[[dict, int], None],
    names: list[str] | None = None,
) -> None:
    """Ask every question under every method (or the named ones); report after every five pictures."""
    model.eval()
    layers = model.decoder.shape.num_hidden_layers
    methods = [method for method in methods_for(layers) if not names or method.name in names]
    first_prune = min(method.schedule[0][0] for method in methods)
    accumulate_from = min(first_prune, int(ACCUMULATE_FROM * layers / PUBLISHED_DEPTH + 0.5))
    images, pictures, asked = held_out(seed, count, model.grid)
    right: dict[str, Counter[str]] = {name: Counter() for name in ["unpruned", *(m.name for m in methods)]}
    total: Counter[str] = Counter()
    torch.manual_seed(seed[-1])
    for number, (picture, questions) in enumerate(zip(pictures, asked), 1):
        image = images[number - 1 : number]
        for question, good in zip(questions, unpruned_right(model, image, picture, questions)):
            right["unpruned"][question.kind] += good
        features = model.projector(model.vision(normalise(image)))[0]
        shared, targets = start(model, features, questions)
        total.update(question.kind for question in questions)
        for layer in range(1, first_prune + 1):
            shared = run_layer(model, shared, layer, layer >= accumulate_from)
        for method in methods:
            state, ratios = shared, dict(method.schedule)
            last = max(ratios)
            for layer in range(first_prune, layers + 1):
                if layer > first_prune:
                    state = run_layer(model, state, layer, layer <= last)
                if layer in ratios:
                    keep = int(ratios[layer] * picture.grid**2)
                    state = prune(state, method.score(model, state, layer), keep, method.renumber)
            for question, good in zip(questions, answers_right(model, state, targets)):
                right[method.name][question.kind] += good
        if number % 5 == 0 or number == count:
            report({name: dict(counts) for name, counts in right.items()} | {"total": dict(total)}, number)


def table(results: dict) -> str:
    """A Markdown table: a row for every method, a column for every kind, in percent."""
    total = results["total"]
    kinds = [kind for kind in sorted(total) if kind != "describe"]
    names = [name for name in results if name != "total"]
    lines = ["| | " + " | ".join([*kinds, "all questions", "of unpruned", "describe"]) + " |"]
    lines.append("|-" * (len(kinds) + 4) + "|")
    overall = {
        name: sum(results[name].get(kind, 0) for kind in kinds) / sum(total[kind] for kind in kinds)
        for name in names
    }
    for name in names:
        cells = [results[name].get(kind, 0) / total[kind] for kind in kinds]
        cells += [overall[name], overall[name] / max(overall["unpruned"], 1e-9)]
        cells.append(results[name].get("describe", 0) / total["describe"])
        lines.append(f"| {name} | " + " | ".join(f"{100 * cell:.1f}" for cell in cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default="", help="such as deep; else the committed weights")
    parser.add_argument("--name", default="")
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--methods", nargs="+", help="such as transprune-high random-high; else all")
    parser.add_argument("--to", type=Path, help="also write the table there after every five pictures")
    arguments = parser.parse_args()
    found = checkpoint_folder(arguments.name) / f"{arguments.checkpoint}.pt"
    model = load_model(found) if arguments.checkpoint else load_weights()

    def report(results: dict, number: int) -> None:
        text = f"{number} pictures\n\n{table(results)}\n"
        if arguments.to:
            arguments.to.write_text(text, encoding="utf-8")
        if number == arguments.scenes:
            print(text)

    probe(model, PROBE_SEED, arguments.scenes, report, arguments.methods)


if __name__ == "__main__":
    main()
