// The only functions that LLVM's code generation may call: memory, and on 32-bit Arm arithmetic on
// 64 bits. Our own, linked into each image that needs them.
#pragma once

#include "backends/cpu/Isa.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

namespace ingot::cpu {

/// Whether the support object of `isa` defines `name`.
bool supportProvides(llvm::StringRef name, const Isa &isa);
/// An object file with all of them, each in a section of its own. Error: one of the compiler's own.
llvm::Expected<llvm::SmallVector<char, 0>> supportObject(const Isa &isa);

} // namespace ingot::cpu
