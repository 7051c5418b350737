"""Broken and hostile input for every command: an error that says what is wrong, and nothing left behind.

Each case runs the real tool in a folder of its own and must end with exit code 1 (2: wrong usage), within a screen of
text that names the problem, without a new file, without a trace in the folder for temporary files, and without a
sanitizer's report (the same cases run in the sanitizer build). How long and how large the refusals were is printed.
"""
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import time

import _broken_cases

BUILD = pathlib.Path(os.environ["INGOT_BUILD"])
LINES = 24  # a screen
LIMIT = 60  # seconds; a hang, not a slow machine
SANITIZED = bool(re.search(r"^INGOT_SANITIZE:\w+=.", (BUILD / "CMakeCache.txt").read_text(), re.M))
# DESIGN: an error takes at most 64 MB above the process's start. Address sanitizer keeps freed memory, so not there.
MEMORY = 64 * 1024
REPORT = re.compile(r"(?:Address|Leak|UndefinedBehavior)Sanitizer|runtime error:|LLVM ERROR|Stack dump|Assertion|please report|internal")


def contents(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def run(command, folder, scratch, limit=LIMIT):
    """(exit code or None, stdout, stderr, seconds, peak kilobytes)."""
    start = time.monotonic()
    environment = dict(os.environ, TMPDIR=str(scratch), HOME=str(scratch))
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen([str(word) for word in command], cwd=folder, env=environment,
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        while True:
            done, status, usage = os.wait4(process.pid, os.WNOHANG)
            if done:
                break
            if time.monotonic() - start > limit:
                process.kill()
                os.wait4(process.pid, 0)
                return None, "", "", limit, 0
            time.sleep(0.002)
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
        return process.returncode, *texts, time.monotonic() - start, usage.ru_maxrss


def judge(case, before, after, scratch, outcome):
    """Why this outcome is not what a refusal should be; empty when it is."""
    code, out, err, seconds, peak = outcome
    if code is None:
        return f"no end within {LIMIT} s"
    found = REPORT.search(err) or REPORT.search(out)
    if found:
        line = next(line for line in (err + out).splitlines() if found[0] in line)
        return f"exit code {code}: {line.strip()[:300]}"
    if code not in case.codes:
        return f"exit code {code}, expected {' or '.join(map(str, case.codes))}: {err.strip()[:200]!r}"
    if after != before and code != 0:
        return f"left behind: {', '.join(sorted(set(after) ^ set(before))[:3])}"
    if scratch:
        return f"left in the folder for temporary files: {', '.join(scratch[:3])}"
    if code == 0:
        return ""
    if len(err.splitlines()) > LINES or len(err) > LINES * 200:
        return f"{len(err.splitlines())} lines and {len(err)} characters of error"
    if "error: " not in err:
        return f"no error is printed: {err.strip()[:200]!r}"
    if not re.search(case.says, err):
        return f"the error does not match /{case.says}/: {err.strip()[:300]!r}"
    return ""


def sizes_of_sound_runs(tools, folder):
    """Peak of each tool when it only looks for a file that is not there: what the process takes at its start."""
    return {name: run([tool, *words], folder, folder)[4]
            for name, tool, words in (("ingot", tools["ingot"], ["compile", "missing.onnx"]),
                                      ("ingot-run", tools["ingot-run"], ["missing.ingot"]))}


def main():
    wanted = sys.argv[1:]
    tools = {name: BUILD / "bin" / name for name in ("ingot", "ingot-run")}
    with tempfile.TemporaryDirectory() as name:
        top = pathlib.Path(name)
        shared = top / "shared"
        shared.mkdir()
        cases = _broken_cases.all_cases(tools, shared, pathlib.Path(os.environ["INGOT_ROOT"]))
        names = [case.name for case in cases]
        if len(set(names)) != len(names):
            print("FAIL names: a name stands twice: " + ", ".join(sorted({n for n in names if names.count(n) > 1})))
            return
        start_sizes = sizes_of_sound_runs(tools, shared)
        slowest, largest = (0, ""), (0, "")
        for number, case in enumerate(cases):
            if wanted and not any(word in "e2e/test_broken_input/" + case.name for word in wanted):
                continue
            folder, scratch = top / f"case-{number}", top / f"scratch-{number}"
            folder.mkdir()
            scratch.mkdir()
            case.make(folder)
            before = contents(folder)
            words = [word.replace("%shared", str(shared)) for word in case.words]
            outcome = run([tools[case.tool], *words], folder, scratch)
            why = judge(case, before, contents(folder), contents(scratch), outcome)
            above = outcome[4] - start_sizes[case.tool]
            slowest = max(slowest, (outcome[3], case.name))
            largest = max(largest, (above, case.name))
            if not why and not SANITIZED and not case.large and above > MEMORY:
                why = f"took {above // 1024} MB above the process's start"
            print(f"FAIL {case.name}: {why}".replace("\n", " ") if why else f"PASS {case.name}", flush=True)
            subprocess.run(["rm", "-rf", folder, scratch], check=True)
        print(f"{len(cases)} cases; slowest {slowest[0]:.2f} s ({slowest[1]}), "
              f"largest {largest[0] // 1024} MB above the start ({largest[1]})")


if __name__ == "__main__":
    main()
