// One graph for every size: what numbers at a few sizes are taken for, and what is refused.
#include "compiler/importers/common/Generalize.h"
#include "OnnxModels.h"
#include "compiler/importers/common/SampledDims.h"
#include "compiler/pipeline/Phases.h"
#include <set>

using namespace mlir;
using namespace ingot;
using namespace ingot::test;

namespace {

SampledDims twoDims() {
  return SampledDims({{{"b", 5}, {"s", 23}},
                      {{"b", 7}, {"s", 23}},
                      {{"b", 11}, {"s", 23}},
                      {{"b", 5}, {"s", 29}},
                      {{"b", 5}, {"s", 31}},
                      {{"b", 13}, {"s", 41}},
                      {{"b", 15}, {"s", 99}},
                      {{"b", 16}, {"s", 100}}},
                     6);
}

/// What `expression` is taken for, from its values alone.
std::string fitted(const SampledDims &dims, llvm::StringRef expression) {
  llvm::Expected<DimExpr> parsed = DimExpr::parse(expression);
  if (!parsed)
    return llvm::toString(parsed.takeError());
  std::optional<DimExpr> found = dims.fit(dims.values(*parsed));
  return found ? found->str() : "nothing";
}

class GeneralizeOnnx : public OnnxTest {
protected:
  using Ranges = std::map<std::string, Options::DimRange>;

  /// Imports for ranges of dims, and verifies the phase; the printed module, or "".
  std::string importRange(const Model &model, const Ranges &ranges) {
    CompileState state;
    state.options.model = write("model.onnx", model.proto.SerializeAsString());
    state.options.dimRanges = ranges;
    errors.clear();
    module = {};
    context = std::make_unique<MLIRContext>(MLIRContext::Threading::DISABLED);
    ScopedDiagnosticHandler handler(context.get(), [&](Diagnostic &diagnostic) {
      errors += diagnostic.str();
      for (Diagnostic &note : diagnostic.getNotes())
        errors += "\n" + note.str();
      return success();
    });
    auto imported = runImportPhase(*context, state);
    if (failed(imported) || failed(runPhase(Phase::Import, **imported, state)))
      return "";
    std::string text;
    llvm::raw_string_ostream(text) << **imported;
    return text;
  }
  void expectError(const Model &model, const Ranges &ranges, llvm::StringRef part) {
    EXPECT_EQ(importRange(model, ranges), "");
    EXPECT_NE(errors.find(part), std::string::npos) << errors;
  }
  /// x: float [batch, seq, 8].
  static Model sequence() {
    Model model;
    model.input("x", {-1, -1, 8}).namedDim(0, 0, "batch").namedDim(0, 1, "seq").output("y");
    return model;
  }
};

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text) << errors

} // namespace

TEST(SampledDims, FitsWhatGraphsHold) {
  SampledDims dims = twoDims();
  for (const char *text : {"4", "b", "s", "s + 1", "2*s - 3", "b*s", "4*b*s", "floordiv(s + 1, 2)",
                           "b + s", "-b + s", "min(64, s)", "-s"})
    EXPECT_EQ(fitted(dims, text), text);
}

TEST(SampledDims, KnowsWhatTheGraphHolds) {
  SampledDims dims = twoDims();
  EXPECT_EQ(fitted(dims, "3*floordiv(s + 1, 2) + 1"), "nothing");
  dims.learn(*DimExpr::parse("floordiv(s + 1, 2)"));
  EXPECT_EQ(fitted(dims, "3*floordiv(s + 1, 2) + 1"), "3*floordiv(s + 1, 2) + 1");
  // An operand's extent comes before a name of equal values.
  SampledNumber same = dims.values(DimExpr::symbol("s"));
  EXPECT_EQ(dims.fit(same, {DimExpr::symbol("s")})->str(), "s");
}

TEST(SampledDims, RefusesWhatItDoesNotKnow) {
  SampledDims dims = twoDims();
  EXPECT_FALSE(dims.fit({1, 8, 2, 9, 4, 7, 3, 5}));
  // A sample that is missing says nothing.
  EXPECT_EQ(dims.fit({5, 7, 11, 5, 5, 13, kNotSampled, kNotSampled})->str(), "b");
}

TEST(ChooseSamples, AreDistinctAndInside) {
  SizeSamples samples = chooseSamples({{"a", {1, 64}}, {"b", {2, 512}}});
  ASSERT_EQ(samples.required, 7u);
  for (const auto &sizes : samples.sizes) {
    EXPECT_GE(sizes.at("a"), 2);
    EXPECT_LE(sizes.at("a"), 64);
    EXPECT_LE(sizes.at("b"), 512);
    EXPECT_NE(sizes.at("a"), sizes.at("b"));
  }
  EXPECT_EQ(samples.sizes.back().at("a"), 64);
  EXPECT_EQ(samples.sizes.back().at("b"), 512);
  // Too narrow a range is sampled above it too.
  samples = chooseSamples({{"a", {1, 2}}});
  std::set<int64_t> seen;
  for (const auto &sizes : samples.sizes)
    seen.insert(sizes.at("a"));
  EXPECT_GE(seen.size(), 3u);
}

TEST_F(GeneralizeOnnx, ReshapesFollowTheirShapes) {
  Model model = sequence();
  model.ints("heads", {0, -1, 2, 4});
  model.node("Reshape", {"x", "heads"}, {"h"})->set_name("heads");
  intsAttribute(model.node("Transpose", {"h"}, {"t"}), "perm", {0, 2, 1, 3});
  intsAttribute(model.node("Transpose", {"t"}, {"k"}), "perm", {0, 1, 3, 2});
  model.node("MatMul", {"t", "k"}, {"scores"})->set_name("scores");
  model.node("Relu", {"scores"}, {"y"});
  std::string text = importRange(model, {{"batch", {1, 4}}, {"seq", {1, 64}}});
  EXPECT_HAS(text, "ingot.dims = {batch = array<i64: 1, 4>, seq = array<i64: 1, 64>}");
  EXPECT_HAS(text, "-> tensor<?x?x2x4xf32, #ingot.dims<[\"batch\", \"seq\"]>>");
  EXPECT_HAS(text, "tensor<?x2x?x?xf32, #ingot.dims<[\"batch\", \"seq\", \"seq\"]>>");
}

TEST_F(GeneralizeOnnx, ConstantsOfASize) {
  // y = (x + position) / seq, with position counted by Range.
  Model model;
  model.input("x", {-1, -1}).namedDim(0, 0, "batch").namedDim(0, 1, "seq").output("y");
  model.initializer("zero", {}, onnx::TensorProto::INT64)->add_int64_data(0);
  model.initializer("one", {}, onnx::TensorProto::INT64)->add_int64_data(1);
  model.node("Shape", {"x"}, {"shape"});
  model.node("Gather", {"shape", "one"}, {"length"});
  model.node("Range", {"zero", "length", "one"}, {"places"});
  intAttribute(model.node("Cast", {"places"}, {"position"}), "to", onnx::TensorProto::FLOAT);
  intAttribute(model.node("Cast", {"length"}, {"count"}), "to", onnx::TensorProto::FLOAT);
  model.node("Add", {"x", "position"}, {"sum"})->set_name("sum");
  model.node("Div", {"sum", "count"}, {"y"})->set_name("mean");
  std::string text = importRange(model, {{"batch", {1, 4}}, {"seq", {1, 600}}});
  EXPECT_HAS(text, "ingot.iota");
  EXPECT_HAS(text, "ingot.dim \"seq\"");
}

TEST_F(GeneralizeOnnx, DimsThatAreSums) {
  // mask [1, past + seq] beside the concatenation of a cache.
  Model model;
  model.input("cache", {1, -1}).input("x", {1, -1}).input("mask", {1, -1}).output("y");
  model.namedDim(0, 1, "past").namedDim(1, 1, "seq").namedDim(2, 1, "past + seq");
  intAttribute(model.node("Concat", {"cache", "x"}, {"all"}), "axis", 1);
  model.node("Add", {"all", "mask"}, {"y"})->set_name("masked");
  std::string text = importRange(model, {{"past", {0, 32}}, {"seq", {1, 8}}});
  EXPECT_HAS(text, "-> (tensor<1x?xf32, #ingot.dims<[\"past + seq\"]>>");
}

TEST_F(GeneralizeOnnx, OneNameAndRanges) {
  Model model = sequence();
  model.node("Relu", {"x"}, {"y"});
  expectError(model, {{"batch", {1, 4}}}, "dim 'seq' (dim 1 of input 'x') has no extent");
  expectError(model, {{"batch", {1, 4}}, {"seq", {1, 4}}, {"time", {1, 4}}},
              "the model has no dim named 'time'\nhint: its dims are batch, seq");
  Model fixed;
  fixed.input("x", {4}).output("y").node("Relu", {"x"}, {"y"});
  expectError(fixed, {{"batch", {1, 4}}}, "hint: all extents of its inputs are fixed");
}

/// A scan of "x" [seq, 4] whose state begins as the constant "first" [4].
static onnx::GraphProto *addScan(Model &model) {
  model.input("x", {-1, 4}).namedDim(0, 0, "seq").output("y").floats("first", {4}, {0, 0, 0, 0});
  onnx::NodeProto *scan = model.node("Scan", {"first", "x"}, {"last", "y"});
  scan->set_name("steps");
  intAttribute(scan, "num_scan_inputs", 1);
  onnx::GraphProto *body = attribute(scan, "body", onnx::AttributeProto::GRAPH)->mutable_g();
  for (const char *name : {"state", "row"})
    body->add_input()->set_name(name);
  for (const char *name : {"next", "next"})
    body->add_output()->set_name(name);
  return body;
}

TEST_F(GeneralizeOnnx, LoopsRunAsOftenAsADimSays) {
  Model model;
  onnx::GraphProto *body = addScan(model);
  Model::addNode(*body->mutable_node(), "Add", {"state", "row"}, {"next"})->set_name("step");
  std::string text = importRange(model, {{"seq", {2, 64}}});
  EXPECT_HAS(text, "ingot.dim \"seq\"");
  EXPECT_HAS(text, "scf.while");
  EXPECT_HAS(text, "tensor<?x4xf32, #ingot.dims<[\"seq\"]>>) -> (tensor<4xf32>, tensor<i64>");
}

TEST_F(GeneralizeOnnx, GraphsThatAreUnrolled) {
  // The state grows by a row in every step: that is no loop.
  Model model;
  onnx::GraphProto *body = addScan(model);
  intAttribute(Model::addNode(*body->mutable_node(), "Concat", {"state", "row"}, {"next"}), "axis",
               0);
  body->mutable_output(1)->set_name("row");
  expectError(model, {{"seq", {2, 64}}}, "the graph itself depends on dim 'seq'");
  EXPECT_HAS(errors, "hint: compile for one size with --dim seq=N");
}

TEST_F(GeneralizeOnnx, BoundsThatDoNotFit) {
  // A window of 5 does not fit the lower bound.
  Model model;
  model.input("x", {1, 1, -1}).namedDim(0, 2, "time").output("y");
  model.floats("w", {1, 1, 5}, {1, 2, 3, 4, 5});
  model.node("Conv", {"x", "w"}, {"y"})->set_name("window");
  std::string text = importRange(model, {{"time", {5, 90}}});
  EXPECT_HAS(text, "time - 4");
  expectError(model, {{"time", {3, 90}}}, "this is at time = 3");
}
