// SHA-256 (FIPS 180-4) of model files and of what is written: with the CPU's own instructions where
// it has them, since a model of gigabytes is hashed on its way in and out; otherwise LLVM's.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/SHA256.h"
#include <array>
#include <cstdint>

namespace ingot {

class Sha256 {
public:
  Sha256();

  void update(llvm::ArrayRef<uint8_t> bytes);
  void update(llvm::StringRef bytes) { update(llvm::arrayRefFromStringRef(bytes)); }
  /// The digest of all bytes so far; nothing may follow.
  std::array<uint8_t, 32> final();

  static std::array<uint8_t, 32> hash(llvm::StringRef bytes);

private:
  bool native;           ///< whether the CPU's instructions are used
  llvm::SHA256 portable; ///< used otherwise
  std::array<uint32_t, 8> state;
  std::array<uint8_t, 64> block; ///< bytes that do not fill a block yet
  uint64_t size = 0;             ///< bytes so far
};

} // namespace ingot
