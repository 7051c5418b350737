// The reference evaluator: what each graph op means, in plain loops and float64 accumulation.
//
// It is the oracle of tests and of `ingot diff`, and what constant folding computes with. It is not
// fast, only quick enough that whole models finish in seconds.
#pragma once

#include "compiler/evaluator/TensorValue.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringMap.h"

namespace ingot {

/// Called with each evaluated op and its results, in order of execution.
using ResultCallback = llvm::function_ref<void(mlir::Operation *, llvm::ArrayRef<TensorValue>)>;

/// Evaluates one op without regions on the values of its operands. Floats are computed and
/// accumulated in float64 and rounded to the element type once; integers wrap. `ingot.launch`
/// evaluates the body of its kernel. Error: the op is not a graph op that can be evaluated alone,
/// an operand does not fit its type, or a tensor is above kMaxTensorBytes.
llvm::Expected<llvm::SmallVector<TensorValue>> evaluateOp(mlir::Operation *op,
                                                          llvm::ArrayRef<TensorValue> operands);

/// Evaluates functions of a module and keeps the values of its variables between runs.
class Evaluator {
public:
  explicit Evaluator(mlir::Operation *module) : module(module) {}

  /// Runs `function` (one block of graph ops, `scf.if/for/while`, calls) on `inputs`. Error: an
  /// input does not fit its type, or an op cannot be evaluated; the message names the op's layer.
  llvm::Expected<llvm::SmallVector<TensorValue>> run(mlir::func::FuncOp function,
                                                     llvm::ArrayRef<TensorValue> inputs,
                                                     ResultCallback callback = nullptr);

  /// The current value of a variable: what the last update wrote, or its initial value.
  llvm::Expected<TensorValue> variable(llvm::StringRef name);
  /// Forgets all updates of variables.
  void reset() { variables.clear(); }

private:
  friend class BlockEvaluator;
  mlir::Operation *module;
  llvm::StringMap<TensorValue> variables;
};

/// One run of a function with fresh variables.
llvm::Expected<llvm::SmallVector<TensorValue>> evaluateFunction(mlir::func::FuncOp function,
                                                                llvm::ArrayRef<TensorValue> inputs,
                                                                ResultCallback callback = nullptr);

/// The value of a constant attribute (dense or weight) as a tensor of `type`. Error: a source is
/// missing or does not fit.
llvm::Expected<TensorValue> constantValue(mlir::Attribute attribute, mlir::RankedTensorType type);

/// The value of `value` when it is computed from constants alone by ops none of whose results is
/// above `maxBytes`, else nothing. Walks at most 10 000 ops.
std::optional<TensorValue> evaluateConstant(mlir::Value value, uint64_t maxBytes = 4096);

/// The constant (as an attribute for `ingot.constant`) that the only result of `op` is, when its
/// operands are constants and the operands and the result take at most `maxBytes` each, else
/// nothing. A computed constant is named after the op's layer.
std::optional<mlir::Attribute> foldToConstant(mlir::Operation *op, uint64_t maxBytes = 4096);

} // namespace ingot
