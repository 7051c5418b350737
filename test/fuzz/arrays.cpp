// libFuzzer target: any bytes given to the readers of NPZ files and TensorProto files.
#include "runtime-lib/run/Arrays.h"
#include "test/fuzz/Target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const std::string folder = ingot::test::temporaryFolder();
  std::string error;
  for (const char *name : {"/a.npz", "/input_0.pb"})
    if (!ingot::test::writeFile(folder + name, data, size))
      return 0;
  for (const std::string &path : {folder + "/a.npz", folder}) {
    ingot::run::ArrayFile arrays;
    if (!arrays.open(path, "input", error))
      continue;
    for (const ingot::run::ArrayEntry &entry : arrays.arrays()) {
      ingot::run::AlignedBytes values{nullptr, nullptr};
      if (entry.bytes < (1u << 26))
        arrays.load(entry, values, error);
    }
  }
  return 0;
}
