// What the CPU backend knows of an instruction set: LLVM's names for it, and the few numbers that
// tile choices need.
#pragma once

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>
#include <vector>

namespace llvm {
class TargetMachine;
}
namespace mlir {
class Type;
}

namespace ingot::cpu {

/// One instruction set, from a target string `NAME[:CPU][+FEATURE|-FEATURE]…`.
struct Isa {
  std::string spec;                  ///< the target string
  std::string arch;                  ///< "x86_64", "aarch64", "arm" or "riscv64"
  std::string triple, cpu, features; ///< LLVM's
  std::vector<std::string> required; ///< features a machine must have, LLVM's names
  unsigned vectorBytes = 16;         ///< of one register; 4 when there are no vectors
  unsigned registers = 16;           ///< vector registers
  unsigned widest = 64;              ///< bits of the widest elements that vectors compute on
  unsigned indexBits = 64;
  bool fma = false;     ///< fused multiply-add of f32 vectors
  bool half = false;    ///< conversions between f16 and f32
  bool rounding = true; ///< floor, ceil, trunc and round-to-even of floats
  bool maximum = true;  ///< maximum and minimum with NaN; LLVM 22 has no f16 ones for Thumb

  /// Elements of `type` (i1 counts as a byte) in one vector register, at least 1.
  unsigned lanes(mlir::Type type) const;
  /// A fresh LLVM target machine, or null when LLVM refuses (parseIsa has checked that it does
  /// not).
  std::unique_ptr<llvm::TargetMachine> createTargetMachine() const;
};

/// Families of target strings, with one line each on what they are.
struct IsaFamily {
  const char *name, *description;
};
llvm::ArrayRef<IsaFamily> isaFamilies();

/// Whether `spec` begins with the name of a family (so that errors in the rest are reported by
/// parseIsa).
bool isCpuSpec(llvm::StringRef spec);

/// Parses a target string. Error: unknown name, CPU or feature, or a machine that cannot be a host.
llvm::Expected<Isa> parseIsa(llvm::StringRef spec);

} // namespace ingot::cpu
