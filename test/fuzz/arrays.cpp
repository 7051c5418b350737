// libFuzzer target: any bytes given to the readers of NPZ files and TensorProto files.
//
//   build-fuzz/test/fuzz-arrays -max_total_time=60 test/models/mnist-cnn
#include "runtime-lib/run/Arrays.h"
#include <cstdio>
#include <sys/stat.h>
#include <unistd.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const std::string folder = [] {
    std::string path = "/tmp/ingot-fuzz-" + std::to_string(getpid());
    mkdir(path.c_str(), 0777);
    return path;
  }();
  std::string error;
  for (const char *name : {"/a.npz", "/input_0.pb"}) {
    FILE *file = fopen((folder + name).c_str(), "wb");
    if (!file || fwrite(data, 1, size, file) != size)
      return 0;
    fclose(file);
  }
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
