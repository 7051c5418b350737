// Numbers of element types as torch serialises them (torch/_export/serde/schema.py, ScalarType).
#include "compiler/importers/pt2/Package.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace ingot::pt2 {

Type scalarType(MLIRContext *context, int64_t number) {
  Builder builder(context);
  switch (number) {
  case 1:
    return builder.getIntegerType(8, /*isSigned=*/false);
  case 2:
    return builder.getIntegerType(8);
  case 3:
    return builder.getIntegerType(16);
  case 4:
    return builder.getI32Type();
  case 5:
    return builder.getI64Type();
  case 6:
    return builder.getF16Type();
  case 7:
    return builder.getF32Type();
  case 8:
    return builder.getF64Type();
  case 12:
    return builder.getI1Type();
  case 13:
    return builder.getBF16Type();
  case 28:
    return builder.getIntegerType(16, false);
  case 29:
    return Float8E4M3FNType::get(context);
  case 30:
    return Float8E5M2Type::get(context);
  case 31:
    return Float8E4M3FNUZType::get(context);
  case 32:
    return Float8E5M2FNUZType::get(context);
  case 33:
    return Float8E8M0FNUType::get(context);
  case 34:
    return builder.getIntegerType(32, false);
  case 35:
    return builder.getIntegerType(64, false);
  default:
    return {};
  }
}

} // namespace ingot::pt2
