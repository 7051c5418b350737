// Geometry and outer loops of the spatial strategies.
#include "backends/cpu/strategies/Spatial.h"
#include "backends/common/EmitHelpers.h"
#include "backends/cpu/Strategy.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace ingot::cpu {

int64_t SpatialProblem::taps() const {
  int64_t count = 1;
  for (const SpatialDim &dim : dims)
    count *= dim.kernel;
  return count;
}

DimExpr SpatialProblem::outerRows() const {
  DimExpr count = batch;
  for (const SpatialDim &dim : ArrayRef(dims).drop_back())
    count *= dim.out;
  return count;
}

std::optional<SpatialProblem> describeSpatial(const KernelBody &kernel) {
  if (!kernel.root || !kernel.inlineEpilogue)
    return std::nullopt;
  SpatialProblem problem;
  ArrayRef<int64_t> strides, pads, dilations;
  int64_t rank = 0;
  auto read = [&](auto op) {
    problem.channelsLast = op.getChannelsLast();
    problem.groups = op.getGroups();
    problem.input = op.getInput(), problem.filter = op.getFilter(), problem.bias = op.getBias();
    strides = op.getStrides(), pads = op.getPads(), dilations = op.getDilations();
    rank = shapeOf(op.getInput()).size();
  };
  if (auto conv = dyn_cast<ConvOp>(kernel.root))
    read(conv);
  else if (auto conv = dyn_cast<ConvTransposeOp>(kernel.root))
    read(conv), problem.transposed = true;
  else
    return std::nullopt;
  if (!problem.channelsLast && !kernel.epilogueReshapes.empty())
    return std::nullopt;
  SmallVector<DimExpr> in = extentsOf(problem.input), out = extentsOf(kernel.rootResult());
  ArrayRef<int64_t> filter = shapeOf(problem.filter);
  if (isEmpty(kernel.rootResult()) || problem.groups < 1 ||
      !cast<RankedTensorType>(problem.filter.getType()).hasStaticShape())
    return std::nullopt;
  problem.bounds = dimBounds(kernel.func);
  int64_t channel = problem.channelsLast ? rank - 1 : 1, first = problem.channelsLast ? 1 : 2;
  if (!in[channel].isConstant() || !out[channel].isConstant())
    return std::nullopt;
  problem.batch = in[0];
  problem.inChannels = *in[channel].constant() / problem.groups;
  problem.outChannels = *out[channel].constant() / problem.groups;
  for (int64_t d = 0; d < rank - 2; ++d) {
    SpatialDim dim{in[first + d], out[first + d], filter[2 + d], strides[d],
                   dilations[d],  pads[d],        false};
    DimExpr reach = (dim.out - 1) * dim.stride + (dim.kernel - 1) * dim.dilation - dim.pad;
    dim.padded =
        problem.transposed || dim.pad > 0 || rangeOf(reach - dim.in, problem.bounds).high >= 0;
    problem.dims.push_back(dim);
  }
  problem.element = cast<RankedTensorType>(problem.input.getType()).getElementType();
  auto view = stridedView(problem.input);
  if (!view || problem.dims.empty())
    return std::nullopt;
  problem.view = StridedView{view->argument, view->offset, {}, {}};
  auto push = [&](int64_t d) {
    problem.view.shape.push_back(view->shape[d]);
    problem.view.strides.push_back(view->strides[d]);
  };
  push(0);
  for (int64_t d = 0; d < rank - 2; ++d)
    push(first + d);
  push(channel);
  std::optional<int64_t> columns = problem.view.strides[problem.dims.size()].constant();
  if (!columns)
    return std::nullopt;
  problem.columnStride = *columns;
  return problem;
}

/// Taps of the innermost dim that positions `phase` + i * stride of a transposed convolution (all
/// positions otherwise) may read.
static SmallVector<ColumnTap> tapsOf(const SpatialProblem &problem, int64_t phase, int64_t rows) {
  const SpatialDim &dim = problem.last();
  SmallVector<ColumnTap> taps;
  for (int64_t k = 0; k < dim.kernel; ++k) {
    if (!problem.transposed) {
      taps.push_back({k, k * dim.dilation - dim.pad, 0, rows});
      continue;
    }
    int64_t numerator = phase + dim.pad - k * dim.dilation;
    if (((numerator % dim.stride) + dim.stride) % dim.stride == 0)
      taps.push_back({k, numerator / dim.stride, 0, rows});
  }
  return taps;
}

/// The segments of a dynamic dim: short tiles that look for the positions whose taps may fall
/// before the input, tiles whose taps are all inside, a lower one of these, and short tiles that
/// look for what is left.
static SmallVector<Segment> cutDynamicColumns(const SpatialProblem &problem, int64_t rows) {
  const SpatialDim &dim = problem.last();
  SmallVector<Segment> segments;
  int64_t phases = problem.transposed ? dim.stride : 1;
  int64_t inStep = problem.transposed ? 1 : dim.stride, few = std::min<int64_t>(rows, 4);
  DimExpr tile = 0;
  for (int64_t phase = 0; phase < phases; ++phase) {
    DimExpr positions = DimExpr::ceilDiv(DimExpr::max(0, dim.out - phase), phases);
    int64_t least = 0, most = 0;
    for (const ColumnTap &tap : tapsOf(problem, phase, rows)) {
      least = std::min(least, tap.offset);
      most = std::max(most, tap.offset);
    }
    // Position i reads input positions i * inStep + least … i * inStep + most.
    int64_t before = llvm::divideCeil(-least, inStep), beforeRows = std::min(before, few);
    while (beforeRows > 1 && before % beforeRows)
      --beforeRows;
    DimExpr inside = DimExpr::floorDiv(dim.in - (1 + most - inStep), inStep);
    inside = DimExpr::max(DimExpr::min(inside, positions) - before, 0);
    auto add = [&](const DimExpr &start, int64_t height, const DimExpr &count, bool full) {
      if (count == DimExpr(0))
        return;
      Segment segment{tile, tile + count, height, phase, phases, 0, inStep, {}, full};
      segment.taps = tapsOf(problem, phase, height);
      segment.checked = segment.ragged = !full;
      segment.base = tile;
      segment.start = start;
      tile += count;
      segments.push_back(std::move(segment));
    };
    if (before)
      add(0, beforeRows, DimExpr::ceilDiv(DimExpr::min(positions, before), beforeRows), false);
    DimExpr whole = DimExpr::floorDiv(inside, rows), done = whole * rows;
    add(before, rows, whole, true);
    if (int64_t half = (rows + 1) / 2; half > few) {
      DimExpr halves = DimExpr::floorDiv(inside - done, half);
      add(done + before, half, halves, true);
      done += halves * half;
    }
    DimExpr rest = DimExpr::max(positions - before - done, 0);
    add(done + before, few, DimExpr::ceilDiv(rest, few), false);
  }
  return segments;
}

SmallVector<Segment> cutColumns(const SpatialProblem &problem, int64_t mostRows) {
  const SpatialDim &dim = problem.last();
  if (!dim.in.isConstant() || !dim.out.isConstant())
    return cutDynamicColumns(problem, mostRows);
  SmallVector<Segment> segments;
  int64_t in = *dim.in.constant(), out = *dim.out.constant();
  int64_t phases = problem.transposed ? dim.stride : 1, tile = 0;
  for (int64_t phase = 0; phase < phases; ++phase) {
    if (phase >= out)
      break;
    int64_t count = llvm::divideCeil(out - phase, phases);
    Split split = Split::of(count, mostRows);
    SmallVector<ColumnTap> taps = tapsOf(problem, phase, 0);
    int64_t inStep = problem.transposed ? 1 : dim.stride, start = 0;
    for (int64_t t = 0; t < *split.tiles.constant(); ++t, ++tile) {
      int64_t rows = t < split.big ? split.rows : split.rows - 1;
      Segment segment{tile,   tile + 1, rows, phase + start * phases, phases, start * inStep,
                      inStep, {},       true};
      segment.base = tile;
      for (ColumnTap tap : taps) {
        tap.low = rows, tap.high = 0;
        for (int64_t i = 0; i < rows; ++i) {
          int64_t at = segment.inFirst + i * inStep + tap.offset;
          if (at >= 0 && at < in) {
            tap.low = std::min(tap.low, i);
            tap.high = i + 1;
          }
        }
        segment.full &= tap.low == 0 && tap.high == rows;
        if (tap.low < tap.high)
          segment.taps.push_back(tap);
      }
      segment.full |= false;
      start += rows;
      Segment *before = segments.empty() ? nullptr : &segments.back();
      if (before && before->rows == rows && before->full == segment.full &&
          before->taps == segment.taps && before->outFirst % phases == segment.outFirst % phases)
        before->end = tile + 1;
      else
        segments.push_back(segment);
    }
  }
  // Code grows with the kinds of border: beyond a few, one kind of tile checks its taps at run
  // time.
  if (segments.size() <= size_t(10 * phases))
    return segments;
  SmallVector<Segment> merged;
  for (Segment &segment : segments) {
    segment.checked = true;
    segment.full = false;
    segment.taps = tapsOf(problem, segment.outFirst % phases, segment.rows);
    if (!merged.empty() && merged.back().rows == segment.rows && merged.back().taps == segment.taps)
      merged.back().end = segment.end;
    else
      merged.push_back(segment);
  }
  return merged;
}

SmallVector<DimExpr> SpatialPlan::tiles(const SpatialProblem &problem) const {
  DimExpr rows = DimExpr::ceilDiv(problem.outerRows(), rowGroup);
  DimExpr columns = columnGroup ? DimExpr::ceilDiv(columnTiles, columnGroup) : DimExpr(1);
  if (panelsOuter)
    return {allPanels, rows, columns};
  return {rows, allPanels, columns};
}

void SpatialPlan::cover(const SpatialProblem &problem, int64_t rows, int64_t weightBytes,
                        DictionaryAttr overrides) {
  segments = cutColumns(problem, rows);
  columnTiles = segments.empty() ? DimExpr(0) : segments.back().end;
  // A panel's weights stay in the cache when they outweigh what one row of input brings.
  panelsOuter = parameter(overrides, "panels_outer", weightBytes > 256 * 1024);
  // Chosen for the bounds of dynamic extents.
  int64_t outerRows = problem.most(problem.outerRows()), tiles = problem.most(columnTiles);
  int64_t columns = problem.most(problem.last().out);
  double perPosition = 2.0 * panels.width() * problem.taps() * problem.inChannels;
  double all = perPosition * outerRows * allPanels * columns;
  int64_t outerTiles = outerRows * allPanels;
  columnGroup = tiles;
  if (outerTiles < 16)
    columnGroup = chooseGroup(tiles, perPosition * rows, all);
  bool whole = columnGroup == tiles;
  if (whole)
    rowGroup = chooseGroup(outerRows, perPosition * columns, all);
  if (whole && !columnTiles.isConstant())
    columnGroup = 0;
  columnGroup = parameter(overrides, "column_group", columnGroup);
  rowGroup = parameter(overrides, "row_group", rowGroup);
}

SpatialEmitter::SpatialEmitter(OpBuilder &builder, KernelBody &kernel, const Isa &isa,
                               StringRef name, const SpatialProblem &problem,
                               const SpatialPlan &plan)
    : ContractionEmitter(builder, kernel, isa, name), problem(problem), plan(plan),
      inputFlat(flat(problem.view.argument)), inputUnsigned(problem.element.isUnsignedInteger()) {}

void SpatialEmitter::run() {
  SmallVector<DimExpr> extents = plan.tiles(problem);
  SmallVector<DimExpr> outerExtents{problem.batch};
  for (const SpatialDim &dim : ArrayRef(problem.dims).drop_back())
    outerExtents.push_back(dim.out);
  DimExpr rowCount = problem.outerRows();

  auto columns = [&](Value block, Value panel, bool last) {
    beginPanel(panel, last);
    bool whole = !plan.columnGroup || DimExpr(plan.columnGroup) == plan.columnTiles;
    Value low = ix.mul(loc, block, plan.columnGroup);
    Value high = ix.min(loc, add(low, plan.columnGroup), plan.columnTiles);
    for (const Segment &segment : plan.segments) {
      if (segment.end - segment.begin == DimExpr(1) && whole && segment.base == segment.begin) {
        emitTile(segment, index(0), panel, last);
        continue;
      }
      Value from = index(segment.begin), to = index(segment.end);
      if (!whole) {
        from = ix.max(loc, low, segment.begin);
        to = ix.min(loc, high, segment.end);
      }
      loop(from, to, 1,
           [&](Value tile) { emitTile(segment, ix.sub(loc, tile, segment.base), panel, last); });
    }
  };
  loop(arguments.begin, arguments.end, 1, [&](Value tile) {
    SmallVector<Value> at = ix.delinearize(loc, tile, extents);
    Value allPanel = plan.panelsOuter ? at[0] : at[1], rowBlock = plan.panelsOuter ? at[1] : at[0];
    auto eachRow = [&](Value row) {
      outer = ix.delinearize(loc, row, outerExtents);
      group = ix.div(loc, allPanel, plan.panels.panels);
      Value panel = ix.rem(loc, allPanel, plan.panels.panels);
      if (DimExpr(plan.allPanels) == plan.panels.panels)
        group = index(0), panel = allPanel;
      channelOffset = mul(group, DimExpr(problem.inChannels) * problem.view.strides.back());
      if (!plan.panels.ragged())
        return columns(at[2], panel, false);
      ifLess(
          panel, index(plan.panels.panels - DimExpr(1)), [&] { columns(at[2], panel, false); },
          [&] { columns(at[2], panel, true); });
    };
    if (plan.rowGroup == 1)
      return eachRow(rowBlock);
    Value low = mul(rowBlock, plan.rowGroup);
    loop(low, ix.min(loc, add(low, plan.rowGroup), rowCount), 1, eachRow);
  });
}

SmallVector<Value>
SpatialEmitter::outerTaps(ArrayRef<Value> sums,
                          llvm::function_ref<SmallVector<Value>(Value, Value, ValueRange)> body) {
  Value offset =
      add(add(mul(outer[0], problem.view.strides[0]), index(problem.view.offset)), channelOffset);
  return outerTap(0, index(0), offset, sums, body);
}

SmallVector<Value>
SpatialEmitter::outerTap(size_t d, Value tap, Value offset, ValueRange sums,
                         llvm::function_ref<SmallVector<Value>(Value, Value, ValueRange)> body) {
  if (d + 1 == problem.dims.size())
    return body(tap, offset, sums);
  const SpatialDim &dim = problem.dims[d];
  Value position = outer[1 + d];
  const DimExpr &stride = problem.view.strides[1 + d];
  if (problem.transposed) {
    // Taps meet the input where position + pad - k * dilation is a multiple of the stride, and
    // inside.
    Value shifted = add(position, dim.pad);
    return loop(
        index(0), index(dim.kernel), 1, llvm::to_vector(sums), [&](Value k, ValueRange carried) {
          Value distance = ix.sub(loc, shifted, mul(k, dim.dilation));
          Value quotient = ix.div(loc, ix.max(loc, distance, 0), dim.stride);
          auto compare = [&](arith::CmpIPredicate predicate, Value x, Value y) -> Value {
            return arith::CmpIOp::create(b, loc, predicate, x, y);
          };
          Value valid = compare(arith::CmpIPredicate::eq, mul(quotient, dim.stride), distance);
          valid = arith::AndIOp::create(
              b, loc, valid, compare(arith::CmpIPredicate::slt, quotient, index(dim.in)));
          auto branch =
              scf::IfOp::create(b, loc, carried.getTypes(), valid, /*withElseRegion=*/true);
          {
            OpBuilder::InsertionGuard guard(b);
            b.setInsertionPointToStart(branch.elseBlock());
            scf::YieldOp::create(b, loc, carried);
            b.setInsertionPointToStart(branch.thenBlock());
            SmallVector<Value> next = outerTap(d + 1, add(mul(tap, dim.kernel), k),
                                               add(offset, mul(quotient, stride)), carried, body);
            b.setInsertionPointToEnd(branch.thenBlock());
            scf::YieldOp::create(b, loc, next);
          }
          return llvm::to_vector_of<Value>(branch.getResults());
        });
  }
  Value start = ix.sub(loc, mul(position, dim.stride), dim.pad); // of tap 0; may be negative
  Value low = index(0), high = index(dim.kernel);
  if (dim.padded) {
    auto firstAtLeast = [&](Value distance) { // the first tap at or beyond start + distance
      return ix.div(loc, add(ix.max(loc, distance, 0), dim.dilation - 1), dim.dilation);
    };
    low = firstAtLeast(ix.sub(loc, index(0), start));
    high = ix.min(loc, firstAtLeast(ix.sub(loc, index(dim.in), start)), dim.kernel);
  }
  Value base = add(offset, mul(start, stride));
  if (dim.kernel == 1 && !dim.padded)
    return outerTap(d + 1, tap, base, sums, body);
  return loop(low, high, 1, llvm::to_vector(sums), [&](Value k, ValueRange carried) {
    return outerTap(d + 1, add(mul(tap, dim.kernel), k),
                    add(base, mul(k, DimExpr(dim.dilation) * stride)), carried, body);
  });
}

void SpatialEmitter::store(const Segment &segment, Value column, Value channel, int64_t lanes,
                           Value sum) {
  if (!segment.ragged)
    return store(column, channel, lanes, sum);
  ifLess(column, index(problem.last().out), [&] { store(column, channel, lanes, sum); }, [] {});
}

void SpatialEmitter::store(Value column, Value channel, int64_t lanes, Value sum) {
  SmallVector<Value> at(outer);
  at.push_back(column);
  if (problem.channelsLast) {
    at.push_back(channel);
    return finish(at, lanes, sum);
  }
  at.insert(at.begin() + 1, channel);
  finish(at, lanes, sum, 1);
}

} // namespace ingot::cpu
