// From object files to one flat, position-independent image.
#pragma once

#include "backends/cpu/Isa.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

namespace ingot::cpu {

/// One kernel's object file.
struct KernelObject {
  std::string name; ///< also the symbol of its entry
  llvm::SmallVector<char, 0> bytes;
};

/// Code and constants at address 0, without relocations; runs at any address aligned to 4 KiB.
struct Image {
  std::vector<char> bytes;
  std::vector<uint64_t> entries; ///< byte offset per kernel, in the order of the objects
};

/// Links `objects` and the support routines they need (memcpy, memset, memmove) by LLD, in process;
/// one link at a time. Error: a kernel refers to a symbol that does not exist, or needs writable
/// data; the message names the kernel.
llvm::Expected<Image> linkImage(llvm::ArrayRef<KernelObject> objects, const Isa &isa);

/// Names that `object` refers to and does not define. Error: not an object file.
llvm::Expected<std::vector<std::string>> undefinedSymbols(llvm::StringRef object);

} // namespace ingot::cpu
