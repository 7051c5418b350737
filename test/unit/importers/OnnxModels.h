// Builds small ONNX models, writes them to files, imports them, and keeps what the importer said.
#pragma once

#include "compiler/evaluator/Evaluator.h"
#include "compiler/importers/onnx/ImportOnnx.h"
#include "compiler/importers/onnx/onnx.pb.h"
#include "ir/graph/Graph.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "gtest/gtest.h"
#include <fstream>

namespace ingot::test {

/// A model under construction.
struct Model {
  onnx::ModelProto proto;

  explicit Model(int64_t opset = 20, int64_t irVersion = 8) {
    proto.set_ir_version(irVersion);
    proto.add_opset_import()->set_version(opset);
  }
  onnx::GraphProto &graph() { return *proto.mutable_graph(); }

  /// A float input; a negative extent is a dim without name, an empty list rank 0.
  Model &input(const std::string &name, std::vector<int64_t> shape,
               int type = onnx::TensorProto::FLOAT) {
    auto *tensor = value(*graph().add_input(), name, type);
    for (int64_t extent : shape) {
      auto *dim = tensor->mutable_shape()->add_dim();
      if (extent >= 0)
        dim->set_dim_value(extent);
    }
    tensor->mutable_shape();
    return *this;
  }
  Model &namedDim(int input, int dim, const std::string &name) {
    graph()
        .mutable_input(input)
        ->mutable_type()
        ->mutable_tensor_type()
        ->mutable_shape()
        ->mutable_dim(dim)
        ->set_dim_param(name);
    return *this;
  }
  Model &output(const std::string &name) {
    value(*graph().add_output(), name, onnx::TensorProto::FLOAT);
    return *this;
  }
  Model &floats(const std::string &name, std::vector<int64_t> shape, std::vector<float> values) {
    onnx::TensorProto *tensor = initializer(name, shape, onnx::TensorProto::FLOAT);
    tensor->mutable_float_data()->Add(values.begin(), values.end());
    return *this;
  }
  Model &ints(const std::string &name, std::vector<int64_t> values) {
    onnx::TensorProto *tensor =
        initializer(name, {static_cast<int64_t>(values.size())}, onnx::TensorProto::INT64);
    tensor->mutable_int64_data()->Add(values.begin(), values.end());
    return *this;
  }
  onnx::TensorProto *initializer(const std::string &name, std::vector<int64_t> shape, int type) {
    onnx::TensorProto *tensor = graph().add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(type);
    tensor->mutable_dims()->Add(shape.begin(), shape.end());
    return tensor;
  }
  onnx::NodeProto *node(const std::string &op, std::vector<std::string> inputs,
                        std::vector<std::string> outputs, const std::string &domain = "") {
    return addNode(*graph().mutable_node(), op, inputs, outputs, domain);
  }
  static onnx::NodeProto *addNode(google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes,
                                  const std::string &op, std::vector<std::string> inputs,
                                  std::vector<std::string> outputs,
                                  const std::string &domain = "") {
    onnx::NodeProto *node = nodes.Add();
    node->set_op_type(op);
    node->set_domain(domain);
    for (const std::string &name : inputs)
      node->add_input(name);
    for (const std::string &name : outputs)
      node->add_output(name);
    return node;
  }

private:
  static onnx::TypeProto::Tensor *value(onnx::ValueInfoProto &info, const std::string &name,
                                        int type) {
    info.set_name(name);
    auto *tensor = info.mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(type);
    return tensor;
  }
};

inline onnx::AttributeProto *attribute(onnx::NodeProto *node, const std::string &name,
                                       onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto *attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(type);
  return attribute;
}
inline onnx::NodeProto *intAttribute(onnx::NodeProto *node, const std::string &name,
                                     int64_t value) {
  attribute(node, name, onnx::AttributeProto::INT)->set_i(value);
  return node;
}
inline onnx::NodeProto *floatAttribute(onnx::NodeProto *node, const std::string &name,
                                       float value) {
  attribute(node, name, onnx::AttributeProto::FLOAT)->set_f(value);
  return node;
}
inline onnx::NodeProto *stringAttribute(onnx::NodeProto *node, const std::string &name,
                                        const std::string &value) {
  attribute(node, name, onnx::AttributeProto::STRING)->set_s(value);
  return node;
}
inline onnx::NodeProto *intsAttribute(onnx::NodeProto *node, const std::string &name,
                                      std::vector<int64_t> values) {
  attribute(node, name, onnx::AttributeProto::INTS)
      ->mutable_ints()
      ->Add(values.begin(), values.end());
  return node;
}

/// A folder of its own for each test, removed at its end.
class OnnxTest : public ::testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("ingot-onnx", folder));
  }
  void TearDown() override {
    module = {};
    llvm::sys::fs::remove_directories(folder);
  }

  std::string path(llvm::StringRef name) const { return (folder + "/" + name).str(); }
  std::string write(llvm::StringRef name, const std::string &bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }

  /// Whether the file imports; `errors` and `hints` hold what was said.
  bool importFile(const std::string &file, std::map<std::string, int64_t> dims = {}) {
    module = {};
    context = std::make_unique<mlir::MLIRContext>(mlir::MLIRContext::Threading::DISABLED);
    errors.clear();
    hints.clear();
    errorCount = 0;
    mlir::ScopedDiagnosticHandler handler(context.get(), [&](mlir::Diagnostic &diagnostic) {
      ++errorCount;
      errors += sourceName(diagnostic.getLocation()) + ": " + diagnostic.str() + "\n";
      for (mlir::Diagnostic &note : diagnostic.getNotes())
        hints += note.str() + "\n";
      return mlir::success();
    });
    Options options;
    options.model = file;
    options.dims = std::move(dims);
    auto result = importOnnx(*context, options);
    if (failed(result))
      return false;
    module = std::move(*result);
    return true;
  }
  bool importModel(const Model &model, std::map<std::string, int64_t> dims = {}) {
    return importFile(write("model.onnx", model.proto.SerializeAsString()), std::move(dims));
  }
  bool importBytes(const std::string &bytes) { return importFile(write("model.onnx", bytes)); }

  mlir::func::FuncOp forward() { return module->lookupSymbol<mlir::func::FuncOp>("forward"); }

  /// The first output for float inputs, computed by the evaluator.
  std::vector<double> run(std::vector<std::vector<double>> inputs) {
    std::vector<TensorValue> values;
    for (auto [data, type] : llvm::zip(inputs, forward().getArgumentTypes()))
      values.push_back(fromDoubles(llvm::cast<mlir::RankedTensorType>(type), data));
    auto results = evaluateFunction(forward(), values);
    if (!results) {
      ADD_FAILURE() << llvm::toString(results.takeError());
      return {};
    }
    return toDoubles(results->front());
  }

  template <typename Op> int count() {
    int found = 0;
    module->walk([&](Op) { ++found; });
    return found;
  }

  llvm::SmallString<128> folder;
  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string errors, hints;
  int errorCount = 0;
};

} // namespace ingot::test
