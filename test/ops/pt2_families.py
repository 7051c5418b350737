#!/usr/bin/env python3
"""Published architectures in small (pt2-families.tar.xz, made by _make_pt2_families.py): each is imported and evaluated,
then compiled for this machine and run (NAME/compiled), against what torch computed. docs/families.md lists them.

A family is NAME.pt2 (as torch.export gives it), NAME.core.pt2 (after run_decompositions, where that works) and NAME.npz.
"""
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "conformance"))
from _evaluate import evaluate_all  # noqa: E402

BUILD = pathlib.Path(os.environ.get("INGOT_BUILD", HERE.parents[1] / "build"))
PAGE = HERE.parents[1] / "docs" / "families.md"
# Relative to an output's largest element. The evaluator computes in float64 and rounds to the type after each operator;
# torch's bfloat16 kernels keep float32 inside some of theirs.
RTOL, ATOL = {"bf16": "2e-2"}, "1e-6"
HEAD = """# Families of models

Written by `test/ops/pt2_families.py` and compared with what it shows in every run: small models with random weights, built from
the classes of transformers 5.23 and torchao 0.18, exported by torch 2.13 (`test/ops/_make_pt2_families.py`). `_dyn` has a batch
and a length that are not fixed, `_static_cache` a cache of keys and values as variables, `ao_` what torchao quantised and `pt2e_`
what its quantiser of exported programs did.

● compiles, and the program gives what torch gives · ◐ evaluates as torch does, does not compile · – refused, or another result ·
empty: torch does not decompose it
"""
NOT_EXPORTED = """
Not exported by torch 2.13, so not here: Longformer, LED and DBRX (branches that depend on data), Switch-Transformers (a layer
changes its own type while it runs).
"""
SIGNS = {(True, True): "●", (True, False): "◐", (False, False): "–"}


def jobs(folder, filters):
    for model in sorted(folder.glob("*.pt2")):
        name = model.name.removesuffix(".pt2")
        if filters and not any(word in f"ops/pt2_families/{name}" for word in filters):
            continue
        family = name.removesuffix(".core")
        arrays = folder / f"{family}.npz"
        dims = folder / f"{family}.dims"
        rtol = next((value for word, value in RTOL.items() if word in family), "1e-4")
        yield "\t".join([name, str(model), str(arrays), str(arrays), rtol, ATOL, *(dims.read_text().split() if dims.exists() else [])])


def ranges(folder, filters):
    """Programs for every size that the file allows (NAME/range), run at the arrays' size."""
    for dims in sorted(folder.glob("*.dims")):
        for name in (dims.stem, dims.stem + ".core"):
            model, program, arrays = folder / f"{name}.pt2", folder / f"{name}.ingot", dims.with_suffix(".npz")
            if not model.exists() or (filters and not any(word in f"ops/pt2_families/{name}/range" for word in filters)):
                continue
            commands = ([BUILD / "bin" / "ingot", "compile", model, "-o", program],
                        [BUILD / "bin" / "ingot-run", program, f"--inputs={arrays}", f"--expect={arrays}", "--rtol=1e-4"])
            failed = next((done for done in (subprocess.run(command, capture_output=True, text=True) for command in commands)
                           if done.returncode), None)
            yield f"FAIL {name}/range: " + " ".join(failed.stderr.split())[-300:] if failed else f"PASS {name}/range"


def page(folder, lines):
    """docs/families.md as this run shows it."""
    passed = {line.split(":")[0].removeprefix("PASS ") for line in lines if line.startswith("PASS")}

    def sign(name):
        if not (folder / f"{name}.pt2").exists():
            return ""
        return SIGNS[(name in passed, f"{name}/compiled" in passed)]

    families = [path.stem for path in sorted(folder.glob("*.npz"))]
    counts = [sum(sign(name + suffix) == "●" for name in families) for suffix in ("", ".core")]
    text = HEAD + f"\n{len(families)} families: {counts[0]} compile and match as exported, {counts[1]} decomposed.\n\n"
    text += "| family | as exported | decomposed |\n|---|---|---|\n"
    text += "".join(f"| {name} | {sign(name)} | {sign(name + '.core')} |\n" for name in families)
    return text + NOT_EXPORTED


def main():
    filters = sys.argv[1:]
    evaluate = BUILD / "test" / "evaluate"
    if not evaluate.exists():
        print(f"SKIP all: {evaluate} is not built")
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        with tarfile.open(HERE / "pt2-families.tar.xz") as archive:
            archive.extractall(folder)
        lines, errors = evaluate_all(evaluate, list(jobs(folder, filters)))
        lines += ranges(folder, filters)
        text = "" if filters else page(folder, lines)
    print("\n".join(lines))
    sys.stderr.write(errors)
    if not filters:
        (BUILD / "test" / "families.md").write_text(text)
        same = PAGE.exists() and PAGE.read_text() == text
        print("PASS page" if same else f"FAIL page: docs/families.md is not what this run shows: copy {BUILD}/test/families.md there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
