"""Whole models: compile, run every case on every target and thread count, compare with the reference.

Reference arrays come from outside (NumPy archives written by ONNX Runtime or PyTorch); the tools
are used as a user would use them. A row of the printed table is one model file on one target.
"""
import json
import math
import os
import pathlib
import re
import shutil
import sys
import tempfile

import client
import npz
from result import Result, run_command, tail

TARGETS = ["x86-64-v3", "x86-64-v4"]
THREADS = [1, 2]
MANY_THREADS = 5  # for the first case: more than most machines that test have cores
# These also run on AArch64, under an emulator: convolutions, attention, recurrence, plain products.
AARCH64 = "aarch64"
AARCH64_MODELS = {"mnist-cnn", "cct", "gtcrn", "silero-vad", "policy-g1", "lstm_kws", "mobilenet_v2"}
# These also run split over a GPU target and a CPU: model -> the layers that must be on the GPU, and
# no others.
SPLIT = "vulkan,x86-64-v3"
SPLIT_MODELS = {"minilm": re.compile(r"layer\.\d+[./](intermediate|output)")}
ICD_FOLDERS = ("/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/etc/vulkan/icd.d")
CPU_NEEDS = {"x86-64-v3": {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"},
             "x86-64-v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}}
COMPILE_LIMIT, RUN_LIMIT = 900, 600  # seconds: a hang guard, not a budget
MOST_GAP = 0.05  # of an arena over its lower bound
MOST_BESIDE_WEIGHTS = 300_000  # bytes of a program that are not packed weights
PROCESS_BYTES = 6 << 20   # of ingot-run beside packed weights, arena, inputs and outputs
DEFAULT_RTOL = 1e-4  # DESIGN: f32 models, relative to the output's scale


def why_not(context, target):
    """Why programs for `target` cannot run on this machine, or an empty text."""
    if target == AARCH64:
        emulator, program = shutil.which("qemu-aarch64"), runner(context, target)[-1]
        return "" if emulator and program.exists() else "there is no qemu-aarch64, or no ingot-run-aarch64 is built"
    device, _, target = target.rpartition(",")
    if device and not (os.environ.get("VK_ICD_FILENAMES") or os.environ.get("VK_DRIVER_FILES")
                       or any(file for folder in ICD_FOLDERS for file in pathlib.Path(folder).glob("*.json"))):
        return "no Vulkan driver is installed"
    flags = set()
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            flags = set(line.split(":")[1].split())
            break
    missing = sorted(CPU_NEEDS[target] - flags)
    return f"this CPU has no {' '.join(missing)}" if missing else ""


def tolerances(context):
    """model -> {rtol, argmax, reason}: the models whose tolerance is not the usual one; `cases` has those of one case."""
    table = json.loads((context.root / "test" / "harness" / "tolerances.json").read_text())
    for name, entry in table.items():
        if not entry.get("reason"):
            raise SystemExit(f"error: tolerances.json gives no reason for {name}")
    return table


def dim_flags(signature, cases):
    """--dim flags that let every case's input shapes in. Raises ValueError when a case cannot fit."""
    extents = {}
    for case in cases:
        arrays = npz.load(case)
        for position, entry in enumerate(signature["inputs"]):
            array = arrays.get(f"in{position}") or arrays.get(entry["name"])
            if array is None:
                continue
            if len(array.shape) != len(entry["shape"]):
                raise ValueError(f"input {entry['name']} has shape {list(array.shape)} in {case.name}, "
                                 f"and {entry['shape']} in the model")
            for extent, dim in zip(array.shape, entry["shape"]):
                if isinstance(dim, str):
                    extents.setdefault(dim, set()).add(extent)
    flags = []
    for dim, seen in sorted(extents.items()):
        low, high = min(seen), max(seen)
        flags.append(f"--dim={dim}={low}" if low == high else f"--dim={dim}={low}..{high}")
    return flags


def same_argmax(got, want):
    """Per output, by position: the index of the largest value agrees along the last axis."""
    references = sorted((name for name in want if name.startswith("out")), key=lambda name: int(name[3:]))
    if len(got) != len(references):
        return f"{len(got)} outputs were written, {len(references)} are expected"
    for name, result in zip(references, got.values()):
        array = want[name]
        if array.shape and array.dtype[1] == "f":
            a, b = result.values(), array.values()
            width = array.shape[-1]
            for row in range(0, len(b), width):
                x, y = a[row:row + width], b[row:row + width]
                if x.index(max(x)) != y.index(max(y)):
                    return f"{name}: arg-max {x.index(max(x))} where the reference has {y.index(max(y))}"
    return ""


def runner(context, target):
    """The command that runs programs for `target`."""
    if target == AARCH64:
        return ["qemu-aarch64", context.build / "bin" / "ingot-run-aarch64"]
    return [context.build / "bin" / "ingot-run"]


def run_case(context, target, program, case, threads, entry, outputs):
    """One inference: (error text or "", relative error or None)."""
    entry = {**entry, **entry.get("cases", {}).get(pathlib.Path(case).stem, {})}
    command = [*runner(context, target), program, f"--inputs={case}", f"--expect={case}",
               f"--threads={threads}", f"--rtol={entry.get('rtol', DEFAULT_RTOL)}", f"--outputs={outputs}", "--json"]
    done = run_command(command, RUN_LIMIT, context.environment)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        return f"ingot-run ended with {done.ending}\n" + tail(done.output, 10), None
    error = report.get("max_rel_err")
    if done.code or not report.get("ok"):
        return f"relative error {error}, {done.ending}\n" + tail(done.stderr, 10), error
    if entry.get("argmax"):
        return same_argmax(npz.load(outputs), npz.load(case)), error
    return "", error


def same_bits(paths):
    """Whether all the .npz files hold the same bytes: a run's result must not depend on threads."""
    first = npz.load(paths[0])
    for path in paths[1:]:
        other = npz.load(path)
        for name in first:
            if other[name].data != first[name].data:
                return f"{name} differs between {paths[0].stem} and {path.stem}"
    return ""


def check_arena(context, prefix, target, report, model, flags, rerun):
    """The compiler's own report against two outside numbers: the lower bound and the graph's live bytes."""
    try:
        arenas = json.loads(report.read_text())["arenas"]
        total = sum(arena["bytes"] for arena in arenas)
        worst = max((arena["gap"] for arena in arenas), default=0)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [Result(f"{prefix}/{target}/arena", "fail", f"the report does not tell of arenas: {error}", rerun)]
    why = "" if worst <= MOST_GAP else f"an arena is {worst:.1%} above its lower bound, at most {MOST_GAP:.0%} is allowed"
    results = [Result(f"{prefix}/{target}/arena", "fail" if why else "pass", why, rerun)]
    if target != TARGETS[0]:
        return results
    # --dim=NAME=LO..HI: the plan is for the largest extent.
    extents = [re.sub(r"=\d+\.\.", "=", flag.removeprefix("--dim=")) for flag in flags]
    script = context.root / "test" / "harness" / "live_bytes.py"
    done = run_command([sys.executable, script, model, *extents], COMPILE_LIMIT, context.environment)
    test = f"{prefix}/{target}/live-bytes"
    words = done.stdout.split()
    if "No module named 'onnx'" in done.stderr:
        results.append(Result(test, "skip", "the onnx package is not installed (./dev setup with a network)"))
    elif done.code or len(words) < 3:
        results.append(Result(test, "fail", f"live_bytes.py ended with {done.ending}\n" + tail(done.output, 5), rerun))
    elif words[-1] != "0" and total > int(words[0]):  # what is of unknown size counts as nothing: too low a limit
        results.append(Result(test, "skip", "onnx's shape inference does not know every value's size"))
    else:
        why = "" if total <= int(words[0]) else \
            f"the plan takes {total} bytes, the graph in its own order {words[0]} (at {' '.join(words[1:-1])})"
        results.append(Result(test, "fail" if why else "pass", why, rerun))
    return results


def check_split(context, name, program):
    """Whether the layers on the GPU are those that belong there; text that says what is wrong, or "" ."""
    ingot = context.build / "bin" / "ingot"
    done = run_command([ingot, "inspect", program, "--json", "--disassemble"], COMPILE_LIMIT, context.environment)
    try:
        report = json.loads(done.stdout)
        plan = report["plans"][0]
        wanted, steps = SPLIT_MODELS[name], plan["entries"][0]["instructions"]
        placed = [(plan["kernels"][step["kernel"]]["target"], layer)
                  for step in steps if step["op"] == "launch" for layer in step["layers"]]
        cut = plan["entries"][0]["cut"]["transfers"]
        segments = {(segment["kind"], segment.get("target")) for segment in report["segments"]}
    except (ValueError, KeyError, IndexError, TypeError) as error:
        return f"ingot inspect ended with {done.ending}: {error!r}\n" + tail(done.stderr, 10)
    wrong = [f"{layer} is on {target}" for target, layer in placed
             if bool(wanted.search(layer)) != (target == "vulkan")]
    if wrong:
        return f"{len(wrong)} layers are on the wrong side: {'; '.join(wrong[:5])}"
    copies = [step for step in steps if step["op"] == "copy"]
    if not cut or len(cut) > len(copies):
        return f"{len(cut)} transfers are in the cut, {len(copies)} copies in the plan"
    missing = {("binary", "vulkan"), ("code", "x86-64-v3")} - segments
    return f"there is no segment {missing}" if missing else ""


def check_size(prefix, target, report, rerun):
    """What a program holds besides its packed weights: (results, cells of the table)."""
    test = f"{prefix}/{target}/size"
    try:
        file = json.loads(report.read_text())["file"]
        weights, growth, beside = file["weight_bytes"], file["packing_growth_bytes"], file["bytes"] - file["weight_bytes"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [Result(test, "fail", f"the report does not tell of the file: {error}", rerun)], ("-", "-", "-")
    why = "" if beside <= MOST_BESIDE_WEIGHTS else \
        f"the program has {beside} bytes besides its weights, at most {MOST_BESIDE_WEIGHTS} are allowed"
    cells = tuple(f"{number / 1000:.0f}" for number in (weights, growth, beside))
    return [Result(test, "fail" if why else "pass", why, rerun)], cells


def check_memory(context, prefix, target, program, report, case, rerun):
    """The peak of `ingot-run` against its budget; says how long load and first run took."""
    done = run_command([*runner(context, target), program, f"--inputs={case}", "--json"], RUN_LIMIT, context.environment)
    shown = run_command([context.build / "bin" / "ingot", "inspect", program, "--json"], RUN_LIMIT, context.environment)
    try:
        run, sizes = json.loads(done.stdout), json.loads(report.read_text())["file"]
        signature = json.loads(shown.stdout)["plans"][0]["entries"][0]
        passed = sum(math.prod(tensor["shape"]) * max(1, int(re.sub(r"\D.*", "", tensor["dtype"].lstrip("abfisu")) or 8) // 8)
                     for tensor in signature["inputs"] + signature["outputs"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [Result(f"{prefix}/{target}/memory", "fail", f"ended with {done.ending}: {error}\n" + tail(done.stderr, 5),
                       rerun)]
    budget = sizes["weight_bytes"] + run["arena_bytes"] + passed + PROCESS_BYTES
    peak = run["peak_rss_kb"] * 1024
    print(f"    load {run['load_ms']:.1f} ms, first run {run['first_ms']:.1f} ms, "
          f"peak {peak / 2 ** 20:.1f} of {budget / 2 ** 20:.1f} MB", flush=True)
    why = "" if peak <= budget else f"ingot-run takes {peak} bytes at its peak, {budget} are allowed"
    return [Result(f"{prefix}/{target}/memory", "fail" if why else "pass", why, rerun)]


def check_model(context, part, name, model, cases, entry, rows):
    """Every target, thread count and case of one model file."""
    results = []
    prefix = f"{part}/{name}{model.suffix}"
    rerun = f"./dev test {part} {name}"
    ingot = context.build / "bin" / "ingot"
    done = run_command([ingot, "inspect", model, "--json"], COMPILE_LIMIT, context.environment)
    try:
        flags = dim_flags(json.loads(done.stdout), cases)
    except (ValueError, KeyError, TypeError) as error:
        why = f"ingot inspect --json ended with {done.ending}: {error}\n" + tail(done.stderr, 10)
        rows.append((name + model.suffix, "-", "-", "-", "-", "-", "-", "inspect failed"))
        return [Result(f"{prefix}/inspect", "fail", why, rerun)]
    for target in TARGETS + [AARCH64] * (name in AARCH64_MODELS) + [SPLIT] * (name in SPLIT_MODELS):
        with tempfile.TemporaryDirectory() as folder:
            program, report = pathlib.Path(folder) / "program.ingot", pathlib.Path(folder) / "report.json"
            command = [ingot, "compile", model, f"-o{program}", f"--target={target}", f"--report={report}", *flags]
            done = run_command(command, COMPILE_LIMIT, context.environment)
            if done.code or not program.exists():
                shown = " ".join(str(word) for word in command)
                why = f"{shown}\nended with {done.ending}\n" + tail(done.output, 12)
                results.append(Result(f"{prefix}/{target}/compile", "fail", why, rerun))
                rows.append((name + model.suffix, target, "-", "-", "-", "-", "-", "compile failed"))
                continue
            results.append(Result(f"{prefix}/{target}/compile", "pass"))
            results += check_arena(context, prefix, target, report, model, flags, rerun)
            if target == SPLIT:
                why = check_split(context, name, program)
                results.append(Result(f"{prefix}/{target}/cut", "fail" if why else "pass", why, rerun))
            sizes, cells = check_size(prefix, target, report, rerun)
            results += sizes
            reason = why_not(context, target)
            if reason:
                results.append(Result(f"{prefix}/{target}/run", "skip", reason))
                rows.append((name + model.suffix, target, *cells, "-", "-", "compiled, cannot run here"))
                continue
            if target == TARGETS[0]:
                results += check_memory(context, prefix, target, program, report, cases[0], rerun)
            worst, failures = None, 0
            for case in cases:
                outputs = []
                for threads in THREADS + [MANY_THREADS] * (case == cases[0] and target != AARCH64):
                    outputs.append(pathlib.Path(folder) / f"threads-{threads}.npz")
                    outputs[-1].unlink(missing_ok=True)
                    why, error = run_case(context, target, program, case, threads, entry, outputs[-1])
                    if error is not None and (worst is None or not error <= worst):
                        worst = error
                    failures += bool(why)
                    test = f"{prefix}/{target}/threads-{threads}/{case.stem}"
                    results.append(Result(test, "fail" if why else "pass", why, rerun))
                if all(path.exists() for path in outputs):
                    why = same_bits(outputs)
                    failures += bool(why)
                    results.append(Result(f"{prefix}/{target}/same-bits/{case.stem}", "fail" if why else "pass",
                                          why, rerun))
            rows.append((name + model.suffix, target, *cells, str(len(cases)),
                         "-" if worst is None else f"{worst:.2e}",
                         "ok" if not failures else f"{failures} failed"))
    return results


def check_client(context, names, zoo):
    """A C program from the install tree alone runs each model that has one input and one output."""
    table = tolerances(context)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        prefix, program = folder / "prefix", folder / "program.ingot"
        code, text = client.install(context.build, prefix, ["runtime"])
        if not code:
            code, text = client.link(context.root, prefix, folder / "client")
        if code:
            return [Result("zoo/client", "fail", f"the client cannot be built\n{tail(text, 10)}", "./dev test zoo")]
        results = []
        for name in names:
            case, model = zoo / f"{name}.npz", zoo / f"{name}.pt2"
            arrays = npz.load(case) if case.exists() and model.exists() else {}
            if sorted(array for array in arrays if array.startswith(("in", "out"))) != ["in0", "out0"]:
                continue
            rerun, test = f"./dev test zoo {name}", f"zoo/{name}.pt2/client"
            done = run_command([context.build / "bin" / "ingot", "compile", model, f"-o{program}"], COMPILE_LIMIT,
                               context.environment)
            if done.code:
                results.append(Result(test, "fail", f"compile ended with {done.ending}\n" + tail(done.output, 5), rerun))
                continue
            why = client.compare(folder / "client", program, case, table.get(name, {}).get("rtol", DEFAULT_RTOL), folder)
            results.append(Result(test, "fail" if why else "pass", why, rerun))
        return results


class Table:
    """Sizes and errors per model, shown as they come and kept in the build folder."""

    HEAD = ("model", "target", "weights", "packing", "beside", "cases", "error", "verdict")

    def __init__(self, context, part):
        (context.build / "test").mkdir(parents=True, exist_ok=True)
        self.file = open(context.build / "test" / f"errors-{part}.txt", "w")
        print("sizes in kB: packed weights, how much of that packing added, what the program holds beside them")
        print("errors: the largest over all outputs, cases and thread counts, relative to the output's largest value")
        self.append(self.HEAD)

    def append(self, row):
        widths = (30, 16, 8, 8, 7, 5, 9, 0)
        line = "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip()
        print(line, flush=True)
        print(line, file=self.file, flush=True)


def folders(context, part, top):
    """model.onnx and model.pt2 of every folder of `top`, with their case-K.npz."""
    results, rows, table = [], Table(context, part), tolerances(context)
    for folder in sorted(path for path in top.iterdir() if path.is_dir()):
        if context.filters and not any(f in folder.name for f in context.filters):
            continue
        cases = sorted(folder.glob("case-*.npz"))
        files = [folder / f"model{suffix}" for suffix in (".onnx", ".pt2") if (folder / f"model{suffix}").exists()]
        if not cases or not files:
            continue
        for model in files:
            results += check_model(context, part, folder.name, model, cases, table.get(folder.name, {}), rows)
    return results


def run_data(context):
    """The models of ../shared/data/models."""
    top = context.shared / "data" / "models"
    if not top.is_dir():
        return [Result("data/(all)", "skip", "there is no ../shared/data beside the tree")]
    return folders(context, "data", top)


def run_tree(context):
    """The small models of the tree itself."""
    top = context.root / "test" / "models"
    return folders(context, "e2e", top) if top.is_dir() else []


def set_up_zoo(context, names):
    """The folder with the exported models; exports what is missing. Returns (folder, error text)."""
    peers = context.shared / "peers"
    prepared = context.environment.get("INGOT_ZOO")
    if prepared:
        return pathlib.Path(prepared), ""
    zoo, venv = context.root / "build" / "zoo", context.root / "build" / "peers"
    missing = [name for name in names if not (zoo / f"{name}.npz").exists() or not (zoo / f"{name}.pt2").exists()]
    if not missing:
        return zoo, ""
    if not (venv / ".complete").exists():
        print("setting up build/peers (torch, to export the models)", flush=True)
        done = run_command(["sh", peers / "install.sh", "--export", venv], 3000, context.environment)
        if done.code:
            return zoo, f"install.sh --export ended with {done.ending}\n" + tail(done.output)
        (venv / ".complete").touch()
    print(f"exporting {' '.join(missing)}", flush=True)
    done = run_command([venv / "bin" / "python", peers / "zoo.py", zoo, *missing], 3000, context.environment)
    return zoo, f"zoo.py ended with {done.ending}\n" + tail(done.output) if done.code else ""


def run_zoo(context):
    """The models of ../shared/peers/zoo.py, from both formats."""
    script = context.shared / "peers" / "zoo.py"
    if not script.is_file():
        return [Result("zoo/(all)", "skip", "there is no ../shared/peers beside the tree")]
    names = re.findall(r"^@model\ndef (\w+)\(", script.read_text(), re.M)
    if context.filters:
        names = [name for name in names if any(f in name for f in context.filters)]
    elif context.zoo_names:
        names = [name for name in names if name in context.zoo_names]
    zoo, error = set_up_zoo(context, names)
    if error:
        return [Result("zoo/(set-up)", "fail", error, "./dev test zoo")]
    results, rows, table = [], Table(context, "zoo"), tolerances(context)
    for name in names:
        cases = [zoo / f"{name}.npz"]
        files = [zoo / f"{name}{suffix}" for suffix in (".pt2", ".onnx") if (zoo / f"{name}{suffix}").exists()]
        if not cases[0].exists() or not files:
            results.append(Result(f"zoo/{name}", "fail", f"{zoo} does not hold {name}", "./dev test zoo"))
            continue
        for model in files:
            results += check_model(context, "zoo", name, model, cases, table.get(name, {}), rows)
    return results + check_client(context, names, zoo)
