// Sample inputs of `.pt2` packages as the runner's arrays.
#include "compiler/driver/Samples.h"
#include "compiler/driver/Compile.h"
#include "compiler/importers/pt2/ImportPt2.h"

using namespace mlir;
using namespace ingot;

/// How NumPy writes elements of `type`; raw bytes for those it lacks.
static run::ElementKind elementKind(Type type) {
  unsigned bytes = (type.getIntOrFloatBitWidth() + 7) / 8;
  if (type.isInteger(1))
    return {'b', 1};
  if (type.isUnsignedInteger())
    return {'u', bytes};
  if (type.isInteger())
    return {'i', bytes};
  return {type.isF16() || type.isF32() || type.isF64() ? 'f' : 'V', bytes};
}

bool ingot::readSampleInputs(const std::string &path, const std::string &entry,
                             std::vector<run::Sample> &samples, std::string &error) {
  std::unique_ptr<MLIRContext> context = makeContext(1);
  auto values = readPt2SampleInputs(*context, path, entry);
  if (!values) {
    error = llvm::toString(values.takeError());
    return false;
  }
  for (const TensorValue &value : *values) {
    run::Sample sample;
    sample.element = elementKind(value.type.getElementType());
    sample.dims.assign(value.shape().begin(), value.shape().end());
    sample.bytes = value.raw().size();
    sample.values = run::allocateAligned(sample.bytes);
    if (!sample.values) {
      error = "no memory for the sample inputs of '" + path + "'";
      return false;
    }
    std::memcpy(sample.values.get(), value.raw().data(), sample.bytes);
    samples.push_back(std::move(sample));
  }
  return true;
}
