// What the ONNX importer makes of well-formed models: names, dims, versions, functions, control
// flow, weights.
#include "OnnxModels.h"
#include "ir/graph/WeightStore.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::test;
using ::testing::Test;

TEST_F(OnnxTest, KeepsNamesOfInputsOutputsAndNodes) {
  Model model;
  model.input("image", {2, 3}).output("logits").floats("bias", {3}, {1, 2, 3});
  model.node("Add", {"image", "bias"}, {"logits"})->set_name("head/add");
  ASSERT_TRUE(importModel(model)) << errors;
  EXPECT_EQ(cast<StringAttr>(forward().getArgAttr(0, "ingot.name")).getValue(), "image");
  EXPECT_EQ(cast<StringAttr>(forward().getResultAttr(0, "ingot.name")).getValue(), "logits");
  module->walk([](AddOp op) { EXPECT_EQ(sourceName(op.getLoc()), "head/add"); });
  EXPECT_EQ(run({{0, 0, 0, 1, 1, 1}}), (std::vector<double>{1, 2, 3, 2, 3, 4}));
}

TEST_F(OnnxTest, NodeWithoutNameIsNamedByItsOutput) {
  Model model;
  model.input("x", {1}).output("y");
  model.node("Neg", {"x"}, {"y"});
  ASSERT_TRUE(importModel(model)) << errors;
  module->walk([](NegOp op) { EXPECT_EQ(sourceName(op.getLoc()), "y"); });
}

TEST_F(OnnxTest, RecordsTheSourceFile) {
  Model model;
  model.input("x", {1}).output("y");
  model.node("Neg", {"x"}, {"y"});
  ASSERT_TRUE(importModel(model)) << errors;
  auto sources = (*module)->getAttrOfType<ArrayAttr>("ingot.sources");
  ASSERT_TRUE(sources && sources.size() == 1);
  auto source = cast<DictionaryAttr>(sources[0]);
  EXPECT_EQ(cast<StringAttr>(source.get("path")).getValue(), path("model.onnx"));
  EXPECT_EQ(cast<StringAttr>(source.get("sha256")).getValue().size(), 64u);
  EXPECT_EQ(cast<IntegerAttr>(source.get("size")).getInt(),
            static_cast<int64_t>(model.proto.ByteSizeLong()));
}

TEST_F(OnnxTest, NamedDimsTakeTheGivenExtents) {
  Model model;
  model.input("tokens", {-1, -1, 4}).namedDim(0, 0, "batch").output("y");
  model.node("Neg", {"tokens"}, {"y"});
  ASSERT_FALSE(importModel(model));
  EXPECT_EQ(errorCount, 1);
  EXPECT_NE(errors.find("'batch' (input 'tokens', dim 0), 'tokens.dim1' (input 'tokens', dim 1)"),
            std::string::npos)
      << errors;
  EXPECT_EQ(hints,
            "hint: compile with --dim batch=N --dim tokens.dim1=N, or --dim batch=LO..HI for "
            "a program that takes every size of a range\n");
  ASSERT_TRUE(importModel(model, {{"batch", 2}, {"tokens.dim1", 3}})) << errors;
  EXPECT_EQ(cast<RankedTensorType>(forward().getArgumentTypes()[0]).getShape(),
            (ArrayRef<int64_t>{2, 3, 4}));
}

TEST_F(OnnxTest, RefusesDimsThatTheModelDoesNotHave) {
  Model model;
  model.input("x", {-1}).namedDim(0, 0, "batch").output("y");
  model.node("Neg", {"x"}, {"y"});
  EXPECT_FALSE(importModel(model, {{"batch", 1}, {"lenght", 3}}));
  EXPECT_NE(errors.find("no dim named 'lenght'"), std::string::npos) << errors;
  EXPECT_EQ(hints, "hint: its dims are batch\n");
  EXPECT_FALSE(importModel(model, {{"batch", -4}}));
}

TEST_F(OnnxTest, ReportsAllUnsupportedOperatorsInOneError) {
  Model model;
  model.proto.add_opset_import()->set_domain("com.acme");
  model.input("x", {4}).output("z");
  model.node("FancyPool", {"x"}, {"a"}, "com.acme")->set_name("/encoder/pool");
  model.node("FancyPool", {"a"}, {"b"}, "com.acme")->set_name("/decoder/pool");
  model.node("Relu", {"b"}, {"c"});
  intAttribute(model.node("Relu", {"x"}, {"d"}), "alpha", 2)->set_name("odd");
  model.node("Add", {"c", "d"}, {"z"});
  ASSERT_FALSE(importModel(model));
  EXPECT_EQ(errorCount, 1);
  EXPECT_EQ(errors, "?: 3 operators in model.onnx are not supported (2 kinds)\n"
                    "  com.acme::FancyPool   2 nodes: /encoder/pool, /decoder/pool\n"
                    "  Relu (attribute alpha)   1 node: odd\n");
  EXPECT_NE(hints.find("docs/adding-an-op.md"), std::string::npos);
}

TEST_F(OnnxTest, WarnsOfAttributesThatNoOperatorHas) {
  Model model;
  model.input("x", {4}).output("y");
  intAttribute(model.node("Relu", {"x"}, {"y"}), "slope", 2)->set_name("odd");
  ASSERT_TRUE(importModel(model)) << errors;
  EXPECT_EQ(errors, "odd: Relu has an attribute 'slope', which no operator has: it is ignored\n");
}

TEST_F(OnnxTest, ManyUnsupportedKindsStayWithinTenLines) {
  Model model;
  model.input("x", {4}).output("y0");
  for (int i = 0; i < 40; ++i)
    model.node("Odd" + std::to_string(i), {"x"}, {"y" + std::to_string(i)});
  ASSERT_FALSE(importModel(model));
  EXPECT_EQ(llvm::count(errors, '\n') + llvm::count(hints, '\n'), 10) << errors;
  EXPECT_NE(errors.find("and 33 kinds more"), std::string::npos) << errors;
}

TEST_F(OnnxTest, InitializersMayAlsoBeInputs) {
  Model model(8, /*irVersion=*/3);
  model.input("x", {2}).input("w", {2}).output("y").floats("w", {2}, {10, 20});
  model.node("Mul", {"x", "w"}, {"y"});
  ASSERT_TRUE(importModel(model)) << errors;
  EXPECT_EQ(forward().getNumArguments(), 1u);
  EXPECT_EQ(run({{1, 2}}), (std::vector<double>{10, 40}));
}

TEST_F(OnnxTest, ShapeArithmeticIsResolved) {
  Model model;
  model.input("x", {2, 3, 4}).output("y").ints("two", {2}).ints("minus", {-1});
  model.node("Shape", {"x"}, {"shape"});
  intAttribute(model.node("Gather", {"shape", "two"}, {"last"}), "axis", 0);
  intAttribute(model.node("Concat", {"minus", "last"}, {"target"}), "axis", 0);
  model.node("Reshape", {"x", "target"}, {"y"});
  ASSERT_TRUE(importModel(model)) << errors;
  EXPECT_EQ(cast<RankedTensorType>(forward().getResultTypes()[0]).getShape(),
            (ArrayRef<int64_t>{6, 4}));
  EXPECT_EQ(count<GatherOp>() + count<ConcatOp>(), 0);
}

TEST_F(OnnxTest, SliceReadsAttributesBeforeOpset10AndInputsAfter) {
  Model before(9);
  before.input("x", {5}).output("y");
  auto *slice = before.node("Slice", {"x"}, {"y"});
  intsAttribute(intsAttribute(slice, "starts", {1}), "ends", {-1});
  ASSERT_TRUE(importModel(before)) << errors;
  EXPECT_EQ(run({{0, 1, 2, 3, 4}}), (std::vector<double>{1, 2, 3}));

  Model after(10);
  after.input("x", {5})
      .output("y")
      .ints("starts", {-1})
      .ints("ends", {INT64_MIN})
      .ints("axes", {0})
      .ints("steps", {-2});
  after.node("Slice", {"x", "starts", "ends", "axes", "steps"}, {"y"});
  ASSERT_TRUE(importModel(after)) << errors;
  EXPECT_EQ(run({{0, 1, 2, 3, 4}}), (std::vector<double>{4, 2, 0}));
}

TEST_F(OnnxTest, SoftmaxFlattensBeforeOpset13) {
  for (int64_t opset : {12, 13}) {
    Model model(opset);
    model.input("x", {1, 2, 2}).output("y");
    intAttribute(model.node("Softmax", {"x"}, {"y"}), "axis", 1);
    ASSERT_TRUE(importModel(model)) << errors;
    // Equal elements: four share the sum when flattened, two along dim 1.
    EXPECT_NEAR(run({{1, 1, 1, 1}})[0], opset == 12 ? 0.25 : 0.5, 1e-6);
  }
}

TEST_F(OnnxTest, FunctionsAreInlinedWithAttributeReferences) {
  Model model;
  model.proto.add_opset_import()->set_domain("local");
  model.proto.mutable_opset_import(1)->set_version(1);
  model.input("x", {2}).output("y");
  onnx::FunctionProto *function = model.proto.add_functions();
  function->set_domain("local");
  function->set_name("Leaky");
  function->add_input("a");
  function->add_input("absent");
  function->add_output("b");
  function->add_attribute("slope");
  function->add_opset_import()->set_version(20);
  auto *inner = Model::addNode(*function->mutable_node(), "LeakyRelu", {"a"}, {"b"});
  attribute(inner, "alpha", onnx::AttributeProto::FLOAT)->set_ref_attr_name("slope");
  inner->set_name("inner");
  floatAttribute(model.node("Leaky", {"x"}, {"y"}, "local"), "slope", 0.5f)->set_name("outer");
  ASSERT_TRUE(importModel(model)) << errors;
  EXPECT_EQ(run({{-2, 2}}), (std::vector<double>{-1, 2}));
  module->walk([](LeakyReluOp op) { EXPECT_EQ(sourceName(op.getLoc()), "outer/inner"); });
}

TEST_F(OnnxTest, FunctionsThatCallThemselvesAreRefused) {
  Model model;
  model.proto.add_opset_import()->set_domain("local");
  model.input("x", {2}).output("y");
  onnx::FunctionProto *function = model.proto.add_functions();
  function->set_domain("local");
  function->set_name("Loop");
  function->add_input("a");
  function->add_output("b");
  Model::addNode(*function->mutable_node(), "Loop", {"a"}, {"b"}, "local");
  model.node("Loop", {"x"}, {"y"}, "local");
  EXPECT_FALSE(importModel(model));
  EXPECT_NE(errors.find("nested more than"), std::string::npos) << errors;
}

/// y = condition ? x + x : -x, the branches reading x from around them.
static void addIf(Model &model, const std::string &condition) {
  auto *node = model.node("If", {condition}, {"y"});
  onnx::GraphProto *branches[2];
  for (const char *name : {"then_branch", "else_branch"})
    branches[name[0] == 'e'] = attribute(node, name, onnx::AttributeProto::GRAPH)->mutable_g();
  Model::addNode(*branches[0]->mutable_node(), "Add", {"x", "x"}, {"r"});
  Model::addNode(*branches[1]->mutable_node(), "Neg", {"x"}, {"r"});
  for (auto *branch : branches)
    branch->add_output()->set_name("r");
}

TEST_F(OnnxTest, IfOfAConstantTakesOneBranch) {
  Model model;
  model.input("x", {2}).output("y");
  onnx::TensorProto *condition = model.initializer("c", {}, onnx::TensorProto::BOOL);
  condition->add_int32_data(1);
  addIf(model, "c");
  ASSERT_TRUE(importModel(model)) << errors;
  EXPECT_EQ(count<scf::IfOp>(), 0);
  EXPECT_EQ(run({{1, 2}}), (std::vector<double>{2, 4}));
}

TEST_F(OnnxTest, IfOfAnInputBecomesABranch) {
  Model model;
  model.input("x", {2}).input("c", {}, onnx::TensorProto::BOOL).output("y");
  addIf(model, "c");
  ASSERT_TRUE(importModel(model)) << errors;
  EXPECT_EQ(count<scf::IfOp>(), 1);
  EXPECT_EQ(run({{1, 2}, {1}}), (std::vector<double>{2, 4}));
  EXPECT_EQ(run({{1, 2}, {0}}), (std::vector<double>{-1, -2}));
}

TEST_F(OnnxTest, LargeWeightsStayInTheFile) {
  Model model;
  model.input("x", {2048}).output("y");
  onnx::TensorProto *weight = model.initializer("w", {2048}, onnx::TensorProto::FLOAT);
  std::vector<float> values(2048, 3.0f);
  weight->set_raw_data(std::string(reinterpret_cast<char *>(values.data()), 4 * values.size()));
  // Packed numbers in the message are the same bytes.
  model.floats("packed", {2048}, std::vector<float>(2048, 4.0f));
  model.node("Add", {"x", "w"}, {"sum"});
  model.node("Mul", {"sum", "packed"}, {"y"});
  ASSERT_TRUE(importModel(model)) << errors;
  int inFile = 0;
  module->walk([&](ConstantOp op) {
    if (auto attr = dyn_cast<WeightAttr>(op.getValue()))
      inFile += attr.getSource() == 0 && attr.getBytes() == 8192;
  });
  EXPECT_EQ(inFile, 2);
  EXPECT_EQ(run({std::vector<double>(2048, 1.0)}), std::vector<double>(2048, 16.0));
}

TEST_F(OnnxTest, NarrowIntegersAreUnpacked) {
  Model model(21);
  model.input("x", {3}).output("y");
  onnx::TensorProto *weight = model.initializer("w", {3}, onnx::TensorProto::INT4);
  weight->set_raw_data(std::string("\x2f\x07", 2)); // -1, 2, 7
  model.floats("scale", {}, {0.5f});
  model.node("DequantizeLinear", {"w", "scale"}, {"real"});
  model.node("Add", {"x", "real"}, {"y"});
  ASSERT_TRUE(importModel(model)) << errors;
  EXPECT_EQ(run({{0, 0, 0}}), (std::vector<double>{-0.5, 1, 3.5}));
}
