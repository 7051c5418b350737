// Every op of the graph dialect, on every element type, through the phases to an image for each
// instruction set: nothing may be refused, and no image may need a symbol that it does not hold.
// (Linking refuses undefined symbols and names the kernel, `cpu/Image.cpp`.)
#include "OpTable.h"
#include "compiler/driver/Compile.h"
#include "compiler/pipeline/Phases.h"
#include "ir/graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>
#include <set>

using namespace mlir;

namespace ingot::test {
namespace {

/// A module of one function a row, with the names that verify-import wants.
OwningOpRef<ModuleOp> buildModule(MLIRContext &context, ArrayRef<OpRow> rows) {
  std::string text;
  for (auto [i, row] : llvm::enumerate(rows))
    text += "func.func @f" + std::to_string(i) + row.text + "\n";
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  if (!module)
    return module;
  OpBuilder builder(&context);
  for (auto [function, row] : llvm::zip_equal(module->getOps<func::FuncOp>(), rows)) {
    function.walk([&, &row = row](Operation *op) {
      op->setLoc(NameLoc::get(builder.getStringAttr(row.label)));
    });
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      function.setArgAttr(i, "ingot.name", builder.getStringAttr("in" + std::to_string(i)));
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      function.setResultAttr(i, "ingot.name", builder.getStringAttr("out" + std::to_string(i)));
  }
  return module;
}

/// Compiles the rows for `target`: what went wrong, or "".
std::string compileRows(const char *target, llvm::ArrayRef<OpRow> rows) {
  auto context = makeContext(1);
  std::string messages;
  ScopedDiagnosticHandler handler(context.get(), [&](Diagnostic &diagnostic) {
    messages += diagnostic.str() + "\n";
    return success();
  });
  OwningOpRef<ModuleOp> module = buildModule(*context, rows);
  if (!module)
    return messages;
  CompileState state;
  state.options.targets = {target};
  if (llvm::Error error = prepare(state))
    return llvm::toString(std::move(error));
  for (Phase phase : {Phase::Partition, Phase::Layout, Phase::Fuse, Phase::Codegen})
    if (failed(runPhase(phase, *module, state)))
      return phaseName(phase).str() + ": " + messages;
  // Kernels that only differ in what memory does not show are one, but most rows have their own.
  if (state.segments.size() != 1 || state.segments[0].segments.size() != 1 ||
      state.segments[0].kernels.size() < (rows.size() + 1) / 2)
    return "the code of all kernels is not in one segment";
  return "";
}

class EveryOp : public testing::TestWithParam<const char *> {};

TEST(OpTable, HoldsEveryOpOfTheDialect) {
  auto context = makeContext(1);
  std::set<std::string> rows, seen;
  for (const OpRow &row : opTable()) {
    rows.insert(row.op);
    EXPECT_TRUE(seen.insert(row.label).second) << row.label << " is there twice";
  }
  for (const auto &[op, reason] : opsWithoutKernel()) {
    EXPECT_FALSE(reason.empty());
    EXPECT_TRUE(rows.insert(op).second) << op << " has rows and is said to have no kernel";
  }
  for (RegisteredOperationName name : context->getRegisteredOperations())
    if (name.getDialectNamespace() == IngotDialect::getDialectNamespace())
      EXPECT_EQ(rows.erase(name.stripDialect().str()), 1u)
          << name.stripDialect().str() << " has no row in OpTable.cpp";
  for (const std::string &op : rows)
    ADD_FAILURE() << "OpTable.cpp has rows for '" << op << "', which is no op";
}

TEST_P(EveryOp, GivesAnImageWithoutUndefinedSymbols) {
  EXPECT_EQ(compileRows(GetParam(), opTable()), "");
}

INSTANTIATE_TEST_SUITE_P(Isa, EveryOp,
                         testing::Values("x86-64-v2", "x86-64-v3", "x86-64-v4", "aarch64",
                                         "cortex-m55"),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

} // namespace
} // namespace ingot::test
