// Opens an ONNX file and hands it to ModelImport.
#include "compiler/importers/onnx/ImportOnnx.h"
#include "compiler/importers/onnx/ModelImport.h"
#include "compiler/importers/onnx/StripBlobs.h"
#include "ir/graph/WeightStore.h"

using namespace mlir;
using namespace ingot;

/// The newest version of the file format that is known; older ones without a version are read.
static constexpr int64_t kLastIrVersion = 13;

FailureOr<OwningOpRef<ModuleOp>> ingot::importOnnx(MLIRContext &context, const Options &options,
                                                   const onnximport::OpTable &ops,
                                                   UnsupportedOps *missing, OpenDims *open) {
  Location loc = UnknownLoc::get(&context);
  context.loadDialect<IngotDialect>();
  WeightStore &store = weightsOf(&context);
  llvm::Expected<int64_t> source = store.addFile(options.model);
  if (!source)
    return emitError(loc) << llvm::toString(source.takeError()), failure();

  StringRef file = store.getSource(*source).buffer->getBuffer();
  auto broken = [&](const Twine &why) {
    InFlightDiagnostic diagnostic = emitError(loc)
                                    << options.model << " is not a valid ONNX model: " << why.str();
    return FailureOr<OwningOpRef<ModuleOp>>(LogicalResult(diagnostic));
  };
  if (file.empty())
    return broken("the file is empty");
  llvm::Expected<std::string> stripped = onnximport::stripBlobs(file);
  if (!stripped)
    return broken(llvm::toString(stripped.takeError()));
  onnx::ModelProto model;
  if (!model.ParseFromArray(stripped->data(), static_cast<int>(stripped->size())))
    return broken("its fields do not follow the format");
  stripped->clear();
  stripped->shrink_to_fit();
  if (model.ir_version() > kLastIrVersion)
    return broken("its IR version is " + Twine(model.ir_version()) + ", expected at most " +
                  Twine(kLastIrVersion));
  if (!model.has_graph() && model.opset_import().empty())
    return broken("it holds no graph");
  return onnximport::ModelImport(&context, options, model, *source, ops, open).run(missing);
}
