// Roles of ops in fusion.
#include "passes/fuse/KernelRoles.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace ingot;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Whether the elements of a slice lie together: below some dim it is whole, above it one wide.
static bool liesTogether(SliceOp slice) {
  SmallVector<DimExpr> shape = extentsOf(typeOf(slice.getInput()));
  SmallVector<DimExpr> sizes = extentsOf(slice.getType());
  size_t dim = shape.size();
  while (dim > 0 && sizes[dim - 1] == shape[dim - 1])
    --dim;
  if (dim > 0)
    --dim; // this dim may be cut
  return llvm::all_of(ArrayRef(sizes).take_front(dim),
                      [](const DimExpr &size) { return size == DimExpr(1); });
}

bool ingot::isView(Operation *op) {
  return TypeSwitch<Operation *, bool>(op)
      .Case([](ReshapeOp) { return true; })
      .Case([](SliceOp slice) {
        return llvm::all_of(slice.getSteps(), [](int64_t step) { return step == 1; }) &&
               liesTogether(slice);
      })
      .Case([](ConcatOp concat) {
        return llvm::all_of(concat.getType().getShape().take_front(concat.getAxis()),
                            [](int64_t extent) { return extent == 1; });
      })
      .Default(false);
}

KernelRole ingot::kernelRole(Operation *op) {
  if (isView(op) || !isPure(op))
    return KernelRole::None;
  if (isa<ElementwiseOpInterface>(op) || isa<QuantizeOp, DequantizeOp>(op))
    return KernelRole::Pointwise;
  if (isa<ConvOp, ConvTransposeOp, MatmulOp, AttentionOp>(op))
    return KernelRole::Contraction;
  if (isa<TransposeOp, SliceOp, PadOp, ConcatOp, BroadcastOp, IotaOp, DimOp>(op))
    return KernelRole::Movement;
  if (isa<ConstantOp, TransferOp, LaunchOp>(op) || !isa<IngotDialect>(op->getDialect()))
    return KernelRole::None;
  return KernelRole::Root;
}

bool ingot::isCheap(Operation *op) {
  return isa<AbsOp, NegOp, SignOp, CeilOp, FloorOp, RoundOp, TruncOp, NotOp, ReluOp, ClampOp,
             LeakyReluOp, HardSigmoidOp, HardSwishOp, AddOp, SubOp, MulOp, MaxOp, MinOp, AndOp,
             OrOp, XorOp, ShlOp, ShrOp, CmpOp, SelectOp, CastOp, BitcastOp, IsNanOp, IsInfOp,
             BroadcastOp, IotaOp, DimOp, DequantizeOp>(op);
}

bool ingot::isInlineConstant(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  auto dense = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : nullptr;
  return dense && (dense.isSplat() || dense.getNumElements() == 1);
}

static std::string kernelExtents(ArrayRef<int64_t> kernel) {
  return llvm::join(llvm::map_range(kernel, [](int64_t k) { return std::to_string(k); }), "x");
}

std::string ingot::kernelWord(Operation *op) {
  auto strided = [](ArrayRef<int64_t> strides) {
    int64_t most = strides.empty() ? 1 : *llvm::max_element(strides);
    return most > 1 ? "s" + std::to_string(most) : std::string();
  };
  return TypeSwitch<Operation *, std::string>(op)
      .Case([&](ConvOp conv) {
        RankedTensorType filter = typeOf(conv.getFilter());
        bool depthwise = conv.getGroups() > 1 && filter.getDimSize(1) == 1;
        return (depthwise              ? "depthwise"
                : conv.getGroups() > 1 ? "groupconv"
                                       : "conv") +
               kernelExtents(filter.getShape().drop_front(2)) + strided(conv.getStrides()) +
               (conv.getBias() ? "_bias" : "");
      })
      .Case([&](ConvTransposeOp conv) {
        return "convtranspose" + kernelExtents(typeOf(conv.getFilter()).getShape().drop_front(2)) +
               strided(conv.getStrides()) + (conv.getBias() ? "_bias" : "");
      })
      .Case([](MatmulOp matmul) {
        RankedTensorType lhs = typeOf(matmul.getLhs());
        std::string word = lhs.getDimSize(lhs.getRank() - 2) == 1 ? "gemv" : "gemm";
        return word + (matmul.getBias() ? "_bias" : "");
      })
      .Case([](PoolOp pool) {
        return (pool.getKind() == PoolKind::Max ? "maxpool" : "avgpool") +
               kernelExtents(pool.getKernel());
      })
      .Case([](ReduceOp reduce) { return "reduce_" + stringifyReduceKind(reduce.getKind()).str(); })
      .Case([](ArgReduceOp reduce) { return "arg" + stringifyReduceKind(reduce.getKind()).str(); })
      .Case([](ResizeOp resize) { return "resize_" + stringifyResizeMode(resize.getMode()).str(); })
      .Case([](CmpOp cmp) { return stringifyCmpKind(cmp.getKind()).str(); })
      .Default([](Operation *other) { return other->getName().stripDialect().str(); });
}
