"""docs/coverage.md: which source operators work on which element types, as the tests of the importers show it.

    coverage.py BUILD          writes docs/coverage.md from what `./dev test ops conformance` left in BUILD/test

A test of a format gives `record` the operators of each model with the element type of their first operand, and how far the
model got. test/e2e/test_coverage_page.py compares the page with what the tests have just shown.
"""
import json
import pathlib
import sys

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "coverage.md"
FORMATS = {"onnx": "ONNX", "pt2": "`.pt2`", "tflite": "TFLite"}
TYPES = ["f32", "f64", "f16", "bf16", "i64", "i32", "i16", "i8", "u64", "u32", "u16", "u8", "bool", "narrow", "other"]
# Best first; a pair of operator and type has the best state of the models that hold it.
STATES = ["compiles", "evaluates", "imports", "refused"]
SIGNS = {"compiles": "●", "evaluates": "◐", "imports": "○", "refused": "–"}
HEAD = """# Operators and element types

Written by `test/harness/coverage.py` from the results of `./dev test ops conformance`, and compared with them in every run.
Each row is a source operator, each column the element type of its first operand (TFLite: the first that the file does not hold).

● compiles and runs as expected · ◐ evaluates as expected, does not compile · ○ imports · – refused with an error that names it ·
empty: no test. `narrow` are types below a byte and 8-bit floats. An operator that has no row has no test of its own here, which does not
mean that it is refused: `ingot inspect MODEL --missing` tells for a model.
"""


def state_of(lines, name):
    """How far the model `name` got, from the lines of the program `evaluate`."""
    mine = {line.split(":")[0]: line for line in lines
            if line.split(":")[0].split(" ")[-1] in (name, f"{name}/compiled")}
    if f"PASS {name}/compiled" in mine:
        return "compiles"
    if f"PASS {name}" in mine:
        return "evaluates"
    return "refused" if ": import: " in mine.get(f"FAIL {name}", ": import: ") else "imports"


def record(build, source, found):
    """Keeps `found`, triples of operator, type and state, for the page's part about the format `source`."""
    table = {}
    for operator, kind, state in found:
        row = table.setdefault(operator, {})
        row[kind] = min(state, row.get(kind, state), key=STATES.index)
    path = pathlib.Path(build) / "test" / f"coverage-{source}.json"
    path.write_text(json.dumps(table, sort_keys=True, indent=1))


def page(build):
    """The page's text, or None when a format's tests have not run in this build."""
    text = HEAD
    for source, title in FORMATS.items():
        path = pathlib.Path(build) / "test" / f"coverage-{source}.json"
        if not path.exists():
            return None
        table = json.loads(path.read_text())
        types = [kind for kind in TYPES if any(kind in row for row in table.values())]
        done = sum("compiles" in row.values() for row in table.values())
        text += f"\n## {title}: {done} of {len(table)} operators compile for at least one type\n\n"
        text += f"| operator | {' | '.join(types)} |\n|---|{'---|' * len(types)}\n"
        for operator, row in sorted(table.items()):
            text += f"| {operator} | {' | '.join(SIGNS.get(row.get(kind), '') for kind in types)} |\n"
    return text


if __name__ == "__main__":
    text = page(sys.argv[1])
    if text is None:
        raise SystemExit("error: run `./dev test ops conformance` first")
    PAGE.write_text(text)
