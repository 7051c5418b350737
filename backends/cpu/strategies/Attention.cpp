// The `attention` strategy: a block of query rows at a time, so that scores never are a tensor.
//
// A tile of the launch is a block of rows of one head. It goes over blocks of keys: the keys are
// packed transposed into the worker's scratch, then each register tile of rows computes its scores
// (a small matrix in scratch), their exponentials, and the product with the values. When there are
// several blocks of keys the sums are relative to the greatest score so far, and are scaled down
// when a greater one comes: Milakov and Gimelshein, "Online normalizer calculation for softmax"
// (2018); Dao et al., "FlashAttention" (2022). Scratch depends on the blocks, not on the number of
// keys.
#include "backends/cpu/strategies/Attention.h"
#include "backends/common/EmitHelpers.h"
#include "backends/common/MathFunctions.h"
#include "backends/cpu/Strategy.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <limits>
#include <numeric>

using namespace mlir;

namespace ingot::cpu {
namespace {

/// Query rows up to which a product is made of dot products along the keys as they lie: packing
/// keys for so few rows costs more than it saves, and their scores are a small tensor.
constexpr int64_t kFewRows = 4;

class Emitter : public ContractionEmitter {
public:
  Emitter(OpBuilder &builder, KernelBody &kernel, const Isa &isa, StringRef name,
          const AttentionProblem &problem, const AttentionPlan &plan)
      : ContractionEmitter(builder, kernel, isa, name), problem(problem), plan(plan),
        rows(plan.rows.rows), lanes(plan.keys.lanes),
        several(rangeOf(plan.blocks(), dimBounds(kernel.func)).high > 1) {}

  void run() {
    query = buffer(plan.tileRows() * problem.depth);
    keys = buffer(plan.blockKeys() * problem.depth);
    scores = buffer(rows * plan.blockKeys());
    tops = buffer(rows);
    factors = buffer(rows);
    if (several) {
      peaks = buffer(plan.tileRows());
      totals = buffer(plan.tileRows());
      sums = buffer(plan.tileRows() * resultWidth());
    }
    shell->setAttr(scratchAttr, b.getI64IntegerAttr(scratchBytes));
    loop(arguments.begin, arguments.end, 1, [&](Value tile) {
      SmallVector<Value> at = ix.delinearize(loc, tile, plan.tiles(problem));
      batch = at[0], head = at[1], keyHead = ix.div(loc, at[1], problem.group);
      firstRow = mul(at[2], plan.tileRows());
      rowTiles = index(plan.rowGroup);
      if (DimExpr::mod(plan.rows.tiles, plan.rowGroup) != DimExpr(0))
        rowTiles =
            ix.min(loc, rowTiles, ix.sub(loc, index(plan.rows.tiles), mul(at[2], plan.rowGroup)));
      packQuery();
      if (several)
        start();
      // A causal block of rows needs no keys after its last row.
      Value keyEnd = index(problem.keys);
      if (problem.op.getCausal())
        keyEnd = ix.min(loc, keyEnd, add(firstRow, mul(rowTiles, rows)));
      if (!several)
        return block(index(0), keyEnd);
      loop(index(0), keyEnd, plan.blockKeys(), [&](Value firstKey) { block(firstKey, keyEnd); });
      loop(index(0), rowTiles, 1, [&](Value tile) { finishRows(mul(tile, rows)); });
    });
  }

private:
  /// Working memory of `elements` sums.
  Value buffer(int64_t elements) {
    Value view = scratchView(b, loc, arguments.scratch, scratchBytes, elements, sumType);
    scratchBytes += llvm::alignTo(elements * sumType.getIntOrFloatBitWidth() / 8, 64);
    return view;
  }

  Value number(double value) {
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(sumType, value));
  }
  Value spread(Value scalar) {
    return vector::BroadcastOp::create(b, loc, VectorType::get({lanes}, sumType), scalar);
  }
  Value lowest() { return number(-std::numeric_limits<double>::infinity()); }
  /// The greater one of x and y; y when x is NaN.
  Value greater(Value x, Value y) {
    Value is = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, x, y);
    return arith::SelectOp::create(b, loc, is, x, y);
  }
  /// The greatest lane.
  Value greatestOf(Value vector) {
    for (int64_t half = lanes / 2; half; half /= 2) {
      SmallVector<int64_t> low(half), high(half);
      std::iota(low.begin(), low.end(), 0);
      std::iota(high.begin(), high.end(), half);
      vector = greater(vector::ShuffleOp::create(b, loc, vector, vector, low),
                       vector::ShuffleOp::create(b, loc, vector, vector, high));
    }
    return vector::ExtractOp::create(b, loc, vector, ArrayRef<int64_t>{0});
  }
  /// e^x of the difference of a score and a greater one.
  Value exponential(Value x) {
    return functions::expOfNegative(MathBuilder(b, loc, x.getType()), x);
  }
  Value load(Value buffer, Value at) { return memref::LoadOp::create(b, loc, buffer, at); }
  void put(Value value, Value buffer, Value at) {
    if (isa<VectorType>(value.getType()))
      vector::StoreOp::create(b, loc, value, buffer, at);
    else
      memref::StoreOp::create(b, loc, value, buffer, at);
  }

  /// `count` elements of a graph operand along its last dim, as a vector of that many sums.
  Value read(Value tensor, ArrayRef<Value> at, int64_t count) {
    Value value = widen(inliner.emit(tensor, inliner.point(at, count), count), false);
    if (isa<VectorType>(value.getType()))
      return value;
    return vector::BroadcastOp::create(b, loc, VectorType::get({1}, sumType), value);
  }

  /// The tile's rows of the query, scaled, together. Rows beyond the last one repeat it: their
  /// results are not stored.
  void packQuery() {
    double factor = problem.op.getScale().convertToDouble();
    loop(index(0), mul(rowTiles, rows), 1, [&](Value row) {
      SmallVector<Value> at{batch, head, queryRow(add(firstRow, row)), Value()};
      auto copy = [&](Value d, int64_t count) {
        at[3] = d;
        Value vector = read(problem.op.getQuery(), at, count);
        if (factor != 1)
          vector = arith::MulFOp::create(
              b, loc, vector,
              vector::BroadcastOp::create(b, loc, vector.getType(), number(factor)));
        put(vector, query, add(mul(row, problem.depth), d));
      };
      int64_t whole = problem.depth / lanes * lanes;
      loop(index(0), index(whole), lanes, [&](Value d) { copy(d, lanes); });
      if (whole < problem.depth)
        copy(index(whole), problem.depth - whole);
    });
  }
  /// Elements of a row of the result, in whole panels.
  int64_t resultWidth() const { return *plan.columns.panels.constant() * plan.columns.width(); }
  Value queryRow(Value row) {
    return ragged() ? ix.min(loc, row, problem.queries - DimExpr(1)) : row;
  }
  /// Whether register tiles reach beyond the last query row.
  bool ragged() const { return plan.rows.tiles * DimExpr(rows) != problem.queries; }

  void start() {
    loop(index(0), mul(rowTiles, rows), 1, [&](Value row) {
      put(lowest(), peaks, row);
      put(number(0), totals, row);
    });
    int64_t width = resultWidth();
    loop(index(0), mul(rowTiles, rows * width), lanes, [&](Value i) { put(zero(lanes), sums, i); });
  }

  /// What keys [firstKey, …) of one block, up to `keyEnd`, give to all rows of the tile.
  void block(Value firstKey, Value keyEnd) {
    Value count = ix.sub(loc, keyEnd, firstKey);
    if (several)
      count = ix.min(loc, count, plan.blockKeys());
    packKeys(firstKey, vectorsOf(count));
    loop(index(0), rowTiles, 1, [&](Value tile) {
      Value row = mul(tile, rows);
      if (!problem.op.getCausal())
        return rowTile(row, firstKey, count);
      Value below = ix.sub(loc, add(add(firstRow, row), rows), firstKey);
      ifLess(index(0), below, [&] { rowTile(row, firstKey, ix.min(loc, count, below)); }, [] {});
    });
  }
  Value vectorsOf(Value count) { return ix.div(loc, add(count, lanes - 1), lanes); }

  /// Transposes vectors of keys into panels [key panel, depth, key]. Keys beyond the last one
  /// repeat it: their scores are overwritten.
  void packKeys(Value firstKey, Value vectors) {
    loop(index(0), vectors, 1, [&](Value v) {
      Value first = add(firstKey, mul(v, lanes));
      Value panel = ix.div(loc, v, plan.keys.vectors), inPanel = ix.rem(loc, v, plan.keys.vectors);
      Value to = add(mul(panel, problem.depth * plan.keys.width()), mul(inPanel, lanes));
      SmallVector<SmallVector<Value>> at;
      for (int64_t l = 0; l < lanes; ++l) {
        Value key = add(first, l);
        if (DimExpr::mod(problem.keys, lanes) != DimExpr(0))
          key = ix.min(loc, key, problem.keys - DimExpr(1));
        at.push_back({batch, keyHead, key, Value()});
      }
      int64_t whole = lanes > 1 ? problem.depth / lanes * lanes : 0;
      loop(index(0), index(whole), lanes, [&](Value d) {
        SmallVector<Value> square;
        for (SmallVector<Value> &key : at) {
          key[3] = d;
          square.push_back(read(problem.op.getKey(), key, lanes));
        }
        square = transposeSquare(square);
        for (auto [l, row] : llvm::enumerate(square))
          put(row, keys, add(to, mul(add(d, l), plan.keys.width())));
      });
      loop(index(whole), index(problem.depth), 1, [&](Value d) {
        for (auto [l, key] : llvm::enumerate(at)) {
          key[3] = d;
          put(read(problem.op.getKey(), key, 1), keys, add(add(to, mul(d, plan.keys.width())), l));
        }
      });
    });
  }

  /// One register tile of rows, from `row` of the tile: `count` keys from `firstKey`.
  void rowTile(Value row, Value firstKey, Value count) {
    Value firstPanel = ix.div(loc, firstKey, plan.keys.width());
    Value panels = ix.div(loc, add(count, plan.keys.width() - 1), plan.keys.width());
    loop(index(0), panels, 1, [&](Value panel) {
      if (!plan.keys.ragged())
        return scorePanel(row, panel, firstPanel, false);
      ifLess(
          add(firstPanel, panel), index(plan.keys.panels - DimExpr(1)),
          [&] { scorePanel(row, panel, firstPanel, false); },
          [&] { scorePanel(row, panel, firstPanel, true); });
    });
    weigh(row, vectorsOf(count));
    loop(index(0), index(plan.columns.panels), 1, [&](Value panel) {
      if (!plan.columns.ragged())
        return resultPanel(row, panel, firstKey, count, false);
      ifLess(
          panel, index(plan.columns.panels - DimExpr(1)),
          [&] { resultPanel(row, panel, firstKey, count, false); },
          [&] { resultPanel(row, panel, firstKey, count, true); });
    });
  }

  /// Scores of the rows from `row` and one panel of the block's keys, masked.
  void scorePanel(Value row, Value panel, Value firstPanel, bool last) {
    SmallVector<int64_t> stored = plan.keys.storedLanes(last);
    SmallVector<Value> tile(rows * stored.size(), zero(lanes));
    Value left = mul(row, problem.depth), right = mul(panel, problem.depth * plan.keys.width());
    tile = multiplyTile(
        rows, index(problem.depth), tile,
        [&](int64_t i, Value d) {
          return loadSplat(query, add(add(left, i * problem.depth), d), lanes);
        },
        [&](int64_t j, Value d) {
          return loadVector(keys, add(add(right, mul(d, plan.keys.width())), j * lanes), lanes);
        });
    Value column = mul(add(firstPanel, panel), plan.keys.width()),
          to = mul(panel, plan.keys.width());
    for (int64_t i = 0; i < rows; ++i)
      for (auto [j, count] : llvm::enumerate(stored)) {
        Value score = masked(tile[i * stored.size() + j], add(add(firstRow, row), i),
                             add(column, int64_t(j) * lanes), count, last);
        put(score, scores, add(to, i * plan.blockKeys() + int64_t(j) * lanes));
      }
  }

  /// Scores of a row and `count` keys from `key`, with -inf in what is left out. The last panel of
  /// a dynamic number of keys ends where the keys end.
  Value masked(Value score, Value row, Value key, int64_t count, bool last) {
    Value none = spread(lowest());
    Value there =
        last && plan.keys.dynamic() ? lanesBelow(key, index(problem.keys), lanes) : Value();
    auto flags = VectorType::get({lanes}, b.getI1Type());
    if (Value mask = problem.op.getMask()) {
      SmallVector<Value> at{batch, head, queryRow(row), key};
      at.erase(at.begin(), at.end() - cast<RankedTensorType>(mask.getType()).getRank());
      Value value = inliner.emit(mask, inliner.point(at, count), count, there);
      if (!isa<VectorType>(value.getType()))
        value = vector::BroadcastOp::create(b, loc, VectorType::get({1}, value.getType()), value);
      value = grow(value, lanes);
      if (value.getType() == flags)
        score = arith::SelectOp::create(b, loc, value, score, none);
      else
        score = arith::AddFOp::create(b, loc, score, widen(value, false));
    }
    auto i32 = VectorType::get({lanes}, b.getI32Type());
    SmallVector<int32_t> steps(lanes);
    std::iota(steps.begin(), steps.end(), 0);
    auto keepUpTo = [&](Value last) { // the lane that counts last
      Value lane = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(i32, ArrayRef(steps)));
      Value keep = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, lane,
                                         vector::BroadcastOp::create(b, loc, i32, last));
      score = arith::SelectOp::create(b, loc, keep, score, none);
    };
    if (problem.op.getCausal())
      keepUpTo(arith::IndexCastOp::create(b, loc, b.getI32Type(), ix.sub(loc, row, key)));
    if (there)
      score = arith::SelectOp::create(b, loc, there, score, none);
    if (count < lanes)
      keepUpTo(arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(count - 1)));
    return score;
  }

  /// Turns the scores of a register tile's rows into exponentials. `factors` become what the rows'
  /// former sums are to be multiplied by; with one block of keys, what its sums are.
  void weigh(Value firstOfTile, Value vectors) {
    int64_t width = plan.blockKeys();
    SmallVector<Value> greatest(rows, spread(lowest()));
    greatest = loop(index(0), vectors, 1, greatest, [&](Value v, ValueRange carried) {
      SmallVector<Value> next;
      for (int64_t i = 0; i < rows; ++i)
        next.push_back(
            greater(loadVector(scores, add(mul(v, lanes), i * width), lanes), carried[i]));
      return next;
    });
    for (int64_t i = 0; i < rows; ++i)
      put(greatestOf(greatest[i]), tops, index(i));
    rolledLoop(rows, [&](Value i) {
      Value row = add(firstOfTile, i), top = load(tops, i), before;
      if (several) {
        before = load(peaks, row);
        top = greater(top, before);
        put(top, peaks, row);
      }
      // Nothing left: all exponentials are to be 0.
      Value empty = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, top, lowest());
      top = arith::SelectOp::create(b, loc, empty, number(0), top);
      Value peak = spread(top), from = mul(i, width);
      Value total = loop(index(0), vectors, 1, zero(lanes), [&](Value v, ValueRange carried) {
        Value at = add(from, mul(v, lanes));
        Value x = arith::SubFOp::create(b, loc, loadVector(scores, at, lanes), peak);
        x = exponential(x);
        put(x, scores, at);
        return SmallVector<Value>{arith::AddFOp::create(b, loc, carried[0], x)};
      })[0];
      total = vector::ReductionOp::create(b, loc, vector::CombiningKind::ADD, total,
                                          arith::FastMathFlags::reassoc);
      if (!several)
        return put(inverse(total), factors, i);
      Value factor = exponential(arith::SubFOp::create(b, loc, before, top));
      put(factor, factors, i);
      put(arith::AddFOp::create(b, loc, arith::MulFOp::create(b, loc, load(totals, row), factor),
                                total),
          totals, row);
    });
  }

  /// 1 / total; 1 for a row without anything left.
  Value inverse(Value total) {
    Value none = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, total, number(0));
    total = arith::SelectOp::create(b, loc, none, number(1), total);
    return arith::DivFOp::create(b, loc, number(1), total);
  }

  /// Adds the block's exponentials times values to one panel of the rows' sums.
  void resultPanel(Value row, Value panel, Value firstKey, Value count, bool last) {
    SmallVector<int64_t> stored = plan.columns.storedLanes(last);
    Value column = mul(panel, plan.columns.width());
    int64_t width = resultWidth();
    auto place = [&](int64_t i, int64_t j) {
      return add(add(mul(add(row, i), width), column), j * lanes);
    };
    SmallVector<Value> tile;
    for (int64_t i = 0; i < rows; ++i) {
      Value factor = several ? loadSplat(factors, index(i), lanes) : Value();
      for (int64_t j = 0; j < int64_t(stored.size()); ++j)
        tile.push_back(several ? Value(arith::MulFOp::create(
                                     b, loc, loadVector(sums, place(i, j), lanes), factor))
                               : zero(lanes));
    }
    tile = multiplyTile(
        rows, count, tile,
        [&](int64_t i, Value k) { return loadSplat(scores, add(k, i * plan.blockKeys()), lanes); },
        [&](int64_t j, Value k) {
          SmallVector<Value> at{batch, keyHead, add(firstKey, k), add(column, j * lanes)};
          return grow(read(problem.op.getValue(), at, stored[j]), lanes);
        });
    if (!several)
      return storePanel(row, column, stored, tile, factors, index(0));
    for (auto [n, sum] : llvm::enumerate(tile))
      put(sum, sums, place(n / stored.size(), n % stored.size()));
  }

  /// Finishes a register tile's rows whose sums are in scratch.
  void finishRows(Value row) {
    rolledLoop(rows, [&](Value i) {
      Value at = add(row, i);
      put(inverse(load(totals, at)), totals, at);
    });
    int64_t width = resultWidth();
    loop(index(0), index(plan.columns.panels), 1, [&](Value panel) {
      auto finish = [&](bool last) {
        SmallVector<int64_t> stored = plan.columns.storedLanes(last);
        SmallVector<Value> tile;
        Value column = mul(panel, plan.columns.width());
        for (int64_t i = 0; i < rows; ++i)
          for (int64_t j = 0; j < int64_t(stored.size()); ++j)
            tile.push_back(
                loadVector(sums, add(add(mul(add(row, i), width), column), j * lanes), lanes));
        storePanel(row, column, stored, tile, totals, row);
      };
      if (!plan.columns.ragged())
        return finish(false);
      ifLess(
          panel, index(plan.columns.panels - DimExpr(1)), [&] { finish(false); },
          [&] { finish(true); });
    });
  }

  /// Stores sums[i] * scales[firstScale + i] as rows of the result, through the epilogue.
  void storePanel(Value row, Value column, ArrayRef<int64_t> stored, ArrayRef<Value> tile,
                  Value scales, Value firstScale) {
    finishTile(rows, stored, lanes, tile, [&](Value i, Value offset, int64_t count, Value sum) {
      Value at = add(add(firstRow, row), i);
      auto store = [&] {
        Value scale = loadSplat(scales, add(firstScale, i), lanes);
        storeRow({batch, head, at, add(column, offset)}, count,
                 arith::MulFOp::create(b, loc, sum, scale));
      };
      if (!ragged())
        return store();
      ifLess(at, index(problem.queries), store, [] {});
    });
  }

  void storeRow(ArrayRef<Value> at, int64_t count, Value sum) {
    if (count == 1)
      sum = vector::ExtractOp::create(b, loc, sum, ArrayRef<int64_t>{0});
    else if (count != lanes)
      sum = vector::ExtractStridedSliceOp::create(b, loc, sum, {0}, {count}, {1});
    inliner.clearDefined();
    inliner.define(kernel.rootResult(), inliner.point(at, count), count, sum);
    SmallVector<Value> to;
    for (int64_t dim : problem.order)
      to.push_back(at[dim]);
    Point point = inliner.point(to, count);
    inliner.store(loc, inliner.emit(kernel.results[0], point, count), resultBuffers[0], point,
                  count);
  }

  const AttentionProblem &problem;
  const AttentionPlan &plan;
  int64_t rows, lanes;
  bool several; ///< blocks of keys
  int64_t scratchBytes = 0;
  // Scratch: the tile's query rows, a block's keys, a register tile's scores, their greatest, and
  // its factors; for several blocks the rows' greatest scores, sums of exponentials, and sums.
  Value query, keys, scores, tops, factors, peaks, totals, sums;
  // Of the tile: where it is, and how many register tiles of rows it has.
  Value batch, head, keyHead, firstRow, rowTiles;
};

class AttentionStrategy : public Strategy {
public:
  StringRef kind() const override { return "attention"; }

  Claim claim(Operation *op, const Isa &isa) const override {
    auto attention = dyn_cast<AttentionOp>(op);
    if (!attention)
      return Claim::no("not an attention");
    ArrayRef<int64_t> key = shapeOf(attention.getKey()), result = shapeOf(attention.getResult());
    bool few = !ShapedType::isDynamic(result[2]) && result[2] <= kFewRows;
    bool dynamicHeads = ShapedType::isDynamic(key[1]) || ShapedType::isDynamic(result[1]) ||
                        ShapedType::isDynamic(key[3]) || ShapedType::isDynamic(result[3]);
    if (!cast<RankedTensorType>(attention.getType()).getElementType().isF32() ||
        llvm::is_contained(key, 0) || llvm::is_contained(result, 0) || few || dynamicHeads)
      return Claim::no("is made of simpler operators");
    return Claim::yes();
  }

  std::optional<Choice> select(const KernelBody &kernel, const Isa &isa,
                               DictionaryAttr overrides) const override {
    auto problem = describeAttention(kernel);
    if (!problem)
      return std::nullopt;
    DimBounds bounds = dimBounds(kernel.func);
    AttentionPlan plan = planAttention(*problem, bounds, isa, overrides);
    Choice choice;
    choice.parameters = makeParameters(
        kernel.func.getContext(), kind(),
        {{"lanes", plan.keys.lanes},
         {"mr", plan.rows.rows},
         {"nv", plan.keys.vectors},
         {"nv_result", plan.columns.vectors},
         {"row_group", plan.rowGroup},
         {"panel_group", plan.panelGroup},
         {"epilogue_loop", parameter(overrides, "epilogue_loop", hasLongEpilogue(kernel))}});
    for (const DimExpr &extent : plan.tiles(*problem))
      choice.tiles.push_back(rangeOf(extent, bounds).high);
    return choice;
  }

  FailureOr<Emitted> emit(OpBuilder &builder, KernelBody &kernel, const Isa &isa,
                          DictionaryAttr parameters, StringRef name) const override {
    auto problem = describeAttention(kernel);
    if (!problem) {
      kernel.func.emitError("strategy 'attention' does not fit this kernel");
      return failure();
    }
    AttentionPlan plan = planAttention(*problem, dimBounds(kernel.func), isa, parameters);
    Emitter emitter(builder, kernel, isa, name, *problem, plan);
    emitter.rollEpilogue = parameter(parameters, "epilogue_loop", 0);
    emitter.run();
    return Emitted{emitter.shell, llvm::product_of(plan.tiles(*problem), DimExpr(1))};
  }
};

} // namespace

void registerAttentionStrategy(StrategyRegistry &registry) {
  registry.add(std::make_unique<AttentionStrategy>());
}

} // namespace ingot::cpu
