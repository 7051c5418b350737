// What the emitters of single ops share: loops, tiles, scratch, and the way results leave a kernel.
#pragma once

#include "backends/common/EmitHelpers.h"
#include "backends/common/GenericKernels.h"
#include "backends/common/InlineEmitter.h"
#include "backends/common/KernelShell.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace ingot {

/// A tensor that a stage writes, and where.
struct StageOutput {
  mlir::Value tensor, buffer;
  uint64_t needs = 0; ///< bit r: it is computed from result r of the stage's root
};

/// One pass over memory: a root op (or none: elementwise) and what is computed from its results
/// element by element.
struct Stage {
  mlir::Operation *root = nullptr;
  llvm::SmallVector<StageOutput> outputs;
};

class KernelEmitter {
public:
  KernelEmitter(mlir::OpBuilder &builder, const VectorInfo &info, const KernelArguments &arguments,
                DimBounds bounds, DimExpr tiles)
      : b(builder), inl(builder), info(info), arguments(arguments), bounds(std::move(bounds)),
        tiles(std::move(tiles)) {
    inl.index().bindDims(arguments.dims);
  }

  mlir::OpBuilder &b;
  InlineEmitter inl;
  const VectorInfo &info;
  const KernelArguments &arguments;
  DimBounds bounds; ///< of the kernel's dims
  DimExpr tiles;
  const Stage *stage = nullptr;
  /// Where a dynamic extent ends: the lanes that count (vector<lanes x i1>). Reads and writes of as
  /// many lanes leave the others alone; what is computed in them must not matter. Null: all count.
  mlir::Value mask;
  bool failed = false;
  int64_t scratchBytes = 0;

  using Values = llvm::SmallVector<mlir::Value>;
  using LoopBody = llvm::function_ref<Values(mlir::Value iv, mlir::ValueRange carried)>;
  using LaneBody = llvm::function_ref<void(mlir::Value first, int64_t lanes)>;
  /// Called with the indices of one point.
  using PointBody = llvm::function_ref<void(mlir::ArrayRef<mlir::Value> indices)>;

  mlir::Value index(int64_t v) { return inl.index().constant(loc(), v); }
  mlir::Value index(const DimExpr &extent) { return inl.index().value(loc(), extent); }
  mlir::Location loc() const { return location; }
  void at(mlir::Location l) { location = l; }

  /// scf.for over [low, high) by `step` with the builder inside `body`.
  Values loop(mlir::Value low, mlir::Value high, int64_t step, mlir::ValueRange init,
              LoopBody body);
  void loop(mlir::Value low, mlir::Value high, int64_t step,
            llvm::function_ref<void(mlir::Value)> body);
  /// A nest of loops over `extents`, carrying values.
  Values
  nest(llvm::ArrayRef<DimExpr> extents, mlir::ValueRange init,
       llvm::function_ref<Values(mlir::ArrayRef<mlir::Value> indices, mlir::ValueRange carried)>
           body);
  /// [low, high) by vectors of `lanes`; the rest of `extent`, `extent % lanes` elements, as one
  /// shorter vector when the range reaches `extent`; when that is dynamic, as a whole vector with
  /// `mask` set. `low` is a multiple of lanes.
  void forLanes(mlir::Value low, mlir::Value high, const DimExpr &extent, int64_t lanes,
                LaneBody body);
  /// All of [0, extent).
  void forLanes(const DimExpr &extent, int64_t lanes, LaneBody body);
  /// Sets `mask` to the first `count` of `lanes` lanes.
  void setRest(mlir::Value count, int64_t lanes);
  /// Calls `body` with `mask` set to the first `count` of `lanes` lanes, if count > 0.
  void forRest(mlir::Value count, int64_t lanes, llvm::function_ref<void()> body);
  /// `mask`, for memory access of `lanes` lanes.
  mlir::Value maskFor(int64_t lanes) const;
  void ifThen(mlir::Value condition, llvm::function_ref<void()> body);

  /// This call's share of `units` independent pieces of work, each tile's a multiple of `grain` but
  /// for the last.
  std::pair<mlir::Value, mlir::Value> share(const DimExpr &units, int64_t grain = 1);
  /// Loops over this call's share of the points of `extents`.
  void forShare(llvm::ArrayRef<DimExpr> extents, PointBody body);
  Values following(Values at, llvm::ArrayRef<DimExpr> extents);
  /// Loops over this call's share of vectors of points of `extents`, lanes along the last dim.
  void forShareOfLanes(
      llvm::ArrayRef<DimExpr> extents, int64_t lanes,
      llvm::function_ref<void(mlir::ArrayRef<mlir::Value> indices, int64_t lanes)> body);

  /// The elements of a tensor of the body; zeros after an error (then `failed` is set).
  mlir::Value read(mlir::Value tensor, mlir::ArrayRef<mlir::Value> indices, int64_t lanes,
                   mlir::Value mask = {});
  mlir::Value read(mlir::Value tensor, const Point &point, int64_t lanes, mlir::Value mask = {});
  /// Hands over elements of the root's results (null: not these): everything computed from them is
  /// computed and stored.
  void finish(mlir::ArrayRef<mlir::Value> indices, int64_t lanes,
              llvm::ArrayRef<mlir::Value> values);

  /// A buffer in the worker's scratch: `elements` elements of `element` (64-byte aligned).
  mlir::Value scratch(int64_t elements, mlir::Type element);
  /// The same for the most elements that the bounds of the dims allow; at least 1. Null, and an
  /// error at `op`, when that is too much.
  mlir::Value scratch(mlir::Operation *op, const DimExpr &elements, mlir::Type element);

  /// Lanes for computing with all tensors of the stage: the register's for the widest element.
  int64_t lanesOf(llvm::ArrayRef<mlir::Value> tensors) const;
  int64_t stageLanes() const;

  /// `vector` (or scalar) with `count` lanes: shorter ones are filled with `fill`.
  mlir::Value widen(mlir::Value vector, int64_t lanes, mlir::Value fill);
  mlir::Value splat(mlir::Value scalar, int64_t lanes);
  Mixed mixed() { return {b, loc()}; }
  /// An extent in the float type of `like`.
  mlir::Value number(mlir::Value like, const DimExpr &extent);

  void error(mlir::Operation *op, const llvm::Twine &text) {
    op->emitOpError(text);
    failed = true;
  }

private:
  mlir::Location location = b.getUnknownLoc();
};

/// How a reduction combines, with its neutral element.
struct Combiner {
  enum Kind { Sum, Prod, Max, Min, Any, All } kind;
  mlir::Type element; ///< what is accumulated
  bool isUnsigned = false;
  /// Of scalars or vectors.
  mlir::Value combine(KernelEmitter &k, mlir::Value a, mlir::Value b) const;
  /// The neutral element, a scalar.
  mlir::Value neutral(KernelEmitter &k) const;
  /// All lanes of `v` to one scalar.
  mlir::Value horizontal(KernelEmitter &k, mlir::Value v) const;
};

/// Reduces over a nest of `outer` extents and `inner` elements along lanes: `value(outer indices…,
/// inner index, lanes)`. Returns a scalar. Several accumulators, in an order that is fixed at
/// compile time.
mlir::Value reduceLanes(KernelEmitter &k, const Combiner &combiner, llvm::ArrayRef<DimExpr> outer,
                        const DimExpr &inner, int64_t lanes,
                        llvm::function_ref<mlir::Value(mlir::ArrayRef<mlir::Value> outer,
                                                       mlir::Value first, int64_t lanes)>
                            value);

// Emitters of stages by root op. Each computes this call's share of its work.
void emitElementwise(KernelEmitter &k);
void emitConcat(KernelEmitter &k, ConcatOp op);
void emitReduce(KernelEmitter &k, ReduceOp op);
void emitArgReduce(KernelEmitter &k, ArgReduceOp op);
void emitCumsum(KernelEmitter &k, CumsumOp op);
void emitSoftmax(KernelEmitter &k, SoftmaxOp op);
void emitLayerNorm(KernelEmitter &k, LayerNormOp op);
void emitRmsNorm(KernelEmitter &k, RmsNormOp op);
void emitGroupNorm(KernelEmitter &k, GroupNormOp op);
void emitPool(KernelEmitter &k, PoolOp op);
void emitScatterElements(KernelEmitter &k, ScatterElementsOp op);
void emitScatterND(KernelEmitter &k, ScatterNDOp op);
void emitTopK(KernelEmitter &k, TopKOp op);
void emitLstm(KernelEmitter &k, LstmOp op);
void emitGru(KernelEmitter &k, GruOp op);
void emitRnn(KernelEmitter &k, RnnOp op);

/// Rewrites the types of `kernel` (a private copy) so that neighbouring dims that every op treats
/// alike become one.
void collapseDims(mlir::func::FuncOp kernel);

} // namespace ingot
