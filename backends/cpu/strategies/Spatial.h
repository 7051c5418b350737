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
  int64_t in, out, kernel, stride, dilation, pad; ///< pad: at the low end
  bool padded;                                    ///< some tap may fall outside the input
};

struct SpatialProblem {
  bool transposed = false, channelsLast = false;
  int64_t batch = 1, groups = 1;
  int64_t inChannels = 0, outChannels = 0; ///< of one group
  llvm::SmallVector<SpatialDim> dims;      ///< outermost first
  mlir::Value input, filter, bias;
  mlir::Type element;
  StridedView view; ///< of the input: batch, spatial…, channel

  int64_t taps() const;      ///< of the whole kernel
  int64_t outerRows() const; ///< batch times the output's spatial dims but the last
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
  int64_t begin, end;
  int64_t rows;              ///< positions in a tile
  int64_t outFirst, outStep; ///< position i of tile `begin`: outFirst + i * outStep
  int64_t inFirst, inStep;   ///< input position of position i, before the tap's offset
  llvm::SmallVector<ColumnTap> taps;
  bool full;            ///< every tap is valid for every position
  bool checked = false; ///< too many kinds of border: taps are valid or not at run time
};

/// Cuts the innermost dim into tiles of at most `rows` positions.
llvm::SmallVector<Segment> cutColumns(const SpatialProblem &problem, int64_t rows);

/// Parameters that all spatial strategies share: how the launch's tiles cover rows, panels and
/// columns.
struct SpatialPlan {
  Panels panels;         ///< of one group's output channels
  int64_t allPanels = 1; ///< groups times panels
  llvm::SmallVector<Segment> segments;
  int64_t columnTiles = 0;
  bool panelsOuter = false;
  int64_t rowGroup = 1, columnGroup = 1;
  llvm::SmallVector<int64_t> tiles(const SpatialProblem &problem) const;
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
  /// One register tile: `tile` counts from the segment's begin.
  virtual void emitTile(const Segment &segment, mlir::Value tile, mlir::Value panel, bool last) = 0;

  /// Loops over the valid taps of the outer spatial dims, carrying sums; `body` gets the linear tap
  /// index over the outer dims and the linear input offset of that row.
  llvm::SmallVector<mlir::Value> outerTaps(
      llvm::ArrayRef<mlir::Value> sums,
      llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value tap, mlir::Value rowOffset,
                                                        mlir::ValueRange sums)>
          body);
  /// Stores lanes of one position; `column` is the output position in the innermost dim, `channel`
  /// the first lane's.
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
