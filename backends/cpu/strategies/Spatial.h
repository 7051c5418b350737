// The geometry that convolutions, transposed or not, grouped or depthwise, have in common.
//
// Output positions of the innermost spatial dim are cut into register tiles. Which taps of the
// kernel meet the input, and for which positions of a tile, is known at compile time: equal tiles
// form a segment. The other spatial dims clip their taps at run time. Taps on padding are never
// computed.
#pragma once

#include "backends/cpu/Contraction.h"

namespace ingot::cpu {

struct SpatialDim {
  DimExpr in, out;
  int64_t kernel, stride, dilation, pad; ///< pad: at the low end
  bool padded;                           ///< some tap may fall outside the input
};

struct SpatialProblem {
  bool transposed = false, channelsLast = false;
  DimExpr batch = 1;
  int64_t groups = 1;
  int64_t inChannels = 0, outChannels = 0; ///< of one group
  llvm::SmallVector<SpatialDim> dims;      ///< outermost first
  mlir::Value input, filter, bias;
  mlir::Type element;
  StridedView view; ///< of the input: batch, spatial…, channel

  DimBounds bounds;         ///< of the kernel's dims
  int64_t columnStride = 1; ///< of the view: between neighbours in the last spatial dim

  int64_t taps() const;      ///< of the whole kernel
  DimExpr outerRows() const; ///< batch times the output's spatial dims but the last
  /// The most that an extent may be.
  int64_t most(const DimExpr &extent) const { return rangeOf(extent, bounds).high; }
  const SpatialDim &last() const { return dims.back(); }
};

/// Reads a kernel's conv or conv_transpose. Nothing when its root is neither, its result is empty,
/// its input does not lie on a grid in memory or its epilogue cannot be inlined.
std::optional<SpatialProblem> describeSpatial(const KernelBody &kernel);

/// One tap of the innermost dim within a segment: position i of the tile reads input position first
/// + i * step + offset, and does so for i in [low, high).
struct ColumnTap {
  int64_t kernel, offset, low, high;
  bool operator==(const ColumnTap &) const = default;
};

/// Tiles [begin, end) of the innermost dim that differ in their place alone.
struct Segment {
  DimExpr begin, end;
  int64_t rows;              ///< positions in a tile
  int64_t outFirst, outStep; ///< position i of tile `base`: outFirst + i * outStep
  int64_t inFirst, inStep;   ///< input position of position i, before the tap's offset
  llvm::SmallVector<ColumnTap> taps;
  bool full;            ///< every tap is valid for every position
  bool checked = false; ///< too many kinds of border: taps are valid or not at run time
  DimExpr base = 0;     ///< the tile that places count from: `begin`, or an earlier one
  bool ragged = false;  ///< positions may lie beyond a dynamic extent: they are not stored
  DimExpr start = 0;    ///< positions before tile `base`, of a dynamic extent
};

/// Cuts the innermost dim into tiles of at most `rows` positions.
llvm::SmallVector<Segment> cutColumns(const SpatialProblem &problem, int64_t rows);

/// Parameters that all spatial strategies share: how the launch's tiles cover rows, panels and
/// columns.
struct SpatialPlan {
  Panels panels;         ///< of one group's output channels
  int64_t allPanels = 1; ///< groups times panels
  llvm::SmallVector<Segment> segments;
  DimExpr columnTiles = 0;
  bool panelsOuter = false;
  int64_t rowGroup = 1;
  int64_t columnGroup = 1; ///< 0: all of them
  llvm::SmallVector<DimExpr> tiles(const SpatialProblem &problem) const;
  /// Fills columns and groups, for register tiles of `rows` positions.
  void cover(const SpatialProblem &problem, int64_t rows, int64_t weightBytes,
             mlir::DictionaryAttr overrides);
};

/// Emits the loops around the register tiles.
class SpatialEmitter : public ContractionEmitter {
public:
  SpatialEmitter(mlir::OpBuilder &builder, KernelBody &kernel, const Isa &isa, llvm::StringRef name,
                 const SpatialProblem &problem, const SpatialPlan &plan);
  virtual ~SpatialEmitter() = default;
  void run();

protected:
  /// Called once per panel of a tile, before its register tiles.
  virtual void beginPanel(mlir::Value panel, bool last) {}
  /// One register tile: `tile` counts from the segment's base.
  virtual void emitTile(const Segment &segment, mlir::Value tile, mlir::Value panel, bool last) = 0;

  /// Loops over the valid taps of the outer spatial dims, carrying sums; `body` gets the linear tap
  /// index over the outer dims and the linear input offset of that row.
  llvm::SmallVector<mlir::Value> outerTaps(
      llvm::ArrayRef<mlir::Value> sums,
      llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value tap, mlir::Value rowOffset,
                                                        mlir::ValueRange sums)>
          body);
  /// Stores lanes of one position of a segment; `column` is the output position in the innermost
  /// dim, `channel` the first lane's.
  void store(const Segment &segment, mlir::Value column, mlir::Value channel, int64_t lanes,
             mlir::Value sum);
  void store(mlir::Value column, mlir::Value channel, int64_t lanes, mlir::Value sum);

  const SpatialProblem &problem;
  const SpatialPlan &plan;
  mlir::Value inputFlat;
  bool inputUnsigned;
  mlir::Value group;                    ///< current group of channels
  mlir::Value channelOffset;            ///< linear offset of the group's first input channel
  llvm::SmallVector<mlir::Value> outer; ///< current batch and outer output positions

private:
  llvm::SmallVector<mlir::Value> outerTap(
      size_t dim, mlir::Value tap, mlir::Value offset, mlir::ValueRange sums,
      llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, mlir::Value, mlir::ValueRange)>
          body);
};

} // namespace ingot::cpu
