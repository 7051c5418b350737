// Reads kernels as attention, and chooses their tiles.
#include "backends/common/EmitHelpers.h"
#include "backends/common/Selection.h"
#include "backends/cpu/strategies/Attention.h"

using namespace mlir;

namespace ingot::cpu {
namespace {

/// Query rows in one tile of a launch, at most: all of them share the packed keys.
constexpr int64_t kTileRows = 256;
/// Keys in one block, at most.
constexpr int64_t kBlockKeys = 512;

/// Rows of the register tiles, and vectors of those of scores and of the result.
struct Tiles {
  int64_t rows = 1, keys = 1, columns = 1;
};

/// The tiles that take the least time by `stepCycles`. Each row tile streams all keys and values of
/// a block; the more rows it has, the less often.
Tiles chooseTiles(const AttentionProblem &problem, int64_t queries, int64_t keyCount, int64_t lanes,
                  const Isa &isa) {
  Tiles best;
  double bestCost = 0;
  // Panels of equal width, as far as the number of vectors permits.
  auto panels = [](int64_t all, int64_t most) {
    int64_t count = llvm::divideCeil(all, most);
    return std::pair(count, int64_t(llvm::divideCeil(all, count)));
  };
  for (int64_t most = std::min<int64_t>(16, queries); most > 0; --most) {
    Split split = Split::of(queries, most);
    // The fastest panels for that many rows, and their cycles.
    auto choose = [&](int64_t extent, int64_t depth) {
      std::pair<double, int64_t> least(0, 1);
      int64_t all = llvm::divideCeil(extent, lanes);
      for (int64_t v = 1; v <= std::min<int64_t>(8, all); ++v) {
        auto [count, vectors] = panels(all, v);
        if (v > 1 && !fitsRegisters(split.rows, vectors, isa))
          continue;
        double cycles = count * depth * stepCycles(split.rows, vectors, /*depth=*/1 << 20, isa);
        if (!fitsRegisters(split.rows, vectors, isa))
          cycles *= 4; // spills
        if (least.first == 0 || cycles < least.first)
          least = {cycles, vectors};
      }
      return least;
    };
    auto [scoreCycles, keys] = choose(keyCount, problem.depth);
    auto [resultCycles, columns] = choose(problem.columns, keyCount);
    double cost = *split.tiles.constant() * (scoreCycles + resultCycles);
    if (bestCost == 0 || cost < bestCost * 0.999) {
      bestCost = cost;
      best = {split.rows, keys, columns};
    }
  }
  return best;
}

} // namespace

std::optional<AttentionProblem> describeAttention(const KernelBody &kernel) {
  auto op = dyn_cast_or_null<AttentionOp>(kernel.root);
  if (!op || kernel.results.size() != 1)
    return std::nullopt;
  ArrayRef<int64_t> q = shapeOf(op.getQuery()), k = shapeOf(op.getKey()),
                    v = shapeOf(op.getValue());
  for (ArrayRef<int64_t> shape : {q, k, v})
    if (ShapedType::isDynamic(shape[1]) || ShapedType::isDynamic(shape[3]))
      return std::nullopt;
  SmallVector<DimExpr> extents = extentsOf(op.getQuery());
  AttentionProblem problem{op,          extents[0], q[1],
                           q[1] / k[1], extents[2], extentsOf(op.getKey())[2],
                           q[3],        v[3],       {0, 1, 2, 3}};
  Value last = kernel.results[0];
  if (auto transpose = last.getDefiningOp<TransposeOp>()) {
    problem.order.assign(transpose.getPerm().begin(), transpose.getPerm().end());
    last = transpose.getInput();
  }
  // What flows from the root keeps its shape up to there.
  llvm::SmallPtrSet<Value, 8> flowing{op.getResult()};
  for (Operation &member : kernel.func.front().without_terminator()) {
    bool follows = llvm::any_of(member.getOperands(), [&](Value x) { return flowing.contains(x); });
    if (!follows || (isa<TransposeOp>(member) && member.getResult(0) == kernel.results[0]))
      continue;
    if (!isa<ElementwiseOpInterface>(member) || !sameShape(member.getResult(0), op.getResult()))
      return std::nullopt;
    flowing.insert(member.getResult(0));
  }
  if (!flowing.contains(last) || problem.order.size() != 4 || problem.order.back() != 3)
    return std::nullopt;
  return problem;
}

AttentionPlan planAttention(const AttentionProblem &problem, const DimBounds &bounds,
                            const Isa &isa, DictionaryAttr overrides) {
  AttentionPlan plan;
  auto most = [&](const DimExpr &extent) { return rangeOf(extent, bounds).high; };
  int64_t queries = most(problem.queries), keys = most(problem.keys), batch = most(problem.batch);
  Type sum = accumulatorType(cast<RankedTensorType>(problem.op.getType()).getElementType());
  int64_t lanes = parameter(overrides, "lanes", isa.lanes(sum));
  Tiles chosen = chooseTiles(problem, queries, keys, lanes, isa);
  plan.rows = Split::of(problem.queries, parameter(overrides, "mr", chosen.rows));
  plan.keys = Panels::of(problem.keys, lanes, parameter(overrides, "nv", chosen.keys));
  plan.columns =
      Panels::of(problem.columns, lanes, parameter(overrides, "nv_result", chosen.columns));
  // Blocks of keys of about equal size.
  int64_t blocks = llvm::divideCeil(keys, kBlockKeys), rowTiles = most(plan.rows.tiles);
  plan.panelGroup =
      parameter(overrides, "panel_group", llvm::divideCeil(most(plan.keys.panels), blocks));
  // Work for eight threads, where there is enough of it.
  int64_t group = std::min(rowTiles, std::max<int64_t>(1, kTileRows / plan.rows.rows));
  while (group > 1 && batch * problem.heads * llvm::divideCeil(rowTiles, group) < 8 &&
         2.0 * group * plan.rows.rows * keys * (problem.depth + problem.columns) > 400e3)
    group = llvm::divideCeil(group, 2);
  group = llvm::divideCeil(rowTiles, llvm::divideCeil(rowTiles, group));
  plan.rowGroup = parameter(overrides, "row_group", group);
  return plan;
}

} // namespace ingot::cpu
