// What the ONNX importer says of broken and hostile models: one clean error each, and never a
// crash.
#include "OnnxModels.h"
#include "compiler/importers/onnx/StripBlobs.h"
#include "llvm/Support/Path.h"
#include <random>
#include <unistd.h>

using namespace mlir;
using namespace ingot;
using namespace ingot::test;

namespace {

class OnnxBroken : public OnnxTest {
protected:
  /// y = x + w, with `w` of four floats.
  Model sum() {
    Model model;
    model.input("x", {4}).output("y");
    model.initializer("w", {4}, onnx::TensorProto::FLOAT);
    model.node("Add", {"x", "w"}, {"y"})->set_name("sum");
    return model;
  }
  onnx::TensorProto &weight(Model &model) { return *model.graph().mutable_initializer(0); }

  void external(Model &model, const std::string &location, const std::string &offset = "0",
                const std::string &length = "16") {
    weight(model).set_data_location(onnx::TensorProto::EXTERNAL);
    for (auto [key, value] :
         {std::pair{"location", location}, {"offset", offset}, {"length", length}}) {
      auto *entry = weight(model).add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    }
  }

  /// Fails with one error that contains `part`.
  void expectError(const Model &model, llvm::StringRef part) {
    EXPECT_FALSE(importModel(model));
    EXPECT_EQ(errorCount, 1) << errors;
    EXPECT_NE(errors.find(part), std::string::npos) << errors;
    EXPECT_LE(llvm::count(errors, '\n'), 10);
  }
};

} // namespace

TEST_F(OnnxBroken, FilesThatAreNoModel) {
  EXPECT_FALSE(importFile(path("missing.onnx")));
  EXPECT_NE(errors.find("missing.onnx"), std::string::npos) << errors;
  for (const std::string &bytes :
       {std::string(), std::string("hello, this is text"), std::string(100, '\0'),
        std::string("\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10), std::string(64, '\xff')}) {
    EXPECT_FALSE(importBytes(bytes));
    EXPECT_EQ(errorCount, 1);
    EXPECT_NE(errors.find("is not a valid ONNX model"), std::string::npos) << errors;
  }
}

TEST_F(OnnxBroken, OperatorSetsThatAreNotKnown) {
  for (int64_t opset : {-1, 0, 28, 1000}) {
    Model model(opset);
    model.input("x", {4}).output("y");
    model.node("Neg", {"x"}, {"y"});
    expectError(model, "expected 1 to 27");
  }
}

TEST_F(OnnxBroken, GraphsThatDoNotConnect) {
  Model cycle;
  cycle.input("x", {4}).output("y");
  cycle.node("Add", {"x", "b"}, {"a"});
  cycle.node("Neg", {"a"}, {"b"});
  cycle.node("Neg", {"b"}, {"y"});
  expectError(cycle, "the graph has a cycle");

  Model self;
  self.input("x", {4}).output("y");
  self.node("Add", {"x", "y"}, {"y"});
  expectError(self, "the graph has a cycle");

  Model dangling;
  dangling.input("x", {4}).output("y");
  dangling.node("Add", {"x", "nowhere"}, {"y"});
  expectError(dangling, "reads 'nowhere', which no node computes");

  Model twice;
  twice.input("x", {4}).output("y");
  twice.node("Neg", {"x"}, {"y"});
  twice.node("Abs", {"x"}, {"y"});
  expectError(twice, "'y' is computed twice");

  Model noOutput;
  noOutput.input("x", {4}).output("y");
  expectError(noOutput, "output 'y' is computed by no node");

  Model fewInputs;
  fewInputs.input("x", {4}).output("y");
  fewInputs.node("Add", {"x"}, {"y"});
  expectError(fewInputs, "Add has no input 1");
}

TEST_F(OnnxBroken, ShapesThatDoNotFit) {
  Model model = sum();
  model.floats("v", {3}, {1, 2, 3});
  weight(model).mutable_float_data()->Resize(4, 1.0f);
  model.graph().mutable_node(0)->set_input(1, "v");
  expectError(model, "sum: ");

  Model conv;
  conv.input("x", {1, 3, 8, 8}).output("y").floats("w", {2, 4, 3, 3}, std::vector<float>(72));
  conv.node("Conv", {"x", "w"}, {"y"});
  expectError(conv, "does not fit 3 input channels");
}

TEST_F(OnnxBroken, AttributesThatDivideByZero) {
  for (const char *op : {"DepthToSpace", "SpaceToDepth"}) {
    Model model;
    model.input("x", {1, 4, 2, 2}).output("y");
    intAttribute(model.node(op, {"x"}, {"y"}), "blocksize", 0);
    expectError(model, "block 0");
  }
  Model conv;
  conv.input("x", {1, 2, 8, 8}).output("y").floats("w", {2, 2, 3, 3}, std::vector<float>(36));
  intsAttribute(conv.node("Conv", {"x", "w"}, {"y"}), "strides", {0, 1});
  expectError(conv, "kernel, strides");
  Model groups;
  groups.input("x", {1, 2, 8, 8}).output("y").floats("w", {2, 2, 3, 3}, std::vector<float>(36));
  intAttribute(groups.node("Conv", {"x", "w"}, {"y"}), "group", 0);
  expectError(groups, "groups");
  Model norm;
  norm.input("x", {1, 4, 2}).output("y").floats("s", {4}, {1, 1, 1, 1});
  intAttribute(norm.node("GroupNormalization", {"x", "s", "s"}, {"y"}), "num_groups", 0);
  expectError(norm, "0 groups");
  Model range;
  range.output("y").floats("a", {}, {0}).floats("b", {}, {1}).floats("z", {}, {0});
  range.node("Range", {"a", "b", "z"}, {"y"});
  expectError(range, "delta that is not 0");
}

TEST_F(OnnxBroken, AbsurdSizes) {
  Model wrapped = sum();
  weight(wrapped).clear_dims();
  weight(wrapped).add_dims((int64_t(1) << 42) + 1);
  weight(wrapped).add_dims(int64_t(1) << 22);
  expectError(wrapped, "too large");

  Model hidden = sum();
  weight(hidden).clear_dims();
  for (int64_t extent : {int64_t(0), int64_t(1) << 40, int64_t(1) << 40})
    weight(hidden).add_dims(extent);
  expectError(hidden, "too large");

  Model negative = sum();
  weight(negative).set_dims(0, -4);
  expectError(negative, "negative extent");

  Model input;
  input.input("x", {int64_t(1) << 40, int64_t(1) << 40}).output("y");
  input.node("Neg", {"x"}, {"y"});
  expectError(input, "too large");

  Model expanded;
  expanded.input("x", {1}).output("y").ints("shape", {int64_t(1) << 31, int64_t(1) << 31});
  expanded.node("Expand", {"x", "shape"}, {"y"});
  expectError(expanded, "too large");

  Model tiled;
  tiled.input("x", {4}).output("y").ints("repeats", {int64_t(1) << 62});
  tiled.node("Tile", {"x", "repeats"}, {"y"});
  expectError(tiled, "cannot repeat");

  Model padded;
  padded.input("x", {4}).output("y").ints("pads", {INT64_MAX, INT64_MAX});
  padded.node("Pad", {"x", "pads"}, {"y"});
  expectError(padded, "pads");

  Model ranged;
  ranged.output("y").ints("a", {0}).ints("b", {INT64_MAX}).ints("c", {1});
  ranged.node("Range", {"a", "b", "c"}, {"y"});
  expectError(ranged, "too many elements");

  Model huge;
  huge.output("y").ints("shape", {int64_t(1) << 39});
  huge.node("ConstantOfShape", {"shape"}, {"zeros"});
  huge.node("Shape", {"zeros"}, {"y"});
  EXPECT_TRUE(importModel(huge)) << errors; // nothing of that size is ever built

  Model rank;
  rank.input("x", std::vector<int64_t>(100, 1)).output("y");
  rank.node("Neg", {"x"}, {"y"});
  expectError(rank, "rank 100");
}

TEST_F(OnnxBroken, WrongAmountsOfData) {
  Model raw = sum();
  weight(raw).set_raw_data(std::string(15, 'x'));
  expectError(raw, "holds 15 bytes, but its shape [4] of f32 takes 16");

  Model large = sum();
  weight(large).set_raw_data(std::string(4096, 'x'));
  expectError(large, "holds 4096 bytes");

  Model typed = sum();
  weight(typed).mutable_float_data()->Resize(3, 1.0f);
  expectError(typed, "holds 3 elements");

  Model field = sum();
  weight(field).mutable_int64_data()->Resize(4, 1);
  expectError(field, "does not fit f32");

  Model type = sum();
  weight(type).set_data_type(8);
  expectError(type, "element type STRING");
  weight(type).set_data_type(99);
  expectError(type, "element type 99");
}

TEST_F(OnnxBroken, RawDataCannotPretendToLieInTheFile) {
  // The form in which the importer itself refers to the file: one byte, an offset, a length.
  Model model = sum();
  std::string forged("\x01\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0", 17);
  weight(model).set_raw_data(forged.substr(0, 16));
  ASSERT_TRUE(importModel(model)) << errors;
  model.graph().mutable_initializer(0)->set_raw_data(forged);
  expectError(model, "holds 17 bytes");
}

TEST_F(OnnxBroken, ExternalDataOutsideTheFolder) {
  llvm::SmallString<128> outside;
  ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("ingot-outside", outside));
  std::string secret = (outside + "/secret.bin").str();
  std::ofstream(secret, std::ios::binary) << std::string(64, 's');
  write("plain.bin", std::string(64, 'p'));
  ASSERT_FALSE(llvm::sys::fs::create_directory(path("sub")));
  write("sub/plain.bin", std::string(64, 'p'));
  ASSERT_EQ(symlink(secret.c_str(), path("link.bin").c_str()), 0);
  ASSERT_EQ(symlink(outside.c_str(), path("linked").c_str()), 0);
  ASSERT_EQ(link(path("plain.bin").c_str(), path("hard.bin").c_str()), 0);
  write("single.bin", std::string(64, 'p'));

  std::string up = "../" + llvm::sys::path::filename(outside).str() + "/secret.bin";
  for (const std::string &location :
       {up, std::string("sub/../") + up, std::string("sub/../plain.bin"), secret,
        std::string("/etc/passwd"), std::string("..\\secret.bin"), std::string("C:\\secret.bin"),
        std::string("C:secret.bin"), std::string("sub//plain.bin"),
        std::string("single.bin\0x", 12)}) {
    Model model = sum();
    external(model, location);
    expectError(model, "not a path inside the model's folder");
  }
  for (const char *location : {"link.bin", "linked/secret.bin", "hard.bin"}) {
    Model model = sum();
    external(model, location);
    expectError(model, "is a link");
  }
  for (const char *location : {"none.bin", "sub/none.bin"}) {
    Model model = sum();
    external(model, location);
    expectError(model, "cannot be read");
  }
  Model folder = sum();
  external(folder, "sub");
  expectError(folder, "is not a file");
  Model empty = sum();
  external(empty, "");
  expectError(empty, "without a location");

  Model good = sum();
  external(good, "sub/plain.bin", "4");
  EXPECT_TRUE(importModel(good)) << errors;
  llvm::sys::fs::remove_directories(outside);
}

TEST_F(OnnxBroken, ExternalDataOutsideTheFile) {
  write("data.bin", std::string(64, 'd'));
  for (auto [offset, length, message] : {std::tuple{"64", "16", "beyond the end"},
                                         {"18446744073709551615", "16", "beyond the end"},
                                         {"49", "16", "beyond the end"},
                                         {"-1", "16", "not a number"},
                                         {"0", "1e3", "not a number"},
                                         {"99999999999999999999999", "16", "not a number"},
                                         {"0", "9223372036854775807", "takes 16"}}) {
    Model model = sum();
    external(model, "data.bin", offset, length);
    expectError(model, message);
  }
  Model good = sum();
  external(good, "data.bin", "48");
  EXPECT_TRUE(importModel(good)) << errors;
}

TEST_F(OnnxBroken, DeepNesting) {
  Model model;
  model.input("x", {1}).input("c", {}, onnx::TensorProto::BOOL).output("y");
  auto *nodes = model.graph().mutable_node();
  std::string result = "y";
  for (int depth = 0; depth < 90; ++depth) {
    auto *node = Model::addNode(*nodes, "If", {"c"}, {result});
    auto *other = attribute(node, "else_branch", onnx::AttributeProto::GRAPH)->mutable_g();
    Model::addNode(*other->mutable_node(), "Neg", {"x"}, {"r"});
    other->add_output()->set_name("r");
    auto *branch = attribute(node, "then_branch", onnx::AttributeProto::GRAPH)->mutable_g();
    branch->add_output()->set_name("r");
    nodes = branch->mutable_node();
    result = "r";
  }
  Model::addNode(*nodes, "Neg", {"x"}, {"r"});
  EXPECT_FALSE(importModel(model));
  EXPECT_EQ(errorCount, 1) << errors;

  // Deeper than Protobuf and the stack would take: a message in a message, a thousand times and
  // more.
  std::string bytes;
  for (int depth = 0; depth < 20000; ++depth) {
    std::string outer = depth % 3 == 0   ? "\x32"
                        : depth % 3 == 1 ? "\x2a"
                                         : "\x0a"; // g, attribute, node
    for (size_t length = bytes.size();; length >>= 7) {
      outer.push_back(static_cast<char>(length >= 0x80 ? (length & 0x7f) | 0x80 : length));
      if (length < 0x80)
        break;
    }
    bytes = outer + bytes;
    if (bytes.size() > 60000)
      break;
  }
  std::string file = "\x3a";
  for (size_t length = bytes.size();; length >>= 7) {
    file.push_back(static_cast<char>(length >= 0x80 ? (length & 0x7f) | 0x80 : length));
    if (length < 0x80)
      break;
  }
  EXPECT_FALSE(importBytes(file + bytes));
  EXPECT_EQ(errorCount, 1) << errors;
}

TEST_F(OnnxBroken, FunctionsThatGrowWithoutEnd) {
  // Thirty functions, each calling the one below twice: a billion nodes in a small file.
  Model model;
  model.proto.add_opset_import()->set_domain("local");
  model.input("x", {1}).output("y");
  for (int i = 0; i < 30; ++i) {
    onnx::FunctionProto *function = model.proto.add_functions();
    function->set_domain("local");
    function->set_name("f" + std::to_string(i));
    function->add_input("a");
    function->add_output("c");
    std::string below = i ? "f" + std::to_string(i - 1) : "Neg", domain = i ? "local" : "";
    Model::addNode(*function->mutable_node(), below, {"a"}, {"b"}, domain);
    Model::addNode(*function->mutable_node(), below, {"b"}, {"c"}, domain);
  }
  model.node("f29", {"x"}, {"y"}, "local");
  expectError(model, "more than");
}

TEST_F(OnnxBroken, TruncatedAtEveryByte) {
  Model model = sum();
  weight(model).set_raw_data(std::string(16, '\0'));
  std::string bytes = model.proto.SerializeAsString();
  ASSERT_TRUE(importBytes(bytes)) << errors;
  int refused = 0;
  for (size_t length = 0; length < bytes.size(); ++length)
    refused += !importBytes(bytes.substr(0, length));
  // Cut between two fields of the model, what is left may still be one.
  EXPECT_GT(refused, static_cast<int>(bytes.size()) - 12);
}

TEST_F(OnnxBroken, BitFlipsEndInAnErrorOrAModel) {
  Model model;
  model.input("x", {1, 4, 8, 8})
      .output("y")
      .floats("w", {4, 4, 3, 3}, std::vector<float>(144, 0.5f))
      .ints("shape", {1, -1});
  intsAttribute(model.node("Conv", {"x", "w"}, {"a"}), "pads", {1, 1, 1, 1});
  intsAttribute(intsAttribute(model.node("MaxPool", {"a"}, {"b"}), "kernel_shape", {2, 2}),
                "strides", {2, 2});
  model.node("Reshape", {"b", "shape"}, {"c"});
  intAttribute(model.node("Softmax", {"c"}, {"y"}), "axis", 1);
  std::string bytes = model.proto.SerializeAsString();
  ASSERT_TRUE(importBytes(bytes)) << errors;
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    std::string broken = bytes;
    for (unsigned flips = 1 + random() % 3; flips--;)
      broken[random() % broken.size()] ^= static_cast<char>(1u << random() % 8);
    if (!importBytes(broken)) {
      EXPECT_GE(errorCount, 1) << "flip " << i << " failed without an error";
    }
  }
}

TEST(StripBlobs, LeavesSmallBytesAndNotesLargeOnes) {
  onnx::ModelProto model;
  onnx::TensorProto *small = model.mutable_graph()->add_initializer(),
                    *large = model.mutable_graph()->add_initializer();
  small->set_raw_data("abc");
  large->set_raw_data(std::string(5000, 'z'));
  std::string file = model.SerializeAsString();
  auto stripped = onnximport::stripBlobs(file);
  ASSERT_TRUE(static_cast<bool>(stripped)) << llvm::toString(stripped.takeError());
  EXPECT_LT(stripped->size(), 100u);
  onnx::ModelProto read;
  ASSERT_TRUE(read.ParseFromString(*stripped));
  onnximport::RawData first = onnximport::readRawData(read.graph().initializer(0).raw_data());
  EXPECT_FALSE(first.inFile);
  EXPECT_EQ(first.bytes, "abc");
  onnximport::RawData second = onnximport::readRawData(read.graph().initializer(1).raw_data());
  ASSERT_TRUE(second.inFile);
  EXPECT_EQ(file.substr(second.offset, second.length), std::string(5000, 'z'));
}
