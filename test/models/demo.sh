#!/usr/bin/env bash
# `./dev demo`: one real model of the tree, from file to result, with every step shown.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
folder=test/models/mnist-cnn
case=$folder/case-2.npz
program=build/demo.ingot
step() { printf '\n$ %s\n' "$*"; "$@"; }
step build/bin/ingot inspect "$folder/model.pt2"
step build/bin/ingot compile "$folder/model.pt2" -o "$program"
step build/bin/ingot-run "$program" --inputs="$case" --expect="$case" --outputs=build/demo.npz --repeat=20 --profile
step build/bin/ingot diff "$folder/model.pt2" --inputs="$case"
printf '\nthe input, and what the model says it is:\n'
build/venv/bin/python - "$case" build/demo.npz <<'PY'
import sys
import numpy as np
image = np.load(sys.argv[1])["in0"][0, 0]
scores = next(iter(np.load(sys.argv[2]).values()))[0]
low, high = image.min(), image.max()
for row in image[2:26]:
    print("".join(" .:*#"[int((v - low) / (high - low) * 4.99)] * 2 for v in row))
print(f"a {scores.argmax()}, with probability {np.exp(scores.max()):.3f}")
PY
