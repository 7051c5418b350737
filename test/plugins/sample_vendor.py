"""The installed compiler, after its tree was moved: its headers, the sample plug-in built from it alone, and what the
plug-in adds; then shared objects that are no plug-ins for this compiler."""
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile

ROOT = pathlib.Path(os.environ["INGOT_ROOT"])
BUILD = pathlib.Path(os.environ["INGOT_BUILD"])
sys.path.insert(0, str(ROOT / "test/harness"))
import client  # noqa: E402
from client import run  # noqa: E402

# Shared objects in C: name, source, what the error must say.
BROKEN = [
    ("other-version", 'const char *ingotPluginApi(void) { return "Ingot plug-in API 0, LLVM 21.0"; }'
     "void ingotRegisterPlugin(void *r) { (void)r; __builtin_trap(); }", "was built for 'Ingot plug-in API 0, LLVM 21.0'"),
    ("no-api", "void ingotRegisterPlugin(void *r) { (void)r; }", "exports no ingotPluginApi; it is not an Ingot plug-in"),
    ("no-entry", 'const char *ingotPluginApi(void) { return ""; }', "exports no ingotRegisterPlugin"),
    ("unresolved", "extern int not_in_this_compiler; int *plugin = &not_in_this_compiler;",
     "cannot be loaded: {file}: undefined symbol: not_in_this_compiler")]
HARD_SWISH = """func.func @forward(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = ingot.hard_swish %x : tensor<8xf32> loc("act")
  return %0 : tensor<8xf32>
}
"""


def verdict(name, why):
    why = " ".join(why.split())
    print(f"FAIL {name}: {why}" if why else f"PASS {name}")
    return not why


def check(name, outcome, code=0, says=()):
    """A command's exit code, and what it must have printed."""
    got, text = outcome
    why = "" if got == code else f"exit {got}, expected {code}"
    for words in says:
        if not why and words not in text:
            why = f"it does not say: {words}"
    if why:
        print(text)
    return verdict(name, why)


def check_headers(prefix, folder):
    """Every header finds what it includes in the install tree, with the flags of a plug-in."""
    top = prefix / "include/ingot-compiler"
    headers = sorted(str(path.relative_to(top)) for path in top.rglob("*.h"))
    source = folder / "headers"
    source.mkdir()
    (source / "all.cpp").write_text("".join(f'#include "{header}"\n' for header in headers))
    (source / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.20)\nproject(headers CXX)\nfind_package(Ingot REQUIRED COMPONENTS compiler)\n"
        "add_library(headers OBJECT all.cpp)\ntarget_link_libraries(headers PRIVATE Ingot::compiler)\n")
    build = folder / "headers-build"
    if check("headers-configure", cmake(source, build, prefix)):
        check("headers", run("cmake", "--build", build))


def cmake(source, build, prefix):
    cache = (BUILD / "CMakeCache.txt").read_text()
    compiler = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.+)$", cache, re.M)[1]
    mlir = re.search(r"^MLIR_DIR:\w+=(.+)$", cache, re.M)[1]
    return run("cmake", "-G", "Ninja", "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}", f"-DMLIR_DIR={mlir}",
               f"-DCMAKE_CXX_COMPILER={compiler}")


def make_model(folder):
    """x @ W, hard_swish, the vendor's swish, a clip; and what it computes, by its definition. Raises ImportError."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    rng = np.random.default_rng(7)
    x, weight = rng.standard_normal((4, 16), np.float32), rng.standard_normal((16, 32), np.float32)
    beta, low, high = 1.5, np.float32(-0.1), np.float32(2.0)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["a"], name="product"),
             helper.make_node("HardSwish", ["a"], ["b"], name="act"),
             helper.make_node("Swish", ["b"], ["c"], name="swish", domain="sample.vendor", beta=beta),
             helper.make_node("Clip", ["c", "low", "high"], ["y"], name="clip")]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (4, 32))],
        [numpy_helper.from_array(array, name) for name, array in (("w", weight), ("low", low), ("high", high))])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("sample.vendor", 1)])
    model.ir_version = 8
    onnx.save(model, folder / "model.onnx")
    product = x.astype(np.float64) @ weight
    active = product * np.clip(product + 3, 0, 6) / 6
    np.savez(folder / "case.npz", x=x, y=np.clip(active / (1 + np.exp(-beta * active)), low, high).astype(np.float32))


def check_plugin(ingot, plugin, folder):
    check("targets", run(ingot, "targets", flag(plugin)), says=["sample", "an imaginary unit that clamps"])
    dump = folder / "act.mlir"
    dump.write_text(HARD_SWISH)
    says = ["ingot.clamp", "min 0.000000e+00 max 6.000000e+00"]
    check("opt-pass", run(ingot, "opt", dump, flag(plugin), "--sample-expand-hard-swish"), says=says)
    check("opt-pass-alone", run(ingot.with_name("ingot-opt"), dump, "--sample-expand-hard-swish"), code=1,
          says=["Unknown command line argument '--sample-expand-hard-swish'"])
    try:
        make_model(folder)
    except ImportError as missing:
        print(f"SKIP compile: {missing} (./dev setup with a network)")
        return
    program, model, case = folder / "model.ingot", folder / "model.onnx", folder / "case.npz"
    report, dumps = folder / "report.json", folder / "dumps"
    check("without", run(ingot, "compile", model, "-o", program), code=1, says=["sample.vendor::Swish", "not supported"])
    if not check("compile", run(ingot, "compile", model, flag(plugin), "--target=sample,host", "-o", program,
                                f"--report={report}", f"--dump-phases={dumps}"), says=["the sample device only clamps"]):
        return
    kernels = json.loads(report.read_text())["kernels"]
    layers = {layer for kernel in kernels if kernel["target"] == "sample" for layer in kernel["layers"]}
    others = {layer for kernel in kernels if kernel["target"] != "sample" for layer in kernel["layers"]}
    verdict("claimed", "" if layers == {"act", "clip"} else f"the device runs {sorted(layers)}, not act and clip")
    verdict("the-rest", "" if {"product", "swish"} <= others else f"the CPU runs only {sorted(others)}")
    verdict("phase", "" if "hard_swish" not in (dumps / "02-normalize.mlir").read_text() else
            "the pass did not run at the end of normalize")
    check("inspect-missing", run(ingot, "inspect", model, "--missing"), code=1, says=["sample.vendor::Swish", "swish"])
    check("inspect-nothing-missing", run(ingot, "inspect", model, "--missing", flag(plugin)), says=["can be imported"])
    # 1e-5: f32 ops, relative to the output's scale (DESIGN).
    check("run", run(ingot.with_name("ingot-run"), program, f"--inputs={case}", f"--expect={case}", "--rtol=1e-5"))
    check("diff", run(ingot, "diff", model, flag(plugin), "--target=sample,host", f"--inputs={case}"))


def check_broken(ingot, folder):
    def refused(name, path, words):
        check(name, run(ingot, "targets", f"--plugin={path}"), code=1, says=[f"error: plug-in '{path}'", words])

    for name, source, words in BROKEN:
        (folder / f"{name}.c").write_text(source)
        library = folder / f"{name}.so"
        code, text = run("cc", "-shared", "-fPIC", folder / f"{name}.c", "-o", library)
        if code:
            verdict(name, f"it cannot be built: {text}")
        else:
            refused(name, library, words.format(file=library))
    text = folder / "text.so"
    text.write_text("not a shared object\n")
    refused("not-a-library", text, "cannot be loaded")
    refused("missing-file", folder / "nowhere.so", "does not exist")
    check("opt-missing-file", run(ingot, "opt", "--plugin=nowhere.so"), code=1, says=["plug-in 'nowhere.so' does not exist"])
    check("opt-no-file", run(ingot, "opt", "--plugin"), code=2, says=["--plugin needs a shared object"])


def flag(plugin):
    return f"--plugin={plugin}"


def main():
    if re.search(r"^INGOT_SANITIZE:\w+=.", (BUILD / "CMakeCache.txt").read_text(), re.M):
        print("SKIP sample: this build is for sanitizers")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if not check("install", client.install(BUILD, folder / "first", ["runtime", "compiler"])):
            return
        prefix = (folder / "first").rename(folder / "moved")
        ingot = prefix / "bin/ingot"
        check("version", run(ingot, "--version"), says=["ingot "])
        check_broken(ingot, folder)
        # A copy: the plug-in must find nothing of Ingot's sources around it.
        source = shutil.copytree(ROOT / "backends/sample-vendor", folder / "sample-vendor")
        if check("plug-in-configure", cmake(source, folder / "plug-in", prefix)):
            if check("plug-in-build", run("cmake", "--build", folder / "plug-in")):
                check_plugin(ingot, folder / "plug-in/libsample.so", folder)
        check_headers(prefix, folder)


if __name__ == "__main__":
    sys.exit(main())
