// The expression table computes from shapes what the expressions say, solves extents for names, and
// holds equal rows once.
#include "compiler/emit/ExpressionTable.h"
#include "mlir/IR/Builders.h"
#include "runtime-lib/core/Program.h"
#include <gmock/gmock.h>

using namespace ingot;
using namespace mlir;

namespace {

DimExpr dim(llvm::StringRef text) { return llvm::cantFail(DimExpr::parse(text)); }

class Tables : public testing::Test {
protected:
  Tables() {
    context.loadDialect<IngotDialect>();
    bounds["batch"] = {1, 8};
    bounds["past"] = {0, 64};
    bounds["seq"] = {1, 16};
    bounds["s"] = {1, 9};
  }
  RankedTensorType type(std::vector<llvm::StringRef> extents) {
    llvm::SmallVector<DimExpr> list;
    for (llvm::StringRef text : extents)
      list.push_back(dim(text));
    return tensorType(list, Float32Type::get(&context));
  }
  /// The values of all rows for inputs of these shapes.
  static std::vector<int64_t> evaluate(const ExpressionTable &table,
                                       const std::vector<std::vector<int64_t>> &shapes) {
    std::vector<int64_t> values;
    for (const fmt::Expr &row : table.getRows()) {
      int64_t value = 0;
      if (row.op() == fmt::ExprOp::constant)
        value = row.value();
      else if (row.op() == fmt::ExprOp::input_dim)
        value = shapes[row.a()][row.b()];
      else
        EXPECT_TRUE(applyRow(row.op(), values[row.a()], values[row.b()], value));
      values.push_back(value);
    }
    return values;
  }
  MLIRContext context;
  DimBounds bounds;
};

TEST_F(Tables, StaticInputsNeedNoRows) {
  ExpressionTable table(bounds);
  ASSERT_FALSE(table.addInputs({type({"2", "3"})}));
  fmt::Extent extent = table.extent(DimExpr(24));
  EXPECT_EQ(extent.value(), 24);
  EXPECT_EQ(extent.expr(), -1);
  EXPECT_TRUE(table.getRows().empty());
}

TEST_F(Tables, SolvesWhatIsLinearInOneName) {
  ExpressionTable table(bounds);
  // past + seq can be solved once the third input has told seq; 4*s + 2 at once.
  ASSERT_FALSE(table.addInputs({type({"past + seq"}), type({"4*s + 2"}), type({"batch", "seq"})}));
  std::map<std::string, int64_t> found;
  std::vector<int64_t> values = evaluate(table, {{25}, {30}, {3, 5}});
  for (auto &[name, row] : table.getNames())
    found[name] = values[row];
  EXPECT_THAT(found, testing::ElementsAre(testing::Pair("batch", 3), testing::Pair("past", 20),
                                          testing::Pair("s", 7), testing::Pair("seq", 5)));
}

TEST_F(Tables, ValuesOfInputsAreRowsOfTheirOwn) {
  ExpressionTable table(bounds);
  // A name that an input holds need not be solved from an extent, which then must equal it.
  std::vector<ValueDim> values = {{"limit", 1, 2, {0, 64}}};
  ASSERT_FALSE(table.addInputs({type({"limit"}), type({"3"})}, values));
  ASSERT_EQ(table.getNames().size(), 1u);
  const fmt::Expr &row = table.getRows()[table.getNames()[0].second];
  EXPECT_EQ(row.op(), fmt::ExprOp::input_value);
  EXPECT_EQ(row.a(), 1);
  EXPECT_EQ(row.b(), 2);
  ExpressionTable other(bounds);
  values[0].input = 2;
  llvm::Error error = other.addInputs({type({"3"}), type({"3"})}, values);
  ASSERT_TRUE(static_cast<bool>(error));
  EXPECT_THAT(llvm::toString(std::move(error)), testing::HasSubstr("input 2"));
}

TEST_F(Tables, RefusesNamesThatNoInputTells) {
  ExpressionTable table(bounds);
  llvm::Error error = table.addInputs({type({"past*seq"})});
  ASSERT_TRUE(static_cast<bool>(error));
  EXPECT_THAT(llvm::toString(std::move(error)),
              testing::HasSubstr("'past*seq' cannot be solved for it"));
}

TEST_F(Tables, ComputesExpressionsOnce) {
  ExpressionTable table(bounds);
  ASSERT_FALSE(table.addInputs({type({"batch", "past"}), type({"seq"})}));
  llvm::StringRef texts[] = {"64*batch*past + 64*batch*seq",
                             "floordiv(past + seq - 1, 2)",
                             "mod(past, 3)",
                             "max(past, seq)*min(past, 7)",
                             "seq - past",
                             "-2*past + 200"};
  std::vector<int32_t> rows;
  for (llvm::StringRef text : texts)
    rows.push_back(table.row(table.term(dim(text))));
  size_t count = table.getRows().size();
  for (auto [text, row] : llvm::zip(texts, rows))
    EXPECT_EQ(table.row(table.term(dim(text))), row);
  EXPECT_EQ(table.getRows().size(), count);
  std::vector<int64_t> values = evaluate(table, {{3, 20}, {5}});
  int64_t expected[] = {64 * 3 * 25, 12, 2, 140, -15, 160};
  for (auto [row, value] : llvm::zip(rows, expected))
    EXPECT_EQ(values[row], value);
  fmt::Extent extent = table.extent(dim("64*batch*seq"));
  EXPECT_EQ(extent.value(), 64 * 8 * 16);
  EXPECT_GE(extent.expr(), 0);
}

} // namespace
