// Emits values of a kernel's body at given indices: the one way in which fused ops become code.
//
// A kernel's body says what each element of a tensor is. To compute an element (or a vector of
// neighbouring ones) of a value, the emitter walks from it towards the kernel's operands, turning
// indices of results into indices of operands (transpose, slice, broadcast …), loading where it
// meets a buffer and computing where it meets an elementwise op. No intermediate tensor exists.
#pragma once

#include "backends/common/IndexMath.h"
#include "ir/graph/Graph.h"
#include <functional>
#include <map>

namespace ingot {

/// One index of a vector of points: lane l stands at base + offset + stride * l + vector[l].
struct LaneIndex {
  mlir::Value base; ///< index; null is 0, never a constant
  int64_t offset = 0;
  int64_t stride = 0;
  mlir::Value vector; ///< vector<lanes x index> added to the rest; null is 0

  /// Whether all lanes have the same index.
  bool uniform() const { return !stride && !vector; }
  auto key() const {
    return std::make_tuple(base.getAsOpaquePointer(), offset, stride, vector.getAsOpaquePointer());
  }
};
/// The indices of a vector of points, one per dim.
using Point = llvm::SmallVector<LaneIndex, 6>;

class InlineEmitter {
public:
  explicit InlineEmitter(mlir::OpBuilder &builder) : builder(builder), math(builder) {}

  /// Says that `tensor` (a block argument, or a value computed before) lies in `buffer`:
  /// contiguous, row-major, elements as in memory (i1 in bytes).
  void bind(mlir::Value tensor, mlir::Value buffer);

  /// `buffer` as memory of a tensor of these extents: what `load` and `store` take. Dynamic extents
  /// are remembered for the view.
  mlir::Value viewOf(mlir::Location loc, mlir::Value buffer, llvm::ArrayRef<DimExpr> extents);

  /// Whether `tensor` lies in a buffer.
  bool isBound(mlir::Value tensor) const { return bound.contains(tensor); }
  /// The buffer that `tensor` lies in, or null.
  mlir::Value bufferOf(mlir::Value tensor) const { return bound.lookup(tensor); }

  /// Says that at `indices` the lanes of `tensor` along its last dim (the last whose extent is not
  /// 1) hold `vector` (a scalar when lanes is 1), until `clearDefined`. A narrower float type than
  /// `vector`'s is rounded to. Reading `tensor` elsewhere is an error, unless it is also bound.
  void define(mlir::Value tensor, mlir::ArrayRef<mlir::Value> indices, int64_t lanes,
              mlir::Value vector);
  void define(mlir::Value tensor, const Point &point, int64_t lanes, mlir::Value vector);
  void clearDefined() { defined.clear(); }

  /// The elements of `tensor` at `indices`, `lanes` neighbours along its last dim: a vector, or a
  /// scalar when lanes is 1. Elements are signless, i1 is i1, f16 and bf16 are themselves. `mask`
  /// (vector<lanes x i1>) names the lanes that may be read; the others hold anything. Null after an
  /// error, which is reported at the op that has no inline form.
  mlir::Value emit(mlir::Value tensor, mlir::ArrayRef<mlir::Value> indices, int64_t lanes,
                   mlir::Value mask = {});
  /// The same at a general point.
  mlir::Value emit(mlir::Value tensor, const Point &point, int64_t lanes, mlir::Value mask = {});

  /// Writes `value` (as `emit` gives it) to `buffer` at `indices`, converting to the buffer's
  /// element type.
  void store(mlir::Location loc, mlir::Value value, mlir::Value buffer,
             mlir::ArrayRef<mlir::Value> indices, int64_t lanes, mlir::Value mask = {});
  void store(mlir::Location loc, mlir::Value value, mlir::Value buffer, const Point &point,
             int64_t lanes, mlir::Value mask = {});
  /// Reads `lanes` elements of `buffer` at `point` as they lie in memory.
  mlir::Value load(mlir::Location loc, mlir::Value buffer, const Point &point, int64_t lanes,
                   mlir::Value mask = {});

  /// Whether `op` has an inline form (elementwise, index function, constant, quantize, resize …).
  /// Everything else is the root of a kernel.
  static bool canInline(mlir::Operation *op);

  /// Indices as a point whose lanes run along dim `laneDim` (default: the last one).
  Point point(mlir::ArrayRef<mlir::Value> indices, int64_t lanes,
              std::optional<unsigned> laneDim = {});
  /// Indices of a tensor of `shape`, with lanes along its last dim whose extent is not 1.
  Point pointIn(mlir::ArrayRef<int64_t> shape, mlir::ArrayRef<mlir::Value> indices, int64_t lanes);

  IndexMath &index() { return math; }

private:
  /// State of one walk.
  struct Walk {
    int64_t lanes;
    mlir::Value mask;
  };
  mlir::Value at(mlir::Value tensor, Point point, Walk walk);
  mlir::Value compute(mlir::Operation *op, mlir::Value tensor, const Point &point, Walk walk);
  mlir::Value elementwise(mlir::Operation *op, const Point &point, Walk walk);
  mlir::Value operandAt(mlir::Value operand, const Point &resultPoint, Walk walk);
  mlir::Value constantAt(ConstantOp op, const Point &point, Walk walk);
  mlir::Value dimAt(DimOp op);
  mlir::Value iotaAt(IotaOp op, const Point &point, Walk walk);
  mlir::Value padAt(PadOp op, const Point &point, Walk walk);
  mlir::Value concatAt(ConcatOp op, const Point &point, Walk walk);
  mlir::Value gatherAt(GatherOp op, const Point &point, Walk walk);
  mlir::Value gatherElementsAt(GatherElementsOp op, const Point &point, Walk walk);
  mlir::Value gatherNDAt(GatherNDOp op, const Point &point, Walk walk);
  mlir::Value quantizeAt(QuantizeOp op, const Point &point, Walk walk);
  mlir::Value dequantizeAt(DequantizeOp op, const Point &point, Walk walk);
  mlir::Value batchNormAt(BatchNormOp op, const Point &point, Walk walk);
  mlir::Value resizeAt(ResizeOp op, const Point &point, Walk walk);
  /// Interpolates one dim at output index `index`; `at` gives elements at input indices of it.
  mlir::Value resizeDynamicDim(ResizeOp op, unsigned dim, const LaneIndex &index, Walk walk,
                               llvm::function_ref<mlir::Value(LaneIndex)> at);
  Point reshapePoint(mlir::Location loc, mlir::ArrayRef<DimExpr> from, mlir::ArrayRef<DimExpr> to,
                     const Point &point, int64_t lanes);
  /// An index read from a tensor of indices: negative ones count from the end, then clamped to the
  /// extent.
  LaneIndex loadedIndex(mlir::Location loc, mlir::Value loaded, const DimExpr &extent);
  Point quantizationPoint(mlir::Value scale, std::optional<int64_t> axis,
                          std::optional<int64_t> block, mlir::ArrayRef<int64_t> shape,
                          const Point &point, mlir::Location loc, int64_t lanes);

  LaneIndex toIndex(mlir::Value v);
  /// The index as one scalar; it must be uniform.
  mlir::Value scalar(mlir::Location loc, const LaneIndex &i);
  /// The index as a vector of lanes.
  mlir::Value vectorOf(mlir::Location loc, const LaneIndex &i, int64_t lanes);
  LaneIndex plus(mlir::Location loc, LaneIndex i, const DimExpr &offset);
  LaneIndex times(mlir::Location loc, const LaneIndex &i, const DimExpr &factor, int64_t lanes);
  LaneIndex sum(mlir::Location loc, const LaneIndex &a, const LaneIndex &b);
  /// Quotient and remainder by a positive extent of an index that is not negative.
  std::pair<LaneIndex, LaneIndex> divide(mlir::Location loc, const LaneIndex &i,
                                         const DimExpr &divisor, int64_t lanes);
  LaneIndex clamp(mlir::Location loc, const LaneIndex &i, const DimExpr &low, const DimExpr &high,
                  int64_t lanes);
  /// low <= i < high, a scalar i1 when `i` is uniform.
  mlir::Value inRange(mlir::Location loc, const LaneIndex &i, bool checkLow, bool checkHigh,
                      const DimExpr &low, const DimExpr &high, int64_t lanes);
  /// An extent in all lanes.
  mlir::Value splatExtent(mlir::Location loc, const DimExpr &extent, int64_t lanes);
  /// The linear index of `point` in a buffer.
  LaneIndex linearIn(mlir::Location loc, mlir::Value buffer, const Point &point, int64_t lanes);
  mlir::Value splat(mlir::Location loc, mlir::Value v, int64_t lanes);
  /// `load` in the type in which elements move.
  mlir::Value loadMoved(mlir::Location loc, mlir::Value buffer, const Point &point, int64_t lanes,
                        mlir::Value mask);
  mlir::Value select(mlir::Location loc, mlir::Value condition, mlir::Value a, mlir::Value b,
                     int64_t lanes);

  using Key = std::tuple<void *, void *, int64_t,
                         std::vector<std::tuple<const void *, int64_t, int64_t, const void *>>>;
  Key keyOf(mlir::Value tensor, const Point &point, const Walk &walk);

  mlir::OpBuilder &builder;
  IndexMath math;
  mlir::DenseMap<mlir::Value, mlir::Value> bound;
  /// Extents of views whose type does not say them.
  mlir::DenseMap<mlir::Value, llvm::SmallVector<DimExpr>> viewExtents;
  std::map<Key, mlir::Value> defined;
  mlir::Block *block = nullptr;
  std::map<Key, mlir::Value> memory; ///< values built in `block`
};

} // namespace ingot
