// The entry points: a package in, a module out.
#include "compiler/importers/pt2/ImportPt2.h"

#include "compiler/evaluator/Evaluator.h"
#include "compiler/importers/pt2/Importer.h"
#include "ir/graph/MapFile.h"

using namespace mlir;

namespace ingot {

FailureOr<OwningOpRef<ModuleOp>> importPt2(MLIRContext &context, const Options &options,
                                           const pt2::OpTable &ops, UnsupportedOps *missing,
                                           OpenDims *open) {
  context.loadDialect<IngotDialect>();
  auto package = pt2::Package::open(&context, options.model, options.member);
  if (!package) {
    emitError(UnknownLoc::get(&context)) << llvm::toString(package.takeError());
    return failure();
  }
  // What the program changes is known once it has been imported: until then a stored tensor passes
  // for a constant.
  std::set<std::string> mutated;
  while (true) {
    size_t known = mutated.size();
    auto module = pt2::Importer(&context, options, **package, ops, open).run(mutated, missing);
    if (failed(module) || mutated.size() == known)
      return module;
  }
}

llvm::Expected<llvm::SmallVector<TensorValue>>
readPt2SampleInputs(MLIRContext &context, llvm::StringRef path, llvm::StringRef entry) {
  context.loadDialect<IngotDialect>();
  // An archive of one model has its inputs whatever the entry is called.
  auto file = mapFile(path);
  if (!file)
    return file.takeError();
  bool several = pt2::pt2ModelNames((*file)->getBuffer()).size() > 1;
  auto package = pt2::Package::open(&context, path, several ? entry : "");
  if (!package)
    return package.takeError();
  auto stored = (*package)->sampleInputs();
  if (!stored)
    return stored.takeError();
  llvm::SmallVector<TensorValue> values;
  for (const pt2::StoredTensor &tensor : *stored) {
    if (!tensor.element && tensor.problem.empty())
      continue;
    std::string name = "sample input " + std::to_string(values.size());
    auto attribute = (*package)->constantOf(tensor, name);
    if (!attribute)
      return attribute.takeError();
    auto value = constantValue(*attribute, RankedTensorType::get(tensor.sizes, tensor.element));
    if (!value)
      return value.takeError();
    values.push_back(*value);
  }
  return values;
}

} // namespace ingot
