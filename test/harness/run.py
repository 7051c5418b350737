"""Runs the project's tests part by part and sums them up in one line.

    run.py [PART...] [FILTER...] [--asan] [--ci]

Parts: see PARTS and MODEL_PARTS below; with --asan ASAN_PARTS, in the sanitizer build. A filter keeps the tests whose name holds it. `./dev test` calls this after set-up and build.
The last line is `N passed, N failed, N skipped`; the exit code is 1 when something failed and 2 when
the arguments make no sense.
"""
import collections
import concurrent.futures
import fnmatch
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as xml

import lint
import models
from result import Result, run_command, tail

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEST = ROOT / "test"
# Part -> folders of test/ whose scripts belong to it. A script prints one line a test:
# `PASS name`, `FAIL name: why` or `SKIP name: why`; `table: …` is shown, other lines are its log.
SCRIPTS = {"ops": ["ops"], "conformance": ["conformance"], "e2e": ["e2e", "plugins", "golden"],
           "runtime": ["runtime"], "fuzz": ["fuzz"]}
PARTS = ["unit", "lit", "ops", "conformance", "e2e", "runtime", "lint"]
MODEL_PARTS = ["data", "zoo"]
# What a sanitizer build runs: the code that reads foreign bytes, and of e2e the scripts that feed it such bytes.
ASAN_PARTS = ["unit", "fuzz", "e2e"]
ASAN_SCRIPTS = ["test_broken_input"]
CI_ZOO = ["mobilenet_v2", "deit_tiny", "minilm", "lstm_kws", "gru_denoise"]


def part_of_program(name):
    """unit-runtime* is the part `runtime`, ops-* is `ops`, any other unit-* is `unit`; fuzz-* belongs to fuzz/replay.py."""
    if name.startswith("fuzz-"):
        return None
    if name.startswith("ops-"):
        return "ops"
    return "runtime" if name.startswith("unit-runtime") else "unit"


def run_program(program, context):
    """All tests of one GoogleTest program; a crash is a failure of the test that was running."""
    name = program.name
    report = program.with_suffix(".xml")
    report.unlink(missing_ok=True)
    done = run_command([program, f"--gtest_output=xml:{report}"], timeout=1800, env=context.environment)
    results = []
    try:
        suites = xml.parse(report).getroot()
    except (OSError, xml.ParseError):
        running = re.findall(r"^\[ RUN      \] (\S+)", done.output, re.M)
        finished = re.findall(r"^\[(?:       OK |  FAILED  |  SKIPPED )\] (\S+)", done.output, re.M)
        crashed = running[-1] if running and running[-1] not in finished else "(start)"
        results = [Result(f"{name}/{test.rstrip(',')}", "pass") for test in
                   re.findall(r"^\[       OK \] (\S+)", done.output, re.M)]
        results.append(Result(f"{name}/{crashed}", "fail", f"ended with {done.ending}\n" + tail(done.output),
                              rerun=f"{program.relative_to(ROOT)} --gtest_filter={crashed}"))
        return results
    for case in suites.iter("testcase"):
        test = f"{case.get('classname')}.{case.get('name')}"
        rerun = f"{program.relative_to(ROOT)} --gtest_filter={test}"
        failures = [f.get("message") or f.text or "" for f in case.findall("failure")]
        skipped = case.find("skipped")
        if failures:
            results.append(Result(f"{name}/{test}", "fail", tail("\n".join(failures)), rerun))
        elif skipped is not None or case.get("status") == "notrun":
            why = (skipped.get("message") if skipped is not None else "") or "disabled"
            results.append(Result(f"{name}/{test}", "skip", why.strip().splitlines()[-1], rerun))
        else:
            results.append(Result(f"{name}/{test}", "pass"))
    if done.code and not any(r.status == "fail" for r in results):
        results.append(Result(f"{name}/(exit)", "fail", f"every test passed, but the program ended with "
                              f"{done.ending}\n" + tail(done.output), str(program.relative_to(ROOT))))
    return results


def run_lit(context):
    """lit over the build folder's mirror of test/."""
    lit = next((path for path in ("/usr/lib/llvm-22/bin/lit", shutil.which("lit"), shutil.which("llvm-lit"))
                if path and os.path.exists(path)), None)
    if not lit:
        return [Result("lit", "fail", "lit is not installed", "./dev setup")]
    report = context.build / "test" / "lit.json"
    report.unlink(missing_ok=True)
    done = run_command([lit, "-q", "-o", report, context.build / "test"], timeout=1800, env=context.environment)
    if "did not discover any tests" in done.output:
        return []
    try:
        tests = json.loads(report.read_text())["tests"]
    except (OSError, ValueError, KeyError):
        return [Result("lit", "fail", f"lit ended with {done.ending}\n" + tail(done.output), "./dev test lit")]
    results = []
    for test in tests:
        path = test["name"].split(" :: ")[-1]
        rerun = f"{lit} -v {context.build.name}/test --filter={path}"
        if test["code"] == "PASS":
            results.append(Result(f"lit/{path}", "pass"))
        elif test["code"] == "UNSUPPORTED":
            needs = re.findall(r"required features?: (.*)|unavailable features: (.*)", test["output"])
            why = " ".join("".join(found) for found in needs) or "not supported on this machine"
            results.append(Result(f"lit/{path}", "skip", f"needs {why}" if needs else why))
        elif test["code"] == "XFAIL":
            results.append(Result(f"lit/{path}", "fail", "XFAIL is not used here: list the test and the "
                                  "reason in test/known-failures", rerun))
        else:
            results.append(Result(f"lit/{path}", "fail", f"{test['code']}\n" + tail(test["output"]), rerun))
    return results


def run_script(script, part, context):
    """One script in the common line format."""
    command = [sys.executable, script] if script.suffix == ".py" else ["bash", script]
    done = run_command(command + context.filters, timeout=3000, env=context.environment)
    rerun = f"./dev test {part} {script.stem}" + (" --asan" if context.asan else "")
    stem, results = f"{part}/{script.stem}", []
    for line in done.stdout.splitlines():
        match = re.match(r"(PASS|FAIL|SKIP) ([^:\s][^:]*?)(?:: (.*))?$", line)
        if not match:
            if line.startswith("table: "):
                print("  " + line.removeprefix("table: "))
            continue
        status, name, why = match.group(1).lower(), match.group(2).strip(), match.group(3) or ""
        if status != "pass" and not why:
            status, why = "fail", f"the script gave no reason for {match.group(1)}"
        results.append(Result(f"{stem}/{name}", status, why, rerun))
    if not results:
        results.append(Result(stem, "fail", f"the script reported no test and ended with {done.ending}\n"
                              + tail(done.output), rerun))
    elif done.code and not any(r.status == "fail" for r in results):
        results.append(Result(f"{stem}/(exit)", "fail", f"the script ended with {done.ending}\n"
                              + tail(done.output), rerun))
    elif any(r.status == "fail" for r in results):
        print(tail("\n".join(line for line in done.output.splitlines() if not line.startswith("table: "))))
    return results


def run_part(part, context):
    """Results of one part, before filters that only names can decide."""
    if part == "lint":
        return lint.run(ROOT)
    if part == "lit":
        return run_lit(context)
    if part == "data":
        return models.run_data(context)
    if part == "zoo":
        return models.run_zoo(context)
    programs = [program for program in sorted((context.build / "test").glob("*-*"))
                if program.is_file() and os.access(program, os.X_OK) and not program.suffix
                and part_of_program(program.name) == part]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = [result for found in pool.map(lambda program: run_program(program, context), programs)
                   for result in found]
    for folder in SCRIPTS.get(part, []):
        for script in sorted((TEST / folder).glob("*")):
            if script.suffix not in (".py", ".sh") or script.name.startswith("_"):
                continue
            if part != "e2e" or not context.asan or script.stem in ASAN_SCRIPTS:
                results += run_script(script, part, context)
    if part == "e2e" and not context.asan:
        results += models.run_tree(context)
    return results


def known_failures():
    """pattern -> (file, reason). A file's first line is `reason: …`, the others are test names."""
    known = {}
    for path in sorted((TEST / "known-failures").glob("*.txt")):
        lines = [line.strip() for line in path.read_text().splitlines() if line.strip()]
        if not lines or not lines[0].startswith("reason: "):
            raise SystemExit(f"error: {path.relative_to(ROOT)} must begin with `reason: …`")
        for pattern in lines[1:]:
            if not pattern.startswith("#"):
                known[pattern] = (path.relative_to(ROOT), lines[0][len("reason: "):])
    return known


def apply_known(results, known, seen):
    """A known failure counts as skipped with its reason; one that passes is a failure."""
    for result in results:
        for pattern, (path, reason) in known.items():
            if not fnmatch.fnmatchcase(result.name, pattern):
                continue
            seen.add(pattern)
            if result.status == "fail":
                result.status, result.message = "skip", f"known failure: {reason}"
            elif result.status == "pass":
                result.status = "fail"
                result.message = f"listed as a known failure in {path}, but it passes: remove it there"
    return results


class Context:
    """What every part needs to know."""

    def __init__(self, filters, asan):
        self.root = ROOT
        self.filters = filters
        self.asan = asan
        self.build = ROOT / ("build-asan" if asan else "build")
        self.shared = pathlib.Path(os.environ.get("INGOT_SHARED", ROOT.parent / "shared"))
        self.zoo_names = None
        self.environment = dict(os.environ, INGOT_ROOT=str(ROOT), INGOT_BUILD=str(self.build),
                                INGOT_SHARED=str(self.shared), INGOT_PYTHON=sys.executable)
        if asan:
            # The distribution's LLVM is not instrumented: containers that cross into it look overflown, and what it
            # takes from an arena that instrumented code poisoned stays poisoned.
            self.environment.setdefault("ASAN_OPTIONS", "detect_container_overflow=0:allow_user_poisoning=0")
            self.environment.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")


def main(arguments):
    flags = [a for a in arguments if a.startswith("-")]
    if set(flags) - {"--asan", "--ci"}:
        print(f"error: test does not know {' '.join(sorted(set(flags) - {'--asan', '--ci'}))}", file=sys.stderr)
        return 2
    asan, ci = "--asan" in flags, "--ci" in flags
    words = [a for a in arguments if not a.startswith("-")]
    parts = [w for w in words if w in PARTS + MODEL_PARTS + ASAN_PARTS]
    context = Context([w for w in words if w not in parts], asan)
    if not parts:
        parts = list(ASAN_PARTS if asan else PARTS)
    if not asan and "fuzz" in parts:
        print("error: the part fuzz needs the sanitizer build: add --asan", file=sys.stderr)
        return 2
    runs = [(part, context) for part in parts]
    if ci:
        context.zoo_names = CI_ZOO
        runs += [(part, context) for part, folder in (("data", "data"), ("zoo", "peers"))
                 if part not in parts and (context.shared / folder).is_dir()]
        runs += [(part, Context([], asan=True)) for part in ASAN_PARTS]
    known, seen, everything = known_failures(), set(), []
    for part, context in runs:
        start = time.time()
        title = part + (" --asan" if context.asan else "")
        print(f"== {title}", flush=True)
        results = run_part(part, context)
        if context.filters and part not in MODEL_PARTS:
            results = [r for r in results if any(f in r.name for f in context.filters)]
        if not results and not context.filters:
            results = [Result(f"{part}/(none)", "skip", "the tree holds no such test")]
        apply_known(results, known, seen)
        for result in results if context.asan else []:
            result.name = "asan/" + result.name
        for result in results:
            if result.status == "fail":
                print(f"FAIL {result.name}\n  " + result.message.strip().replace("\n", "\n  "))
                if result.rerun:
                    print(f"  again: {result.rerun}")
        counts = collections.Counter(r.status for r in results)
        print(f"{title:12} {counts['pass']} passed, {counts['fail']} failed, {counts['skip']} skipped"
              f"   {time.time() - start:.0f} s", flush=True)
        everything += results
    if not runs[0][1].filters and not asan and set(PARTS) <= set(parts):
        for pattern, (path, _) in known.items():
            if pattern not in seen and not pattern.startswith(("data/", "zoo/")):
                message = f"{path} lists {pattern}, and no such test ran: remove it there"
                print(f"FAIL {pattern}\n  {message}")
                everything.append(Result(pattern, "fail", message))
    reasons = collections.defaultdict(list)
    for result in everything:
        if result.status == "skip":
            reasons[result.message].append(result.name)
    if reasons:
        print("== skipped")
        for reason, names in sorted(reasons.items()):
            shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            print(f"{len(names):5}  {reason}: {shown}")
    counts = collections.Counter(r.status for r in everything)
    failed = [r.name for r in everything if r.status == "fail"]
    if failed:
        print("== failed")
        print("\n".join(f"       {name}" for name in failed))
    if not everything:
        print(f"error: no test's name holds {' or '.join(runs[0][1].filters)}", file=sys.stderr)
        return 2
    print(f"{counts['pass']} passed, {counts['fail']} failed, {counts['skip']} skipped", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
