// Shared parts of the contraction emitters.
#include "backends/cpu/Contraction.h"
#include "backends/common/EmitHelpers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <numeric>

using namespace mlir;

namespace ingot::cpu {

Type accumulatorType(Type element) {
  if (element.isF64())
    return element;
  if (isa<FloatType>(element))
    return Float32Type::get(element.getContext());
  return IntegerType::get(element.getContext(), 32);
}

Split Split::of(const DimExpr &rows, int64_t most) {
  if (!rows.isConstant())
    return {most, DimExpr::ceilDiv(rows, most), 0};
  int64_t count = *rows.constant(), tiles = llvm::divideCeil(count, most);
  Split split;
  split.tiles = tiles;
  split.rows = tiles ? llvm::divideCeil(count, tiles) : 1;
  split.big = count - tiles * (split.rows - 1);
  return split;
}

Panels Panels::of(const DimExpr &extent, int64_t lanes, int64_t vectors) {
  return {extent, lanes, vectors, DimExpr::ceilDiv(extent, lanes * vectors)};
}

int64_t Panels::lastVectors() const {
  if (dynamic())
    return vectors;
  int64_t count = *panels.constant();
  return count ? llvm::divideCeil(*extent.constant() - (count - 1) * width(), lanes) : 0;
}

SmallVector<int64_t> Panels::storedLanes(bool last) const {
  if (!last || dynamic() || panels == DimExpr(0))
    return SmallVector<int64_t>(vectors, lanes);
  SmallVector<int64_t> stored(lastVectors(), lanes);
  stored.back() =
      *extent.constant() - (*panels.constant() - 1) * width() - (lastVectors() - 1) * lanes;
  return stored;
}

double stepCycles(int64_t rows, int64_t vectors, int64_t depth, const Isa &isa) {
  constexpr double kFirstCache = 24 * 1024, kSecondCacheRate = 24; // bytes, bytes a cycle
  double panelStep = double(vectors) * isa.vectorBytes;
  double fromCache = panelStep * depth > kFirstCache ? panelStep / kSecondCacheRate : 0;
  return std::max({rows * vectors / 2.0, (rows + vectors) / 2.0, 4.0, fromCache});
}

bool fitsRegisters(int64_t rows, int64_t vectors, const Isa &isa) {
  return rows * vectors + vectors + 1 <= int64_t(isa.registers);
}

TileShape chooseTile(int64_t rowCount, int64_t extent, int64_t depth, int64_t lanes,
                     const Isa &isa) {
  TileShape best{1, 1};
  double bestCost = 0;
  int64_t allVectors = std::max<int64_t>(1, llvm::divideCeil(extent, lanes));
  for (int64_t most = 1; most <= std::min<int64_t>(8, allVectors); ++most) {
    // Panels of equal width, as far as the number of vectors permits.
    int64_t vectors = llvm::divideCeil(allVectors, llvm::divideCeil(allVectors, most));
    Panels panels = Panels::of(extent, lanes, vectors);
    for (int64_t rows = 1; rows <= std::min<int64_t>(16, std::max<int64_t>(1, rowCount)); ++rows) {
      if (!fitsRegisters(rows, vectors, isa) && (rows > 1 || vectors > 1))
        continue;
      Split split = Split::of(rowCount, rows);
      auto column = [&](int64_t v) {
        double store = 12 + 2.0 * v; // per row of the tile: addresses, epilogue, stores
        auto tile = [&](int64_t r) {
          return r ? depth * stepCycles(r, v, depth, isa) + 10 + r * store * 0.5 : 0.0;
        };
        return split.big * tile(split.rows) +
               (*split.tiles.constant() - split.big) * tile(split.rows - 1);
      };
      double cost =
          (*panels.panels.constant() - 1) * column(vectors) + column(panels.lastVectors());
      if (bestCost == 0 || cost < bestCost * 0.999) {
        bestCost = cost;
        best = {split.rows, vectors};
      }
    }
  }
  return best;
}

int64_t chooseGroup(int64_t count, double flopsEach, double flopsAll) {
  double wanted = std::max(20e3, flopsAll / 256);
  int64_t group = std::max<int64_t>(1, int64_t(wanted / std::max(1.0, flopsEach)));
  group = std::min(group, count);
  // Pieces of equal size.
  return group ? llvm::divideCeil(count, llvm::divideCeil(count, group)) : 1;
}

ContractionEmitter::ContractionEmitter(OpBuilder &builder, KernelBody &kernel, const Isa &isa,
                                       StringRef name)
    : b(builder), kernel(kernel), machine(isa), loc(kernel.root->getLoc()),
      shell(createKernelShell(builder, kernel.func, name)), arguments(kernel.func, shell),
      inliner(builder), ix(inliner.index()) {
  ix.bindDims(arguments.dims);
  for (auto [tensor, buffer] : llvm::zip_equal(kernel.func.getArguments(), arguments.operands)) {
    inliner.bind(tensor, buffer);
    flatBuffers[tensor] = flatView(b, loc, buffer);
  }
  for (auto [result, buffer] : llvm::zip_equal(kernel.results, arguments.results))
    resultBuffers.push_back(inliner.viewOf(loc, buffer, extentsOf(result)));
  sumType = accumulatorType(cast<RankedTensorType>(kernel.rootResult().getType()).getElementType());
}

Value ContractionEmitter::flat(BlockArgument argument) { return flatBuffers.lookup(argument); }

Value ContractionEmitter::linear(const StridedView &view, ArrayRef<Value> indices) {
  Value sum;
  for (auto [i, stride] : llvm::zip_equal(indices, view.strides)) {
    if (!i || stride == DimExpr(0))
      continue;
    Value term = mul(i, stride);
    sum = sum ? add(sum, term) : term;
  }
  return sum ? add(sum, index(view.offset)) : index(view.offset);
}

Value ContractionEmitter::widen(Value value, bool isUnsigned) {
  Type have = getElementTypeOrSelf(value.getType());
  if (have == sumType)
    return value;
  Type to = sumType;
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    to = vector.clone(sumType);
  if (isa<FloatType>(have))
    return arith::ExtFOp::create(b, loc, to, value);
  if (have.getIntOrFloatBitWidth() > sumType.getIntOrFloatBitWidth())
    return arith::TruncIOp::create(b, loc, to, value);
  if (isUnsigned)
    return arith::ExtUIOp::create(b, loc, to, value);
  return arith::ExtSIOp::create(b, loc, to, value);
}

Value ContractionEmitter::loadVector(Value flat, Value offset, int64_t lanes, bool isUnsigned,
                                     Value mask) {
  auto type = VectorType::get({lanes}, cast<MemRefType>(flat.getType()).getElementType());
  if (!mask)
    return widen(vector::LoadOp::create(b, loc, type, flat, offset), isUnsigned);
  Value none = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  return widen(vector::MaskedLoadOp::create(b, loc, type, flat, offset, mask, none), isUnsigned);
}

Value ContractionEmitter::lanesBelow(Value first, Value end, int64_t lanes) {
  auto type = VectorType::get({lanes}, b.getI32Type());
  SmallVector<int32_t> steps(lanes);
  std::iota(steps.begin(), steps.end(), 0);
  Value lane = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, ArrayRef(steps)));
  Value count = arith::IndexCastOp::create(b, loc, b.getI32Type(), ix.sub(loc, end, first));
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, lane,
                               vector::BroadcastOp::create(b, loc, type, count));
}

Value ContractionEmitter::loadSplat(Value flat, Value offset, int64_t lanes, bool isUnsigned) {
  Value scalar = widen(memref::LoadOp::create(b, loc, flat, offset), isUnsigned);
  return vector::BroadcastOp::create(b, loc, VectorType::get({lanes}, sumType), scalar);
}

Value ContractionEmitter::zero(int64_t lanes) {
  return arith::ConstantOp::create(b, loc, b.getZeroAttr(VectorType::get({lanes}, sumType)));
}

Value ContractionEmitter::multiplyAdd(Value x, Value y, Value sum) {
  if (isa<IntegerType>(sumType))
    return arith::AddIOp::create(b, loc, arith::MulIOp::create(b, loc, x, y), sum);
  if (machine.fma && (sumType.isF32() || machine.arch != "arm"))
    return math::FmaOp::create(b, loc, x, y, sum);
  auto contract = arith::FastMathFlagsAttr::get(b.getContext(), arith::FastMathFlags::contract);
  Value product = arith::MulFOp::create(b, loc, x, y, contract);
  return arith::AddFOp::create(b, loc, product, sum, contract);
}

Value ContractionEmitter::addSums(Value x, Value y) {
  if (isa<IntegerType>(sumType))
    return arith::AddIOp::create(b, loc, x, y);
  return arith::AddFOp::create(b, loc, x, y);
}

Value ContractionEmitter::grow(Value vector, int64_t lanes) {
  int64_t count = cast<VectorType>(vector.getType()).getNumElements();
  if (count == lanes)
    return vector;
  SmallVector<int64_t> picks;
  for (int64_t l = 0; l < lanes; ++l)
    picks.push_back(std::min(l, count - 1));
  return vector::ShuffleOp::create(b, loc, vector, vector, picks);
}

SmallVector<Value> ContractionEmitter::transposeSquare(SmallVector<Value> rows) {
  // Interleaving each row of the first half with one of the second half, log2(lanes) times.
  int64_t lanes = rows.size();
  SmallVector<int64_t> low, high;
  for (int64_t l = 0; l < lanes / 2; ++l) {
    low.append({l, lanes + l});
    high.append({lanes / 2 + l, lanes + lanes / 2 + l});
  }
  for (int64_t stage = 1; stage < lanes; stage *= 2) {
    SmallVector<Value> next;
    for (int64_t l = 0; l < lanes / 2; ++l) {
      next.push_back(vector::ShuffleOp::create(b, loc, rows[l], rows[l + lanes / 2], low));
      next.push_back(vector::ShuffleOp::create(b, loc, rows[l], rows[l + lanes / 2], high));
    }
    rows = next;
  }
  return rows;
}

SmallVector<Value> ContractionEmitter::multiplyTile(int64_t rows, Value depth,
                                                    SmallVector<Value> sums, TileOperand left,
                                                    TileOperand right) {
  size_t count = sums.size(), vectors = count / rows;
  auto step = [&](Value k, ValueRange carried) {
    SmallVector<Value> next, columns;
    for (size_t j = 0; j < vectors; ++j)
      columns.push_back(right(j, k));
    for (int64_t i = 0; i < rows; ++i) {
      Value x = left(i, k);
      for (size_t j = 0; j < vectors; ++j)
        next.push_back(multiplyAdd(x, columns[j], carried[i * vectors + j]));
    }
    return next;
  };
  std::optional<int64_t> steps = constantInt(depth);
  // Few sums would wait for each other: several sets of them take turns, and are added up at the
  // end.
  int64_t sets = count <= 2 ? 4 : count <= 4 ? 2 : 1;
  if (sets == 1 || !steps || *steps < 16)
    return loop(index(0), depth, 1, sums, step);
  int64_t whole = *steps / sets * sets;
  Type type = sums.front().getType();
  SmallVector<Value> all(sums);
  all.append(count * (sets - 1), zero(cast<VectorType>(type).getNumElements()));
  all = loop(index(0), index(whole), sets, all, [&](Value k, ValueRange carried) {
    SmallVector<Value> next;
    for (int64_t set = 0; set < sets; ++set)
      next.append(step(add(k, set), carried.slice(set * count, count)));
    return next;
  });
  sums.assign(all.begin(), all.begin() + count);
  for (int64_t set = 1; set < sets; ++set)
    for (size_t i = 0; i < count; ++i)
      sums[i] = addSums(sums[i], all[set * count + i]);
  return whole < *steps ? loop(index(whole), depth, 1, sums, step) : sums;
}

SmallVector<Value> ContractionEmitter::loop(Value low, Value high, int64_t step,
                                            ArrayRef<Value> carried, Body body) {
  auto loop = scf::ForOp::create(b, loc, low, high, index(step), carried);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  b.setInsertionPointToEnd(loop.getBody());
  if (!carried.empty())
    scf::YieldOp::create(b, loc, next);
  return llvm::to_vector_of<Value>(loop.getResults());
}

void ContractionEmitter::loop(Value low, Value high, int64_t step,
                              llvm::function_ref<void(Value)> body) {
  loop(low, high, step, {}, [&](Value i, ValueRange) {
    body(i);
    return SmallVector<Value>();
  });
}

void ContractionEmitter::ifLess(Value x, Value y, llvm::function_ref<void()> then,
                                llvm::function_ref<void()> otherwise) {
  auto cx = constantInt(x), cy = constantInt(y);
  if (cx && cy)
    return *cx < *cy ? then() : otherwise();
  Value condition = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, x, y);
  auto branch = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  then();
  b.setInsertionPointToStart(branch.elseBlock());
  otherwise();
}

SmallVector<Value> ContractionEmitter::initialSums(Value bias, Value column, int64_t lanes,
                                                   ArrayRef<int64_t> stored, Value end) {
  SmallVector<Value> sums;
  for (auto [j, count] : llvm::enumerate(stored)) {
    if (!bias) {
      sums.push_back(zero(lanes));
      continue;
    }
    Value at = add(column, int64_t(j) * lanes);
    Value vector =
        inliner.emit(bias, {at}, count, end && count > 1 ? lanesBelow(at, end, count) : Value());
    auto element = cast<RankedTensorType>(bias.getType()).getElementType();
    vector = widen(vector, element.isUnsignedInteger());
    if (count == 1)
      vector = vector::BroadcastOp::create(b, loc, VectorType::get({lanes}, sumType), vector);
    else if (count < lanes) {
      SmallVector<int64_t> grow(lanes, -1);
      for (int64_t l = 0; l < count; ++l)
        grow[l] = l;
      for (int64_t l = count; l < lanes; ++l)
        grow[l] = 0;
      vector = vector::ShuffleOp::create(b, loc, vector, vector, grow);
    }
    sums.push_back(vector);
  }
  return sums;
}

void ContractionEmitter::finish(ArrayRef<Value> indices, int64_t lanes, Value sum,
                                std::optional<unsigned> laneDim, Value mask) {
  if (auto type = cast<VectorType>(sum.getType()); lanes == 1)
    sum = vector::ExtractOp::create(b, loc, sum, ArrayRef<int64_t>{0});
  else if (type.getNumElements() != lanes)
    sum = vector::ExtractStridedSliceOp::create(b, loc, sum, {0}, {lanes}, {1});

  // All values that come from the root hold its elements in its order, under their own shapes.
  Value root = kernel.rootResult();
  auto position = [&](Value tensor) -> Point {
    if (sameShape(tensor, root))
      return inliner.point(indices, lanes, laneDim);
    Value flat = index(0);
    SmallVector<DimExpr> rootShape = extentsOf(root), shape = extentsOf(tensor);
    for (auto [i, extent] : llvm::zip_equal(indices.drop_back(), ArrayRef(rootShape).drop_back()))
      flat = add(mul(flat, extent), i);
    SmallVector<Value> at = ix.delinearize(loc, flat, ArrayRef(shape).drop_back());
    at.push_back(indices.back());
    return inliner.point(at, lanes);
  };
  inliner.clearDefined();
  inliner.define(root, position(root), lanes, sum);
  for (ReshapeOp reshape : kernel.epilogueReshapes) {
    Value value = inliner.emit(reshape.getInput(), position(reshape.getInput()), lanes, mask);
    inliner.define(reshape.getResult(), position(reshape.getResult()), lanes, value);
  }
  for (auto [result, buffer] : llvm::zip_equal(kernel.results, resultBuffers)) {
    Point at = position(result);
    inliner.store(loc, inliner.emit(result, at, lanes, mask), buffer, at, lanes, mask);
  }
}

Value ContractionEmitter::sumsBuffer(int64_t elements) {
  if (!stackSums || cast<MemRefType>(stackSums.getType()).getNumElements() < elements) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&shell.getBody().front());
    stackSums = memref::AllocaOp::create(b, loc, MemRefType::get({elements}, sumType),
                                         b.getI64IntegerAttr(machine.vectorBytes));
  }
  return stackSums;
}

void ContractionEmitter::rolledLoop(int64_t count, llvm::function_ref<void(Value)> body) {
  if (count == 1)
    return body(index(0));
  loop(index(0), index(count), 1, body);
  MLIRContext *context = b.getContext();
  auto keep = LLVM::LoopUnrollAttr::get(context, b.getBoolAttr(true), {}, {}, {}, {}, {}, {});
  auto annotation = LLVM::LoopAnnotationAttr::get(context, {}, {}, {}, keep, {}, {}, {}, {}, {}, {},
                                                  {}, {}, {}, {}, {});
  Operation *made = &*std::prev(b.getInsertionPoint());
  made->setAttr("llvm.loop_annotation", annotation);
}

void ContractionEmitter::finishTile(int64_t rows, ArrayRef<int64_t> stored, int64_t lanes,
                                    ArrayRef<Value> sums, Store store) {
  int64_t vectors = stored.size();
  if (!rollEpilogue || rows * vectors < 3) {
    for (auto [j, count] : llvm::enumerate(stored))
      for (int64_t i = 0; i < rows; ++i)
        store(index(i), index(int64_t(j) * lanes), count, sums[i * vectors + j]);
    return;
  }
  Value buffer = sumsBuffer(rows * vectors * lanes);
  for (auto [i, sum] : llvm::enumerate(sums))
    vector::StoreOp::create(b, loc, sum, buffer, index(int64_t(i) * lanes));
  // Vectors of equal length are finished by one loop.
  for (int64_t first = 0; first < vectors;) {
    int64_t count = stored[first], end = first + 1;
    while (end < vectors && stored[end] == count)
      ++end;
    rolledLoop(rows * (end - first), [&](Value i) {
      SmallVector<Value> at = ix.delinearize(loc, i, SmallVector<int64_t>{rows, end - first});
      Value offset = add(mul(at[1], lanes), first * lanes);
      Value place = add(mul(at[0], vectors * lanes), offset);
      store(at[0], offset, count, vector::LoadOp::create(b, loc, sums[0].getType(), buffer, place));
    });
    first = end;
  }
}

} // namespace ingot::cpu
