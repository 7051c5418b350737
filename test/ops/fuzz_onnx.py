#!/usr/bin/env python3
"""Random instances of ONNX operators, against ONNX's reference implementation: nothing may be silently wrong.

Each instance is a model of one node with random attributes, element types, ranks, extents (also empty ones), axes (also
negative ones) and values (also infinities and NaN). Ingot must compute what the reference does, or refuse the model with
an error; a crash or another result is a failure. Arguments are filters: names of operators. FUZZ_COUNT and FUZZ_SEED choose
how many and which instances, FUZZ_COMPILE how many of them are also compiled: every one (1), every tenth (10); the others
are evaluated alone. A failing instance stays in build/fuzz-onnx/ with its arrays.
"""
import collections
import os
import pathlib
import shutil
import subprocess
import sys
import warnings

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save
from onnx.reference import ReferenceEvaluator

from _onnx_instances import GENERATORS, Rng, Skip
from _onnx_layers import OWN  # and registers its generators
from _onnx_more import SINCE  # likewise

HERE = pathlib.Path(__file__).parent
BUILD = pathlib.Path(os.environ.get("INGOT_BUILD", HERE.parents[1] / "build"))
OPSET = 22
# Instances that once gave a wrong result: (operator, "seed/number"). Every run has them.
KEPT = [("GridSample", "101/1069")]
COMPILED = int(os.environ.get("FUZZ_COMPILE", "1"))
# Results in f32 are rounded once here and after every step there; f16 has 11 bits.
RTOL = {np.dtype(np.float16): 2e-3, np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-5}


def reference(name, instance, model):
    own = OWN[name]([a for a in instance.inputs if a is not None], **instance.attributes) if name in OWN else None
    if own is not None:
        return [own]
    feeds = {f"x{i}": a for i, a in enumerate(instance.inputs) if a is not None and i not in instance.constants}
    return [np.asarray(result) for result in ReferenceEvaluator(model).run(None, feeds)]


def build(name, instance, results):
    """A model of the node, and the arrays that it takes."""
    graph_inputs, initializers, names, arrays = [], [], [], []
    for i, array in enumerate(instance.inputs):
        if array is None:
            names.append("")
            continue
        names.append(f"x{i}")
        if i in instance.constants:
            initializers.append(numpy_helper.from_array(array, f"x{i}"))
        else:
            graph_inputs.append(helper.make_tensor_value_info(f"x{i}", helper.np_dtype_to_tensor_dtype(array.dtype), array.shape))
            arrays.append(array)
    while names and not names[-1]:
        names.pop()
    outputs = [f"y{i}" for i in range(instance.outputs)]
    node = helper.make_node(name, names, outputs, name=name, **instance.attributes)
    infos = [helper.make_tensor_value_info(output, TensorProto.UNDEFINED if results is None else
                                           helper.np_dtype_to_tensor_dtype(results[i].dtype), None) for i, output in enumerate(outputs)]
    graph = helper.make_graph([node], "fuzz", graph_inputs, infos, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", SINCE.get(name, OPSET))], ir_version=10), arrays


def generate(folder, seed, count, filters):
    """Writes instances; gives the job of each."""
    names = sorted(name for name in GENERATORS if not filters or name in filters)
    jobs = {}
    chosen = [(names[number % len(names)], f"{seed}/{number}", number // len(names) % COMPILED != 0) for number in range(count if names else 0)]
    for name, source, alone in [(name, source, False) for name, source in KEPT if name in names] + chosen:
        r = Rng(source)
        try:
            instance = GENERATORS[name](r, name)
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                results = reference(name, instance, build(name, instance, None)[0])
            model, arrays = build(name, instance, results)
        except Skip:
            continue
        except Exception:  # the reference refuses the instance, or has no case for it: nothing to compare with
            continue
        if not all(np.isfinite(a).all() or a.dtype.kind != "f" for a in results) and any(a.dtype == np.float16 for a in results):
            continue  # overflow in f16 depends on where it is rounded
        base = folder / f"{name}-{source.replace('/', '_')}"
        save(model, f"{base}.onnx")
        np.savez(f"{base}.in.npz", **{f"in{i}": a for i, a in enumerate(arrays)})
        np.savez(f"{base}.out.npz", **{f"out{i}": a for i, a in enumerate(results)})
        tolerance = max((RTOL.get(a.dtype, 0) for a in results), default=0)
        only = ["only"] if alone else []
        jobs[base.name] = "\t".join([base.name, f"{base}.onnx", f"{base}.in.npz", f"{base}.out.npz", str(tolerance), "1e-7", *only])
    return jobs


def main():
    evaluate = BUILD / "test" / "evaluate"
    if not evaluate.exists():
        print(f"SKIP fuzz_onnx: {evaluate} is not built")
        return 0
    folder = BUILD / "fuzz-onnx"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    filters = {word.split("/")[-1] for word in sys.argv[1:]}
    seed, count = os.environ.get("FUZZ_SEED", "1"), int(os.environ.get("FUZZ_COUNT", "500"))
    jobs = generate(folder, seed, count, filters & set(GENERATORS))
    done = subprocess.run([evaluate], input="\n".join(jobs.values()) + "\n" if jobs else "", capture_output=True, text=True)
    equal, refused, wrong = collections.Counter(), collections.Counter(), collections.defaultdict(list)
    for line in done.stdout.splitlines():
        verdict, _, rest = line.partition(" ")
        name, _, why = rest.partition(":")
        kind = name.rsplit("-", 1)[0] + ("/compiled" if name.endswith("/compiled") else "")
        if verdict == "PASS":
            equal[kind] += 1
        elif why.strip().startswith("import:"):
            refused[kind] += 1
            sys.stderr.write(f"{name} is refused: {why.strip()[:200]}\n")
        else:
            wrong[kind].append(f"{name}:{why}")
    failing = {why.partition(":")[0].partition("/")[0] for list_ in wrong.values() for why in list_}
    for path in folder.iterdir():
        if path.name.partition(".")[0] not in failing:
            path.unlink()
    sys.stderr.write(done.stderr)
    for kind in sorted({*equal, *refused, *wrong}):
        if wrong[kind]:
            print(f"FAIL fuzz_onnx/{kind}: {len(wrong[kind])} of {equal[kind] + refused[kind] + len(wrong[kind])} instances: "
                  + " | ".join(wrong[kind][:3]))
        else:
            print(f"PASS fuzz_onnx/{kind}: {equal[kind]} equal, {refused[kind]} refused")
    return 0


if __name__ == "__main__":
    sys.exit(main())
