"""The freestanding core: what it needs, how large it is, that it runs without a C library, that firmware can compile it.

Prints the symbol table, so that a grown core shows where.
"""
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(os.environ["INGOT_ROOT"])
BUILD = pathlib.Path(os.environ["INGOT_BUILD"])
ALLOWED = {"memcpy", "memset", "memcmp", "strncmp"}
LIMIT = 48 * 1024      # bytes of code and data of the whole core, x86-64
BSS_LIMIT = 1024
FIRMWARE_LIMIT = 35 * 1024  # Thumb-2; the budget of 16 KiB is not met yet, this keeps the core from growing


def tool(name):
    return shutil.which(name + "-22") or shutil.which(name) or name


def run(*command, **options):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)


def report(name, why=""):
    print(f"FAIL {name}: {why.strip().splitlines()[-1] if why.strip() else 'no message'}" if why else f"PASS {name}")


def sections(path):
    """Size per kind of the sections that are loaded."""
    sizes = {"code": 0, "data": 0, "bss": 0}
    for line in run(tool("llvm-size"), "-A", path).stdout.splitlines():
        match = re.match(r"\.(text|rodata|data|bss|init_array|tdata|tbss)\S*\s+(\d+)", line)
        if match:
            kind = {"text": "code", "bss": "bss", "tbss": "bss"}.get(match[1], "data")
            sizes[kind] += int(match[2])
    return sizes


def undefined(path):
    return {line.split()[-1] for line in run(tool("llvm-nm"), "-u", path).stdout.splitlines() if line.strip()}


def check_host(folder):
    whole = folder / "core.o"
    done = run(tool("ld.lld"), "-r", "--whole-archive", BUILD / "lib/libingot-core.a", "-o", whole)
    if done.returncode:
        return report("x86-64-size", done.stderr)
    print(run(tool("llvm-nm"), "-S", "--size-sort", "-C", whole).stdout)
    sizes = sections(whole)
    total = sizes["code"] + sizes["data"]
    print(f"core: {total} bytes (code {sizes['code']}, data {sizes['data']}), bss {sizes['bss']}")
    machine = platform.machine()
    if machine == "x86_64":
        report("x86-64-size", f"{total} bytes of code and data, allowed {LIMIT}" if total > LIMIT else "")
        report("bss", f"{sizes['bss']} bytes, allowed {BSS_LIMIT}" if sizes["bss"] > BSS_LIMIT else "")
    else:
        print(f"SKIP x86-64-size: this machine is {machine}")
    extra = undefined(whole) - ALLOWED
    report("undefined-symbols", "the core needs " + ", ".join(sorted(extra)) if extra else "")


def check_freestanding(folder):
    if platform.machine() != "x86_64":
        print("SKIP freestanding-run: the test program is written for x86-64")
        return
    program = folder / "freestanding"
    done = run(tool("clang++"), "-std=c++17", "-O1", "-fno-exceptions", "-fno-rtti", "-ffreestanding", "-nostdlib",
               "-static", "-fno-stack-protector", "-fuse-ld=lld", "-Wl,-z,noexecstack", f"-I{ROOT}/runtime-lib/include",
               f'-DGOLDEN="{ROOT}/test/golden/format-1.ingot"', ROOT / "test/runtime/_freestanding.cpp",
               BUILD / "lib/libingot-core.a", "-o", program)
    if done.returncode:
        return report("freestanding-link", done.stderr)
    report("freestanding-link")
    code = run(program).returncode
    report("freestanding-run", f"ended at step {code}" if code else "")


def firmware_headers(folder):
    """libc++ for one thread, and the host's FlatBuffers without the host's other headers."""
    (folder / "__config_site").write_text(re.sub(
        r"(_LIBCPP_HAS_(?:THREADS|MONOTONIC_CLOCK|LOCALIZATION|FILESYSTEM)) 1", r"\1 0",
        re.sub(r".*PSTL_BACKEND.*\n", "", pathlib.Path("/usr/lib/llvm-22/include/c++/v1/__config_site").read_text())))
    (folder / "flatbuffers").symlink_to("/usr/include/flatbuffers")


def check_firmware(folder):
    libcxx, newlib = pathlib.Path("/usr/lib/llvm-22/include/c++/v1"), pathlib.Path("/usr/include/newlib")
    if not libcxx.exists() or not newlib.exists():
        print("SKIP cortex-m55: libc++-22-dev or newlib is not installed")
        return
    headers = folder / "include"
    headers.mkdir()
    firmware_headers(headers)
    objects = []
    for source in sorted((ROOT / "runtime-lib/core").glob("*.cpp")):
        objects.append(folder / (source.stem + ".m55.o"))
        done = run(tool("clang++"), "--target=thumbv8.1m.main-none-eabi", "-mcpu=cortex-m55", "-mfloat-abi=hard",
                   "-std=c++17", "-Oz", "-fno-rtti", "-fno-exceptions", "-fno-threadsafe-statics", "-DNDEBUG",
                   "-fno-builtin-strlen", "-fno-builtin-bcmp", "-Xclang", "-fmerge-functions", "-mllvm",
                   "-force-attribute=_ZNK11flatbuffers5Table22GetOptionalFieldOffsetEt:noinline",
                   "-D_GNU_SOURCE", "-nostdinc++", "-isystem", headers, "-isystem", libcxx, "-isystem", newlib,
                   f"-I{ROOT}", f"-I{BUILD}", f"-I{ROOT}/runtime-lib/include", "-c", source, "-o", objects[-1])
        if done.returncode:
            return report("cortex-m55-compiles", done.stderr)
    report("cortex-m55-compiles")
    whole = folder / "m55.o"
    run(tool("ld.lld"), "-r", *objects, "-o", whole)
    # The compiler's own helpers come from its run-time library on every firmware.
    extra = {name for name in undefined(whole) - ALLOWED if not name.startswith("__aeabi_")}
    report("cortex-m55-undefined-symbols", "the core needs " + ", ".join(sorted(extra)) if extra else "")
    sizes = sections(whole)
    total = sizes["code"] + sizes["data"]
    print(f"core for Cortex-M55: {total} bytes (code {sizes['code']}, data {sizes['data']}); budget 16384")
    report("cortex-m55-size", f"{total} bytes, allowed {FIRMWARE_LIMIT}" if total > FIRMWARE_LIMIT else "")


def main():
    if re.search(r"^INGOT_SANITIZE:\w+=.", (BUILD / "CMakeCache.txt").read_text(), re.M):
        print("SKIP core: this build is for sanitizers")
        return
    with tempfile.TemporaryDirectory() as name:
        for check in (check_host, check_freestanding, check_firmware):
            check(pathlib.Path(name))


if __name__ == "__main__":
    sys.exit(main())
