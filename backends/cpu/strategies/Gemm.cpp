// The `gemm` strategy: register-blocked matrix products with packed, row-major or gathered
// right-hand sides.
#include "backends/cpu/strategies/Gemm.h"
#include "backends/common/EmitHelpers.h"
#include "backends/cpu/Strategy.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace ingot::cpu {
namespace {

/// Where the right-hand side's panels come from.
enum class RhsKind : int64_t {
  Packed, ///< a constant, packed at compile time as [panel, k, column]
  Rows,   ///< rows of contiguous columns, read in place
  Gather, ///< anything else: each panel is packed into the worker's scratch first
  Dot,    ///< rows along k, for few rows of the result: k in vectors, each sum folded at its end
};

/// Bytes of a right-hand side that stay in the second cache beside what else is read.
constexpr double kCachedPanels = 1 << 20;

/// The greatest depth whose panels are gathered into scratch.
constexpr int64_t kMostDepth = int64_t(1) << 22;

/// All register tiles along one dim in one tile of the launch, however many there are.
constexpr int64_t kWhole = 0;

/// Blocks of `group` of `count` register tiles.
DimExpr blocks(const DimExpr &count, int64_t group) {
  return group == kWhole ? DimExpr(1) : DimExpr::ceilDiv(count, group);
}

/// All numbers of one gemm: from the problem and the parameters of the strategy.
struct GemmPlan {
  Panels panels;
  Split split;
  RhsKind rhs = RhsKind::Packed;
  bool rowsOuter = false;               ///< order of tiles: row blocks outside, panels inside
  int64_t rowGroup = 1, panelGroup = 1; ///< register tiles in one tile of the launch

  SmallVector<DimExpr> tiles(ArrayRef<DimExpr> batch) const {
    SmallVector<DimExpr> extents(batch);
    DimExpr rows = blocks(split.tiles, rowGroup), columns = blocks(panels.panels, panelGroup);
    extents.push_back(rowsOuter ? rows : columns);
    extents.push_back(rowsOuter ? columns : rows);
    return extents;
  }
};

DimExpr product(ArrayRef<DimExpr> extents) { return llvm::product_of(extents, DimExpr(1)); }

GemmPlan makePlan(const GemmProblem &problem, const DimBounds &bounds, const Isa &isa, RhsKind rhs,
                  DictionaryAttr overrides) {
  GemmPlan plan;
  plan.rhs = rhs;
  // Chosen for the bounds of dynamic extents.
  auto most = [&](const DimExpr &extent) { return rangeOf(extent, bounds).high; };
  int64_t m = most(problem.m), n = most(problem.n), k = most(problem.k),
          batch = most(product(problem.batch));
  int64_t lanes = isa.lanes(accumulatorType(problem.element));
  TileShape shape = chooseTile(m, n, k, lanes, isa);
  // Work for eight threads, as long as each has enough of it.
  auto pieces = [&] {
    return batch * llvm::divideCeil(m, shape.rows) * llvm::divideCeil(n, lanes * shape.vectors);
  };
  while (shape.vectors > 1 && pieces() < 8 && 1.0 * shape.rows * lanes * shape.vectors * k > 20e3)
    shape.vectors = llvm::divideCeil(shape.vectors, 2);
  lanes = parameter(overrides, "lanes", lanes);
  plan.panels = Panels::of(problem.n, lanes, parameter(overrides, "nv", shape.vectors));
  plan.split = Split::of(problem.m, parameter(overrides, "mr", shape.rows));
  if (rhs == RhsKind::Dot) {
    // A panel is one vector of results; each result's sum is a vector of its own.
    plan.panels = Panels::of(problem.n, std::min<int64_t>(8, n), 1);
    plan.split = Split::of(problem.m, isa.registers >= 32 ? 2 : 1);
  }
  int64_t rowTiles = most(plan.split.tiles), panels = most(plan.panels.panels);
  // Panels outside when the right-hand side is the bigger operand: each panel is read once.
  // A dynamic number of rows counts as its least: few rows would read all panels again and again.
  bool cached = 1.0 * n * k * problem.element.getIntOrFloatBitWidth() / 8 <= kCachedPanels;
  plan.rowsOuter = rhs != RhsKind::Gather && cached && rangeOf(problem.m, bounds).low > 2 * n;
  plan.rowsOuter = parameter(overrides, "rows_outer", plan.rowsOuter);
  double each = 2.0 * plan.split.rows * plan.panels.width() * k;
  double all = 2.0 * batch * m * n * k;
  if (rhs == RhsKind::Gather)
    plan.rowGroup = plan.split.dynamic() ? kWhole : rowTiles;
  else if (plan.rowsOuter)
    plan.panelGroup = chooseGroup(panels, each, all);
  else
    plan.rowGroup = chooseGroup(rowTiles, each, all);
  if (plan.rowsOuter && plan.panelGroup == panels)
    plan.rowGroup = chooseGroup(rowTiles, each * plan.panelGroup, all);
  else if (!plan.rowsOuter && plan.rowGroup == rowTiles && rhs != RhsKind::Gather)
    plan.panelGroup = chooseGroup(panels, each * plan.rowGroup, all);
  plan.rowGroup = parameter(overrides, "row_group", plan.rowGroup);
  plan.panelGroup = parameter(overrides, "panel_group", plan.panelGroup);
  return plan;
}

class Emitter : public ContractionEmitter {
public:
  Emitter(OpBuilder &builder, KernelBody &kernel, const Isa &isa, StringRef name,
          const GemmProblem &problem, const GemmPlan &plan)
      : ContractionEmitter(builder, kernel, isa, name), problem(problem), plan(plan),
        lanes(plan.panels.lanes) {
    isUnsigned[0] = problem.element.isUnsignedInteger();
    isUnsigned[1] =
        cast<RankedTensorType>(problem.rhs.getType()).getElementType().isUnsignedInteger();
  }

  void run() {
    SmallVector<DimExpr> extents = plan.tiles(problem.batch);
    if (plan.rhs == RhsKind::Gather) {
      int64_t elements = rangeOf(problem.k, dimBounds(kernel.func)).high * plan.panels.width();
      int64_t bytes =
          llvm::alignTo(std::max<int64_t>(1, elements) * sumType.getIntOrFloatBitWidth() / 8, 64);
      shell->setAttr(scratchAttr, b.getI64IntegerAttr(bytes));
      rhsFlat = scratchView(b, loc, arguments.scratch, 0, std::max<int64_t>(1, elements), sumType);
    } else {
      rhsFlat =
          flat(plan.rhs == RhsKind::Packed ? unpackedFrom(problem.rhs) : problem.rhsView->argument);
    }
    loop(arguments.begin, arguments.end, 1, [&](Value tile) {
      SmallVector<Value> at = ix.delinearize(loc, tile, extents);
      batch.assign(at.begin(), at.end() - 2);
      Value rowBlock = at.end()[plan.rowsOuter ? -2 : -1],
            panelBlock = at.end()[plan.rowsOuter ? -1 : -2];
      auto eachRow = [&](llvm::function_ref<void(Value)> body) {
        group(rowBlock, plan.rowGroup, plan.split.tiles, body);
      };
      auto eachPanel = [&](llvm::function_ref<void(Value)> body) {
        group(panelBlock, plan.panelGroup, plan.panels.panels, body);
      };
      if (plan.rowsOuter)
        eachRow([&](Value row) { eachPanel([&](Value panel) { variants(row, panel); }); });
      else
        eachPanel([&](Value panel) {
          if (plan.rhs == RhsKind::Gather)
            gatherPanel(panel);
          eachRow([&](Value row) { variants(row, panel); });
        });
    });
  }

private:
  /// The steps [block * size, …) of one block, `count` steps in all.
  void group(Value block, int64_t size, const DimExpr &count,
             llvm::function_ref<void(Value)> body) {
    if (size == kWhole)
      return loop(index(0), index(count), 1, body);
    if (size == 1)
      return body(block);
    Value low = mul(block, size), high = add(low, size);
    if (DimExpr::mod(count, size) != DimExpr(0))
      high = ix.min(loc, high, count);
    loop(low, high, 1, body);
  }

  void variants(Value row, Value panel) {
    auto rows = [&](bool last) {
      if (plan.split.dynamic())
        return dynamicRows(mul(row, plan.split.rows), panel, last);
      ifLess(
          row, index(plan.split.big),
          [&] { tile(mul(row, plan.split.rows), plan.split.rows, panel, last); },
          [&] {
            if (plan.split.rows > 1)
              tile(add(mul(row, plan.split.rows - 1), plan.split.big), plan.split.rows - 1, panel,
                   last);
          });
    };
    if (!plan.panels.ragged())
      return rows(false);
    ifLess(panel, index(plan.panels.panels - 1), [&] { rows(false); }, [&] { rows(true); });
  }

  /// A tile of as many rows as are left from `firstRow` on. Tiles of several heights are there, so
  /// that few rows do not cost what many do; rows beyond the last one repeat it and are not stored.
  void dynamicRows(Value firstRow, Value panel, bool last) {
    Value left = ix.sub(loc, index(problem.m), firstRow);
    SmallVector<int64_t> heights;
    for (int64_t rows : {1, 2, 4, 8})
      if (rows < plan.split.rows)
        heights.push_back(rows);
    auto few = [&](auto &self, ArrayRef<int64_t> from) -> void {
      if (from.empty())
        return tile(firstRow, plan.split.rows, panel, last, /*clamped=*/true);
      ifLess(
          left, index(from.front() + 1),
          [&] { tile(firstRow, from.front(), panel, last, /*clamped=*/from.front() > 2); },
          [&] { self(self, from.drop_front()); });
    };
    ifLess(
        left, index(plan.split.rows), [&] { few(few, heights); },
        [&] { tile(firstRow, plan.split.rows, panel, last); });
  }

  /// Copies panel [k, column] of the right-hand side into the scratch, zeros beyond the last
  /// column.
  void gatherPanel(Value panel) {
    auto copy = [&](bool last) {
      Value first = mul(panel, plan.panels.width());
      for (auto [j, count] : llvm::enumerate(plan.panels.storedLanes(last))) {
        Value column = add(first, int64_t(j) * lanes);
        DimExpr whole = 0; // of k, in squares of lanes elements, contiguous along k
        if (problem.rhsView && problem.rhsView->strides.end()[-2] == DimExpr(1) && count == lanes &&
            llvm::isPowerOf2_64(lanes))
          whole = DimExpr::floorDiv(problem.k, lanes) * DimExpr(lanes);
        if (whole != DimExpr(0))
          loop(index(0), index(whole), lanes,
               [&](Value k) { transposeBlock(k, column, int64_t(j) * lanes, last); });
        loop(index(whole), index(problem.k), 1, [&](Value k) {
          Value to = add(mul(k, plan.panels.width()), int64_t(j) * lanes);
          for (int64_t l = 0; l < count; ++l)
            memref::StoreOp::create(b, loc, rhsElement(k, inside(add(column, l), last)), rhsFlat,
                                    add(to, l));
        });
      }
    };
    if (!plan.panels.ragged())
      return copy(false);
    ifLess(panel, index(plan.panels.panels - 1), [&] { copy(false); }, [&] { copy(true); });
  }

  /// A column of the right-hand side that is read: the last one in place of those beyond it.
  Value inside(Value column, bool last) {
    return last && plan.panels.dynamic() ? ix.min(loc, column, problem.n - DimExpr(1)) : column;
  }

  /// Copies elements [k, k + lanes) of columns [column, column + lanes) to `offset` in the panel's
  /// rows.
  void transposeBlock(Value k, Value column, int64_t offset, bool last) {
    SmallVector<Value> rows, at(batch);
    at.append({k, Value()});
    Value base = linear(*problem.rhsView, at);
    for (int64_t l = 0; l < lanes; ++l) {
      Value offset = mul(inside(add(column, l), last), problem.rhsView->strides.back());
      rows.push_back(
          loadVector(flat(problem.rhsView->argument), add(base, offset), lanes, isUnsigned[1]));
    }
    rows = transposeSquare(rows);
    Value to = add(mul(k, plan.panels.width()), offset);
    for (int64_t l = 0; l < lanes; ++l)
      vector::StoreOp::create(b, loc, rows[l], rhsFlat, add(to, l * plan.panels.width()));
  }

  Value rhsElement(Value k, Value n) {
    if (problem.rhsView) {
      SmallVector<Value> at(batch);
      at.append({k, n});
      return widen(memref::LoadOp::create(b, loc, flat(problem.rhsView->argument),
                                          linear(*problem.rhsView, at)),
                   isUnsigned[1]);
    }
    return widen(inliner.emit(problem.rhs,
                              operandIndices(problem.rhs, problem.rhsTransposed ? n : k,
                                             problem.rhsTransposed ? k : n),
                              1),
                 isUnsigned[1]);
  }
  Value lhsElement(Value m, Value k) {
    return widen(inliner.emit(problem.lhs, operandIndices(problem.lhs, m, k), 1), isUnsigned[0]);
  }
  /// Indices into a graph operand: the batch's dims aligned at the right, then two more.
  SmallVector<Value> operandIndices(Value operand, Value x, Value y) {
    ArrayRef<int64_t> shape = shapeOf(operand);
    SmallVector<Value> at;
    size_t own = shape.size() - 2;
    for (size_t d = 0; d < own; ++d)
      at.push_back(shape[d] == 1 || batch.empty() ? index(0) : batch[batch.size() - own + d]);
    at.append({x, y});
    return at;
  }

  void tile(Value firstRow, int64_t rows, Value panel, bool last, bool clamped = false) {
    if (plan.rhs == RhsKind::Dot)
      return dotTile(firstRow, rows, panel, last);
    bool masked = last && plan.panels.dynamic();
    SmallVector<int64_t> stored = plan.panels.storedLanes(last);
    Value column = mul(panel, plan.panels.width()), end = masked ? index(problem.n) : Value();
    SmallVector<Value> first = initialSums(problem.bias, column, lanes, stored, end), sums, masks;
    for (int64_t i = 0; i < rows; ++i)
      sums.append(first);
    for (int64_t j = 0; j < int64_t(stored.size()); ++j)
      masks.push_back(masked ? lanesBelow(add(column, j * lanes), end, lanes) : Value());

    // Rows that are read, and linear offsets at k = 0: of each row, or of the first one when the
    // others lie at constant distances.
    SmallVector<Value> from, lhsBases, at(batch);
    Value rhsBase;
    DimExpr lhsStep = 0, rhsStep = plan.panels.width();
    std::optional<int64_t> lhsRow;
    for (int64_t i = 0; i < rows; ++i) {
      from.push_back(add(firstRow, i));
      if (clamped && i > 0)
        from[i] = ix.min(loc, from[i], problem.m - DimExpr(1));
    }
    if (problem.lhsView) {
      const DimExpr &stride = problem.lhsView->strides.end()[-2];
      lhsStep = problem.lhsView->strides.back();
      at.append({firstRow, Value()});
      lhsBases.push_back(linear(*problem.lhsView, at));
      if (!clamped)
        lhsRow = stride.constant();
      for (int64_t i = 1; i < rows && !lhsRow; ++i)
        lhsBases.push_back(add(lhsBases[0], mul(ix.sub(loc, from[i], firstRow), stride)));
    }
    if (plan.rhs == RhsKind::Packed) {
      rhsBase = mul(panel, problem.k * DimExpr(plan.panels.width()));
    } else if (plan.rhs == RhsKind::Rows) {
      at = batch;
      at.append({Value(), column});
      rhsBase = linear(*problem.rhsView, at);
      rhsStep = problem.rhsView->strides.end()[-2];
    } else {
      rhsBase = index(0);
    }
    auto left = [&](int64_t i, Value k) -> Value {
      if (problem.lhsView) {
        Value offset = lhsRow ? add(add(lhsBases[0], mul(k, lhsStep)), i * *lhsRow)
                              : add(lhsBases[i], mul(k, lhsStep));
        return loadSplat(flat(problem.lhsView->argument), offset, lanes, isUnsigned[0]);
      }
      return vector::BroadcastOp::create(b, loc, VectorType::get({lanes}, sumType),
                                         lhsElement(from[i], k));
    };
    auto right = [&](int64_t j, Value k) {
      bool padded = plan.rhs != RhsKind::Rows;
      Value at = add(add(rhsBase, mul(k, rhsStep)), j * lanes);
      return grow(loadVector(rhsFlat, at, padded ? lanes : stored[j], isUnsigned[1],
                             padded ? Value() : masks[j]),
                  lanes);
    };
    sums = multiplyTile(rows, index(problem.k), sums, left, right);
    finishTile(rows, stored, lanes, sums,
               [&](Value row, Value offset, int64_t storedLanes, Value sum) {
                 SmallVector<Value> to(batch);
                 to.append({add(firstRow, row), add(column, offset)});
                 Value mask = masked ? lanesBelow(to.back(), end, lanes) : Value();
                 auto store = [&] { finish(to, storedLanes, sum, {}, mask); };
                 if (!clamped)
                   return store();
                 ifLess(to.end()[-2], index(problem.m), store, [] {});
               });
  }

  /// Both operands contiguous along k: `rows` x the panel's columns sums of vectors along k.
  void dotTile(Value firstRow, int64_t rows, Value panel, bool last) {
    int64_t columns = plan.panels.storedLanes(last)[0], wide = machine.lanes(sumType);
    Value column = mul(panel, plan.panels.width());
    SmallVector<Value> lhsAt(batch), rhsAt(batch);
    lhsAt.append({firstRow, Value()});
    rhsAt.append({Value(), column});
    Value lhsBase = linear(*problem.lhsView, lhsAt), rhsBase = linear(*problem.rhsView, rhsAt);
    const DimExpr &lhsRow = problem.lhsView->strides.end()[-2],
                  &rhsColumn = problem.rhsView->strides.back();
    int64_t depth = *problem.k.constant();
    Value lhsFlat = flat(problem.lhsView->argument);
    // Columns beyond the last one of a dynamic number repeat it and are not stored.
    bool masked = last && plan.panels.dynamic();
    SmallVector<Value> offsets;
    for (int64_t n = 0; n < columns; ++n)
      offsets.push_back(masked ? mul(ix.sub(loc, inside(add(column, n), last), column), rhsColumn)
                               : index(DimExpr(n) * rhsColumn));
    // One step: `count` products for every sum.
    auto step = [&](Value k, int64_t count, ValueRange sums) {
      SmallVector<Value> x, next;
      for (int64_t i = 0; i < rows; ++i)
        x.push_back(
            loadVector(lhsFlat, add(add(lhsBase, k), DimExpr(i) * lhsRow), count, isUnsigned[0]));
      for (int64_t n = 0; n < columns; ++n) {
        Value y = loadVector(rhsFlat, add(add(rhsBase, k), offsets[n]), count, isUnsigned[1]);
        for (int64_t i = 0; i < rows; ++i)
          next.push_back(multiplyAdd(x[i], y, sums[n * rows + i]));
      }
      return next;
    };
    auto fold = [&](Value vector, Value start) -> Value {
      if (isa<IntegerType>(sumType))
        return vector::ReductionOp::create(b, loc, vector::CombiningKind::ADD, vector, start);
      return vector::ReductionOp::create(b, loc, vector::CombiningKind::ADD, vector, start,
                                         arith::FastMathFlags::reassoc);
    };
    int64_t whole = depth / wide * wide;
    SmallVector<Value> sums(rows * columns, zero(wide));
    sums = loop(index(0), index(whole), wide, sums,
                [&](Value k, ValueRange carried) { return step(k, wide, carried); });
    Value nothing = arith::ConstantOp::create(b, loc, b.getZeroAttr(sumType));
    SmallVector<Value> rest;
    if (depth > whole)
      rest = step(index(whole), depth - whole,
                  SmallVector<Value>(rows * columns, zero(depth - whole)));
    Value end = masked ? index(problem.n) : Value();
    Value bias = initialSums(problem.bias, column, columns, {columns}, end)[0];
    for (int64_t i = 0; i < rows; ++i) {
      SmallVector<Value> scalars;
      for (int64_t n = 0; n < columns; ++n) {
        Value scalar = fold(sums[n * rows + i], nothing);
        scalars.push_back(rest.empty() ? scalar : fold(rest[n * rows + i], scalar));
      }
      Value vector =
          vector::FromElementsOp::create(b, loc, VectorType::get({columns}, sumType), scalars);
      if (problem.bias)
        vector = addSums(vector, bias);
      SmallVector<Value> to(batch);
      to.append({add(firstRow, i), column});
      finish(to, columns, vector, {}, masked ? lanesBelow(column, end, columns) : Value());
    }
  }

  const GemmProblem &problem;
  const GemmPlan &plan;
  int64_t lanes;
  bool isUnsigned[2];
  SmallVector<Value> batch;
  Value rhsFlat;
};

class GemmStrategy : public Strategy {
public:
  StringRef kind() const override { return "gemm"; }

  Claim claim(Operation *op, const Isa &isa) const override {
    if (!isa_and_nonnull<MatmulOp>(op))
      return Claim::no("not a matrix product");
    return Claim::yes();
  }

  std::optional<Choice> select(const KernelBody &kernel, const Isa &isa,
                               DictionaryAttr overrides) const override {
    auto problem = describeGemm(kernel);
    if (!problem)
      return std::nullopt;
    RhsKind rhs = RhsKind::Gather;
    auto argument = dyn_cast<BlockArgument>(problem->rhs);
    if (argument && kernel.constant[argument.getArgNumber()] && argument.hasOneUse() &&
        product(extentsOf(problem->rhs)) == problem->k * problem->n)
      rhs = RhsKind::Packed; // a constant: k and n are numbers
    else if (problem->rhsView && problem->rhsView->strides.back() == DimExpr(1))
      rhs = RhsKind::Rows;
    else if (dotFits(*problem) && *problem->m.constant() <= 4)
      rhs = RhsKind::Dot;
    DimBounds bounds = dimBounds(kernel.func);
    if (rangeOf(problem->k, bounds).high > kMostDepth)
      return std::nullopt;
    GemmPlan plan = makePlan(*problem, bounds, isa, rhs, overrides);
    Choice choice;
    choice.parameters = makeParameters(
        kernel.func.getContext(), kind(),
        {{"lanes", plan.panels.lanes},
         {"mr", plan.split.rows},
         {"nv", plan.panels.vectors},
         {"rows_outer", plan.rowsOuter},
         {"row_group", plan.rowGroup},
         {"panel_group", plan.panelGroup},
         {"rhs", int64_t(rhs)},
         {"epilogue_loop", parameter(overrides, "epilogue_loop", hasLongEpilogue(kernel))}});
    for (const DimExpr &extent : plan.tiles(problem->batch))
      choice.tiles.push_back(rangeOf(extent, bounds).high);
    choice.inPlace = kernel.inPlacePairs();
    if (rhs == RhsKind::Packed)
      choice.packings.push_back(pack(*problem, argument, plan.panels));
    return choice;
  }

  FailureOr<Emitted> emit(OpBuilder &builder, KernelBody &kernel, const Isa &isa,
                          DictionaryAttr parameters, StringRef name) const override {
    auto problem = describeGemm(kernel);
    if (!problem) {
      kernel.func.emitError("strategy 'gemm' does not fit this kernel");
      return failure();
    }
    auto rhs = static_cast<RhsKind>(parameter(parameters, "rhs", int64_t(RhsKind::Gather)));
    GemmPlan plan = makePlan(*problem, dimBounds(kernel.func), isa, rhs, parameters);
    if (rhs == RhsKind::Packed) {
      auto argument = unpackedFrom(problem->rhs);
      SmallVector<DimExpr> shape{plan.panels.panels, problem->k, plan.panels.width()};
      if (!argument || extentsOf(argument) != shape) {
        kernel.func.emitError(
            "strategy 'gemm' expects its right-hand side packed as [panels, k, columns]");
        return failure();
      }
    } else if (rhs == RhsKind::Rows &&
               !(problem->rhsView && problem->rhsView->strides.back() == DimExpr(1))) {
      kernel.func.emitError("strategy 'gemm' expects a right-hand side with contiguous columns");
      return failure();
    }
    if (rhs == RhsKind::Dot && !dotFits(*problem)) {
      kernel.func.emitError("strategy 'gemm' expects operands that are contiguous along k");
      return failure();
    }
    if (problem->collapsed)
      collapseEpilogue(kernel, problem->m, problem->n);
    Emitter emitter(builder, kernel, isa, name, *problem, plan);
    emitter.rollEpilogue = parameter(parameters, "epilogue_loop", 0);
    emitter.run();
    return Emitted{emitter.shell, product(plan.tiles(problem->batch))};
  }

private:
  static bool dotFits(const GemmProblem &problem) {
    return problem.lhsView && problem.rhsView && problem.lhsView->strides.back() == DimExpr(1) &&
           problem.rhsView->strides.end()[-2] == DimExpr(1) && problem.m.isConstant() &&
           problem.k.isConstant();
  }

  static Packing pack(const GemmProblem &problem, BlockArgument argument, const Panels &panels) {
    MLIRContext *context = argument.getContext();
    Packing packing{argument.getArgNumber(), {}};
    auto add = [&](StepKind kind, ArrayRef<int64_t> values) {
      packing.steps.push_back(StepAttr::get(context, kind, values, Attribute()));
    };
    int64_t count = *panels.panels.constant(), padded = count * panels.width(),
            n = *problem.n.constant(), k = *problem.k.constant();
    SmallVector<int64_t> matrix =
        problem.rhsTransposed ? SmallVector<int64_t>{n, k} : SmallVector<int64_t>{k, n};
    if (shapeOf(argument) != ArrayRef(matrix))
      add(StepKind::Reshape, matrix);
    if (problem.rhsTransposed) {
      if (padded != n)
        add(StepKind::Pad, {padded - n, 0});
      add(StepKind::Reshape, {count, panels.width(), k});
      add(StepKind::Transpose, {0, 2, 1});
    } else {
      if (padded != n)
        add(StepKind::Pad, {0, padded - n});
      add(StepKind::Reshape, {k, count, panels.width()});
      add(StepKind::Transpose, {1, 0, 2});
    }
    return packing;
  }
};

} // namespace

void registerGemmStrategy(StrategyRegistry &registry) {
  registry.add(std::make_unique<GemmStrategy>());
}

} // namespace ingot::cpu
