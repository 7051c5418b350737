// Helpers that emitters share; see EmitHelpers.h.
#include "backends/common/EmitHelpers.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;

namespace ingot {

llvm::SmallVector<ReshapeGroup> reshapeGroups(ArrayRef<DimExpr> from, ArrayRef<DimExpr> to) {
  const DimExpr one = 1;
  llvm::SmallVector<ReshapeGroup> groups;
  for (size_t f = 0, t = 0;;) {
    while (f < from.size() && from[f] == one)
      ++f;
    while (t < to.size() && to[t] == one)
      ++t;
    if (f == from.size() || t == to.size())
      return groups;
    size_t fEnd = f + 1, tEnd = t + 1;
    DimExpr fProduct = from[f], tProduct = to[t];
    while (fProduct != tProduct && (fEnd < from.size() || tEnd < to.size())) {
      // The smaller side grows; with dims in them, the one that divides the other. Else any: the
      // products are equal at the end.
      std::optional<int64_t> fCount = fProduct.constant(), tCount = tProduct.constant();
      bool growFrom = fCount && tCount ? *fCount < *tCount
                                       : DimExpr::exactQuotient(tProduct, fProduct).has_value();
      if ((growFrom && fEnd < from.size()) || tEnd == to.size())
        fProduct *= from[fEnd++];
      else
        tProduct *= to[tEnd++];
    }
    groups.push_back({f, fEnd, t, tEnd});
    f = fEnd;
    t = tEnd;
  }
}

TypedAttr numberAttr(Type element, double number) {
  Type type = signless(element);
  if (auto floating = dyn_cast<FloatType>(type)) {
    APFloat value(number);
    bool loses;
    value.convert(floating.getFloatSemantics(), APFloat::rmNearestTiesToEven, &loses);
    return FloatAttr::get(type, value);
  }
  return IntegerAttr::get(type, APInt(type.getIntOrFloatBitWidth(),
                                      static_cast<uint64_t>(static_cast<int64_t>(number)),
                                      /*isSigned=*/true, /*implicitTrunc=*/true));
}

Value globalConstant(OpBuilder &builder, Location loc, DenseElementsAttr value) {
  auto module = builder.getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>();
  auto type = MemRefType::get(value.getType().getShape(), value.getElementType());
  std::string typeText;
  llvm::raw_string_ostream(typeText) << type;
  ArrayRef<char> raw = value.getRawData();
  llvm::XXH128_hash_t hash =
      llvm::xxh3_128bits(ArrayRef(reinterpret_cast<const uint8_t *>(raw.data()), raw.size()));
  uint64_t typeHash = llvm::xxh3_64bits(typeText);
  std::string name =
      llvm::formatv("ingot_constant_{0:x-}{1:x-}{2:x-}", hash.high64, hash.low64, typeHash);
  if (!module.lookupSymbol<memref::GlobalOp>(name)) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(module.getBody());
    memref::GlobalOp::create(builder, loc, name, builder.getStringAttr("private"), type, value,
                             /*constant=*/true, builder.getI64IntegerAttr(64));
  }
  return memref::GetGlobalOp::create(builder, loc, type, name);
}

void Mixed::match(Value &x, Value &y) const {
  if (auto type = dyn_cast<VectorType>(x.getType()); type && !isVector(y))
    y = vector::BroadcastOp::create(b, loc, type.clone(y.getType()), y);
  else if (auto type = dyn_cast<VectorType>(y.getType()); type && !isVector(x))
    x = vector::BroadcastOp::create(b, loc, type.clone(x.getType()), x);
}

Value Mixed::toFloat(Value x, Type type) const {
  unsigned bits = scalarType(x).getIntOrFloatBitWidth(), want = type.getIntOrFloatBitWidth();
  if (scalarType(x) == type)
    return x;
  if (bits == 16 && want == 16) // f16 and bf16
    return toFloat(toFloat(x, b.getF32Type()), type);
  Type to = typeLike(x, type);
  if (bits < want)
    return arith::ExtFOp::create(b, loc, to, x);
  return arith::TruncFOp::create(b, loc, to, x);
}

Value Mixed::number(Value like, double value) const {
  TypedAttr attr = numberAttr(scalarType(like), value);
  if (auto shaped = dyn_cast<VectorType>(like.getType()))
    attr = DenseElementsAttr::get(shaped, attr);
  return arith::ConstantOp::create(b, loc, attr);
}

Value Mixed::i32(Value x, Type tensorElement) const {
  if (scalarType(x).getIntOrFloatBitWidth() >= 32)
    return x;
  Type to = typeLike(x, b.getI32Type());
  if (tensorElement.isUnsignedInteger())
    return arith::ExtUIOp::create(b, loc, to, x);
  return arith::ExtSIOp::create(b, loc, to, x);
}

} // namespace ingot
