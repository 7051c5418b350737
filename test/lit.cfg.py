# lit: passes, dialects, importers and tools, checked with FileCheck on what the tools print.
import os
import lit.formats

config.name = "ingot"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "harness", "unit", "models", "known-failures", "golden"]
config.test_source_root = os.path.join(config.ingot_source_root, "test")
config.test_exec_root = os.path.join(config.ingot_build_root, "test")

tools = [os.path.join(config.ingot_build_root, "bin"), config.llvm_tools_dir, "/usr/lib/llvm-22/bin"]
config.environment["PATH"] = os.pathsep.join(tools + [os.environ.get("PATH", "")])
for name in ("HOME", "ASAN_OPTIONS", "UBSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

# FileCheck's own setting: a failing test prints the input around the mismatch.
config.environment["FILECHECK_OPTS"] = "--dump-input-filter=error"
config.substitutions.append(("%models", os.path.join(config.test_source_root, "models")))
config.substitutions.append(("%root", config.ingot_source_root))
config.substitutions.append(("%build", config.ingot_build_root))

# REQUIRES: avx512 - tests that execute such code; compiling it needs nothing.
with open("/proc/cpuinfo") as cpuinfo:
    flags = next((line for line in cpuinfo if line.startswith(("flags", "Features"))), "").split()
for feature, needs in (("avx2", ("avx2", "fma")), ("avx512", ("avx512f", "avx512bw", "avx512vl", "avx512dq"))):
    if all(flag in flags for flag in needs):
        config.available_features.add(feature)
if config.sanitizers:
    config.available_features.add("sanitizers")
