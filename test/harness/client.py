"""The install tree, and a small C program (test/runtime/_client.c) built from nothing else."""
import os
import subprocess

import npz


def run(*command, env=None, binary=False):
    """(exit code, output): standard output and error together, or standard output's bytes alone."""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, env=env)
    if binary and not done.returncode:
        return 0, done.stdout
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace").strip()


def install(build, prefix, components):
    """`cmake --install` of some components: (exit code, output)."""
    for component in components:
        code, text = run("cmake", "--install", build, "--prefix", prefix, "--component", component)
        if code:
            return code, text
    return 0, ""


def link(root, prefix, program):
    """Builds the client with what pkg-config says of the install tree: (exit code, output)."""
    environment = dict(os.environ, PKG_CONFIG_PATH=str(next(prefix.glob("lib*/pkgconfig"))))
    code, flags = run("pkg-config", "--cflags", "--libs", "ingot-runtime", env=environment)
    if code:
        return code, flags
    return run("cc", "-std=c11", "-Wall", "-Wextra", "-Werror", root / "test/runtime/_client.c", *flags.split(),
               "-o", program)


def compare(client, program, case, rtol, folder):
    """Runs a program of one input and one output on `case`, from its file and from memory. Why it failed, or ""."""
    arrays = npz.load(case)
    given = folder / "client-input.bin"
    given.write_bytes(arrays["in0"].data)
    code, output = run(client, program, given, binary=True)
    if code:
        return f"the client ended with exit code {code} {output}"
    want = arrays["out0"]
    if len(output) != len(want.data):
        return f"the output has {len(output)} bytes, the reference {len(want.data)}"
    got = npz.Array(want.dtype, False, want.shape, output).values()
    pairs = list(zip(got, want.values()))
    error = max(abs(a - b) for a, b in pairs) / max(abs(b) for _, b in pairs)
    return "" if error <= rtol else f"the output is {error:.2e} of the largest magnitude off, {rtol} is allowed"
