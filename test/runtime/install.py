"""The installed runtime alone, after its tree was moved: C programs built through pkg-config and through find_package
run a program, and two sessions of one program in two threads are clean under ThreadSanitizer."""
import os
import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(os.environ["INGOT_ROOT"])
BUILD = pathlib.Path(os.environ["INGOT_BUILD"])
sys.path.insert(0, str(ROOT / "test/harness"))
import client  # noqa: E402
from client import run  # noqa: E402

MODEL = ROOT / "test/models/mnist-cnn"
RTOL = 1e-4  # DESIGN: f32 models, relative to the output's scale
CMAKE = """cmake_minimum_required(VERSION 3.20)
project(client C CXX)
find_package(Ingot REQUIRED)
add_executable(client {source})
target_link_libraries(client PRIVATE Ingot::runtime)
set_target_properties(client PROPERTIES LINKER_LANGUAGE C)
"""


def check(name, outcome):
    code, text = outcome
    if code:
        print(text)
    print(f"FAIL {name}: exit {code} {text.splitlines()[-1] if text else ''}" if code else f"PASS {name}")
    return not code


def verdict(name, why):
    print(f"FAIL {name}: {why}" if why else f"PASS {name}")


def build_paths(prefix):
    """Files of the tree that name a folder of the build or of the sources."""
    wrong = []
    for path in sorted(prefix.rglob("*")):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            wrong += [str(path.relative_to(prefix)) for folder in (BUILD, ROOT) if str(folder).encode() + b"/" in data]
    return sorted(set(wrong))


def check_threads(folder, program):
    """The same runtime, instrumented; kernels are the program's own."""
    build, prefix = BUILD / "sanitize-thread", folder / "tsan"
    cache = (BUILD / "CMakeCache.txt").read_text()
    compilers = dict(re.findall(r"^(CMAKE_C(?:XX)?_COMPILER(?:_LAUNCHER)?):\w+=(.+)$", cache, re.M))
    if not check("threads-build", run("cmake", "-G", "Ninja", "-S", ROOT, "-B", build, "-DINGOT_COMPILER=OFF",
                                      "-DINGOT_SANITIZE=thread", "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
                                      *[f"-D{name}={value}" for name, value in compilers.items()])):
        return
    if not check("threads-build", run("ninja", "-C", build, "ingot-host", "ingot-run", "ingot-vulkan")):
        return
    if not check("threads-install", client.install(build, prefix, ["runtime"])):
        return
    if check("threads-link", run(compilers["CMAKE_C_COMPILER"], "-std=c11", "-g", "-fsanitize=thread", "-Wall", "-Werror",
                                 f"-I{prefix / 'include'}", ROOT / "test/runtime/_threads.c",
                                 *sorted(prefix.glob("lib*/libingot-host.a")), *sorted(prefix.glob("lib*/libingot-core.a")),
                                 "-pthread", "-o", folder / "threads")):
        check("threads-run", run(folder / "threads", program, env=dict(os.environ, TSAN_OPTIONS="halt_on_error=1")))


def main():
    if re.search(r"^INGOT_SANITIZE:\w+=.", (BUILD / "CMakeCache.txt").read_text(), re.M):
        print("SKIP install: this build is for sanitizers")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if not check("install", client.install(BUILD, folder / "first", ["runtime"])):
            return
        prefix = (folder / "first").rename(folder / "moved")
        verdict("relocatable", " ".join(build_paths(prefix)))
        program, case = folder / "model.ingot", MODEL / "case-0.npz"
        if not check("compile", run(BUILD / "bin/ingot", "compile", MODEL / "model.onnx", "-o", program)):
            return
        if check("pkg-config", client.link(ROOT, prefix, folder / "client")):
            verdict("pkg-config-run", client.compare(folder / "client", program, case, RTOL, folder))
        source = folder / "source"
        source.mkdir()
        (source / "CMakeLists.txt").write_text(CMAKE.format(source=ROOT / "test/runtime/_client.c"))
        if check("find-package", run("cmake", "-G", "Ninja", "-S", source, "-B", folder / "b", f"-DCMAKE_PREFIX_PATH={prefix}")):
            if check("find-package-link", run("cmake", "--build", folder / "b")):
                verdict("find-package-run", client.compare(folder / "b/client", program, case, RTOL, folder))
        check("tool", run(prefix / "bin/ingot-run", program, f"--inputs={case}", f"--expect={case}"))
        check_threads(folder, program)


if __name__ == "__main__":
    sys.exit(main())
