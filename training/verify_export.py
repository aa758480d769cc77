"""Answer the evaluation set from an exported folder alone, with public loaders only.

    python -m verify_export --folder ../packages/embedded-model

Images go through onnxruntime, the decoder's weights through `LlamaForCausalLM`, the prompt through the
exported `tokenizer.json`; every answer is decoded greedily, one word at a time.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from PIL import Image
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM


def evaluation_images(folder: Path, document: dict) -> np.ndarray:
    """Cut the sheets into scenes, uint8 `[scenes, height, width, 3]`."""
    size, rows, columns = document["imageSize"], document["sheetRows"], document["sheetColumns"]
    sheets = [np.asarray(Image.open(folder / name).convert("RGB")) for name in document["sheets"]]
    cells = np.stack(sheets).reshape(len(sheets), rows, size, columns, size, 3)
    return cells.transpose(0, 1, 3, 2, 4, 5).reshape(-1, size, size, 3)


def load_decoder(model_folder: Path) -> LlamaForCausalLM:
    """The decoder with float32 compute; every weight must be there and used."""
    config = json.loads((model_folder / "config.json").read_text())["text_config"]
    config.pop("torch_dtype", None)
    decoder = LlamaForCausalLM(LlamaConfig(**config)).eval()
    weights = load_file(model_folder / "weights" / "decoder.safetensors")
    decoder.load_state_dict({name: value.float() for name, value in weights.items()}, strict=True)
    return decoder


@torch.no_grad()
def answer(decoder: LlamaForCausalLM, embeds: torch.Tensor, table: torch.Tensor, end: int) -> list[int]:
    """Greedy ids after the prompt `[1, tokens, hidden]`, without the end token."""
    ids: list[int] = []
    outputs = decoder(inputs_embeds=embeds, use_cache=True)
    while len(ids) < 40:
        best = int(outputs.logits[0, -1].argmax())
        if best == end:
            break
        ids.append(best)
        outputs = decoder(
            inputs_embeds=table[best][None, None], past_key_values=outputs.past_key_values, use_cache=True
        )
    return ids


def main() -> None:
    """Print the share of right answers per kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="holds model/ and evaluation/")
    parser.add_argument("--per-kind", type=int, default=1000, help="at most this many questions a kind")
    arguments = parser.parse_args()

    model_folder, evaluation = arguments.folder / "model", arguments.folder / "evaluation"
    document = json.loads((evaluation / "evaluation.json").read_text())
    tokenizer = Tokenizer.from_file(str(model_folder / "tokenizer.json"))
    decoder = load_decoder(model_folder)
    config = json.loads((model_folder / "config.json").read_text())
    image_token = tokenizer.id_to_token(config["image_token_index"])
    sessions = [
        onnxruntime.InferenceSession(model_folder / "onnx" / name, providers=["CPUExecutionProvider"])
        for name in ("vision_encoder.onnx", "embed_tokens.onnx")
    ]
    vocabulary = np.arange(tokenizer.get_vocab_size(), dtype=np.int64)[None]
    table = torch.from_numpy(sessions[1].run(None, {"input_ids": vocabulary})[0][0])

    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for image, scene in zip(evaluation_images(evaluation, document), document["scenes"]):
        pixels = (image.astype(np.float32) / 255 - 0.5) / 0.5
        features = sessions[0].run(None, {"pixel_values": pixels.transpose(2, 0, 1)[None]})[0]
        for item in scene["questions"]:
            kind = item["kind"]
            if total[kind] == arguments.per_kind:
                continue
            prompt = f"{image_token * config['image_seq_length']}{item['question']} answer:"
            ids = torch.tensor(tokenizer.encode(prompt).ids)
            embeds = table[ids]
            embeds[ids == config["image_token_index"]] = torch.from_numpy(features[0])
            reply = answer(decoder, embeds[None], table, config["eos_token_id"])
            words = " ".join(tokenizer.id_to_token(index) for index in reply)
            total[kind] += 1
            right[kind] += words == item["answer"]
    for kind, count in total.items():
        print(f"{kind:>10} {right[kind] / count:.3f} of {count}")
    asked = [kind for kind in total if kind != "describe"]
    share = sum(right[kind] for kind in asked) / sum(total[kind] for kind in asked)
    print(f"{'questions':>10} {share:.3f}")


if __name__ == "__main__":
    main()
