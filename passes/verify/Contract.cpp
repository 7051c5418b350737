// Checks that several contracts share.
#include "passes/verify/Contract.h"
#include "ir/graph/WeightStore.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace ingot;

InFlightDiagnostic ingot::contractError(Operation *op) {
  return op->emitOpError() << "(layer " << sourceName(op->getLoc()) << ") ";
}

LogicalResult ingot::checkVerifies(ModuleOp module) { return verify(module); }

/// Ops that say how others run, and scalars that control them.
static bool isStructure(Operation *op) {
  if (isa<func::FuncOp, func::ReturnOp, func::CallOp, ModuleOp>(op) ||
      isa_and_nonnull<scf::SCFDialect, arith::ArithDialect>(op->getDialect()))
    return true;
  // Reading a condition out of a tensor.
  return op->getName().getStringRef() == "tensor.extract" ||
         op->getName().getStringRef() == "tensor.from_elements";
}

/// Whether every extent of a tensor type is a number, or an expression of the dims that the module
/// declares.
static bool hasKnownShape(Type type, const DimBounds &dims) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return false;
  if (tensor.hasStaticShape())
    return true;
  llvm::SetVector<StringRef> names;
  SmallVector<DimExpr> extents = extentsOf(tensor);
  for (const DimExpr &extent : extents) {
    if (!extent.valid())
      return false;
    extent.collectNames(names);
  }
  return llvm::all_of(names, [&](StringRef name) { return dims.contains(name); });
}

LogicalResult ingot::checkGraph(ModuleOp module) {
  DimBounds dims = dimBounds(module);
  WalkResult result = module.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (auto function = dyn_cast<func::FuncOp>(op)) {
      if (isKernel(function))
        return WalkResult::skip();
      for (Type type :
           llvm::concat<const Type>(function.getArgumentTypes(), function.getResultTypes())) {
        if (!hasKnownShape(type, dims)) {
          function.emitError()
              << "function '" << function.getName() << "' takes or gives " << type
              << ", but after import every value is a tensor whose extents are numbers or "
                 "expressions of the dims in ingot.dims";
          return WalkResult::interrupt();
        }
      }
      return WalkResult::advance();
    }
    if (isStructure(op))
      return WalkResult::advance();
    if (!isa_and_nonnull<IngotDialect>(op->getDialect())) {
      contractError(op) << "is not an op of a graph";
      return WalkResult::interrupt();
    }
    for (Type type : op->getResultTypes())
      if (!hasKnownShape(type, dims)) {
        contractError(op) << "has the type " << type
                          << ", but after import every extent is a number or an expression of the "
                             "dims in ingot.dims";
        return WalkResult::interrupt();
      }
    if (!isa<ConstantOp, VariableOp>(op) && sourceNames(op->getLoc()).empty()) {
      op->emitOpError() << "names no layer of the source model (its location holds no name)";
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

/// Whether `op` only copies its operand.
static bool isCopy(Operation *op) {
  if (!isa<ReshapeOp, TransposeOp, SliceOp, CastOp, BroadcastOp>(op) ||
      op->getOperand(0).getType() != op->getResult(0).getType())
    return false;
  if (auto transpose = dyn_cast<TransposeOp>(op))
    return llvm::is_sorted(transpose.getPerm());
  if (auto slice = dyn_cast<SliceOp>(op)) {
    for (auto [start, step, size] :
         llvm::zip(slice.getStarts(), slice.getSteps(), slice.getSizes()))
      if (start != 0 || (step != 1 && size > 1))
        return false;
  }
  return true;
}

LogicalResult ingot::checkNormal(ModuleOp module) {
  WalkResult result = module.walk([&](Operation *op) {
    auto function = op->getParentOfType<func::FuncOp>();
    if (!isa_and_nonnull<IngotDialect>(op->getDialect()) || (function && isKernel(function)))
      return WalkResult::advance();
    if (isCopy(op)) {
      contractError(op) << "has no effect: it copies " << op->getOperand(0).getType();
      return WalkResult::interrupt();
    }
    if (isOpTriviallyDead(op)) {
      contractError(op) << "is not used";
      return WalkResult::interrupt();
    }
    if (auto norm = dyn_cast<BatchNormOp>(op))
      if (llvm::all_of(norm->getOperands().drop_front(), [](Value value) {
            return isa_and_nonnull<ConstantOp>(value.getDefiningOp());
          })) {
        contractError(op) << "has constant statistics, but was not folded";
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

/// Constants that belong in kernels: scalars, short vectors, equal elements.
static bool isSmallConstant(ConstantOp constant) {
  auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
  constexpr int64_t kMaxBits = 16 * 8;
  return dense && (dense.isSplat() ||
                   dense.getNumElements() *
                           static_cast<int64_t>(dense.getElementType().getIntOrFloatBitWidth()) <=
                       kMaxBits);
}

static LogicalResult checkKernel(func::FuncOp kernel) {
  auto attr = kernel->getAttrOfType<KernelAttr>("ingot.kernel");
  auto error = [&] { return kernel.emitError() << "kernel '" << kernel.getName() << "' "; };
  if (!attr)
    return error() << "has an ingot.kernel that is not #ingot.kernel";
  if (!kernel.isPrivate() || kernel.isExternal() || !kernel.getBody().hasOneBlock())
    return error() << "must be a private function of one block";
  if (attr.getTarget().empty())
    return error() << "names no target";
  if (attr.getLayers().empty())
    return error() << "names no layer of the source model";
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    if (!isa_and_nonnull<IngotDialect>(op.getDialect()) || !isPure(&op) ||
        isa<LaunchOp, TransferOp>(op))
      return contractError(&op) << "cannot be in a kernel: only pure graph ops can";
    if (auto constant = dyn_cast<ConstantOp>(op); constant && !isSmallConstant(constant))
      return contractError(&op) << "is too large to be in a kernel: it must be an operand";
  }
  // A result may overwrite an operand of another type, as long as elements lie at the same places.
  auto fits = [](Type result, Type operand) {
    auto to = cast<RankedTensorType>(result), from = cast<RankedTensorType>(operand);
    return to.getShape() == from.getShape() && storedBytes(to) == storedBytes(from);
  };
  ArrayRef<int64_t> pairs = attr.getInPlace();
  if (pairs.size() % 2)
    return error() << "has an odd count of in_place numbers";
  for (size_t i = 0; i < pairs.size(); i += 2)
    if (pairs[i] < 0 || pairs[i] >= kernel.getNumResults() || pairs[i + 1] < 0 ||
        pairs[i + 1] >= kernel.getNumArguments() ||
        !fits(kernel.getResultTypes()[pairs[i]], kernel.getArgumentTypes()[pairs[i + 1]]))
      return error() << "cannot put result " << pairs[i] << " in place of operand " << pairs[i + 1]
                     << ": both must exist, with one shape and elements of one size";
  return success();
}

/// Whether `own`, a type of a kernel, is `here` in a launch where the kernel's dims are `dims`.
static bool isSameType(Type own, Type here, ArrayRef<DimExpr> dims) {
  auto kernel = dyn_cast<RankedTensorType>(own);
  if (!kernel || kernel.hasStaticShape())
    return own == here;
  SmallVector<DimExpr> extents;
  for (const DimExpr &extent : extentsOf(kernel))
    extents.push_back(extent.substitute([&](StringRef name) -> std::optional<DimExpr> {
      size_t i = dims.size();
      bool known = name.consume_front("d") && !name.getAsInteger(10, i) && i < dims.size();
      return known ? std::optional(dims[i]) : std::nullopt;
    }));
  return tensorType(extents, kernel.getElementType()) == here;
}

/// Whether operands, results and dims of `launch` are those of `kernel`.
static bool fitsKernel(LaunchOp launch, func::FuncOp kernel) {
  SmallVector<DimExpr> dims;
  if (DimsAttr given = launch.getDimsAttr())
    for (StringAttr text : given.getExpressions()) {
      llvm::Expected<DimExpr> parsed = DimExpr::parse(text.getValue());
      if (!parsed) {
        llvm::consumeError(parsed.takeError());
        return false;
      }
      dims.push_back(*parsed);
    }
  auto equal = [&](TypeRange own, TypeRange here) {
    return own.size() == here.size() && llvm::all_of(llvm::zip(own, here), [&](auto pair) {
             return isSameType(std::get<0>(pair), std::get<1>(pair), dims);
           });
  };
  return dims.size() == dimBounds(kernel).size() &&
         equal(kernel.getArgumentTypes(), launch.getOperandTypes()) &&
         equal(kernel.getResultTypes(), launch.getResultTypes());
}

LogicalResult ingot::checkKernels(ModuleOp module) {
  SymbolTable symbols(module);
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    if (isKernel(function)) {
      if (failed(checkKernel(function)))
        return failure();
      continue;
    }
    WalkResult result = function.walk([&](LaunchOp launch) {
      auto kernel = symbols.lookup<func::FuncOp>(launch.getKernel());
      if (!kernel || !isKernel(kernel)) {
        contractError(launch) << "calls '" << launch.getKernel() << "', which is not a kernel";
        return WalkResult::interrupt();
      }
      if (!fitsKernel(launch, kernel)) {
        contractError(launch) << "does not fit kernel '" << launch.getKernel() << "' of type "
                              << kernel.getFunctionType();
        return WalkResult::interrupt();
      }
      if (sourceNames(launch.getLoc()).empty()) {
        launch.emitOpError() << "names no layer of the source model";
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return failure();
  }
  return success();
}

/// The memory space of each target, from the module.
static FailureOr<llvm::StringMap<StringRef>> spacesOf(ModuleOp module) {
  llvm::StringMap<StringRef> spaces;
  auto targets = module->getAttrOfType<ArrayAttr>("ingot.targets");
  if (!targets || targets.empty())
    return module.emitError() << "the module names no targets (ingot.targets is missing)";
  for (Attribute entry : targets) {
    auto fields = dyn_cast<DictionaryAttr>(entry);
    auto name = fields ? fields.getAs<StringAttr>("name") : StringAttr();
    auto space = fields ? fields.getAs<StringAttr>("space") : StringAttr();
    if (!name || !space)
      return module.emitError() << "a target of ingot.targets must be {name, space}, but is "
                                << entry;
    spaces[name.getValue()] = space.getValue();
  }
  return spaces;
}

namespace {
/// Checks the target of one op and the places of its operands.
class TargetCheck {
public:
  explicit TargetCheck(const llvm::StringMap<StringRef> &spaces) : spaces(spaces) {}

  LogicalResult operator()(Operation *op) const {
    if (!isa_and_nonnull<IngotDialect>(op->getDialect()) || isa<ConstantOp, VariableOp>(op))
      return success();
    if (isa<TransferOp, VariableReadOp, VariableUpdateOp>(op))
      return success();
    auto target = op->getAttrOfType<StringAttr>("ingot.target");
    if (!target)
      return contractError(op) << "has no target";
    auto found = spaces.find(target.getValue());
    if (found == spaces.end())
      return contractError(op) << "is for target '" << target.getValue()
                               << "', which the module does not list";
    for (Value operand : op->getOperands()) {
      if (isa_and_nonnull<ConstantOp>(operand.getDefiningOp()))
        continue; // a constant is placed where it is read
      if (StringRef space = spaceOf(operand); space != found->second)
        return contractError(op) << "runs in memory space '" << found->second
                                 << "', but reads a value of '" << space << "' without a transfer";
    }
    return success();
  }

private:
  StringRef spaceOf(Value value) const {
    Operation *op = value.getDefiningOp();
    StringAttr target;
    if (auto transfer = dyn_cast_or_null<TransferOp>(op))
      target = transfer.getTargetAttr();
    else if (op)
      target = op->getAttrOfType<StringAttr>("ingot.target");
    auto found = target ? spaces.find(target.getValue()) : spaces.end();
    return found == spaces.end() ? "host" : found->second;
  }

  const llvm::StringMap<StringRef> &spaces;
};
} // namespace

LogicalResult ingot::checkTargets(ModuleOp module) {
  FailureOr<llvm::StringMap<StringRef>> spaces = spacesOf(module);
  if (failed(spaces))
    return failure();
  TargetCheck check(*spaces);
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    if (isKernel(function))
      continue;
    WalkResult result = function.walk([&](Operation *op) {
      return failed(check(op)) ? WalkResult::interrupt() : WalkResult::advance();
    });
    if (result.wasInterrupted())
      return failure();
  }
  return success();
}
