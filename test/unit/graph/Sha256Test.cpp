// SHA-256 by the CPU's instructions, against LLVM's, at every length around a block and every cut.
#include "ir/graph/Sha256.h"

#include "gtest/gtest.h"
#include <vector>

namespace {

std::vector<uint8_t> bytes(size_t count) {
  std::vector<uint8_t> result(count);
  for (size_t i = 0; i < count; ++i)
    result[i] = uint8_t(i * 37 + (i >> 8) * 11 + 5);
  return result;
}

TEST(Sha256, EveryLength) {
  for (size_t count = 0; count < 300; ++count) {
    std::vector<uint8_t> data = bytes(count);
    EXPECT_EQ(ingot::Sha256::hash(llvm::toStringRef(data)), llvm::SHA256::hash(data)) << count;
  }
}

TEST(Sha256, EveryCut) {
  std::vector<uint8_t> data = bytes(200);
  for (size_t a = 0; a <= data.size(); a += 3)
    for (size_t b = a; b <= data.size(); b += 7) {
      ingot::Sha256 hash;
      llvm::ArrayRef<uint8_t> all(data);
      hash.update(all.take_front(a));
      hash.update(all.slice(a, b - a));
      hash.update(all.drop_front(b));
      EXPECT_EQ(hash.final(), llvm::SHA256::hash(data)) << a << " " << b;
    }
}

} // namespace
