// evaluate-model MODEL ARRAYS.npz: imports a model, runs it by the reference evaluator on in0, in1,
// …, and compares with out0, out1, …. Exits 1 when an output departs by more than 1e-4 of its
// largest magnitude. A test of importers and evaluator alone: nothing is compiled.
#include "compiler/evaluator/Evaluator.h"
#if __has_include("compiler/importers/onnx/ImportOnnx.h")
#include "compiler/importers/onnx/ImportOnnx.h"
#endif
#include "compiler/importers/pt2/ImportPt2.h"
#include "ir/graph/Graph.h"
#include "ir/graph/WeightStore.h"
#include "runtime-lib/run/Arrays.h"
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>

using namespace mlir;
using namespace ingot;

namespace {

/// The array of a file as a tensor of `type`; nothing after a message.
std::optional<TensorValue> load(const run::ArrayFile &file, const std::string &name,
                                RankedTensorType type) {
  std::string error;
  const run::ArrayEntry *entry = file.find(name);
  run::AlignedBytes values(nullptr, nullptr);
  if (!entry || !file.load(*entry, values, error)) {
    std::fprintf(stderr, "no array '%s' %s\n", name.c_str(), error.c_str());
    return std::nullopt;
  }
  if (entry->bytes != storedBytes(type)) {
    std::fprintf(stderr, "array '%s' has %llu bytes, expected %llu\n", name.c_str(),
                 (unsigned long long)entry->bytes, (unsigned long long)storedBytes(type));
    return std::nullopt;
  }
  auto *begin = reinterpret_cast<const char *>(values.get());
  return TensorValue(type, std::vector<char>(begin, begin + entry->bytes));
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: evaluate-model MODEL ARRAYS.npz [NAME=EXTENT…] [--print]\n");
    return 2;
  }
  MLIRContext context;
  Options options;
  options.model = argv[1];
  bool print = false;
  for (int i = 3; i < argc; ++i) {
    if (std::strcmp(argv[i], "--print") == 0) {
      print = true;
      continue;
    }
    auto [name, extent] = llvm::StringRef(argv[i]).split('=');
    int64_t value = 0;
    if (extent.getAsInteger(10, value))
      return 2;
    options.dims[name.str()] = value;
  }
  auto begin = std::chrono::steady_clock::now();
  auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  bool onnx = llvm::StringRef(options.model).ends_with(".onnx");
#if __has_include("compiler/importers/onnx/ImportOnnx.h")
  auto module = onnx ? importOnnx(context, options) : importPt2(context, options);
#else
  if (onnx)
    return 2;
  auto module = importPt2(context, options);
#endif
  if (failed(module))
    return 1;
  double imported = seconds();
  if (print)
    (*module)->print(llvm::outs(), OpPrintingFlags().enableDebugInfo().useLocalScope());
  auto function = (*module)->lookupSymbol<func::FuncOp>("forward");
  run::ArrayFile file;
  std::string error;
  if (!file.open(argv[2], "", error)) {
    std::fprintf(stderr, "%s\n", error.c_str());
    return 1;
  }
  llvm::SmallVector<TensorValue> inputs;
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
    auto value = load(file, "in" + std::to_string(index), llvm::cast<RankedTensorType>(type));
    if (!value)
      return 1;
    inputs.push_back(*value);
  }
  auto results = evaluateFunction(function, inputs);
  if (!results) {
    std::fprintf(stderr, "error: %s\n", llvm::toString(results.takeError()).c_str());
    return 1;
  }
  bool ok = true;
  for (auto [index, result] : llvm::enumerate(*results)) {
    auto expected = load(file, "out" + std::to_string(index), result.type);
    if (!expected)
      return 1;
    std::vector<double> a = toDoubles(result), b = toDoubles(*expected);
    double worst = 0, scale = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      if (std::isnan(a[i]) != std::isnan(b[i]))
        worst = INFINITY;
      else if (!std::isnan(a[i]) && a[i] != b[i])
        worst = std::max(worst, std::fabs(a[i] - b[i]));
      if (std::isfinite(b[i]))
        scale = std::max(scale, std::fabs(b[i]));
    }
    bool fits = worst <= 1e-4 * scale;
    ok &= fits;
    if (!fits || index == 0)
      std::printf("%s out%zu: error %.3g of %.3g (%.2g relative)%s\n", argv[1], index, worst, scale,
                  worst / scale, fits ? "" : "  TOO LARGE");
  }
  std::printf("imported in %.2f s, evaluated in %.2f s\n", imported, seconds() - imported);
  return ok ? 0 : 1;
}
