// Builds the graph level of a model: what importers of all formats share.
//
// A GraphBuilder owns the module under construction. Its functions give null when they fail, after
// emitting one error at the current node's location, and take null operands (giving null): a
// converter may chain calls and check at its end.
#pragma once

#include "compiler/importers/common/Limits.h"
#include "ir/graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <optional>

namespace ingot {

/// The elements of a constant, as doubles or integers.
using Ints = llvm::SmallVector<int64_t>;

class GraphBuilder {
public:
  /// A named input of the model.
  struct Input {
    std::string name;
    mlir::RankedTensorType type;
  };

  /// Loads the dialects a graph needs and starts an empty module.
  explicit GraphBuilder(mlir::MLIRContext *context);

  /// Creates the public `func.func @forward` and sets the insertion point to its body. Returns the
  /// arguments.
  llvm::ArrayRef<mlir::BlockArgument> beginForward(llvm::ArrayRef<Input> inputs);

  /// Ends @forward by returning `values` under `names`, removes unused ops, records the sources of
  /// weights
  /// (`ingot.sources`), and verifies. The builder must not be used afterwards.
  mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> finish(mlir::ValueRange values,
                                                            llvm::ArrayRef<std::string> names);

  mlir::MLIRContext *context() const { return builder.getContext(); }
  mlir::OpBuilder &ops() { return builder; }
  mlir::ModuleOp getModule() { return *module; }

  /// The node that ops built from now on stand for.
  void setNode(llvm::StringRef name);
  mlir::Location loc() const { return location; }
  void setLoc(mlir::Location loc) { location = loc; }
  /// An error at the current node.
  mlir::InFlightDiagnostic error() const { return mlir::emitError(location); }
  /// The same as a null value.
  mlir::Value fail(const llvm::Twine &message) const;

  //===--- types
  //--------------------------------------------------------------------------------------------------===//

  static mlir::RankedTensorType type(mlir::Value value) {
    return llvm::cast<mlir::RankedTensorType>(value.getType());
  }
  static llvm::ArrayRef<int64_t> shape(mlir::Value value) { return type(value).getShape(); }
  static int64_t rank(mlir::Value value) { return type(value).getRank(); }
  static mlir::Type element(mlir::Value value) { return type(value).getElementType(); }
  static bool isFloat(mlir::Value value) { return llvm::isa<mlir::FloatType>(element(value)); }
  static bool isBool(mlir::Value value) { return element(value).isInteger(1); }
  /// A checked tensor type: extents not negative, rank and element count within the limits; else
  /// null and an error.
  mlir::RankedTensorType tensorType(llvm::ArrayRef<int64_t> shape, mlir::Type element) const;
  /// `axis` counted from the end when negative; nothing (and an error) when out of [-rank, rank).
  std::optional<int64_t> axis(int64_t axis, int64_t rank) const;
  /// The same for a list: sorted, without duplicates (a duplicate is an error).
  std::optional<Ints> axes(llvm::ArrayRef<int64_t> axes, int64_t rank) const;

  //===--- ops
  //----------------------------------------------------------------------------------------------------===//

  /// Builds an op whose result types follow from its operands and attributes (`args` as in the op's
  /// ODS builder without result types), checks it, and folds it when its operands are small
  /// constants. Returns its results, or an empty list after an error. Unlike `Op::create`, never
  /// aborts on operands that do not fit.
  template <typename Op, typename... Args>
  llvm::SmallVector<mlir::Value> createAll(Args &&...args) {
    mlir::OperationState state(location, Op::getOperationName());
    if constexpr (Op::template hasTrait<mlir::OpTrait::OneResult>())
      Op::build(builder, state, placeholder(), std::forward<Args>(args)...);
    else
      Op::build(builder, state, mlir::TypeRange(placeholders<Op>()), std::forward<Args>(args)...);
    return insert(state);
  }
  /// The same for ops with one result.
  template <typename Op, typename... Args> mlir::Value create(Args &&...args) {
    auto results = createAll<Op>(std::forward<Args>(args)...);
    return results.empty() ? mlir::Value() : results.front();
  }
  /// Builds an op with a given result type; null `type` gives null.
  template <typename Op, typename... Args>
  mlir::Value createAs(mlir::RankedTensorType type, Args &&...args) {
    if (!type)
      return {};
    mlir::OperationState state(location, Op::getOperationName());
    Op::build(builder, state, mlir::Type(type), std::forward<Args>(args)...);
    auto results = insert(state);
    return results.empty() ? mlir::Value() : results.front();
  }

  //===--- constants
  //----------------------------------------------------------------------------------------------===//

  mlir::Value constant(mlir::RankedTensorType type, mlir::Attribute value);
  /// From row-major bytes as WeightStore::makeConstant takes them.
  mlir::Value constant(mlir::RankedTensorType type, std::vector<char> bytes,
                       llvm::StringRef name = {});
  /// Rank 0.
  mlir::Value scalar(mlir::Type element, double value);
  /// A rank-0 constant of `like`'s element type.
  mlir::Value scalarLike(mlir::Value like, double value) {
    return like ? scalar(element(like), value) : like;
  }
  /// i64, rank 1.
  mlir::Value ints(llvm::ArrayRef<int64_t> values);
  /// All elements equal.
  mlir::Value splat(llvm::ArrayRef<int64_t> shape, mlir::Type element, double value);

  static bool isConstant(mlir::Value value);
  /// The elements of an integer or boolean constant, row-major; nothing when it is not one or has
  /// over a million.
  static std::optional<Ints> getConstantInts(mlir::Value value);
  /// The elements of a numeric constant as doubles (floats and integers).
  static std::optional<llvm::SmallVector<double>> getConstantDoubles(mlir::Value value);
  /// The only element of a constant.
  static std::optional<double> getConstantScalar(mlir::Value value);
  static std::optional<int64_t> getConstantInt(mlir::Value value);

  //===--- ops that move elements
  //---------------------------------------------------------------------------------===//

  mlir::Value reshape(mlir::Value value, llvm::ArrayRef<int64_t> shape);
  mlir::Value transpose(mlir::Value value, llvm::ArrayRef<int64_t> perm);
  /// Broadcast to exactly `shape`; identity when equal.
  mlir::Value broadcast(mlir::Value value, llvm::ArrayRef<int64_t> shape);
  /// NumPy broadcast of `shape` with the value's own (ONNX Expand).
  mlir::Value expand(mlir::Value value, llvm::ArrayRef<int64_t> shape);
  /// Extents of 1 inserted so that `axes` (of the result) are new.
  mlir::Value unsqueeze(mlir::Value value, llvm::ArrayRef<int64_t> axes);
  /// Extents of 1 removed.
  mlir::Value squeeze(mlir::Value value, llvm::ArrayRef<int64_t> axes);
  /// [d0·…·d(axis-1), d(axis)·…].
  mlir::Value flatten(mlir::Value value, int64_t axis);
  /// One dim sliced: `size` elements from `start` by `step`.
  mlir::Value slice(mlir::Value value, int64_t axis, int64_t start, int64_t size, int64_t step = 1);
  /// Python's value[start:end:step] along one dim, ends clamped.
  mlir::Value sliceRange(mlir::Value value, int64_t axis, int64_t start, int64_t end,
                         int64_t step = 1);
  mlir::Value concat(llvm::ArrayRef<mlir::Value> values, int64_t axis);
  /// Parts of the given extents along `axis`; their sum must be the extent.
  llvm::SmallVector<mlir::Value> split(mlir::Value value, int64_t axis,
                                       llvm::ArrayRef<int64_t> sizes);
  /// Constant padding, low then high amounts per dim (negative crops).
  mlir::Value pad(mlir::Value value, llvm::ArrayRef<int64_t> low, llvm::ArrayRef<int64_t> high,
                  double fill = 0.0, PadMode mode = PadMode::Constant);
  /// The whole tensor repeated `repeats[i]` times along dim i (repeats may be longer than the
  /// rank).
  mlir::Value tile(mlir::Value value, llvm::ArrayRef<int64_t> repeats);
  /// i-th index along `dim` times step plus start.
  mlir::Value iota(mlir::RankedTensorType type, int64_t dim, double start = 0.0, double step = 1.0);

  //===--- arithmetic
  //---------------------------------------------------------------------------------------------===//

  mlir::Value cast(mlir::Value value, mlir::Type element);
  template <typename Op> mlir::Value binary(mlir::Value lhs, mlir::Value rhs) {
    return lhs && rhs ? create<Op>(lhs, rhs) : mlir::Value();
  }
  mlir::Value add(mlir::Value lhs, mlir::Value rhs) { return binary<AddOp>(lhs, rhs); }
  mlir::Value sub(mlir::Value lhs, mlir::Value rhs) { return binary<SubOp>(lhs, rhs); }
  mlir::Value mul(mlir::Value lhs, mlir::Value rhs) { return binary<MulOp>(lhs, rhs); }
  mlir::Value div(mlir::Value lhs, mlir::Value rhs) { return binary<DivOp>(lhs, rhs); }
  /// value * factor, the value itself when the factor is 1.
  mlir::Value scale(mlir::Value value, double factor);
  mlir::Value cmp(CmpKind kind, mlir::Value lhs, mlir::Value rhs);
  mlir::Value select(mlir::Value condition, mlir::Value onTrue, mlir::Value onFalse);
  mlir::Value clamp(mlir::Value value, double min, double max);
  mlir::Value reduce(ReduceKind kind, mlir::Value value, llvm::ArrayRef<int64_t> dims,
                     bool keepdims);
  mlir::Value matmul(mlir::Value lhs, mlir::Value rhs, mlir::Value bias = {},
                     bool transposeB = false);
  mlir::Value softmax(mlir::Value value, int64_t axis, bool log = false);

private:
  /// Stands for a result type until it is inferred.
  mlir::Type placeholder() { return mlir::RankedTensorType::get({}, builder.getF32Type()); }
  template <typename Op> llvm::SmallVector<mlir::Type> placeholders() {
    constexpr bool two = Op::template hasTrait<mlir::OpTrait::NResults<2>::Impl>();
    static_assert(two || Op::template hasTrait<mlir::OpTrait::NResults<3>::Impl>());
    return llvm::SmallVector<mlir::Type>(two ? 2 : 3, placeholder());
  }
  /// Infers result types where the op does, checks, inserts, verifies, folds.
  llvm::SmallVector<mlir::Value> insert(mlir::OperationState &state);
  /// Replaces an op of small constants by its value; its results otherwise.
  llvm::SmallVector<mlir::Value> tryFold(mlir::Operation *op);

  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::OpBuilder builder;
  mlir::Location location;
  mlir::func::FuncOp function;
  llvm::SmallVector<mlir::BlockArgument> arguments;
};

/// The element type's name as users read it (`f32`, `i8`, `ui8`, `i1` as `bool`).
std::string elementName(mlir::Type element);
/// "[1, 3, 224, 224]".
std::string shapeName(llvm::ArrayRef<int64_t> shape);

/// Writes `ingot.sources`: path, size and SHA-256 of each file of the context's weight store, in
/// the order of their indices.
void recordSources(mlir::ModuleOp module);

} // namespace ingot
