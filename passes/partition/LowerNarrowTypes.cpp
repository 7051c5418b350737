// lower-narrow-types: no tensor of under 16 bits a float or 8 bits an integer is left.
//
// Targets compute with bytes and wider. A narrow integer becomes a byte that holds its value, a
// narrow float the byte that holds its bits; casts from and to them become tables and integer
// arithmetic; what crosses the program's border is packed there.
#include "compiler/evaluator/Evaluator.h"
#include "ir/graph/Graph.h"
#include "ir/graph/WeightStore.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "passes/partition/Passes.h"
#include "llvm/ADT/bit.h"

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_LOWERNARROWTYPES
#include "passes/partition/Passes.h.inc"
} // namespace ingot

namespace {

bool isNarrowInteger(Type element) {
  return isa<IntegerType>(element) && element.getIntOrFloatBitWidth() > 1 &&
         element.getIntOrFloatBitWidth() < 8;
}
bool isNarrowReal(Type element) {
  return isa<FloatType>(element) && element.getIntOrFloatBitWidth() <= 8;
}
bool isNarrow(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor &&
         (isNarrowInteger(tensor.getElementType()) || isNarrowReal(tensor.getElementType()));
}

/// The byte that stands for a narrow element.
Type byteOf(Type element) {
  bool isSigned = isNarrowInteger(element) && !element.isUnsignedInteger();
  return IntegerType::get(element.getContext(), 8,
                          isSigned ? IntegerType::Signless : IntegerType::Unsigned);
}
RankedTensorType stored(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return withElementType(tensor, byteOf(tensor.getElementType()));
}

/// Ops at one place, on values that are known to fit.
struct At {
  OpBuilder &b;
  Location loc;

  Type i32() const { return b.getI32Type(); }
  Type u8() const { return b.getIntegerType(8, false); }
  static RankedTensorType type(Value v) { return llvm::cast<RankedTensorType>(v.getType()); }
  static Type element(Value v) { return type(v).getElementType(); }
  Value number(Type element, double v) const { return scalarConstant(b, loc, element, v); }
  Value like(Value x, double v) const { return number(element(x), v); }
  Value cast(Value x, Type to) const {
    if (element(x) == to)
      return x;
    return CastOp::create(b, loc, withElementType(type(x), to), x);
  }
  template <typename Op> Value op(Value x, Value y) const { return Op::create(b, loc, x, y); }
  template <typename Op> Value op(Value x, double y) const { return op<Op>(x, like(x, y)); }
  Value cmp(CmpKind kind, Value x, double y) const {
    return CmpOp::create(b, loc, kind, x, like(x, y));
  }
  Value select(Value c, Value x, Value y) const { return SelectOp::create(b, loc, c, x, y); }
  Value reshape(Value x, ArrayRef<int64_t> shape) const {
    return ReshapeOp::create(b, loc, RankedTensorType::get(shape, element(x)), x);
  }
};

/// A byte's low `width` bits as a number of that width.
Value extended(const At &at, Value byte, unsigned width, bool isUnsigned) {
  if (isUnsigned)
    return at.op<AndOp>(byte, static_cast<double>((1 << width) - 1));
  return at.op<ShrOp>(at.op<ShlOp>(byte, 8 - width), 8 - width);
}

/// `x` as a narrow integer, by the rules of `ingot.cast`.
Value toNarrowInteger(const At &at, Value x, IntegerType to) {
  unsigned width = to.getWidth();
  Type byte = byteOf(to);
  if (isa<FloatType>(At::element(x))) {
    // Saturates; what is left fits the byte.
    double low = to.isUnsigned() ? 0 : -(1 << (width - 1));
    double high = to.isUnsigned() ? (1 << width) - 1 : (1 << (width - 1)) - 1;
    return at.cast(ClampOp::create(at.b, at.loc, x, APFloat(low), APFloat(high)), byte);
  }
  return extended(at, at.cast(x, byte), width, to.isUnsigned());
}

/// The number that each byte's bits stand for.
Value fromNarrowReal(const At &at, Value bytes, FloatType from) {
  int64_t count = int64_t(1) << from.getWidth();
  std::vector<char> codes(count);
  for (int64_t i = 0; i < count; ++i)
    codes[i] = static_cast<char>(i);
  auto type = RankedTensorType::get(count, at.b.getF32Type());
  TensorValue table =
      fromDoubles(type, toDoubles(TensorValue(withElementType(type, from), std::move(codes))));
  Attribute value = weightsOf(at.b.getContext())
                        .makeConstant(at.b.getContext(), "", type,
                                      std::vector<char>(table.raw().begin(), table.raw().end()));
  return GatherOp::create(at.b, at.loc, constant(at.b, at.loc, type, value),
                          at.cast(bytes, at.i32()), 0);
}

/// The bits that stand for `x` in a narrow float type.
int64_t codeOf(FloatType to, double x) {
  TensorValue value = fromDoubles(RankedTensorType::get(1, to), {x});
  return static_cast<uint8_t>(value.raw()[0]) & ((1 << to.getWidth()) - 1);
}

/// The smallest f32 from 0 on that is rounded to `code` or a greater one; NaN when none is.
float firstWith(FloatType to, int64_t code) {
  // Floats from 0 on are ordered as their bits are.
  auto reaches = [&](uint32_t bits) { return codeOf(to, llvm::bit_cast<float>(bits)) >= code; };
  uint32_t low = 0, high = 0x7f800000; // infinity
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (reaches(middle))
      high = middle;
    else
      low = middle + 1;
  }
  return reaches(low) ? llvm::bit_cast<float>(low) : std::numeric_limits<float>::quiet_NaN();
}

/// The code of `x` (f32) in a narrow float type: by bisection among the limits of its codes.
Value toNarrowReal(const At &at, Value x, FloatType to) {
  bool isSigned = APFloat::semanticsHasSignedRepr(to.getFloatSemantics());
  std::vector<float> limits(size_t(1) << (to.getWidth() - isSigned), 0.0f);
  for (size_t code = 1; code < limits.size(); ++code)
    limits[code] = firstWith(to, static_cast<int64_t>(code));
  auto bits = static_cast<int>(llvm::Log2_64(limits.size()));
  auto type = RankedTensorType::get(limits.size(), at.b.getF32Type());
  const char *data = reinterpret_cast<const char *>(limits.data());
  MLIRContext *context = at.b.getContext();
  Attribute value = weightsOf(context).makeConstant(
      context, "", type, std::vector<char>(data, data + limits.size() * sizeof(float)));
  Value table = constant(at.b, at.loc, type, value);
  Value size = isSigned ? Value(AbsOp::create(at.b, at.loc, x)) : x;
  Value code = at.number(at.i32(), 0);
  for (int bit = bits; bit-- > 0;) {
    Value next = at.op<AddOp>(code, static_cast<double>(1 << bit));
    Value limit = GatherOp::create(at.b, at.loc, table, next, 0);
    Value reaches = CmpOp::create(at.b, at.loc, CmpKind::Ge, size, limit);
    code = at.select(reaches, next, code);
  }
  auto nan = static_cast<double>(codeOf(to, std::numeric_limits<double>::quiet_NaN()));
  Value isNan = IsNanOp::create(at.b, at.loc, x);
  if (!isSigned) {
    // Negative numbers have no code.
    Value none = at.op<OrOp>(isNan, at.cmp(CmpKind::Lt, x, 0));
    return at.cast(at.select(none, at.like(code, nan), code), at.u8());
  }
  double minus = 1 << (to.getWidth() - 1);
  // 1 / -0 is below zero too.
  Value inverse = ReciprocalOp::create(at.b, at.loc, x);
  Value negative = at.op<OrOp>(at.cmp(CmpKind::Lt, x, 0), at.cmp(CmpKind::Lt, inverse, 0));
  Value signedCode = at.select(negative, at.op<AddOp>(code, minus), code);
  if (codeOf(to, -0.0) == 0) // the only NaN is where minus zero would be
    signedCode = at.select(at.cmp(CmpKind::Eq, code, 0), code, signedCode);
  if (codeOf(to, 0x1p100) >=
      static_cast<int64_t>(limits.size())) { // too large: that NaN, which bisection does not find
    float limit = firstWith(to, static_cast<int64_t>(limits.size()));
    signedCode = at.select(at.cmp(CmpKind::Ge, size, limit), at.like(code, nan), signedCode);
  }
  return at.cast(at.select(isNan, at.like(code, nan), signedCode), at.u8());
}

/// [shape] elements of a byte each from `width` bits each, first one lowest.
Value unpack(const At &at, Value bytes, RankedTensorType type) {
  unsigned width = type.getElementTypeBitWidth(), each = 8 / width;
  int64_t count = type.getNumElements(), groups = At::type(bytes).getNumElements();
  SmallVector<Value> parts;
  for (unsigned i = 0; i < each; ++i) {
    Value part =
        at.op<AndOp>(at.op<ShrOp>(bytes, i * width), static_cast<double>((1 << width) - 1));
    parts.push_back(at.reshape(part, {groups, 1}));
  }
  Value all = at.reshape(ConcatOp::create(at.b, at.loc, parts, 1), {groups * each});
  if (groups * each != count)
    all = SliceOp::create(at.b, at.loc, all, ArrayRef<int64_t>{0}, ArrayRef<int64_t>{count},
                          ArrayRef<int64_t>{1});
  Type byte = byteOf(type.getElementType());
  if (!byte.isUnsignedInteger())
    all = extended(at, at.cast(all, byte), width, false);
  return at.reshape(all, type.getShape());
}

Value pack(const At &at, Value value, unsigned width) {
  unsigned each = 8 / width;
  int64_t count = At::type(value).getNumElements(), groups = (count + each - 1) / each;
  Value bytes = at.op<AndOp>(at.reshape(at.cast(value, at.u8()), count),
                             static_cast<double>((1 << width) - 1));
  if (groups * each != count)
    bytes =
        PadOp::create(at.b, at.loc, bytes, ArrayRef<int64_t>{0},
                      ArrayRef<int64_t>{groups * each - count}, PadMode::Constant, APFloat(0.0));
  bytes = at.reshape(bytes, {groups, each});
  Value packed;
  for (unsigned i = 0; i < each; ++i) {
    Value part = at.reshape(SliceOp::create(at.b, at.loc, bytes, ArrayRef<int64_t>{0, i},
                                            ArrayRef<int64_t>{groups, 1}, ArrayRef<int64_t>{1, 1}),
                            groups);
    part = at.op<ShlOp>(part, i * width);
    packed = packed ? at.op<OrOp>(packed, part) : part;
  }
  return packed;
}

class LowerNarrowTypes : public ingot::impl::LowerNarrowTypesBase<LowerNarrowTypes> {
  /// The narrow type that a byte tensor stood for.
  llvm::DenseMap<Value, RankedTensorType> was;

  Type narrowOf(Value v) const {
    auto found = was.find(v);
    return found == was.end() ? Type() : found->second.getElementType();
  }

  void narrowed(Value v, RankedTensorType type) { was[v] = type; }

  /// A byte tensor as numbers that any op computes with.
  Value widened(const At &at, Value v) {
    Type narrow = narrowOf(v);
    if (!narrow || isa<IntegerType>(narrow))
      return v;
    return fromNarrowReal(at, v, cast<FloatType>(narrow));
  }

  Value narrow(const At &at, Value v, Type to) {
    if (auto integer = dyn_cast<IntegerType>(to))
      return toNarrowInteger(at, v, integer);
    return toNarrowReal(at, at.cast(v, at.b.getF32Type()), cast<FloatType>(to));
  }

  LogicalResult lowerConstant(ConstantOp op) {
    auto type = cast<RankedTensorType>(op.getType());
    llvm::Expected<TensorValue> value = constantValue(op.getValue(), type);
    if (!value)
      return op.emitError(llvm::toString(value.takeError()));
    OpBuilder b(op);
    std::vector<char> bytes(value->raw().begin(), value->raw().end());
    Attribute attr =
        weightsOf(&getContext())
            .makeConstant(&getContext(), sourceName(op.getLoc()), stored(type), std::move(bytes));
    replace(op.getResult(), constant(b, op.getLoc(), stored(type), attr), type);
    op.erase();
    return success();
  }

  void replace(Value old, Value now, RankedTensorType type) {
    if (isNarrow(type))
      narrowed(now, type);
    old.replaceAllUsesWith(now);
  }

  /// Moves elements without looking at them.
  static bool moves(Operation *op) {
    return isa<ReshapeOp, BroadcastOp, TransposeOp, SliceOp, ConcatOp, GatherOp, GatherElementsOp,
               GatherNDOp, SelectOp, TransferOp>(op);
  }

  LogicalResult lower(Operation *op) {
    bool reads = llvm::any_of(op->getOperands(), [&](Value v) { return was.contains(v); });
    bool gives = llvm::any_of(op->getResultTypes(), isNarrow);
    if (!reads && !gives)
      return success();
    if (auto constant = dyn_cast<ConstantOp>(op))
      return lowerConstant(constant);
    OpBuilder b(op);
    At at{b, op->getLoc()};
    if (isa<func::ReturnOp>(op))
      return success();
    if (moves(op) || op->hasTrait<OpTrait::IsTerminator>() || op->getNumRegions()) {
      // Bytes move like what they stand for.
      for (OpResult result : op->getResults())
        if (isNarrow(result.getType())) {
          narrowed(result, cast<RankedTensorType>(result.getType()));
          result.setType(stored(result.getType()));
        }
      return success();
    }
    if (isa<VariableReadOp, VariableUpdateOp>(op))
      return op->emitOpError("keeps state of a type of under a byte, which is not supported");
    if (isa<QuantizeOp, DequantizeOp>(op)) {
      // Scales may be narrow floats; the integers are bytes with the same values.
      for (OpOperand &operand : op->getOpOperands())
        if (Type narrow = narrowOf(operand.get()); narrow && isa<FloatType>(narrow))
          operand.set(
              at.cast(widened(at, operand.get()),
                      cast<RankedTensorType>(isa<QuantizeOp>(op) ? op->getOperand(0).getType()
                                                                 : op->getResult(0).getType())
                          .getElementType()));
      Value result = op->getResult(0);
      if (!isNarrow(result.getType()))
        return success();
      auto type = cast<RankedTensorType>(result.getType());
      auto integer = cast<IntegerType>(type.getElementType());
      result.setType(stored(type));
      b.setInsertionPointAfter(op);
      double low = integer.isUnsigned() ? 0 : -(1 << (integer.getWidth() - 1));
      double high = (1 << (integer.getWidth() - !integer.isUnsigned())) - 1;
      auto bound = ClampOp::create(b, op->getLoc(), result, APFloat(low), APFloat(high));
      result.replaceAllUsesExcept(bound, bound);
      narrowed(bound, type);
      return success();
    }
    // Anything else computes: on f32 for narrow floats, on bytes for narrow integers.
    IRMapping map;
    for (Value operand : op->getOperands())
      map.map(operand, widened(at, operand));
    Operation *wide = b.clone(*op, map);
    for (auto [result, old] : llvm::zip(wide->getResults(), op->getResults())) {
      auto type = dyn_cast<RankedTensorType>(old.getType());
      bool isCast = isa<CastOp>(op);
      if (!type || !isNarrow(type)) {
        old.replaceAllUsesWith(result);
        continue;
      }
      Type element = type.getElementType();
      Value value;
      if (isCast) {
        value = narrow(at, wide->getOperand(0), element);
      } else {
        result.setType(withElementType(type, isa<FloatType>(element) ? Type(b.getF32Type())
                                                                     : byteOf(element)));
        value = narrow(at, result, element);
      }
      replace(old, value, type);
    }
    op->erase();
    if (isOpTriviallyDead(wide))
      wide->erase();
    return success();
  }

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    was.clear();
    if (function.isExternal())
      return;
    OpBuilder b(&getContext());
    Block &entry = function.getBody().front();
    b.setInsertionPointToStart(&entry);
    SmallVector<Operation *> work;
    function.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) { work.push_back(op); });
    // Arguments: bytes, or packed bytes that are unpacked first.
    for (BlockArgument argument : entry.getArguments()) {
      if (!isNarrow(argument.getType()))
        continue;
      auto type = cast<RankedTensorType>(argument.getType());
      unsigned width = type.getElementTypeBitWidth();
      function.setArgAttr(argument.getArgNumber(), "ingot.type", TypeAttr::get(type));
      if (width == 8) {
        argument.setType(stored(type));
        narrowed(argument, type);
        continue;
      }
      if (!type.hasStaticShape()) {
        mlir::emitError(argument.getLoc())
            << "an input of packed elements cannot have dims that vary, but is " << type;
        return signalPassFailure();
      }
      int64_t bytes = (type.getNumElements() * width + 7) / 8;
      argument.setType(RankedTensorType::get(bytes, b.getIntegerType(8, false)));
      Location loc = argument.getLoc();
      if (auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "ingot.name"))
        loc = NameLoc::get(name);
      // Uses are taken over after unpacking, which reads the argument itself.
      SmallVector<OpOperand *> uses;
      for (OpOperand &use : argument.getUses())
        uses.push_back(&use);
      Value value = unpack(At{b, loc}, argument, type);
      narrowed(value, type);
      for (OpOperand *use : uses)
        use->set(value);
    }
    for (Operation *op : work)
      if (failed(lower(op)))
        return signalPassFailure();
    auto exit = cast<func::ReturnOp>(entry.getTerminator());
    b.setInsertionPoint(exit);
    for (OpOperand &operand : exit->getOpOperands()) {
      auto found = was.find(operand.get());
      if (found == was.end())
        continue;
      RankedTensorType type = found->second;
      function.setResultAttr(operand.getOperandNumber(), "ingot.type", TypeAttr::get(type));
      Value value = operand.get();
      Location loc = value.getDefiningOp() ? value.getDefiningOp()->getLoc() : value.getLoc();
      if (type.getElementTypeBitWidth() < 8 && !type.hasStaticShape()) {
        mlir::emitError(loc) << "an output of packed elements cannot have dims that vary, but is "
                             << type;
        return signalPassFailure();
      }
      if (type.getElementTypeBitWidth() < 8)
        operand.set(pack(At{b, loc}, value, type.getElementTypeBitWidth()));
    }
    function.setType(b.getFunctionType(entry.getArgumentTypes(), exit->getOperandTypes()));
  }
};

} // namespace
