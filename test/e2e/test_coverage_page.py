#!/usr/bin/env python3
"""docs/coverage.md says what the operator tests of this build have just shown."""
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "harness"))
import coverage  # noqa: E402

text = coverage.page(os.environ.get("INGOT_BUILD", ROOT / "build"))
if text is None:
    print("SKIP page: the parts ops and conformance have not run in this build")
elif text != coverage.PAGE.read_text():
    print("FAIL page: the tests show something else: python3 test/harness/coverage.py build, and look at the change")
else:
    print("PASS page")
