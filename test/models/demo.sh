#!/usr/bin/env bash
# `./dev demo`: one real model of the tree, from file to result, with every step shown.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
model=$(ls test/models/*/model.pt2 test/models/*/model.onnx 2>/dev/null | head -n 1)
if [ -z "$model" ]; then
  echo "error: test/models holds no model to show" >&2
  exit 1
fi
folder=$(dirname "$model")
case=$(ls "$folder"/case-*.npz | head -n 1)
program=build/demo.ingot
step() { printf '\n$ %s\n' "$*"; "$@"; }
step build/bin/ingot compile "$model" -o "$program"
step build/bin/ingot inspect "$program"
step build/bin/ingot-run "$program" --inputs="$case" --expect="$case" --outputs=build/demo.npz --repeat=20 --profile
