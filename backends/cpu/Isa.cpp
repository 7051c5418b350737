// The table of instruction sets and the parser of CPU target strings.
#include "backends/cpu/Isa.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/SubtargetFeature.h"
#include "llvm/TargetParser/Triple.h"
#include <mutex>

using namespace llvm;

namespace ingot::cpu {
namespace {

struct Family {
  IsaFamily shown;
  const char *triple, *cpu, *features;
};

// Longer names first: the parser takes the first that the target string begins with.
const Family kFamilies[] = {
    {{"x86-64-v4", "x86-64 with AVX-512 (F, BW, CD, DQ, VL)"},
     "x86_64-unknown-linux-gnu",
     "x86-64-v4",
     "-prefer-256-bit"},
    {{"x86-64-v3", "x86-64 with AVX2 and FMA"}, "x86_64-unknown-linux-gnu", "x86-64-v3", ""},
    {{"x86-64-v2", "x86-64 with SSE4.2"}, "x86_64-unknown-linux-gnu", "x86-64-v2", ""},
    {{"x86-64", "x86-64 with SSE2; x86-64:CPU names a model (x86-64:znver4)"},
     "x86_64-unknown-linux-gnu",
     "x86-64",
     ""},
    {{"aarch64", "64-bit Arm with NEON"}, "aarch64-unknown-linux-gnu", "generic", ""},
    {{"cortex-m55", "Arm Cortex-M55 with Helium vectors (MVE)"},
     "thumbv8.1m.main-none-unknown-eabihf",
     "cortex-m55",
     ""},
    {{"riscv64", "64-bit RISC-V (GC); riscv64+v with vectors"},
     "riscv64-unknown-linux-gnu",
     "generic-rv64",
     "+m,+a,+f,+d,+c"},
    {{"host", "this machine"}, "", "", ""},
};

// Features that generated code may use, so that a machine must have those that the target string
// turns on.
const char *const kX86Features[] = {"sse3",         "ssse3",
                                    "sse4.1",       "sse4.2",
                                    "popcnt",       "avx",
                                    "avx2",         "fma",
                                    "f16c",         "bmi",
                                    "bmi2",         "lzcnt",
                                    "movbe",        "avx512f",
                                    "avx512bw",     "avx512cd",
                                    "avx512dq",     "avx512vl",
                                    "avx512vnni",   "avx512bf16",
                                    "avx512fp16",   "avx512ifma",
                                    "avx512vbmi",   "avx512vbmi2",
                                    "avx512bitalg", "avx512vpopcntdq",
                                    "avxvnni",      "amx-tile",
                                    "amx-int8",     "amx-bf16",
                                    "gfni"};
const char *const kArm64Features[] = {"neon", "dotprod", "fullfp16", "i8mm", "bf16", "sve", "sve2"};
const char *const kArmFeatures[] = {"mve", "mve.fp", "fp-armv8d16sp", "dsp"};
const char *const kRiscvFeatures[] = {"m", "a", "f", "d", "c", "v", "zvfh", "zba", "zbb"};

ArrayRef<const char *> relevantFeatures(StringRef arch) {
  if (arch == "x86_64")
    return kX86Features;
  if (arch == "aarch64")
    return kArm64Features;
  if (arch == "arm")
    return kArmFeatures;
  return kRiscvFeatures;
}

void initializeTargets() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo(), LLVMInitializeX86Target(), LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeAArch64TargetInfo(), LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC(), LLVMInitializeAArch64AsmPrinter();
    LLVMInitializeARMTargetInfo(), LLVMInitializeARMTarget(), LLVMInitializeARMTargetMC();
    LLVMInitializeARMAsmPrinter();
    LLVMInitializeRISCVTargetInfo(), LLVMInitializeRISCVTarget(), LLVMInitializeRISCVTargetMC();
    LLVMInitializeRISCVAsmPrinter();
  });
}

Error badSpec(StringRef spec, const Twine &why) {
  bool whole = spec.size() <= 80; // the rest of an absurd one would hide what is wrong
  return createStringError(inconvertibleErrorCode(),
                           "target '" + spec.take_front(80) + (whole ? "'" : "…'") + ": " + why);
}

/// The longest prefix of `rest` that is a key of `table`, or "".
template <typename Table> StringRef longestKey(StringRef rest, const Table &table) {
  StringRef best;
  for (const auto &entry : table)
    if (rest.starts_with(entry.Key) && StringRef(entry.Key).size() > best.size())
      best = rest.take_front(StringRef(entry.Key).size());
  return best;
}

bool has(const MCSubtargetInfo &info, StringRef feature) {
  return info.checkFeatures(("+" + feature).str());
}

/// The target string that says what `isa`, this machine's, is: its CPU, and how it differs from
/// what LLVM expects of that CPU, since a virtual machine may hide a part.
std::string describeHost(const Isa &isa, const MCSubtargetInfo &info) {
  Isa expected = isa;
  expected.features.clear();
  auto machine = expected.createTargetMachine();
  std::string more, less;
  auto compare = [&](const char *feature) {
    bool wanted = machine && has(*machine->getMCSubtargetInfo(), feature);
    if (has(info, feature) && !wanted)
      more += std::string("+") + feature;
    if (wanted && !has(info, feature))
      less += std::string("-") + feature;
  };
  for (const char *feature : relevantFeatures(isa.arch))
    compare(feature);
  if (isa.arch == "x86_64")
    compare("prefer-256-bit");
  return (isa.arch == "x86_64" ? "x86-64" : isa.arch) + ":" + isa.cpu + more + less;
}

/// Fills the numbers that follow from the features.
void describe(Isa &isa, const MCSubtargetInfo &info) {
  if (isa.arch == "x86_64") {
    bool wide = has(info, "avx512f") && !has(info, "prefer-256-bit");
    isa.vectorBytes = wide ? 64 : has(info, "avx") ? 32 : 16;
    isa.registers = has(info, "avx512vl") ? 32 : 16;
    isa.fma = has(info, "fma");
    isa.half = has(info, "f16c");
    isa.rounding = has(info, "sse4.1");
  } else if (isa.arch == "aarch64") {
    isa.registers = 32;
    isa.fma = isa.half = true;
  } else if (isa.arch == "arm") {
    bool vectors = has(info, "mve.fp");
    isa.vectorBytes = vectors ? 16 : 4;
    isa.registers = vectors ? 8 : 16;
    isa.fma = has(info, "vfp4d16sp");
    isa.half = has(info, "fp16");
    isa.rounding = has(info, "fp-armv8d16sp");
    isa.indexBits = isa.widest = 32;
    isa.maximum = false;
  } else {
    isa.vectorBytes = has(info, "v") ? 16 : 4;
    isa.registers = 32;
    isa.fma = true;
  }
  for (const char *feature : relevantFeatures(isa.arch))
    if (has(info, feature))
      isa.required.push_back(feature);
}

} // namespace

unsigned Isa::lanes(mlir::Type type) const {
  unsigned bits = type.isIntOrFloat() ? type.getIntOrFloatBitWidth() : indexBits;
  return bits > widest ? 1 : std::max(1u, vectorBytes * 8 / std::max(8u, bits));
}

std::unique_ptr<TargetMachine> Isa::createTargetMachine() const {
  initializeTargets();
  std::string error;
  Triple parsed(triple);
  const llvm::Target *target = TargetRegistry::lookupTarget(parsed, error);
  if (!target)
    return nullptr;
  TargetOptions options;
  options.FunctionSections = true;
  options.DataSections = true;
  auto model = arch == "arm" ? Reloc::ROPI : Reloc::PIC_;
  auto code = arch == "riscv64" ? std::optional(CodeModel::Medium) : std::nullopt;
  return std::unique_ptr<TargetMachine>(target->createTargetMachine(
      parsed, cpu, features, options, model, code, CodeGenOptLevel::Aggressive));
}

ArrayRef<IsaFamily> isaFamilies() {
  static const auto shown = [] {
    std::vector<IsaFamily> list;
    for (const Family &family : kFamilies)
      list.push_back(family.shown);
    return list;
  }();
  return shown;
}

bool isCpuSpec(StringRef spec) {
  return any_of(kFamilies, [&](const Family &family) {
    StringRef rest = spec;
    return rest.consume_front(family.shown.name) &&
           (rest.empty() || rest[0] == ':' || rest[0] == '+' || rest[0] == '-');
  });
}

Expected<Isa> parseIsa(StringRef spec) {
  initializeTargets();
  const Family *family =
      find_if(kFamilies, [&](const Family &f) { return spec.starts_with(f.shown.name); });
  if (family == std::end(kFamilies))
    return badSpec(spec, "no such CPU target");
  StringRef rest = spec.drop_front(strlen(family->shown.name));

  Isa isa;
  isa.spec = spec.str();
  SubtargetFeatures features(family->features);
  if (StringRef(family->shown.name) == "host") {
    isa.triple = Triple::normalize(sys::getDefaultTargetTriple());
    isa.cpu = sys::getHostCPUName().str();
    StringMap<bool> found = sys::getHostCPUFeatures();
    SmallVector<StringRef> names(found.keys());
    sort(names);
    for (StringRef name : names)
      features.AddFeature(name, found[name]);
    features.AddFeature("prefer-256-bit", false);
    if (!Triple(isa.triple).isX86())
      features = SubtargetFeatures();
  } else {
    isa.triple = family->triple;
    isa.cpu = family->cpu;
  }
  Triple triple(isa.triple);
  isa.arch = triple.isX86() && triple.isArch64Bit() ? "x86_64"
             : triple.isAArch64()                   ? "aarch64"
             : triple.isARM() || triple.isThumb()   ? "arm"
             : triple.isRISCV64()                   ? "riscv64"
                                                    : "";
  if (isa.arch.empty())
    return badSpec(spec, "this machine's architecture (" + isa.triple + ") is not supported");

  // LLVM's own tables say which CPUs and features there are.
  auto probe = isa.createTargetMachine();
  if (!probe)
    return badSpec(spec, "this build of LLVM does not support " + isa.triple);
  const MCSubtargetInfo &tables = *probe->getMCSubtargetInfo();
  if (rest.consume_front(":")) {
    StringRef cpu = longestKey(rest, tables.getAllProcessorDescriptions());
    if (cpu.empty() || !tables.isCPUStringValid(cpu))
      return badSpec(spec, "unknown CPU '" + rest.split('+').first + "'");
    isa.cpu = cpu.str();
    rest = rest.drop_front(cpu.size());
  }
  while (!rest.empty()) {
    bool enable = rest[0] == '+';
    if (!enable && rest[0] != '-')
      return badSpec(spec, "expected +FEATURE or -FEATURE at '" + rest + "'");
    rest = rest.drop_front();
    StringRef name = longestKey(rest, tables.getAllProcessorFeatures());
    if (name.empty())
      return badSpec(spec, "unknown feature '" + rest + "'");
    features.AddFeature(name, enable);
    rest = rest.drop_front(name.size());
  }
  isa.features = features.getString();
  auto machine = isa.createTargetMachine();
  if (!machine)
    return badSpec(spec, "LLVM refuses it");
  describe(isa, *machine->getMCSubtargetInfo());
  if (StringRef(family->shown.name) == "host")
    isa.spec = describeHost(isa, *machine->getMCSubtargetInfo());
  return isa;
}

} // namespace ingot::cpu
