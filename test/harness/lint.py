"""Formatting, names, file sizes and words: the rules of CONTRIBUTING.md that a machine can check."""
import pathlib
import re
import subprocess

from result import Result, run_command, tail

SOFT_LINES, HARD_LINES, README_LINES = 600, 1000, 40
TOP_FOLDERS = ["ir", "compiler", "passes", "backends", "runtime-lib", "tools", "test", "bench", "docs"]
CODE = (".cpp", ".h", ".td", ".py", ".sh", ".cmake", ".txt", ".md", ".mlir", ".c", ".fbs")
# Files taken whole from elsewhere under their own licence and style.
FOREIGN = re.compile(r"(^|/)third_party/|onnx\.proto$|^test/models/.*LICENSE")
# A path or name that holds on one machine only.
MACHINE = re.compile(r"(?<![\w.\-<}])/(?:work|home/\w+|root|Users/\w+)/")
UNEXPLAINED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?!:? \S+ \S+ \S+)")


def tracked(root):
    """Paths that git tracks, or that are new and not ignored."""
    done = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root,
                          capture_output=True, check=True)
    names = sorted(set(name for name in done.stdout.decode().split("\0") if name))
    return [name for name in names if (root / name).is_file() and not FOREIGN.search(name)]


def kebab(name):
    """FoldBatchNorm -> fold-batch-norm, InsertQDQ -> insert-qdq."""
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", name)
    return re.sub(r"([A-Z])([A-Z][a-z])", r"\1-\2", name).lower()


def check_format(root, files):
    sources = [name for name in files if name.endswith((".cpp", ".h"))]
    if not sources:
        return "", []
    wrong = []
    for start in range(0, len(sources), 64):
        done = run_command(["clang-format-22", "--dry-run", "-Werror", *sources[start:start + 64]], 600, cwd=root)
        if done.code == 127:
            return done.output + "run ./dev setup", []
        wrong += re.findall(r"^(\S+?):\d+:\d+: error: code should be clang-formatted", done.output, re.M)
        if done.code and not wrong:
            return tail(done.output), []
    names = sorted(set(wrong))
    return ("not formatted (./dev format does it): " + " ".join(names)) if names else "", []


def check_sizes(root, files):
    long, notes = [], []
    for name in files:
        if not name.endswith((".cpp", ".h", ".td", ".py", ".sh")):
            continue
        count = len((root / name).read_bytes().splitlines())
        if count > HARD_LINES:
            long.append(f"{name} has {count} lines, at most {HARD_LINES} are allowed")
        elif count > SOFT_LINES:
            notes.append(f"note: {name} has {count} lines; over {SOFT_LINES} it is time to split it")
    return "\n".join(long), notes


def check_words(root, files):
    found = []
    for name in files:
        if not name.endswith(CODE) and name != "dev" or name == "test/harness/lint.py":
            continue
        for number, line in enumerate((root / name).read_text(errors="replace").splitlines(), 1):
            if MACHINE.search(line):
                found.append(f"{name}:{number}: a path of one machine")
            match = UNEXPLAINED.search(line)
            if match:
                found.append(f"{name}:{number}: {match.group(1)} without a sentence saying what and why")
    return "\n".join(found), []


def check_readmes(root, files):
    wrong = []
    for folder in TOP_FOLDERS:
        if not any(name.startswith(folder + "/") for name in files):
            continue
        readme = root / folder / "README.md"
        if not readme.is_file():
            wrong.append(f"{folder}/README.md is missing: what lives here, what does not, where to start")
        elif len(readme.read_text().splitlines()) > README_LINES:
            wrong.append(f"{folder}/README.md has more than {README_LINES} lines")
    return "\n".join(wrong), []


def check_passes(root, files):
    """passes/PHASE/FoldBatchNorm.cpp defines fold-batch-norm, tested by test/passes/PHASE/fold-batch-norm.mlir."""
    wrong = []
    flags = {}
    for name in files:
        if name.endswith(".td"):
            for pass_name, flag in re.findall(r"^def (\w+)\s*:\s*(?:Interface)?Pass<\s*\"([\w-]+)\"",
                                              (root / name).read_text(), re.M):
                flags[pass_name] = flag
    for name in files:
        path = pathlib.PurePosixPath(name)
        if not name.startswith("passes/") or path.suffix != ".cpp" or name.startswith("passes/planner/"):
            continue
        text = (root / name).read_text(errors="replace")
        defined = [flags.get(d) or next((f for p, f in flags.items() if p.upper() == d), None)
                   for d in re.findall(r"#define GEN_PASS_DEF_(\w+)", text)]
        defined += re.findall(r"getArgument\(\)\s*const\s*(?:override|final)?\s*\{\s*return\s*\"([\w-]+)\"", text)
        defined = [flag for flag in defined if flag]
        if not defined:
            continue
        want = kebab(path.stem)
        for flag in defined:
            if flag != want and len(defined) == 1:
                wrong.append(f"{name} defines the pass {flag}: by its name it should be {want}")
            test = f"test/{path.parent}/{flag}.mlir"
            if test not in files:
                wrong.append(f"{name}: the pass {flag} has no test {test}")
        if len(defined) > 1:
            wrong.append(f"{name} defines {len(defined)} passes ({', '.join(defined)}): one pass per file")
    return "\n".join(wrong), []


def run(root):
    """One result per rule."""
    files = tracked(root)
    results = []
    for name, check in (("format", check_format), ("file-size", check_sizes), ("words", check_words),
                        ("readmes", check_readmes), ("pass-names", check_passes)):
        why, notes = check(root, files)
        for note in notes:
            print(note)
        results.append(Result(f"lint/{name}", "fail" if why else "pass", why, "./dev lint"))
    return results
