// Programs written from plans made by hand: opened and run by the runtime, byte-identical, and
// nothing left behind on errors.
#include "compiler/emit/Emit.h"
#include "compiler/emit/Inspect.h"
#include "ingot/runtime.h"
#include "ir/graph/WeightStore.h"
#include "ir/plan/Plan.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/SHA256.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace mlir;
using namespace ingot;
using ::testing::HasSubstr;

namespace {

class TestTarget : public ingot::Target {
public:
  std::string name() const override { return "cpu"; }
  Claim claim(Operation *) const override { return Claim::yes(); }
  LogicalResult select(func::FuncOp) const override { return success(); }
  FailureOr<CompiledCode> compile(ModuleOp, ArrayRef<func::FuncOp>, unsigned,
                                  std::function<void(unsigned, unsigned)>) const override {
    return failure();
  }
};

class EmitTest : public ::testing::Test {
protected:
  void SetUp() override {
    context.loadDialect<IngotDialect, plan::PlanDialect>();
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("ingot-emit", folder));
    code.segments.push_back({"code", std::vector<char>(64, '\xc3'), 16384}); // x86-64: ret
    targets.push_back({&target, &code});
    options.output = path("model.ingot");
    options.sourceName = "models/net.onnx";
    options.sourceSize = 1234;
    options.sourceSha256 = std::string(64, 'a');
    options.options = "--target=cpu";
  }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  std::string path(StringRef name) const { return (folder + "/" + name).str(); }

  /// A plan that reads an input, a constant with a recipe, a variable, takes a branch and copies to
  /// two outputs.
  OwningOpRef<ModuleOp> module() {
    std::vector<float> values(2 * 1024);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = float(i);
    auto raw = llvm::MemoryBuffer::getMemBufferCopy(
        StringRef(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(float)));
    WeightStore &store = weightsOf(&context);
    int64_t source = store.addBuffer("net.onnx", std::move(raw));
    auto stored = RankedTensorType::get({2, 1024}, Builder(&context).getF32Type());
    WeightAttr weight = store.addWeight(&context, "fc.weight", source, 0, stored);
    weight = WeightAttr::get(&context, weight.getName(), weight.getSource(), weight.getOffset(),
                             weight.getBytes(), weight.getHash(), weight.getStored(),
                             {StepAttr::get(&context, StepKind::Transpose, {1, 0}, {})});
    std::string text = R"mlir(
      plan.target @cpu driver "cpu" arch "x86_64"
      plan.space @host of @cpu alignment 64
      plan.segment @code "code" of @cpu index 0 size 64 alignment 16384 hash "HASH"
      plan.kernel @nothing in @code entry 8 inputs 2 results 1 attributes {layers = ["fc"], flops = 7 : i64}
      plan.constant @fc.weight in @host : tensor<1024x2xf32> = WEIGHT
      plan.constant @bias in @host : tensor<2xf32> = dense<[1.0, 2.0]> : tensor<2xf32>
      plan.variable @state in @host : tensor<2xf32> = @bias
      plan.arena @arena in @host size 128 alignment 64 lower_bound 128 peak "fc"
      plan.entry @forward(x : tensor<2xf32>, flag : tensor<i1>) -> (y : tensor<2xf32>, w : tensor<2xf32>) {
        %x = plan.ref input 0 + 0 : !plan.buffer<8, "host">
        %flag = plan.ref input 1 + 0 : !plan.buffer<1, "host">
        %y = plan.ref output 0 + 0 : !plan.buffer<8, "host">
        %w = plan.ref output 1 + 0 : !plan.buffer<8, "host">
        %row = plan.ref constant @fc.weight + 8 : !plan.buffer<8, "host">
        %state = plan.ref variable @state + 0 : !plan.buffer<8, "host">
        %a = plan.ref arena @arena + 64 : !plan.buffer<8, "host">
        plan.launch @nothing reads %x, %row : !plan.buffer<8, "host">, !plan.buffer<8, "host"> writes %a : !plan.buffer<8, "host"> loc("fc")
        plan.if %flag {
          plan.copy %x to %y : !plan.buffer<8, "host"> to !plan.buffer<8, "host"> loc("then")
        } else {
          plan.copy %state to %y : !plan.buffer<8, "host"> to !plan.buffer<8, "host"> loc("else")
        } : !plan.buffer<1, "host"> loc("choice")
        plan.copy %row to %w : !plan.buffer<8, "host"> to !plan.buffer<8, "host"> loc("row")
        plan.copy %x to %state : !plan.buffer<8, "host"> to !plan.buffer<8, "host"> loc("update")
      })mlir";
    std::string attr;
    llvm::raw_string_ostream(attr) << weight;
    text.replace(text.find("WEIGHT"), 6, attr);
    std::array<uint8_t, 32> hash =
        llvm::SHA256::hash({reinterpret_cast<const uint8_t *>(code.segments[0].bytes.data()),
                            code.segments[0].bytes.size()});
    text.replace(text.find("HASH"), 4, llvm::toHex(hash, /*LowerCase=*/true));
    return parseSourceString<ModuleOp>(text, &context);
  }

  std::string emit(ModuleOp module, EmitReport *out = nullptr) {
    EmitReport report;
    llvm::Error error = emitProgram(module, targets, options, report);
    if (out)
      *out = report;
    return error ? llvm::toString(std::move(error)) : "";
  }

  std::string readFile(const std::string &name) {
    auto file = llvm::MemoryBuffer::getFile(name);
    return file ? (*file)->getBuffer().str() : "";
  }
  unsigned filesInFolder() {
    unsigned count = 0;
    std::error_code error;
    for (llvm::sys::fs::directory_iterator it(folder, error), end; it != end && !error;
         it.increment(error))
      ++count;
    return count;
  }

  MLIRContext context;
  SmallString<128> folder;
  TestTarget target;
  CompiledCode code;
  std::vector<CompiledTarget> targets;
  EmitOptions options;
};

TEST_F(EmitTest, RuntimeOpensAndRunsIt) {
  OwningOpRef<ModuleOp> planned = module();
  ASSERT_TRUE(planned);
  EmitReport report;
  ASSERT_EQ(emit(*planned, &report), "");
  EXPECT_EQ(report.kernels, 1u);
  EXPECT_EQ(report.constants, 2u);
  EXPECT_EQ(report.instructions, 7u); // a launch, 4 copies, 2 jumps
  EXPECT_EQ(report.codeBytes, 64u);
  EXPECT_EQ(report.weightBytes, 1024u * 2 * 4 + 8);
  EXPECT_EQ(report.sourceWeightBytes, 1024u * 2 * 4 + 8);
  EXPECT_EQ(report.fileBytes, readFile(options.output).size());

#if defined(__x86_64__)
  ingot_error error{};
  ingot_program *program = nullptr;
  ingot_open_options open{sizeof(ingot_open_options), nullptr, 0, /*verify_weights=*/1};
  ASSERT_EQ(ingot_program_open_file(options.output.c_str(), &open, &program, &error), INGOT_OK)
      << error.text;
  ingot_tensor_info info{};
  ASSERT_EQ(ingot_program_input(program, 0, 0, &info), INGOT_OK);
  EXPECT_STREQ(info.name, "x");
  EXPECT_EQ(info.type, INGOT_F32);
  EXPECT_EQ(info.max_bytes, 8u);
  ingot_session *session = nullptr;
  ASSERT_EQ(ingot_session_create(program, nullptr, &session, &error), INGOT_OK) << error.text;
  float x[2] = {5, 6}, y[2] = {}, w[2] = {};
  char flag = 0;
  ingot_tensor tensors[4] = {
      {x, 8, nullptr, 1}, {&flag, 1, nullptr, 0}, {y, 8, nullptr, 1}, {w, 8, nullptr, 1}};
  ASSERT_EQ(ingot_session_bind_input(session, 0, 0, &tensors[0]), INGOT_OK)
      << ingot_session_error(session);
  ASSERT_EQ(ingot_session_bind_input(session, 0, 1, &tensors[1]), INGOT_OK)
      << ingot_session_error(session);
  ASSERT_EQ(ingot_session_bind_output(session, 0, 0, &tensors[2]), INGOT_OK)
      << ingot_session_error(session);
  ASSERT_EQ(ingot_session_bind_output(session, 0, 1, &tensors[3]), INGOT_OK)
      << ingot_session_error(session);
  ASSERT_EQ(ingot_session_run(session, 0), INGOT_OK) << ingot_session_error(session);
  EXPECT_THAT(y, ::testing::ElementsAre(1, 2));    // the variable's initial value
  EXPECT_THAT(w, ::testing::ElementsAre(1, 1025)); // second row of the transposed weight
  ASSERT_EQ(ingot_session_run(session, 0), INGOT_OK);
  EXPECT_THAT(y, ::testing::ElementsAre(5, 6)); // what the first run left in it
  flag = 1;
  x[0] = 7;
  ASSERT_EQ(ingot_session_run(session, 0), INGOT_OK);
  EXPECT_THAT(y, ::testing::ElementsAre(7, 6));
  ingot_session_destroy(session);
  ingot_program_close(program);
#endif
}

TEST_F(EmitTest, EqualInputGivesEqualBytes) {
  ASSERT_EQ(emit(*module()), "");
  std::string first = readFile(options.output);
  options.output = path("another-name.ingot");
  options.sourceName = "elsewhere/net.onnx";
  ASSERT_EQ(emit(*module()), "");
  EXPECT_TRUE(first == readFile(options.output))
      << "the folders of model and program must not show in it";
  options.options += " --dim n=1";
  ASSERT_EQ(emit(*module()), "");
  EXPECT_FALSE(first == readFile(options.output));
}

TEST_F(EmitTest, ErrorsLeaveNothingBehind) {
  OwningOpRef<ModuleOp> planned = module();
  // Other code than the code that was planned.
  code.segments[0].bytes[0] = 0;
  EXPECT_THAT(emit(*planned), HasSubstr("is not the code that was planned"));
  code.segments.clear();
  EXPECT_THAT(emit(*planned), HasSubstr("the code of segment @code for cpu is missing"));
  EXPECT_EQ(filesInFolder(), 0u);
}

TEST_F(EmitTest, MissingWeightIsNamed) {
  OwningOpRef<ModuleOp> planned = module();
  for (auto constant : planned->getOps<plan::ConstantOp>())
    if (auto weight = dyn_cast<WeightAttr>(constant.getValue()))
      constant.setValueAttr(WeightAttr::get(&context, weight.getName(), 99, 0, weight.getBytes(),
                                            weight.getHash(), weight.getStored(),
                                            weight.getRecipe()));
  EXPECT_THAT(emit(*planned), HasSubstr("fc.weight"));
  EXPECT_EQ(filesInFolder(), 0u);
}

TEST_F(EmitTest, UnwritableOutput) {
  options.output = path("no/such/folder/model.ingot");
  EXPECT_THAT(emit(*module()), HasSubstr("cannot write"));
  EXPECT_EQ(filesInFolder(), 0u);
}

TEST_F(EmitTest, TypesThatProgramsCannotPass) {
  OwningOpRef<ModuleOp> planned = parseSourceString<ModuleOp>(R"mlir(
    plan.target @cpu driver "cpu"
    plan.space @host of @cpu alignment 64
    plan.entry @forward(x : tensor<4xi3>) -> () {
    })mlir",
                                                              &context);
  EXPECT_THAT(emit(*planned), HasSubstr("input 'x' has element type i3"));
}

TEST_F(EmitTest, InspectAsText) {
  ASSERT_EQ(emit(*module()), "");
  auto file = llvm::MemoryBuffer::getFile(options.output);
  ASSERT_TRUE(bool(file));
  EXPECT_TRUE(isProgramFile((*file)->getBuffer()));
  std::string text;
  llvm::raw_string_ostream out(text);
  llvm::Error error =
      inspectProgram(options.output, {false, /*disassemble=*/true, /*verify=*/true}, out);
  ASSERT_FALSE(error) << llvm::toString(std::move(error));
  EXPECT_THAT(text, HasSubstr("source net.onnx sha256:aaaaaaaaaaaaaaaa…   targets cpu"));
  EXPECT_THAT(text, HasSubstr("entry forward(x: f32[2], flag: i1[]) -> (y: f32[2], w: f32[2])"));
  EXPECT_THAT(text, HasSubstr("arena 128 B (lower bound 128 B, gap 0.0 %)"));
  EXPECT_THAT(text, ::testing::ContainsRegex("0  nothing +fc +in:x  w:fc.weight.8 +a.64 8 B"));
  EXPECT_THAT(text, ::testing::ContainsRegex("1  unless: go to 4 +choice +in:flag"));
  EXPECT_THAT(text, HasSubstr("every hash is right"));
}

TEST_F(EmitTest, InspectAsJson) {
  ASSERT_EQ(emit(*module()), "");
  std::string text;
  llvm::raw_string_ostream out(text);
  llvm::Error error =
      inspectProgram(options.output, {/*json=*/true, /*disassemble=*/true, false}, out);
  ASSERT_FALSE(error) << llvm::toString(std::move(error));
  llvm::Expected<llvm::json::Value> parsed = llvm::json::parse(text);
  ASSERT_TRUE(bool(parsed)) << llvm::toString(parsed.takeError());
  const llvm::json::Object *root = parsed->getAsObject();
  EXPECT_EQ(root->getObject("provenance")->getString("source"), "net.onnx");
  const llvm::json::Object *plan = (*root->getArray("plans"))[0].getAsObject();
  EXPECT_EQ((*plan->getArray("kernels"))[0].getAsObject()->getInteger("flops"), 7);
  const llvm::json::Object *entry = (*plan->getArray("entries"))[0].getAsObject();
  EXPECT_EQ(entry->getInteger("steps"), 7);
  EXPECT_EQ(entry->getArray("instructions")->size(), 7u);
}

TEST_F(EmitTest, InspectFindsDamage) {
  ASSERT_EQ(emit(*module()), "");
  std::string bytes = readFile(options.output);
  bytes.back() ^= 1; // the last byte of the last constant
  std::error_code failed;
  llvm::raw_fd_ostream(path("damaged.ingot"), failed) << bytes;
  ASSERT_FALSE(failed);
  std::string text;
  llvm::raw_string_ostream out(text);
  EXPECT_EQ(llvm::toString(inspectProgram(path("damaged.ingot"), {}, out)), "")
      << "weights are not hashed by default";
  llvm::Error error = inspectProgram(path("damaged.ingot"), {false, false, /*verify=*/true}, out);
  EXPECT_THAT(llvm::toString(std::move(error)), HasSubstr("damaged: the weights in bytes"));
  bytes.resize(bytes.size() - 1);
  llvm::raw_fd_ostream(path("damaged.ingot"), failed) << bytes;
  EXPECT_NE(llvm::toString(inspectProgram(path("damaged.ingot"), {}, out)), "");
}

} // namespace
