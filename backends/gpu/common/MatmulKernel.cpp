// The matmul kernel of GPUs; see MatmulKernel.h.
#include "backends/gpu/common/MatmulKernel.h"
#include "backends/common/KernelEmitter.h"
#include "backends/gpu/common/GpuKernels.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace ingot::gpu {

MatmulTile chooseMatmulTile(ArrayRef<int64_t> shape) {
  int64_t m = shape[shape.size() - 2], n = shape.back();
  MatmulTile tile;
  tile.rows = std::clamp<int64_t>(m, 1, tile.rows);
  while (tile.columns > 1 && tile.lanes * tile.columns / 2 >= n)
    tile.columns /= 2;
  return tile;
}

namespace {

/// Tiles along each dim, outermost first: batches, blocks of rows, blocks of columns, and within a
/// workgroup rows of tiles and lanes.
SmallVector<int64_t> tileSpace(ArrayRef<int64_t> shape, const MatmulTile &tile) {
  int64_t m = shape[shape.size() - 2], n = shape.back(), inner = kWorkgroup / tile.lanes;
  SmallVector<int64_t> space(shape.drop_back(2));
  space.append({llvm::divideCeilSigned(m, inner * tile.rows),
                llvm::divideCeilSigned(n, tile.lanes * tile.columns), inner, tile.lanes});
  return space;
}

class MatmulEmitter {
public:
  MatmulEmitter(KernelEmitter &k, MatmulOp op, const MatmulTile &tile)
      : k(k), math(k.inl.index()), op(op), tile(tile), shape(shapeOf(op.getResult())) {}

  void run() {
    locate();
    KernelEmitter::Values sums;
    for (int64_t i = 0; i < tile.rows; ++i)
      for (int64_t j = 0; j < tile.columns; ++j)
        sums.push_back(initial(j));
    int64_t depth = shapeOf(op.getLhs()).back();
    sums = k.loop(k.index(0), k.index(depth), 1, sums,
                  [&](Value step, ValueRange carried) { return accumulate(step, carried); });
    for (int64_t i = 0; i < tile.rows; ++i)
      for (int64_t j = 0; j < tile.columns; ++j)
        store(i, j, sums[i * tile.columns + j]);
  }

private:
  /// Finds this tile's batch, rows and columns. Those over the edge read the last one, and are not
  /// stored.
  void locate() {
    SmallVector<int64_t> space = tileSpace(shape, tile);
    SmallVector<Value> at = math.delinearize(k.loc(), k.arguments.begin, space);
    size_t batches = shape.size() - 2;
    batch.assign(at.begin(), at.begin() + batches);
    int64_t inner = kWorkgroup / tile.lanes, m = shape[batches], n = shape.back();
    Value row = math.add(k.loc(), math.mul(k.loc(), at[batches], inner), at[batches + 2]);
    row = math.mul(k.loc(), row, tile.rows);
    for (int64_t i = 0; i < tile.rows; ++i)
      rows.push_back(math.add(k.loc(), row, i));
    Value column = math.mul(k.loc(), at[batches + 1], tile.lanes * tile.columns);
    column = math.add(k.loc(), column, at[batches + 3]);
    for (int64_t j = 0; j < tile.columns; ++j)
      columns.push_back(math.add(k.loc(), column, j * tile.lanes));
    rowsFit = space[batches] * inner * tile.rows == m;
    columnsFit = space[batches + 1] * tile.lanes * tile.columns == n;
    auto clamp = [&](ArrayRef<Value> indices, bool fit, int64_t extent) {
      SmallVector<Value> inside;
      for (Value v : indices)
        inside.push_back(fit ? v : math.min(k.loc(), v, extent - 1));
      return inside;
    };
    safeRows = clamp(rows, rowsFit, m);
    safeColumns = clamp(columns, columnsFit, n);
  }

  Value initial(int64_t j) {
    if (Value bias = op.getBias())
      return k.read(bias, ArrayRef<Value>{safeColumns[j]}, 1);
    Type type = elementOf(op.getResult());
    return arith::ConstantOp::create(k.b, k.loc(), k.b.getZeroAttr(type));
  }

  /// An element of an operand; its leading dims stretch to the result's.
  Value element(Value operand, Value beforeLast, Value last) {
    ArrayRef<int64_t> extents = shapeOf(operand);
    size_t lead = extents.size() - 2;
    SmallVector<Value> at;
    for (size_t d = 0; d < lead; ++d)
      at.push_back(extents[d] == 1 ? k.index(0) : batch[batch.size() - lead + d]);
    at.append({beforeLast, last});
    return k.read(operand, at, 1);
  }

  KernelEmitter::Values accumulate(Value step, ValueRange carried) {
    KernelEmitter::Values left, right, next;
    for (Value row : safeRows)
      left.push_back(element(op.getLhs(), row, step));
    for (Value column : safeColumns)
      right.push_back(op.getTransposeB() ? element(op.getRhs(), column, step)
                                         : element(op.getRhs(), step, column));
    for (auto [i, a] : llvm::enumerate(left))
      for (auto [j, b] : llvm::enumerate(right))
        next.push_back(math::FmaOp::create(k.b, k.loc(), a, b, carried[i * tile.columns + j]));
    return next;
  }

  void store(int64_t i, int64_t j, Value sum) {
    auto write = [&] {
      SmallVector<Value> at(batch);
      at.append({rows[i], columns[j]});
      k.finish(at, 1, sum);
    };
    auto below = [&](Value index, int64_t extent) -> Value {
      return arith::CmpIOp::create(k.b, k.loc(), arith::CmpIPredicate::slt, index, k.index(extent));
    };
    Value inside;
    if (!rowsFit)
      inside = below(rows[i], shape[shape.size() - 2]);
    if (!columnsFit) {
      Value fits = below(columns[j], shape.back());
      inside = inside ? arith::AndIOp::create(k.b, k.loc(), inside, fits) : fits;
    }
    if (inside)
      k.ifThen(inside, write);
    else
      write();
  }

  KernelEmitter &k;
  IndexMath &math;
  MatmulOp op;
  const MatmulTile &tile;
  ArrayRef<int64_t> shape;
  SmallVector<Value> batch, rows, columns, safeRows, safeColumns;
  bool rowsFit = true, columnsFit = true;
};

} // namespace

int64_t countTiles(ArrayRef<int64_t> shape, const MatmulTile &tile) {
  int64_t count = 1;
  for (int64_t extent : tileSpace(shape, tile))
    count *= extent;
  return count;
}

LogicalResult emitMatmul(const KernelBody &kernel, func::FuncOp dest, const MatmulTile &tile) {
  KernelArguments arguments(kernel.func, dest);
  OpBuilder builder(dest.getBody().front().getTerminator());
  VectorInfo info{/*bytes=*/0};
  KernelEmitter k(builder, info, arguments, {}, countTiles(shapeOf(kernel.rootResult()), tile));
  k.at(kernel.root->getLoc());
  for (auto [argument, buffer] : llvm::zip_equal(kernel.func.getArguments(), arguments.operands))
    k.inl.bind(argument, buffer);
  Stage stage{kernel.root, {}};
  for (auto [result, buffer] : llvm::zip_equal(kernel.results, arguments.results))
    stage.outputs.push_back({result, buffer, /*needs=*/1});
  k.stage = &stage;
  MatmulEmitter(k, cast<MatmulOp>(kernel.root), tile).run();
  return failure(k.failed);
}

} // namespace ingot::gpu
