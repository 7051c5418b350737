"""The table of test_broken_input.py: how each case's files are made, the command, what the error must say."""
import dataclasses
import os
import random
import struct
import subprocess
import zipfile

import _broken_models


@dataclasses.dataclass
class Case:
    """`files` maps names to bytes; `prepare(folder)` does what bytes cannot say. `%shared` stands for the folder of
    the sound files that all cases use: small.onnx, small.ingot, small.npz, mnist.ingot, mnist.npz."""
    name: str
    words: list
    says: str
    files: dict = dataclasses.field(default_factory=dict)
    prepare: object = None
    codes: tuple = (1,)
    tool: str = "ingot"
    large: bool = False  # the model is sound and large: its memory is not an error's memory

    def make(self, folder):
        for name, data in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if self.prepare:
            self.prepare(folder)


def flips(data, count, seed):
    """Copies of `data` with one bit changed each."""
    generator = random.Random(seed)
    for _ in range(count):
        at = generator.randrange(len(data))
        changed = bytearray(data)
        changed[at] ^= 1 << generator.randrange(8)
        yield at, bytes(changed)


def cuts(data, count):
    """Places to cut: among the first bytes, within the end of a zip directory, evenly between."""
    return sorted({0, 1, 3, 7, len(data) - 24, *(len(data) * i // count for i in range(1, count))})


def sound_files(tools, shared, root):
    """What the cases break: a small model, its program, arrays, and the programs of a real model."""
    (shared / "small.onnx").write_bytes(_broken_models.small_model())
    (shared / "small.npz").write_bytes(_broken_models.small_arrays())
    mnist = root / "test" / "models" / "mnist-cnn"
    for model, program, target in ((shared / "small.onnx", "small.ingot", "host"),
                                   (shared / "small.onnx", "arm.ingot", "aarch64"),
                                   (mnist / "model.onnx", "mnist.ingot", "host")):
        subprocess.run([tools["ingot"], "compile", model, f"--target={target}", "-o", shared / program],
                       check=True, stdout=subprocess.DEVNULL)
    (shared / "mnist.npz").write_bytes((mnist / "case-0.npz").read_bytes())
    dump = shared / "dump"
    subprocess.run([tools["ingot"], "compile", shared / "small.onnx", f"--dump-phases={dump}", "--stop-after=layout",
                    "-o", shared / "unused.ingot"], check=True, stdout=subprocess.DEVNULL)
    return mnist


def files_and_flags(root):
    """Files that are no model, outputs that cannot be written, flags that make no sense."""
    compile_ = lambda name, says, path, **more: Case(name, ["compile", path], says, **more)
    usage = lambda name, says, *words, code=2, **more: Case(name, list(words), says, codes=(code,), **more)
    to = lambda name, says, *words, **more: Case(name, ["compile", "%shared/small.onnx", *words], says, **more)
    loop = lambda folder: os.symlink("m.onnx", folder / "m.onnx")
    sparse = lambda folder: os.truncate(os.open(folder / "m.onnx", os.O_CREAT | os.O_WRONLY), 3 << 30)
    return [
        compile_("file/missing", "No such file", "nowhere.onnx"),
        compile_("file/directory", "is a directory", "folder.onnx", prepare=lambda f: (f / "folder.onnx").mkdir()),
        compile_("file/through-a-file", "Not a directory", "a.onnx/b.onnx", files={"a.onnx": b"x"}),
        compile_("file/link-to-itself", "symbolic links", "m.onnx", prepare=loop),
        compile_("file/name-too-long", "too long", "m" * 300 + ".onnx"),
        compile_("file/pipe-that-nobody-writes", "not a regular file", "m.onnx",
                 prepare=lambda f: os.mkfifo(f / "m.onnx")),
        compile_("file/endless-device", "not a regular file", "/dev/zero"),
        compile_("file/empty", "empty", "m.onnx", files={"m.onnx": b""}),
        compile_("file/text", "not a valid ONNX model", "m.onnx", files={"m.onnx": b"hello\n" * 100}),
        compile_("file/noise", "not a valid ONNX model", "m.onnx", files={"m.onnx": random.Random(7).randbytes(5000)}),
        compile_("file/program-given-as-model", "program", "%shared/small.ingot"),
        compile_("file/three-gigabytes-of-nothing", "not a valid ONNX model", "m.onnx", prepare=sparse),
        to("output/no-such-folder", "nowhere/out.ingot.*No such file", "-o", "nowhere/out.ingot"),
        to("output/directory", "Is a directory|is a directory", "-o", "out", prepare=lambda f: (f / "out").mkdir()),
        to("output/full-disk", "No space left|not a regular file", "-o", "/dev/full"),
        to("output/through-a-file", "not a directory", "-o", "a/b.ingot", files={"a": b"x"}),
        to("output/report-no-such-folder", "nowhere", "-o", "out.ingot", "--report=nowhere/r.json"),
        to("output/dump-is-a-file", "dump", "-o", "out.ingot", "--dump-phases=dump", files={"dump": b"x"}),
        usage("flags/none", "subcommand"),
        usage("flags/unknown-command", "subcommand|not expected|expected", "cook", "m.onnx"),
        usage("flags/unknown", "--fast", "compile", "m.onnx", "--fast"),
        usage("flags/no-model", "MODEL", "compile"),
        usage("flags/threads-text", "threads", "compile", "%shared/small.onnx", "--threads=many"),
        usage("flags/phase", "sideways", "compile", "%shared/small.onnx", "--stop-after=sideways"),
        usage("flags/dim-without-extent", "batch", "compile", "%shared/small.onnx", "--dim=batch"),
        usage("flags/dim-negative", "-1|dim", "compile", "%shared/small.onnx", "--dim=batch=-1"),
        usage("flags/dim-beyond-64-bits", "dim", "compile", "%shared/small.onnx", "--dim=batch=99999999999999999999"),
        to("flags/dim-unknown", "no dim named 'depth'", "--dim=depth=3"),
        to("flags/target-unknown", "z80", "--target=z80"),
        to("flags/target-twice", "twice", "--target=x86-64-v3,x86-64-v3"),
        usage("flags/target-empty", "target", "compile", "%shared/small.onnx", "--target=,"),
        to("flags/target-feature", "warp9", "--target=x86-64-v3+warp9"),
        to("flags/target-absurd", "target", "--target=" + "x86-64+" * 2000),
        to("flags/plugin-missing", "nowhere.so", "--plugin=nowhere.so"),
        to("flags/plugin-no-library", "x.so", "--plugin=./x.so", files={"x.so": b"\x7fELF nonsense"}),
        to("flags/resume-a-model", "start-from", "--start-from=fuse"),
        usage("flags/emit", "static", "compile", "%shared/small.onnx", "--emit=static"),
        usage("flags/quantize", "quantize", "compile", "%shared/small.onnx", "--quantize=int3"),
        Case("flags/inspect-missing", ["inspect", "nowhere.ingot"], "No such file"),
        Case("flags/inspect-directory", ["inspect", "."], "directory"),
        Case("flags/inspect-noise", ["inspect", "m"], "not a valid", files={"m": random.Random(5).randbytes(999)}),
        Case("flags/inspect-pipe", ["inspect", "m"], "not a regular file", prepare=lambda f: os.mkfifo(f / "m")),
        Case("flags/diff-missing", ["diff", "nowhere.onnx"], "No such file"),
        Case("flags/diff-inputs", ["diff", "%shared/small.onnx", "--inputs=nowhere.npz"], "nowhere.npz"),
        Case("flags/opt-noise", ["opt", "m.mlir"], "error", files={"m.mlir": b"\0\1\2 func @" * 50}),
    ]


def truncated_and_flipped(root, mnist, shared):
    """The same files cut short and with single bits changed. A flip may leave a sound model: then code 0 is right."""
    onnx, pt2 = (mnist / "model.onnx").read_bytes(), (mnist / "model.pt2").read_bytes()
    small = (shared / "small.onnx").read_bytes()
    tflite = (root / "test" / "ops" / "tflite" / "conv_same_s1_d1.tflite").read_bytes()
    program = (shared / "small.ingot").read_bytes()
    cases = []
    for kind, data, file in (("onnx", onnx, "m.onnx"), ("pt2", pt2, "m.pt2"), ("tflite", tflite, "m.tflite")):
        for at in cuts(data, 5):
            cases.append(Case(f"truncated/{kind}-{at}", ["compile", file, "-o", "out.ingot"], "m\\.", {file: data[:at]}))
    for at in cuts(program, 8):
        cases.append(Case(f"truncated/program-{at}", ["m.ingot"], "m.ingot", {"m.ingot": program[:at]}, tool="ingot-run"))
        cases.append(Case(f"truncated/inspect-{at}", ["inspect", "m.ingot"], "m.ingot", {"m.ingot": program[:at]}))
    for kind, data, file, count in (("onnx", small, "m.onnx", 24), ("pt2", _broken_models.sound_pt2(), "m.pt2", 24),
                                    ("tflite", tflite, "m.tflite", 48)):
        for index, (at, changed) in enumerate(flips(data, count, 3)):
            cases.append(Case(f"flipped/{kind}-{index}", ["compile", file, "--target=x86-64-v3", "-o", "out.ingot"], "m\\.|layer/|scale|input|error",
                              {file: changed}, codes=(0, 1)))
    # The description and the code are hashed; the header in front of them is checked field by field.
    for index, (at, changed) in enumerate(flips(program[:4096], 16, 4)):
        cases.append(Case(f"flipped/program-{index}", ["m.ingot"], "m.ingot", {"m.ingot": changed},
                          codes=(0, 1), tool="ingot-run"))
    damaged = bytearray((shared / "mnist.ingot").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    cases.append(Case("flipped/weights-verify", ["inspect", "--verify", "m.ingot"], "hash|damaged",
                      {"m.ingot": bytes(damaged)}))
    return cases


def dumps(shared):
    """Phase dumps: the text, the constants beside it, the model it came from."""
    text = (shared / "dump" / "01-import.mlir").read_text()
    blobs = b"INGOTBLB"
    resume = lambda name, says, files, **more: Case("dump/" + name, ["compile", "m.mlir", "-o", "out.ingot"], says,
                                                    files, **more)
    empty = "module { func.func @forward(%a: tensor<4xf32>) -> tensor<4xf32> { return %a : tensor<4xf32> } }"
    constant = lambda weight, result="tensor<4xf32>": (
        f"module {{ func.func @forward() -> {result} {{ %0 = ingot.constant {weight} : {result} "
        f"return %0 : {result} }} }}").encode()
    weight = lambda **change: "#ingot.weight<" + ", ".join(
        f"{key} = {value}" if key != "name" else value for key, value in dict(
            {"name": '"w"', "source": -1, "offset": 0, "bytes": 16, "hash": '"00"', "stored": "tensor<4xf32>"},
            **change).items()) + ">"
    moved = text.replace(str(shared / "small.onnx"), "elsewhere.onnx").encode()
    return [
        resume("missing", "m.mlir", {}),
        resume("noise", "error", {"m.mlir": random.Random(9).randbytes(2000)}),
        resume("truncated", "error", {"m.mlir": text[:len(text) // 2].encode()}),
        resume("deep", "nest|depth|expected|error", {"m.mlir": b"module {" * 20000}),
        resume("deep-types", "error", {"m.mlir": b"module attributes {a = " + b"[" * 50000 + b"} {}"}),
        resume("unknown-dialect", "unregistered|not found|dialect", {"m.mlir": b'module { "magic.op"() : () -> () }'}),
        resume("no-function", "forward|entry|function", {"m.mlir": b"module {}"}),
        resume("model-moved", "elsewhere.onnx.*\n.*--source", {"m.mlir": moved}),
        resume("model-changed", "not the file that the dump was made from",
               {"m.mlir": moved, "elsewhere.onnx": b"other bytes"}),
        resume("constants-missing", "m.blobs.*No such file", {"m.mlir": constant(weight())}),
        resume("constants-no-magic", "does not hold", {"m.mlir": constant(weight()), "m.blobs": b"nonsense" * 9}),
        resume("constants-truncated", "truncated", {"m.mlir": constant(weight()), "m.blobs": blobs + b"0" * 20}),
        resume("constants-absurd", "truncated",
               {"m.mlir": constant(weight()), "m.blobs": blobs + b"0" * 32 + b"\xff" * 8}),
        resume("constants-damaged", "damaged",
               {"m.mlir": constant(weight()), "m.blobs": blobs + b"0" * 32 + struct.pack("<Q", 16) + bytes(16)}),
        resume("constants-incomplete", "missing", {"m.mlir": constant(weight()), "m.blobs": blobs}),
        resume("weight-beyond-source", "missing|error", {"m.mlir": constant(weight(source=7))}),
        resume("weight-recipe-axis", "error", {"m.mlir": constant(
            weight(recipe="[#ingot.step<transpose [5, 9]>]")), "m.blobs": blobs}),
        resume("weight-recipe-pad", "error", {"m.mlir": constant(
            weight(recipe="[#ingot.step<pad [4611686018427387904]>]")), "m.blobs": blobs}),
        resume("weight-open-dim", "error", {"m.mlir": constant(weight(stored="tensor<?xf32>")), "m.blobs": blobs}),
        resume("weight-index-type", "error", {"m.mlir": constant(weight(stored="tensor<2xindex>")), "m.blobs": blobs}),
        Case("dump/phase-before", ["compile", "m.mlir", "--start-from=import"], "later phase",
             {"m.mlir": empty.encode()}),
        Case("dump/phase-too-late", ["compile", "m.mlir", "--start-from=emit"], "error", {"m.mlir": empty.encode()}),
    ]


def all_cases(tools, shared, root):
    mnist = sound_files(tools, shared, root)
    made = [Case(f"{kind}/{name}", ["compile", f"m.{suffix}", "-o", "out.ingot", *words], says, {f"m.{suffix}": data, **files},
                 prepare=prepare, codes=(2,) if says == "is not an extent" else (1,))
            for kind, name, suffix, says, data, words, files, prepare in _broken_models.models()]
    return (files_and_flags(root) + made + truncated_and_flipped(root, mnist, shared) + dumps(shared)
            + [Case(f"run/{name}", words, says, files, prepare, codes, "ingot-run")
               for name, words, says, files, prepare, codes in _broken_models.runs()]
            + [Case("run/through-ingot", ["run", "m.ingot"], "m.ingot", {"m.ingot": b"nonsense"})]
            + [Case(f"plan/{name}", ["plan", "m.csv", *words], says, files, prepare, codes)
               for name, words, says, files, prepare, codes in _broken_models.plans()])
