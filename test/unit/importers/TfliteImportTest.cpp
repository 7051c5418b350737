// What the TFLite importer makes of small models, and what it says of broken and hostile ones.
#include "compiler/importers/tflite/ImportTflite.h"
#include "compiler/importers/tflite/schema_generated.h"
#include "ir/graph/Graph.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "gtest/gtest.h"
#include <fstream>
#include <random>

using namespace mlir;
using namespace ingot;

namespace {

using Builtin = tflite::BuiltinOperator;
using Element = tflite::TensorType;

/// A model under construction: sub-graphs of tensors and operators.
class Model {
public:
  struct Node {
    Builtin op;
    std::vector<int32_t> inputs, outputs;
    tflite::BuiltinOptions kind = tflite::BuiltinOptions::NONE;
    flatbuffers::Offset<void> options = 0;
    std::string custom = {};
  };
  struct Graph {
    std::vector<flatbuffers::Offset<tflite::Tensor>> tensors;
    std::vector<int32_t> inputs, outputs;
    std::vector<Node> nodes;
  };

  flatbuffers::FlatBufferBuilder builder;
  std::vector<Graph> graphs = std::vector<Graph>(1);
  std::vector<std::vector<uint8_t>> buffers = std::vector<std::vector<uint8_t>>(1);

  int32_t tensor(std::vector<int32_t> shape, Element type = Element::FLOAT32, uint32_t buffer = 0,
                 size_t graph = 0, bool isVariable = false) {
    std::string name = "t" + std::to_string(graphs[graph].tensors.size());
    graphs[graph].tensors.push_back(
        tflite::CreateTensorDirect(builder, &shape, type, buffer, name.c_str(), 0, isVariable));
    return static_cast<int32_t>(graphs[graph].tensors.size()) - 1;
  }
  template <typename T> uint32_t buffer(std::vector<T> values) {
    auto bytes = reinterpret_cast<const uint8_t *>(values.data());
    buffers.emplace_back(bytes, bytes + values.size() * sizeof(T));
    return static_cast<uint32_t>(buffers.size()) - 1;
  }
  std::string bytes() {
    std::vector<flatbuffers::Offset<tflite::OperatorCode>> codes;
    std::vector<flatbuffers::Offset<tflite::SubGraph>> parts;
    for (Graph &graph : graphs) {
      std::vector<flatbuffers::Offset<tflite::Operator>> operators;
      for (Node &node : graph.nodes) {
        const char *custom = node.custom.empty() ? nullptr : node.custom.c_str();
        operators.push_back(
            tflite::CreateOperatorDirect(builder, static_cast<uint32_t>(codes.size()), &node.inputs,
                                         &node.outputs, node.kind, node.options));
        codes.push_back(tflite::CreateOperatorCodeDirect(
            builder, static_cast<int8_t>(std::min(static_cast<int32_t>(node.op), 127)), custom, 1,
            node.op));
      }
      parts.push_back(tflite::CreateSubGraphDirect(builder, &graph.tensors, &graph.inputs,
                                                   &graph.outputs, &operators));
    }
    std::vector<flatbuffers::Offset<tflite::Buffer>> data;
    for (std::vector<uint8_t> &content : buffers)
      data.push_back(tflite::CreateBufferDirect(builder, &content));
    auto model = tflite::CreateModelDirect(builder, 3, &codes, &parts, "test", &data);
    builder.Finish(model, "TFL3");
    return std::string(reinterpret_cast<const char *>(builder.GetBufferPointer()),
                       builder.GetSize());
  }
};

class Tflite : public testing::Test {
protected:
  MLIRContext context{MLIRContext::Threading::DISABLED};
  std::string errors;
  int errorCount = 0;
  UnsupportedOps missing;
  std::map<std::string, int64_t> dims; ///< --dim

  OwningOpRef<ModuleOp> import(const std::string &bytes, UnsupportedOps *missing = nullptr) {
    errors.clear();
    errorCount = 0;
    SmallString<128> path;
    EXPECT_FALSE(llvm::sys::fs::createTemporaryFile("ingot-test", "tflite", path));
    llvm::FileRemover remover(path);
    std::ofstream(path.c_str(), std::ios::binary) << bytes;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      ++errorCount;
      errors += diagnostic.str() + "\n";
      for (Diagnostic &note : diagnostic.getNotes())
        errors += note.str() + "\n";
      return success();
    });
    Options options;
    options.model = path.str().str();
    options.dims = dims;
    FailureOr<OwningOpRef<ModuleOp>> module = importTflite(context, options, missing);
    return failed(module) ? OwningOpRef<ModuleOp>() : std::move(*module);
  }
  /// Fails with one error that contains `part`.
  void expectError(Model &model, llvm::StringRef part) {
    EXPECT_FALSE(import(model.bytes()));
    EXPECT_EQ(errorCount, 1) << errors;
    EXPECT_NE(errors.find(part), std::string::npos) << errors;
  }
  /// y = x + w.
  void sum(Model &model) {
    int32_t x = model.tensor({4});
    int32_t w = model.tensor({4}, Element::FLOAT32, model.buffer<float>({1, 2, 3, 4}));
    int32_t y = model.tensor({4});
    model.graphs[0].inputs = {x};
    model.graphs[0].outputs = {y};
    model.graphs[0].nodes.push_back({Builtin::ADD, {x, w}, {y}});
  }
};

} // namespace

TEST_F(Tflite, OpensDims) {
  Model model;
  int32_t x = model.tensor({1, 4});
  int32_t w = model.tensor({4}, Element::FLOAT32, model.buffer<float>({1, 2, 3, 4}));
  int32_t y = model.tensor({1, 4});
  model.graphs[0].inputs = {x};
  model.graphs[0].outputs = {y};
  model.graphs[0].nodes.push_back({Builtin::ADD, {x, w}, {y}});
  std::string bytes = model.bytes();
  dims = {{"t0.dim0", 3}};
  OwningOpRef<ModuleOp> module = import(bytes);
  ASSERT_TRUE(module) << errors;
  auto type =
      cast<RankedTensorType>(module->lookupSymbol<func::FuncOp>("forward").getResultTypes()[0]);
  EXPECT_EQ(type.getShape(), ArrayRef<int64_t>({3, 4}));
  dims = {{"t0.dim1", 5}};
  EXPECT_FALSE(import(bytes));
  EXPECT_NE(errors.find("cannot broadcast"), std::string::npos) << errors;
  dims = {{"t1.dim0", 5}};
  EXPECT_FALSE(import(bytes));
  EXPECT_NE(errors.find("the model has no dim named 't1.dim0'"), std::string::npos) << errors;
}

TEST_F(Tflite, Sum) {
  Model model;
  sum(model);
  OwningOpRef<ModuleOp> module = import(model.bytes());
  ASSERT_TRUE(module) << errors;
  auto forward = module->lookupSymbol<func::FuncOp>("forward");
  ASSERT_TRUE(forward);
  EXPECT_EQ(cast<StringAttr>(forward.getArgAttr(0, "ingot.name")).getValue(), "t0");
  EXPECT_EQ(cast<StringAttr>(forward.getResultAttr(0, "ingot.name")).getValue(), "t2");
  int adds = 0;
  forward.walk([&](AddOp) { ++adds; });
  EXPECT_EQ(adds, 1);
}

TEST_F(Tflite, ListsEveryOperatorThatIsMissing) {
  Model model;
  sum(model);
  Model::Graph &graph = model.graphs[0];
  int32_t a = model.tensor({4}), b = model.tensor({4}), c = model.tensor({4});
  graph.nodes.push_back({Builtin::UNIQUE, {0}, {a}});
  graph.nodes.push_back({Builtin::UNIQUE, {a}, {b}});
  graph.nodes.push_back({Builtin::CUSTOM, {b}, {c}, {}, {}, "FlexRange"});
  graph.outputs.push_back(c);
  std::string bytes = model.bytes();
  EXPECT_FALSE(import(bytes));
  EXPECT_EQ(errorCount, 1) << errors;
  for (const char *part : {"UNIQUE", "CUSTOM (FlexRange)", "2"})
    EXPECT_NE(errors.find(part), std::string::npos) << errors;
  EXPECT_FALSE(import(bytes, &missing));
  EXPECT_EQ(errorCount, 0) << errors;
  EXPECT_FALSE(missing.empty());
}

TEST_F(Tflite, FilesThatAreNoModel) {
  for (const std::string &bytes :
       {std::string(), std::string("hello, this is text"), std::string(100, '\0'),
        std::string("\x10\0\0\0TFL3", 8), std::string(64, '\xff')}) {
    EXPECT_FALSE(import(bytes));
    EXPECT_EQ(errorCount, 1) << errors;
  }
}

TEST_F(Tflite, IndicesThatAreOutside) {
  for (int32_t index : {-2, 99, std::numeric_limits<int32_t>::max()}) {
    Model input, operand, result, output;
    for (Model *model : {&input, &operand, &result, &output})
      sum(*model);
    input.graphs[0].inputs = {index};
    expectError(input, "input 0 is tensor");
    operand.graphs[0].nodes[0].inputs[1] = index;
    expectError(operand, "names tensor");
    result.graphs[0].nodes[0].outputs[0] = index;
    expectError(result, "names tensor");
    output.graphs[0].outputs = {index};
    expectError(output, "names tensor");
  }
}

TEST_F(Tflite, ExtentsThatAreTooLarge) {
  Model model;
  int32_t x = model.tensor({std::numeric_limits<int32_t>::max()}), y = model.tensor({1});
  model.graphs[0].inputs = {x};
  model.graphs[0].outputs = {y};
  model.graphs[0].nodes.push_back({Builtin::NEG, {x}, {y}});
  expectError(model, "expected less than 2 GiB");
}

TEST_F(Tflite, SubGraphsThatCallThemselves) {
  Model model;
  sum(model);
  model.graphs.resize(2);
  int32_t condition = model.tensor({}, Element::BOOL, model.buffer<uint8_t>({1})),
          z = model.tensor({4});
  auto options = [&] { return tflite::CreateIfOptions(model.builder, 1, 1).Union(); };
  model.graphs[0].nodes.push_back(
      {Builtin::IF, {condition, 0}, {z}, tflite::BuiltinOptions::IfOptions, options()});
  int32_t x = model.tensor({4}, Element::FLOAT32, 0, 1),
          y = model.tensor({4}, Element::FLOAT32, 0, 1);
  int32_t again = model.tensor({}, Element::BOOL, 1 + 1, 1);
  model.graphs[1].inputs = {x};
  model.graphs[1].outputs = {y};
  model.graphs[1].nodes.push_back(
      {Builtin::IF, {again, x}, {y}, tflite::BuiltinOptions::IfOptions, options()});
  expectError(model, "other sub-graphs");
}

TEST_F(Tflite, SubGraphsThatAreNotThere) {
  for (int32_t index : {-1, 0, 7}) {
    Model model;
    sum(model);
    int32_t z = model.tensor({4});
    int32_t condition = model.tensor({}, Element::BOOL, model.buffer<uint8_t>({1}));
    auto options = tflite::CreateIfOptions(model.builder, index, index).Union();
    model.graphs[0].nodes.push_back(
        {Builtin::IF, {condition, 0}, {z}, tflite::BuiltinOptions::IfOptions, options});
    expectError(model, "calls sub-graph");
  }
}

/// A layer with a state: the variable is read once, and its next value is written at the end.
TEST_F(Tflite, StatesAreVariables) {
  Model model;
  auto weights = [&](std::vector<int32_t> shape, size_t count) {
    return model.tensor(shape, Element::FLOAT32, model.buffer(std::vector<float>(count, 0.5f)));
  };
  int32_t x = model.tensor({1, 3}), w = weights({2, 3}, 6), r = weights({2, 2}, 4),
          b = weights({2}, 2), state = model.tensor({1, 2}, Element::FLOAT32, 0, 0, true),
          y = model.tensor({1, 2});
  model.graphs[0].inputs = {x};
  model.graphs[0].outputs = {y};
  auto options =
      tflite::CreateRNNOptions(model.builder, tflite::ActivationFunctionType::TANH).Union();
  model.graphs[0].nodes.push_back(
      {Builtin::RNN, {x, w, r, b, state}, {y}, tflite::BuiltinOptions::RNNOptions, options});
  OwningOpRef<ModuleOp> module = import(model.bytes());
  ASSERT_TRUE(module) << errors;
  int reads = 0, updates = 0;
  module->walk([&](VariableReadOp) { ++reads; });
  module->walk([&](VariableUpdateOp) { ++updates; });
  EXPECT_EQ(reads, 1);
  EXPECT_EQ(updates, 1);
}

/// Any bytes end in a module or in one error.
TEST_F(Tflite, BytesChangedAtRandom) {
  Model model;
  sum(model);
  const std::string sound = model.bytes();
  std::mt19937 random(5);
  for (int round = 0; round < 500; ++round) {
    std::string bytes = sound;
    for (int i = 0; i < 3; ++i)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    if (!import(bytes))
      EXPECT_GE(errorCount, 1);
  }
}
