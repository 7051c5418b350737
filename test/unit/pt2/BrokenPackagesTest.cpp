// Packages that are broken or hostile: each is refused with a message that says why.
#include "compiler/importers/pt2/ImportPt2.h"
#include "compiler/importers/pt2/Pickle.h"
#include "compiler/importers/pt2/Symbols.h"
#include "ir/graph/Graph.h"
#include "test/unit/pt2/Packages.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>

namespace ingot::test {

namespace {

class BrokenPackagesTest : public ::testing::Test {
protected:
  /// Imports bytes as a file and returns the errors, "" when it succeeds.
  std::string import(const std::string &bytes, std::map<std::string, int64_t> dims = {}) {
    llvm::SmallString<128> path;
    EXPECT_FALSE(llvm::sys::fs::createTemporaryFile("ingot", "pt2", path));
    std::error_code error;
    llvm::raw_fd_ostream(path, error) << bytes;
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    std::string text;
    mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
      text += diagnostic.str() + "\n";
      for (mlir::Diagnostic &note : diagnostic.getNotes())
        text += note.str() + "\n";
      return mlir::success();
    });
    Options options;
    options.model = path.str().str();
    options.dims = std::move(dims);
    auto module = importPt2(context, options);
    EXPECT_EQ(mlir::succeeded(module), text.empty()) << text;
    llvm::sys::fs::remove(path);
    return text;
  }
  void expectRefused(const std::string &bytes, const std::string &why,
                     std::map<std::string, int64_t> dims = {}) {
    std::string text = import(bytes, std::move(dims));
    EXPECT_NE(text.find(why), std::string::npos) << "got: " << text;
  }
};

std::string replaced(std::string text, const std::string &from, const std::string &to) {
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos);
  return text.replace(at, from.size(), to);
}

} // namespace

TEST_F(BrokenPackagesTest, TheSoundModelImports) { EXPECT_EQ(import(Model().zip().finish()), ""); }

TEST_F(BrokenPackagesTest, Truncated) {
  std::string bytes = Model().zip().finish();
  for (size_t keep : {size_t(0), size_t(3), size_t(30), bytes.size() / 2, bytes.size() - 10})
    EXPECT_NE(import(bytes.substr(0, keep)), "");
}

TEST_F(BrokenPackagesTest, EveryByteFlipped) {
  // No crash, whatever the outcome: a flip in a weight's bytes is no error.
  std::string bytes = Model().zip().finish();
  for (size_t i = 0; i < bytes.size(); i += 7) {
    std::string flipped = bytes;
    flipped[i] ^= 0x41;
    import(flipped);
  }
}

TEST_F(BrokenPackagesTest, UnsafeNames) {
  for (const char *name : {"../evil", "m/../../evil", "/etc/evil", "m\\evil"}) {
    Zip zip = Model().zip();
    zip.add(name, "x");
    expectRefused(zip.finish(), "unsafe name");
  }
  Zip zip = Model().zip();
  zip.add("m/archive_format", "pt2");
  expectRefused(zip.finish(), "twice");
  Model model;
  model.path = "../../weight_0";
  expectRefused(model.zip().finish(), "names no member");
}

TEST_F(BrokenPackagesTest, AbsurdSizes) {
  Zip zip = Model().zip();
  zip.add("m/big", "x", 0xfffffff0u);
  expectRefused(zip.finish(), "more than the archive can hold");
  Zip bomb = Model().zip();
  bomb.add("m/bomb", "xx", 0xfffffff0u, 8);
  expectRefused(bomb.finish(), "more than the archive can hold");
  Zip encrypted = Model().zip();
  encrypted.add("m/secret", "x", 0, 0, 1);
  expectRefused(encrypted.finish(), "encrypted");
  Zip other = Model().zip();
  other.add("m/lzma", "x", 0, 14);
  expectRefused(other.finish(), "expected stored or deflated");
  Model model;
  model.xMeta = replaced(kTensor, R"({"as_int":2})",
                         R"({"as_int":4611686018427387904},{"as_int":4611686018427387904})");
  expectRefused(model.zip().finish(), "too large");
  model.xMeta = replaced(kTensor, R"({"as_int":2})", R"({"as_int":-2})");
  expectRefused(model.zip().finish(), "negative extent");
}

TEST_F(BrokenPackagesTest, WeightsThatAreNotThere) {
  Model model;
  model.path = "weight_1";
  expectRefused(model.zip().finish(), "weight 'scale.w' is missing");
  model = Model();
  model.weight = "1234";
  expectRefused(model.zip().finish(), "needs 8 bytes");
  model.weight = "";
  expectRefused(model.zip().finish(), "saved without weights");
  model = Model();
  model.weightMeta = replaced(kTensor, R"("storage_offset":{"as_int":0})",
                              R"("storage_offset":{"as_int":9223372036854775807})");
  expectRefused(model.zip().finish(), "impossible shape");
  model.weightMeta = replaced(kTensor, R"("strides":[{"as_int":1}])",
                              R"("strides":[{"as_int":9223372036854775807}])");
  expectRefused(model.zip().finish(), "scale.w");
}

TEST_F(BrokenPackagesTest, GraphsThatDoNotFit) {
  Model model;
  model.nodes = replaced(model.nodes, R"({"name":"x"})", R"({"name":"mul"})");
  expectRefused(model.zip().finish(), "before it is computed"); // a circle
  model = Model();
  model.nodes = replaced(model.nodes, "mul.Tensor", "fancy_pool.default");
  expectRefused(model.zip().finish(), "aten.fancy_pool.default   1 node: scale/mul");
  model = Model();
  model.outMeta = replaced(kTensor, R"({"as_int":2})", R"({"as_int":3})");
  expectRefused(model.zip().finish(), "the file records");
  model = Model();
  model.output = "nothing";
  expectRefused(model.zip().finish(), "is not computed");
  model = Model();
  model.nodes = std::string(100000, '[');
  expectRefused(model.zip().finish(), "nested more than 256 deep");
  model.nodes = "[}";
  expectRefused(model.zip().finish(), "is no JSON at byte");
}

TEST_F(BrokenPackagesTest, SymbolicDims) {
  Model model;
  std::string symbol =
      R"x({"as_expr":{"expr_str":"Symbol('s7', positive=True, integer=True)","hint":{"as_int":4}}})x";
  model.xMeta = replaced(kTensor, R"({"as_int":2})", symbol + R"(,{"as_int":2})");
  model.xMeta = replaced(model.xMeta, R"("strides":[{"as_int":1}])",
                         R"("strides":[{"as_int":2},{"as_int":1}])");
  model.outMeta = model.xMeta;
  std::string bytes = model.zip().finish();
  expectRefused(bytes, "--dim s7=N, N in 2..16");
  expectRefused(bytes, "is set to 99, but the model allows 2..16", {{"s7", 99}});
  expectRefused(bytes, "the model has no dim 'batch'", {{"batch", 3}, {"s7", 3}});
  EXPECT_EQ(import(bytes, {{"s7", 3}}), "");
  EXPECT_EQ(import(bytes, {{"x.dim0", 5}}), "");
}

TEST_F(BrokenPackagesTest, WhatIsNoExportedProgram) {
  Zip compiled;
  compiled.add("m/archive_format", "pt2");
  compiled.add("m/data/aotinductor/model/model.so", "x");
  expectRefused(compiled.finish(), "AOTInductor package");
  Zip script;
  script.add("m/data.pkl", "x");
  expectRefused(script.finish(), "TorchScript");
  Zip plain;
  plain.add("readme.txt", "x");
  expectRefused(plain.finish(), "no package of torch.export.save");
  Zip incomplete;
  incomplete.add("m/archive_format", "pt2");
  expectRefused(incomplete.finish(), "incomplete");
}

TEST(PickleTest, RefusesCallsAndGarbage) {
  auto message = [](llvm::StringRef bytes) {
    auto pickle = pt2::Pickle::read(bytes);
    return pickle ? std::string() : llvm::toString(pickle.takeError());
  };
  EXPECT_NE(message("\x80\x02"
                    "cposix\nsystem\nX\x02\0\0\0lsq\0\x85R.")
                .find("truncated"),
            std::string::npos);
  EXPECT_NE(message(llvm::StringRef("cposix\nsystem\n)R.", 17))
                .find("'posix system', which is not allowed"),
            std::string::npos);
  EXPECT_EQ(message("}."), "");
  EXPECT_NE(message("t."), "");
  EXPECT_NE(message("h\x05."), "");
  EXPECT_NE(message("\x95."), "");
  EXPECT_NE(message(""), "");
  EXPECT_NE(message("X\xff\xff\xff\x7f."), "");
  // A dict that holds itself is no trouble as long as nobody walks it.
  EXPECT_EQ(message(llvm::StringRef("}q\0K\1h\0s.", 9)), "");
}

TEST(PickleTest, ReadsTensorSubclassesAsTheirAttributes) {
  // _rebuild_from_type_v2(builder, class, arguments, attributes)
  auto rebuilt = [](const std::string &builder, const std::string &attributes) {
    return pt2::Pickle::read("ctorch._tensor\n_rebuild_from_type_v2\n(c" + builder +
                             "\nctorchao.quantization\nInt8Tensor\n)" + attributes + "tR.");
  };
  const std::string wrapper = "torch._utils\n_rebuild_wrapper_subclass";
  auto pickle = rebuilt(wrapper, "}U\1aK\5s");
  ASSERT_TRUE(bool(pickle)) << llvm::toString(pickle.takeError());
  const pt2::PickleValue *root = (*pickle)->root();
  EXPECT_EQ(root->kind, pt2::PickleValue::Subclass);
  EXPECT_EQ(root->text, "Int8Tensor");
  ASSERT_EQ(root->items.size(), 2u);
  EXPECT_EQ(root->items[1]->integer, 5);
  auto refused = [&](const std::string &builder, const std::string &attributes) {
    auto pickle = rebuilt(builder, attributes);
    return pickle ? std::string() : llvm::toString(pickle.takeError());
  };
  EXPECT_NE(refused(wrapper, "N").find("wrong arguments"), std::string::npos);
  EXPECT_NE(refused("posix\nsystem", "}").find("'posix system', which is not allowed"),
            std::string::npos);
  // An option is never built, whatever its class: only its place is kept.
  auto option = pt2::Pickle::read("ctorchao.quantization\nMappingType\n(K\1tR}b.");
  ASSERT_TRUE(bool(option)) << llvm::toString(option.takeError());
  EXPECT_EQ((*option)->root()->kind, pt2::PickleValue::Object);
}

TEST(SymbolsTest, Expressions) {
  llvm::StringMap<int64_t> symbols{{"s7", 10}, {"s0", 3}};
  auto value = [&](llvm::StringRef text) {
    auto number = pt2::evaluateExpression(text, symbols);
    if (!number) {
      ADD_FAILURE() << llvm::toString(number.takeError());
      return -1.0;
    }
    return number->asReal();
  };
  EXPECT_EQ(value("Mul(Integer(2), Symbol('s7', positive=True, integer=True))"), 20);
  EXPECT_EQ(
      value("Add(FloorDiv(Add(Symbol('s7', integer=True), Integer(-1)), Integer(8)), Integer(1))"),
      2);
  EXPECT_EQ(
      value("Mod(Add(Integer(4), Mul(Integer(-1), Mod(Symbol('s7'), Integer(4)))), Integer(4))"),
      2);
  EXPECT_EQ(value("Piecewise(ExprCondPair(Integer(1), Equality(Symbol('s7'), Integer(1))), "
                  "ExprCondPair(Integer(0), true))"),
            0);
  EXPECT_EQ(value("FloatPow(ToFloat(Integer(4)), Float('-0.5', precision=53))"), 0.5);
  EXPECT_EQ(value("2*s0 + 1"), 7);
  EXPECT_EQ(value("(s7//3) - Max(1, s0)**2"), -6);
  EXPECT_EQ(value("Pow(Symbol('s0'), Integer(2))"), 9);
  auto refused = [&](const std::string &text) {
    auto number = pt2::evaluateExpression(text, symbols);
    bool failed = !number;
    if (!number)
      llvm::consumeError(number.takeError());
    return failed;
  };
  EXPECT_TRUE(refused("Symbol('s9')"));
  EXPECT_TRUE(refused("FloorDiv(Integer(1), Integer(0))"));
  EXPECT_TRUE(refused("Mul(Integer(9223372036854775807), Integer(2))"));
  EXPECT_TRUE(refused("Pow(Integer(3), Integer(9223372036854775807))"));
  EXPECT_TRUE(refused(std::string(10000, '(')));
  EXPECT_TRUE(refused("__import__('os')"));
  EXPECT_TRUE(refused(""));
}

} // namespace ingot::test
