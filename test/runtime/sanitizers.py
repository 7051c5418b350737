"""The runtime's tests again under sanitizers: addresses and undefined behaviour, then threads (two sessions, pools)."""
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(os.environ["INGOT_ROOT"])
BUILD = pathlib.Path(os.environ["INGOT_BUILD"])


def compilers():
    """The compilers of the main build, so that both agree."""
    cache = (BUILD / "CMakeCache.txt").read_text()
    return [f"-D{name}={value}" for name, value in
            re.findall(r"^(CMAKE_C(?:XX)?_COMPILER(?:_LAUNCHER)?):\w+=(.+)$", cache, re.M)]


def check(kind, tests):
    build = BUILD / ("sanitize-" + kind.split(",")[0])
    for command in (["cmake", "-G", "Ninja", "-S", ROOT, "-B", build, "-DINGOT_COMPILER=OFF", f"-DINGOT_SANITIZE={kind}",
                     "-DCMAKE_BUILD_TYPE=RelWithDebInfo", *compilers()], ["ninja", "-C", build, "unit-runtime"]):
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
        if done.returncode:
            print(done.stdout[-3000:] + done.stderr[-3000:])
            print(f"FAIL {kind}: the build failed")
            return
    done = subprocess.run([build / "test/unit-runtime", f"--gtest_filter={tests}"], capture_output=True, text=True)
    passed = re.search(r"\[  PASSED  \] (\d+) tests?", done.stdout)
    if done.returncode or not passed or int(passed[1]) == 0:
        text = done.stdout + done.stderr
        found = re.findall(r"^.*(?:runtime error|ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|FAILED).*$", text, re.M)
        print(text[-4000:])
        print(f"FAIL {kind}: exit {done.returncode}, {found[0] if found else 'no report'}")
    else:
        print(f"PASS {kind}")


def main():
    if re.search(r"^INGOT_SANITIZE:\w+=.", (BUILD / "CMakeCache.txt").read_text(), re.M):
        print("SKIP sanitizers: this build is for sanitizers")
        return
    check("address,undefined", "-Vulkan.*")  # device drivers leak at exit
    check("thread", "Run.*:Open.*:Golden.*")


if __name__ == "__main__":
    sys.exit(main())
