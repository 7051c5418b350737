"""The install tree alone: a C program built through pkg-config and through find_package runs a program."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(os.environ["INGOT_ROOT"])
BUILD = pathlib.Path(os.environ["INGOT_BUILD"])
CLIENT = ROOT / "test/runtime/_client.c"
PROGRAM = ROOT / "test/golden/format-1.ingot"
CMAKE = """cmake_minimum_required(VERSION 3.20)
project(client C CXX)
find_package(Ingot REQUIRED)
add_executable(client {source})
target_link_libraries(client PRIVATE Ingot::ingot-host)
set_target_properties(client PROPERTIES LINKER_LANGUAGE C)
"""


def run(*command, env=None):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, env=env)
    return done.returncode, (done.stdout + done.stderr).strip()


def check(name, outcome):
    code, text = outcome
    print(f"FAIL {name}: exit {code} {text.splitlines()[-1] if text else ''}" if code else f"PASS {name}")
    return not code


def main():
    if re.search(r"^INGOT_SANITIZE:\w+=.", (BUILD / "CMakeCache.txt").read_text(), re.M):
        print("SKIP install: this build is for sanitizers")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        prefix = folder / "prefix"
        if not check("install", run("cmake", "--install", BUILD, "--prefix", prefix, "--component", "runtime")):
            return
        environment = dict(os.environ, PKG_CONFIG_PATH=str(next(prefix.glob("lib*/pkgconfig"))))
        code, flags = run("pkg-config", "--cflags", "--libs", "ingot-runtime", env=environment)
        by_flags = folder / "by-flags"
        if check("pkg-config", (code, flags)):
            if check("pkg-config-link", run("cc", "-std=c11", "-Wall", "-Werror", CLIENT, *flags.split(), "-o", by_flags)):
                check("pkg-config-run", run(by_flags, PROGRAM))
        source = folder / "source"
        source.mkdir()
        (source / "CMakeLists.txt").write_text(CMAKE.format(source=CLIENT))
        if check("find-package", run("cmake", "-S", source, "-B", folder / "b", f"-DCMAKE_PREFIX_PATH={prefix}")):
            if check("find-package-link", run("cmake", "--build", folder / "b")):
                check("find-package-run", run(folder / "b/client", PROGRAM))
        check("tool", run(prefix / "bin/ingot-run", PROGRAM))


if __name__ == "__main__":
    sys.exit(main())
