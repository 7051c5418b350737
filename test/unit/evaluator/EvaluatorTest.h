// Helpers of the evaluator's tests: a module in text, evaluated, and its results compared.
#pragma once

#include "compiler/evaluator/Evaluator.h"
#include "ir/graph/Graph.h"
#include "ir/graph/WeightStore.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include <cmath>
#include <gtest/gtest.h>

namespace ingot::test {

class EvaluatorTest : public ::testing::Test {
protected:
  EvaluatorTest() {
    context.loadDialect<IngotDialect, mlir::func::FuncDialect, mlir::arith::ArithDialect,
                        mlir::scf::SCFDialect, mlir::tensor::TensorDialect>();
  }

  /// Parses a module and keeps it.
  mlir::ModuleOp parse(const std::string &text) {
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module) << text;
    return module ? *module : mlir::ModuleOp();
  }

  mlir::func::FuncOp function(llvm::StringRef name) {
    return module->lookupSymbol<mlir::func::FuncOp>(name);
  }

  /// The results of a function without arguments whose body is `body` (it ends in `return`), of
  /// type `types`.
  llvm::SmallVector<TensorValue> run(const std::string &body, const std::string &types) {
    if (!parse("func.func @f() -> (" + types + ") {\n" + body + "\n}"))
      return {};
    auto results = evaluateFunction(function("f"), {});
    if (!results) {
      ADD_FAILURE() << llvm::toString(results.takeError());
      return {};
    }
    return *results;
  }

  /// Evaluates `op` (text of one op with operands %0, %1, …) on dense constants and returns its
  /// only result.
  TensorValue apply(const std::string &op,
                    std::initializer_list<std::pair<const char *, const char *>> operands,
                    const std::string &type) {
    std::string body;
    int index = 0;
    for (auto [value, operandType] : operands)
      body += "  %" + std::to_string(index++) + " = ingot.constant dense<" + value + "> : tensor<" +
              operandType + ">\n";
    body += "  %r = " + op + "\n  return %r : tensor<" + type + ">";
    auto results = run(body, "tensor<" + type + ">");
    return results.empty() ? TensorValue() : results.front();
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

/// Compares with `tolerance` relative to the largest finite magnitude expected; NaN equals NaN,
/// infinities must match.
inline void expectValues(const TensorValue &value, const std::vector<double> &expected,
                         double tolerance = 0) {
  ASSERT_TRUE(value.type);
  std::vector<double> actual = toDoubles(value);
  ASSERT_EQ(actual.size(), expected.size());
  double scale = 0;
  for (double x : expected)
    scale = std::isfinite(x) ? std::max(scale, std::fabs(x)) : scale;
  for (size_t i = 0; i < actual.size(); ++i) {
    if (std::isnan(expected[i]))
      EXPECT_TRUE(std::isnan(actual[i])) << "element " << i << " is " << actual[i];
    else if (std::isinf(expected[i]) || tolerance == 0)
      EXPECT_EQ(actual[i], expected[i]) << "element " << i;
    else
      EXPECT_NEAR(actual[i], expected[i], tolerance * scale) << "element " << i;
  }
}

} // namespace ingot::test
