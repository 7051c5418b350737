// Operators whose import depends on more than their operands: versions, loops, sequences, extents
// that data decide. What they compute is tested by ONNX's own cases (test/conformance).
#include "OnnxModels.h"
#include "ir/graph/ValueDims.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::test;

TEST_F(OnnxTest, BeforeOpset7TheSecondOperandSaysWhereItLies) {
  Model model(6);
  model.input("x", {2, 3}).output("y").floats("bias", {2}, {10, 20});
  intAttribute(intAttribute(model.node("Add", {"x", "bias"}, {"y"}), "broadcast", 1), "axis", 0);
  ASSERT_TRUE(importModel(model)) << errors;
  EXPECT_EQ(run({{0, 1, 2, 3, 4, 5}}), (std::vector<double>{10, 11, 12, 23, 24, 25}));
}

/// A loop that doubles x and collects it, `trips` times or as long as `condition` holds.
static void addLoop(Model &model, const std::string &trips, const std::string &condition) {
  auto *node = model.node("Loop", {trips, condition, "x"}, {"last", "y"});
  auto *body = attribute(node, "body", onnx::AttributeProto::GRAPH)->mutable_g();
  for (const char *name : {"i", "go", "v"})
    body->add_input()->set_name(name);
  Model::addNode(*body->mutable_node(), "Identity", {"go"}, {"next"});
  Model::addNode(*body->mutable_node(), "Add", {"v", "v"}, {"twice"});
  for (const char *name : {"next", "twice", "twice"})
    body->add_output()->set_name(name);
}

TEST_F(OnnxTest, LoopsOfAKnownTripCountAreWrittenOut) {
  Model model;
  model.input("x", {2}).output("y").ints("trips", {3});
  addLoop(model, "trips", "");
  ASSERT_TRUE(importModel(model)) << errors;
  EXPECT_EQ(run({{1, 3}}), (std::vector<double>{2, 6, 4, 12, 8, 24}));
  bool named = false;
  module->walk([&](AddOp op) { named |= sourceName(op.getLoc()) == "last[2]/twice"; });
  EXPECT_TRUE(named);
}

TEST_F(OnnxTest, LongLoopsStayLoops) {
  Model model;
  model.input("x", {2}).output("y").ints("trips", {1 << 20});
  addLoop(model, "trips", "");
  ASSERT_TRUE(importModel(model)) << errors;
  EXPECT_EQ(count<scf::WhileOp>(), 1);
}

TEST_F(OnnxTest, LoopsOfUnknownTripCountStayLoops) {
  Model model;
  model.input("x", {2}).input("trips", {}, onnx::TensorProto::INT64).output("last");
  addLoop(model, "trips", "");
  ASSERT_TRUE(importModel(model)) << errors;
  EXPECT_EQ(count<scf::WhileOp>(), 1);
  EXPECT_EQ(run({{1, 3}, {4}}), (std::vector<double>{16, 48}));
  EXPECT_EQ(run({{1, 3}, {0}}), (std::vector<double>{1, 3}));
  EXPECT_EQ(run({{1, 3}, {-5}}), (std::vector<double>{1, 3}));
}

TEST_F(OnnxTest, SlicesOfUnknownTripCountNeedABound) {
  Model model;
  model.input("x", {2}).input("trips", {}, onnx::TensorProto::INT64).output("y");
  addLoop(model, "trips", "");
  EXPECT_FALSE(importModel(model));
  EXPECT_NE(errors.find("Loop (whose trip count is known only at run time collects slices)"),
            std::string::npos)
      << errors;

  // A trip count that a condition may cut short is a bound. Rows that no trip wrote are zeros.
  Model bounded;
  bounded.input("x", {2}).input("go", {}, onnx::TensorProto::BOOL).output("y");
  bounded.ints("trips", {3});
  addLoop(bounded, "trips", "go");
  ASSERT_TRUE(importModel(bounded)) << errors;
  EXPECT_EQ(run({{1, 3}, {1}}), (std::vector<double>{2, 6, 4, 12, 8, 24}));
  EXPECT_EQ(run({{1, 3}, {0}}), (std::vector<double>{0, 0, 0, 0, 0, 0}));
  // But only where the program's user sees them.
  bounded.output("z").node("Relu", {"y"}, {"z"});
  EXPECT_FALSE(importModel(bounded));
}

TEST_F(OnnxTest, ShapesOfUnknownTripCountStayTheSame) {
  auto growing = [](bool known) {
    Model model;
    model.input("x", {2}).output("last");
    known ? model.ints("trips", {3}) : model.input("trips", {}, onnx::TensorProto::INT64);
    addLoop(model, "trips", "");
    auto *body = model.graph().mutable_node(0)->mutable_attribute(0)->mutable_g();
    body->mutable_output()->DeleteSubrange(2, 1);
    model.graph().mutable_node(0)->mutable_output()->DeleteSubrange(1, 1);
    auto *node = body->mutable_node(1);
    node->set_op_type("Concat");
    intAttribute(node, "axis", 0);
    return model;
  };
  Model unknown = growing(false), known = growing(true);
  EXPECT_FALSE(importModel(unknown));
  EXPECT_NE(errors.find("value 'twice' has shape [2] before a trip and [4] after it"),
            std::string::npos)
      << errors;
  ASSERT_TRUE(importModel(known)) << errors;
  EXPECT_EQ(run({{1, 3}}).size(), 16u);
}

TEST_F(OnnxTest, LoopsWithoutAnEndAreRefused) {
  Model model;
  model.input("x", {2}).output("last");
  addLoop(model, "", "");
  EXPECT_FALSE(importModel(model));
  EXPECT_NE(errors.find("of more than 16384 trips"), std::string::npos) << errors;
}

TEST_F(OnnxTest, WhatALoopPassesOnStaysConstant) {
  Model model;
  model.input("x", {2, 3}).input("trips", {}, onnx::TensorProto::INT64).output("last");
  model.ints("shape", {3, 2});
  auto *node = model.node("Loop", {"trips", "", "x", "shape"}, {"last", ""});
  auto *body = attribute(node, "body", onnx::AttributeProto::GRAPH)->mutable_g();
  for (const char *name : {"i", "go", "v", "s"})
    body->add_input()->set_name(name);
  Model::addNode(*body->mutable_node(), "Identity", {"s"}, {"same"});
  Model::addNode(*body->mutable_node(), "Reshape", {"v", "same"}, {"flat"});
  Model::addNode(*body->mutable_node(), "Transpose", {"flat"}, {"turned"});
  for (const char *name : {"go", "turned", "same"})
    body->add_output()->set_name(name);
  ASSERT_TRUE(importModel(model)) << errors;
  module->walk([&](scf::WhileOp loop) { EXPECT_EQ(loop.getNumResults(), 2u); });
  EXPECT_EQ(run({{1, 2, 3, 4, 5, 6}, {1}}), (std::vector<double>{1, 3, 5, 2, 4, 6}));
}

TEST_F(OnnxTest, LoopsInLoopsEndSoon) {
  // The innermost value grows: none of these can be a loop.
  Model model;
  model.input("x", {1}).output("y").ints("trips", {1 << 13});
  auto *nodes = model.graph().mutable_node();
  std::string value = "x";
  for (int depth = 0; depth < 4; ++depth) {
    std::string tag = std::to_string(depth);
    auto *node = Model::addNode(*nodes, "Loop", {"trips", "", value}, {"r" + tag});
    auto *body = attribute(node, "body", onnx::AttributeProto::GRAPH)->mutable_g();
    value = "v" + tag;
    for (const std::string &name : {"i" + tag, "go" + tag, value})
      body->add_input()->set_name(name);
    body->add_output()->set_name("go" + tag);
    body->add_output()->set_name("r" + std::to_string(depth + 1));
    nodes = body->mutable_node();
  }
  intAttribute(Model::addNode(*nodes, "Concat", {value, "x"}, {"r4"}), "axis", 0);
  model.node("Neg", {"r0"}, {"y"});
  EXPECT_FALSE(importModel(model));
  EXPECT_NE(errors.find("more than"), std::string::npos) << errors;
}

TEST_F(OnnxTest, SequencesAreResolved) {
  Model model;
  model.input("x", {2}).output("y").ints("one", {1});
  model.node("Neg", {"x"}, {"n"});
  model.node("SequenceConstruct", {"x", "n"}, {"list"});
  model.node("SequenceInsert", {"list", "x", "one"}, {"longer"});
  intAttribute(model.node("ConcatFromSequence", {"longer"}, {"y"}), "axis", 0);
  ASSERT_TRUE(importModel(model)) << errors;
  EXPECT_EQ(run({{1, 2}}), (std::vector<double>{1, 2, 1, 2, -1, -2}));
}

TEST_F(OnnxTest, OperatorsOnTensorsRefuseSequences) {
  Model model;
  model.input("x", {2}).output("y");
  model.node("SequenceConstruct", {"x"}, {"list"});
  model.node("Neg", {"list"}, {"y"});
  EXPECT_FALSE(importModel(model));
  EXPECT_NE(errors.find("Neg (of a sequence"), std::string::npos) << errors;

  Model output;
  output.input("x", {2}).output("y");
  output.node("SequenceConstruct", {"x"}, {"y"});
  EXPECT_FALSE(importModel(output));
  EXPECT_NE(errors.find("output 'y' is a sequence"), std::string::npos) << errors;
}

TEST_F(OnnxTest, ExtentsThatDataDecideAreTheModels) {
  Model model;
  model.input("x", {4}).output("y");
  model.node("NonZero", {"x"}, {"places"});
  model.node("Neg", {"places"}, {"y"});
  EXPECT_FALSE(importModel(model));
  EXPECT_NE(errors.find("shape depends on its input"), std::string::npos) << errors;

  auto *info = model.graph().add_value_info();
  info->set_name("places");
  info->mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::INT64);
  auto *shape = info->mutable_type()->mutable_tensor_type()->mutable_shape();
  shape->add_dim()->set_dim_value(1);
  shape->add_dim()->set_dim_value(2);
  ASSERT_TRUE(importModel(model)) << errors;
  EXPECT_EQ(run({{0, 5, 0, 6}}), (std::vector<double>{-1, -3}));
}

TEST_F(OnnxTest, ExtentsOfOutputsAreCounted) {
  Model model;
  model.input("x", {2, 3}).output("y");
  model.node("NonZero", {"x"}, {"y"});
  ASSERT_TRUE(importModel(model)) << errors;
  llvm::SmallVector<CountedDim> counted = countedDims(*module);
  ASSERT_EQ(counted.size(), 1u);
  EXPECT_EQ(counted[0].output, 0);
  EXPECT_EQ(counted[0].dim, 1);
  EXPECT_TRUE(module->lookupSymbol<VariableOp>(counted[0].variable));
  // Two rows of three places each, without a gap.
  std::vector<double> places = run({{0, 5, 6, 7, 0, 0}});
  ASSERT_EQ(places.size(), 12u);
  places.resize(6);
  EXPECT_EQ(places, (std::vector<double>{0, 0, 1, 1, 2, 0}));
}

TEST_F(OnnxTest, NodesNeedNotBeSorted) {
  Model model;
  model.input("x", {2}).output("y");
  model.node("Mul", {"b", "b"}, {"y"});
  model.node("Add", {"a", "x"}, {"b"});
  model.node("Neg", {"x"}, {"c"});
  model.node("Sub", {"x", "c"}, {"a"});
  ASSERT_TRUE(importModel(model)) << errors;
  EXPECT_EQ(run({{1.0, 2.0}}), (std::vector<double>{9, 36}));
}

TEST_F(OnnxTest, BlocksOfFourBitsAreUnpackedLowBitsFirst) {
  Model model;
  onnx::OperatorSetIdProto *opset = model.proto.add_opset_import();
  opset->set_domain("com.microsoft");
  opset->set_version(1);
  model.input("x", {1, 16}).output("y").floats("scale", {1}, {0.5f});
  onnx::TensorProto *weight = model.initializer("w", {1, 1, 8}, onnx::TensorProto::UINT8);
  weight->set_raw_data(std::string("\x98\x88\x88\x88\x88\x88\x88\x0f", 8)); // 8 9 8 … 15 0
  auto *node = model.node("MatMulNBits", {"x", "w", "scale"}, {"y"}, "com.microsoft");
  for (auto [name, value] : {std::pair("K", 16), {"N", 1}, {"bits", 4}, {"block_size", 16}})
    intAttribute(node, name, value);
  ASSERT_TRUE(importModel(model)) << errors;
  std::vector<double> x(16, 1.0);
  x[1] = 10;
  EXPECT_EQ(run({x}), (std::vector<double>{10 * 0.5 + 7 * 0.5 - 8 * 0.5}));
}
