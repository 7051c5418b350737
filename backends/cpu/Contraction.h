// What all contraction emitters share: accumulators, loops that carry them, loads, and the fused
// epilogue.
#pragma once

#include "backends/common/InlineEmitter.h"
#include "backends/common/KernelBody.h"
#include "backends/common/KernelShell.h"
#include "backends/cpu/Isa.h"

namespace ingot::cpu {

/// The type that sums of products of `element` are kept in: f64 for f64, f32 for narrower floats,
/// else i32.
mlir::Type accumulatorType(mlir::Type element);

/// How `count` rows are cut into tiles of at most `most`: the first `big` tiles have `rows` rows,
/// the rest one less. When `count` is dynamic all tiles have `rows`, but the last one, which may
/// have fewer.
struct Split {
  int64_t rows = 1;
  DimExpr tiles = 0;
  int64_t big = 0;
  static Split of(const DimExpr &count, int64_t most);
  bool dynamic() const { return !tiles.isConstant(); }
};

/// How `extent` elements of the innermost dim are cut into panels of vectors.
struct Panels {
  DimExpr extent = 0;  ///< elements
  int64_t lanes = 1;   ///< of one vector
  int64_t vectors = 1; ///< in one panel; the last panel may have fewer
  DimExpr panels = 0;
  static Panels of(const DimExpr &extent, int64_t lanes, int64_t vectors);
  int64_t width() const { return lanes * vectors; }
  /// Vectors of the last panel, and elements that count in each of its vectors. A dynamic extent
  /// has whole vectors there, of which a mask says what counts.
  int64_t lastVectors() const;
  llvm::SmallVector<int64_t> storedLanes(bool last) const;
  /// Whether the last panel differs from the others.
  bool ragged() const { return panels * DimExpr(width()) != extent; }
  bool dynamic() const { return !extent.isConstant(); }
};

/// Cycles of one step of a register tile of `rows` x `vectors` accumulators, by a simple model of a
/// core with two multiply-add units of latency 4 and two loads a cycle, which streams panels of
/// more than the first cache.
double stepCycles(int64_t rows, int64_t vectors, int64_t depth, const Isa &isa);
/// Whether such a tile fits the registers.
bool fitsRegisters(int64_t rows, int64_t vectors, const Isa &isa);

/// Chooses rows and vectors of the register tile for `rowCount` rows, `extent` columns and `depth`
/// products each.
struct TileShape {
  int64_t rows, vectors;
};
TileShape chooseTile(int64_t rowCount, int64_t extent, int64_t depth, int64_t lanes,
                     const Isa &isa);

/// Groups `count` equal steps of `flopsEach` so that one tile has enough work and there are enough
/// tiles for threads: the number of steps in a tile.
int64_t chooseGroup(int64_t count, double flopsEach, double flopsAll);

class ContractionEmitter {
public:
  /// Creates the shell of `kernel` as function `name`; the builder stands inside it.
  ContractionEmitter(mlir::OpBuilder &builder, KernelBody &kernel, const Isa &isa,
                     llvm::StringRef name);

  mlir::OpBuilder &b;
  KernelBody &kernel;
  const Isa &machine;
  mlir::Location loc;
  mlir::func::FuncOp shell;
  KernelArguments arguments;
  InlineEmitter inliner;
  IndexMath &ix;
  llvm::SmallVector<mlir::Value> resultBuffers; ///< as the inliner stores to them
  mlir::Type sumType;                           ///< of accumulators

  mlir::Value index(int64_t value) { return ix.constant(loc, value); }
  mlir::Value index(const DimExpr &extent) { return ix.value(loc, extent); }
  mlir::Value add(mlir::Value x, mlir::Value y) { return ix.add(loc, x, y); }
  mlir::Value add(mlir::Value x, int64_t y) { return ix.add(loc, x, y); }
  mlir::Value add(mlir::Value x, const DimExpr &y) { return ix.add(loc, x, y); }
  mlir::Value mul(mlir::Value x, int64_t y) { return ix.mul(loc, x, y); }
  mlir::Value mul(mlir::Value x, const DimExpr &y) { return ix.mul(loc, x, y); }

  /// The flat buffer of a kernel argument.
  mlir::Value flat(mlir::BlockArgument argument);
  /// Linear index of the element of `view` at `indices` (null is 0).
  mlir::Value linear(const StridedView &view, llvm::ArrayRef<mlir::Value> indices);

  /// Elements at `offset` of a flat buffer as a vector of `lanes` of the accumulator type;
  /// `isUnsigned` says how integers are widened.
  mlir::Value loadVector(mlir::Value flat, mlir::Value offset, int64_t lanes,
                         bool isUnsigned = false, mlir::Value mask = {});
  /// The lanes of a vector at `first` that lie below `end` (vector<lanes x i1>).
  mlir::Value lanesBelow(mlir::Value first, mlir::Value end, int64_t lanes);
  /// One element, repeated.
  mlir::Value loadSplat(mlir::Value flat, mlir::Value offset, int64_t lanes,
                        bool isUnsigned = false);
  mlir::Value zero(int64_t lanes);
  mlir::Value multiplyAdd(mlir::Value x, mlir::Value y, mlir::Value sum);
  mlir::Value addSums(mlir::Value x, mlir::Value y);
  /// A shorter vector with lanes of any value at its end.
  mlir::Value grow(mlir::Value vector, int64_t lanes);
  /// The columns of a square of rows; as many lanes as rows, a power of two.
  llvm::SmallVector<mlir::Value> transposeSquare(llvm::SmallVector<mlir::Value> rows);

  using Body = llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, mlir::ValueRange)>;
  /// for i in [low, high) by step, carrying values.
  llvm::SmallVector<mlir::Value> loop(mlir::Value low, mlir::Value high, int64_t step,
                                      llvm::ArrayRef<mlir::Value> carried, Body body);
  void loop(mlir::Value low, mlir::Value high, int64_t step,
            llvm::function_ref<void(mlir::Value)> body);
  /// A loop over rows that LLVM must not unroll.
  void rolledLoop(int64_t count, llvm::function_ref<void(mlir::Value)> body);

  /// A vector of an operand of a register tile at step k: element k of row `which` in all lanes, or
  /// vector `which` of row k.
  using TileOperand = llvm::function_ref<mlir::Value(int64_t which, mlir::Value k)>;
  /// The heart of a register tile: sums[i * vectors + j] plus left(i, k) * right(j, k) for all k
  /// below `depth`, where `sums` are `rows` times as many as vectors.
  llvm::SmallVector<mlir::Value> multiplyTile(int64_t rows, mlir::Value depth,
                                              llvm::SmallVector<mlir::Value> sums, TileOperand left,
                                              TileOperand right);

  /// if (x < y) then … else …, without results. A branch that cannot be taken may be empty.
  void ifLess(mlir::Value x, mlir::Value y, llvm::function_ref<void()> then,
              llvm::function_ref<void()> otherwise);

  /// The initial sums of one row: the root's bias at `column`, or zeros. `stored[j]` lanes count of
  /// vector j, and of them those below `end` if it is given.
  llvm::SmallVector<mlir::Value> initialSums(mlir::Value bias, mlir::Value column, int64_t lanes,
                                             llvm::ArrayRef<int64_t> stored, mlir::Value end = {});
  /// Applies the epilogue to the root's elements at `indices` (the last one is the first lane's)
  /// and stores all results. Only the first `lanes` lanes of `sum` count, and of them those in
  /// `mask`.
  void finish(llvm::ArrayRef<mlir::Value> indices, int64_t lanes, mlir::Value sum,
              std::optional<unsigned> laneDim = {}, mlir::Value mask = {});

  using Store =
      llvm::function_ref<void(mlir::Value row, mlir::Value offset, int64_t lanes, mlir::Value sum)>;
  /// Finishes a register tile: `store` is called for every vector of sums, sums[row *
  /// stored.size() + j] of which stored[j] lanes count, with its row and the offset j * lanes of
  /// its first column. With `rollEpilogue` by a loop that reads the sums back from the stack, so
  /// that a long epilogue is there once.
  void finishTile(int64_t rows, llvm::ArrayRef<int64_t> stored, int64_t lanes,
                  llvm::ArrayRef<mlir::Value> sums, Store store);
  bool rollEpilogue = false;

  /// `value` (scalar or vector) as the accumulator type.
  mlir::Value widen(mlir::Value value, bool isUnsigned);

private:
  /// Stack memory for `elements` sums, shared by all tiles.
  mlir::Value sumsBuffer(int64_t elements);

  llvm::DenseMap<mlir::Value, mlir::Value> flatBuffers;
  mlir::Value stackSums;
};

} // namespace ingot::cpu
