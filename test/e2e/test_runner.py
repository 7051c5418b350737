"""The test runner itself: what must count as a failure does. A runner that is too kind hides bugs."""
import contextlib
import io
import os
import pathlib
import struct
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(os.environ["INGOT_ROOT"])
sys.path.insert(0, str(ROOT / "test" / "harness"))
import lint
import npz
import run
from result import Result


def report(name, good, why="wrong"):
    print(f"PASS {name}" if good else f"FAIL {name}: {why}")


def script_status(folder, text):
    """The statuses that a script with this text comes to."""
    script = folder / "script.sh"
    script.write_text(text)
    with contextlib.redirect_stdout(io.StringIO()):  # the log of a failing script is not ours
        return [result.status for result in run.run_script(script, "e2e", run.Context([], False))]


def program_results(folder, text):
    """Results of a stand-in for a GoogleTest program, inside the tree so that names resolve."""
    program = folder / "unit-stand-in"
    program.write_text("#!/bin/sh\n" + text)
    program.chmod(0o755)
    return run.run_program(program, run.Context([], False))


def main():
    build = pathlib.Path(os.environ["INGOT_BUILD"])
    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build) as name:
        folder = pathlib.Path(name)
        report("a line a test", script_status(folder, "echo PASS a\necho 'SKIP b: no GPU'\n") == ["pass", "skip"])
        report("silence fails", script_status(folder, "echo hello\n") == ["fail"])
        report("a bad exit code fails", script_status(folder, "echo PASS a\nexit 3\n") == ["pass", "fail"])
        report("a reason is needed", script_status(folder, "echo SKIP a\n") == ["fail"])

        crashed = program_results(folder, "echo '[ RUN      ] A.b'\necho '[       OK ] A.b (0 ms)'\n"
                                          "echo '[ RUN      ] A.c'\nkill -SEGV $$\n")
        report("a crash fails the test that ran", [(r.name, r.status) for r in crashed] ==
               [("unit-stand-in/A.b", "pass"), ("unit-stand-in/A.c", "fail")])
        xml = ("<testsuites><testsuite><testcase classname='A' name='b' status='run'/>"
               "<testcase classname='A' name='c' status='run'><failure message='1 is not 2'/></testcase>"
               "<testcase classname='A' name='d' status='run'><skipped message='x.cpp:1&#10;no GPU'/></testcase>"
               "</testsuite></testsuites>")
        ran = program_results(folder, f'cat > "${{1#--gtest_output=xml:}}" <<"X"\n{xml}\nX\nexit 1\n')
        report("GoogleTest's report is read", [(r.status, r.message) for r in ran] ==
               [("pass", ""), ("fail", "1 is not 2"), ("skip", "no GPU")])

        known = {"data/a/*": ("known.txt", "no GRU yet")}
        judged = run.apply_known([Result("data/a/x", "fail", "boom"), Result("data/a/y", "pass"),
                                  Result("data/b", "fail", "boom")], known, set())
        report("known failures count as skipped", (judged[0].status, judged[0].message) ==
               ("skip", "known failure: no GRU yet"))
        report("a known failure that passes fails", judged[1].status == "fail")
        report("other failures stay", judged[2].status == "fail")

        (folder / "a.cpp").write_text("int x; // TO" + "DO\n// TO" + "DO: say what remains to do here\n")
        words = lint.check_words(folder, ["a.cpp"])[0]
        report("bare reminders are seen", words.startswith("a.cpp:1:") and "a.cpp:2" not in words)
        report("names follow passes", lint.kebab("FoldBatchNorm") == "fold-batch-norm"
               and lint.kebab("InsertQDQ") == "insert-qdq")
        header = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }".ljust(53).encode() + b"\n"
        data = (b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
                + struct.pack("<4f", 1, 3, 2, 4))
        with zipfile.ZipFile(folder / "x.npz", "w") as archive:
            archive.writestr("in0.npy", data)
        array = npz.load(folder / "x.npz")["in0"]
        report("arrays are read", array.shape == (2, 2) and array.values() == (1, 2, 3, 4))


main()
