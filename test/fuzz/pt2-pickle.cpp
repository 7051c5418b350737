// libFuzzer target: any bytes given to the reader of pickles, and to the reader of symbolic
// expressions.
#include "compiler/importers/pt2/Pickle.h"
#include "compiler/importers/pt2/Symbols.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::StringRef bytes(reinterpret_cast<const char *>(data), size);
  auto pickle = ingot::pt2::Pickle::read(bytes);
  if (!pickle)
    llvm::consumeError(pickle.takeError());
  llvm::StringMap<int64_t> symbols{{"s7", 10}, {"s0", 3}};
  auto number = ingot::pt2::evaluateExpression(bytes, symbols);
  if (!number)
    llvm::consumeError(number.takeError());
  return 0;
}
