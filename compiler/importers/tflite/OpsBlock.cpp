// TFLite operators that trade space for depth or batch, on [N, H, W, C].
#include "compiler/importers/tflite/OpTable.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::tfliteimport;

using B = GraphBuilder;

static bool isImage(TfliteNode &n, Value value, int64_t block) {
  if (!value)
    return false;
  if (B::rank(value) == 4 && block > 0 && block < (1 << 20))
    return true;
  (void)n.error("has block size " + Twine(block) + " and shape " + shapeName(B::shape(value)));
  return false;
}

static LogicalResult spaceToDepth(TfliteNode &n) {
  auto *options = n.options<tflite::SpaceToDepthOptions>();
  Value value = n.moved(0);
  int64_t s = options ? options->block_size() : 0;
  if (!options || !isImage(n, value, s))
    return failure();
  Ints d(B::shape(value));
  if (d[1] % s || d[2] % s)
    return n.error("cannot divide " + shapeName(d) + " into blocks of " + Twine(s));
  Value apart = n.b.reshape(value, {d[0], d[1] / s, s, d[2] / s, s, d[3]});
  Value moved = n.b.transpose(apart, {0, 1, 3, 2, 4, 5});
  return n.set(n.b.reshape(moved, {d[0], d[1] / s, d[2] / s, s * s * d[3]}));
}

static LogicalResult depthToSpace(TfliteNode &n) {
  auto *options = n.options<tflite::DepthToSpaceOptions>();
  Value value = n.moved(0);
  int64_t s = options ? options->block_size() : 0;
  if (!options || !isImage(n, value, s))
    return failure();
  Ints d(B::shape(value));
  if (d[3] % (s * s))
    return n.error("cannot divide " + Twine(d[3]) + " channels into blocks of " + Twine(s));
  Value apart = n.b.reshape(value, {d[0], d[1], d[2], s, s, d[3] / (s * s)});
  Value moved = n.b.transpose(apart, {0, 1, 3, 2, 4, 5});
  return n.set(n.b.reshape(moved, {d[0], d[1] * s, d[2] * s, d[3] / (s * s)}));
}

/// Blocks and [blocks, 2] amounts of the second and third input, checked against the rank.
static LogicalResult readBlocks(TfliteNode &n, Value value, Ints &blocks, Ints &low, Ints &high) {
  std::optional<Ints> sizes = n.constantInts(1, "block shape"),
                      amounts = n.constantInts(2, "paddings or crops");
  if (!value || !sizes || !amounts)
    return failure();
  if (static_cast<int64_t>(sizes->size()) >= B::rank(value) ||
      amounts->size() != 2 * sizes->size() ||
      llvm::any_of(*sizes, [](int64_t s) { return s < 1 || s > (1 << 20); }) ||
      llvm::any_of(*amounts, [](int64_t a) { return a < 0 || a > (int64_t(1) << 31); }))
    return n.error("has blocks " + shapeName(*sizes) + " and amounts " + shapeName(*amounts) +
                   " for shape " + shapeName(B::shape(value)));
  blocks = *sizes;
  low.assign(B::rank(value), 0);
  high.assign(B::rank(value), 0);
  for (size_t i = 0; i < blocks.size(); ++i) {
    low[1 + i] = (*amounts)[2 * i];
    high[1 + i] = (*amounts)[2 * i + 1];
  }
  return success();
}

static LogicalResult spaceToBatch(TfliteNode &n) {
  Value value = n.moved(0);
  Ints blocks, low, high;
  if (failed(readBlocks(n, value, blocks, low, high)))
    return failure();
  bool asStored = value == n.stored(0) && n.quantization(0);
  value = n.b.pad(value, low, high, asStored ? n.quantization(0).zeroPoint.front() : 0);
  if (!value)
    return failure();
  // [N, H/b, b, …] to [b, …, N, H/b, …].
  Ints d(B::shape(value)), apart{d[0]}, perm, result{d[0]};
  for (auto [i, block] : llvm::enumerate(blocks)) {
    if (d[1 + i] % block)
      return n.error("cannot divide " + shapeName(d) + " into blocks " + shapeName(blocks));
    apart.append({d[1 + i] / block, block});
    perm.push_back(static_cast<int64_t>(2 + 2 * i));
    result.push_back(d[1 + i] / block);
    std::optional<int64_t> batch = checkedMul(result[0], block);
    if (!batch)
      return n.error("has blocks " + shapeName(blocks));
    result[0] = *batch;
  }
  perm.push_back(0);
  for (size_t i = 0; i < blocks.size(); ++i)
    perm.push_back(static_cast<int64_t>(1 + 2 * i));
  for (size_t i = 1 + blocks.size(); i < d.size(); ++i) {
    perm.push_back(static_cast<int64_t>(apart.size()));
    apart.push_back(d[i]);
    result.push_back(d[i]);
  }
  return n.set(n.b.reshape(n.b.transpose(n.b.reshape(value, apart), perm), result));
}

static LogicalResult batchToSpace(TfliteNode &n) {
  Value value = n.moved(0);
  Ints blocks, low, high;
  if (failed(readBlocks(n, value, blocks, low, high)))
    return failure();
  Ints d(B::shape(value)), apart(blocks), perm, result;
  int64_t batch = d[0];
  for (int64_t block : blocks) {
    if (batch % block)
      return n.error("cannot divide batch " + Twine(d[0]) + " into blocks " + shapeName(blocks));
    batch /= block;
  }
  int64_t count = static_cast<int64_t>(blocks.size());
  apart.push_back(batch);
  perm.push_back(count);
  result.push_back(batch);
  for (int64_t i = 0; i < count; ++i) {
    apart.push_back(d[1 + i]);
    perm.append({count + 1 + i, i});
    std::optional<int64_t> extent = checkedMul(d[1 + i], blocks[i]);
    if (!extent)
      return n.error("has blocks " + shapeName(blocks));
    result.push_back(*extent);
  }
  for (size_t i = 1 + blocks.size(); i < d.size(); ++i) {
    perm.push_back(static_cast<int64_t>(apart.size()));
    apart.push_back(d[i]);
    result.push_back(d[i]);
  }
  Value whole = n.b.reshape(n.b.transpose(n.b.reshape(value, apart), perm), result);
  for (int64_t &amount : low)
    amount = -amount;
  for (int64_t &amount : high)
    amount = -amount;
  return n.set(n.b.pad(whole, low, high));
}

void tfliteimport::addBlockOps(OpTable &table) {
  table.add(Op::SPACE_TO_DEPTH, spaceToDepth);
  table.add(Op::DEPTH_TO_SPACE, depthToSpace);
  table.add(Op::SPACE_TO_BATCH_ND, spaceToBatch);
  table.add(Op::BATCH_TO_SPACE_ND, batchToSpace);
}
