#!/usr/bin/env python3
"""Makes entries/: a language model of one attention layer with a key-value cache, exported as three programs.

    make_entries.py              (needs torch 2.13 and numpy)

lm.pt2                      all in one archive: `prefill` reads six tokens, `decode` one more at a place, and `look` only
                            reads what the cache holds
prefill.pt2, decode.pt2     an archive each
step-0.npz …                inputs and eager results of a prefill and the greedy steps after it, in order
look.npz                    what the cache holds then
"""
import pathlib
import sys

import numpy as np
import torch
from torch import nn
from torch.export.pt2_archive._package import package_pt2

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "ops"))
from _make_pt2_cases import compress  # noqa: E402

FOLDER = pathlib.Path(__file__).parent / "entries"
TOKENS, STEPS = 6, 4


class LanguageModel(nn.Module):
    def __init__(self, vocabulary=32, width=16, length=24):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.head = nn.Linear(width, vocabulary)
        self.register_buffer("keys", torch.zeros(1, length, width))
        self.register_buffer("values", torch.zeros(1, length, width))
        self.length = length

    def forward(self, tokens, at):
        x = self.embedding(tokens)
        keys, values = self.key_value(x).chunk(2, -1)
        places = at + torch.arange(tokens.shape[1])
        self.keys.index_copy_(1, places, keys)
        self.values.index_copy_(1, places, values)
        scores = self.query(x) @ self.keys.transpose(1, 2) / x.shape[-1] ** 0.5
        seen = torch.arange(self.length)[None, :] <= places[:, None]
        return self.head(scores.masked_fill(~seen, float("-inf")).softmax(-1) @ self.values)


class Prefill(nn.Module):
    def __init__(self, lm):
        super().__init__()
        self.lm = lm

    def forward(self, tokens):
        return self.lm(tokens, torch.zeros(1, dtype=torch.int64))


class Decode(nn.Module):
    def __init__(self, lm):
        super().__init__()
        self.lm = lm

    def forward(self, token, at):
        return self.lm(token, at)


class Look(nn.Module):
    def __init__(self, lm):
        super().__init__()
        self.lm = lm

    def forward(self, scale):
        return self.lm.keys * scale


def save(name, **programs):
    path = FOLDER / name
    package_pt2(str(path), exported_programs=programs)
    path.write_bytes(compress(path.read_bytes(), samples=True))


def main():
    torch.manual_seed(0)
    FOLDER.mkdir(exist_ok=True)
    lm = LanguageModel().eval()
    prompt = torch.randint(0, 32, (1, TOKENS))
    prefill, decode = Prefill(lm), Decode(lm)
    programs = {"prefill": torch.export.export(prefill, (prompt,)),
                "decode": torch.export.export(decode, (prompt[:, :1], torch.tensor([TOKENS])))}
    look = Look(lm)
    save("lm.pt2", **programs, look=torch.export.export(look, (torch.ones(1),)))
    for name, program in programs.items():
        save(name + ".pt2", **{name: program})
    with torch.no_grad():
        lm.keys.zero_(), lm.values.zero_()
        out = prefill(prompt)
        np.savez(FOLDER / "step-0.npz", tokens=prompt.numpy(), out0=out.numpy())
        for step in range(1, STEPS + 1):
            token, at = out[:, -1:].argmax(-1), torch.tensor([TOKENS + step - 1])
            out = decode(token, at)
            np.savez(FOLDER / f"step-{step}.npz", token=token.numpy(), at=at.numpy(), out0=out.numpy())
        scale = torch.tensor([2.0])
        np.savez(FOLDER / "look.npz", scale=scale.numpy(), out0=look(scale).numpy())


if __name__ == "__main__":
    main()
