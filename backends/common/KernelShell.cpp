// The shell of an emitted kernel; see KernelShell.h.
#include "backends/common/KernelShell.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace ingot {

Type memoryElement(Type element) {
  if (element.isInteger(1))
    return IntegerType::get(element.getContext(), 8);
  return signless(element);
}

MemRefType bufferType(RankedTensorType tensor) {
  Type element = memoryElement(tensor.getElementType());
  if (!tensor.hasStaticShape())
    return MemRefType::get({ShapedType::kDynamic}, element);
  return MemRefType::get(tensor.getShape(), element);
}

unsigned dimCount(func::FuncOp kernel) { return dimBounds(kernel).size(); }

func::FuncOp createKernelShell(OpBuilder &builder, func::FuncOp kernel, StringRef name) {
  SmallVector<Type> inputs;
  for (Type type : kernel.getArgumentTypes())
    inputs.push_back(bufferType(cast<RankedTensorType>(type)));
  for (Type type : kernel.getResultTypes())
    inputs.push_back(bufferType(cast<RankedTensorType>(type)));
  inputs.push_back(MemRefType::get({ShapedType::kDynamic}, builder.getI8Type()));
  inputs.append(dimCount(kernel) + 2, builder.getIndexType());
  auto shell = func::FuncOp::create(builder, kernel.getLoc(), name,
                                    builder.getFunctionType(inputs, TypeRange()));
  Block *entry = shell.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  auto exit = func::ReturnOp::create(builder, kernel.getLoc());
  builder.setInsertionPoint(exit);
  return shell;
}

KernelArguments::KernelArguments(func::FuncOp kernel, func::FuncOp shell)
    : operands(shell.getArguments().take_front(kernel.getNumArguments())),
      results(shell.getArguments().slice(kernel.getNumArguments(), kernel.getNumResults())),
      dims(shell.getArguments().drop_back(2).take_back(dimCount(kernel))),
      scratch(shell.getArgument(kernel.getNumArguments() + kernel.getNumResults())),
      begin(shell.getArguments().drop_back(1).back()), end(shell.getArguments().back()) {}

Value viewAs(OpBuilder &builder, Location loc, Value buffer, ArrayRef<int64_t> shape) {
  auto type = cast<MemRefType>(buffer.getType());
  if (type.getShape() == shape)
    return buffer;
  SmallVector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * shape[i];
  auto view = MemRefType::get(shape, type.getElementType(), MemRefLayoutAttrInterface(),
                              type.getMemorySpace());
  return memref::ReinterpretCastOp::create(builder, loc, view, buffer, /*offset=*/int64_t(0), shape,
                                           strides);
}

Value flatView(OpBuilder &builder, Location loc, Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  return type.hasStaticShape() ? viewAs(builder, loc, buffer, {type.getNumElements()}) : buffer;
}

Value scratchView(OpBuilder &builder, Location loc, Value scratch, int64_t offset, int64_t elements,
                  Type element) {
  Value start = arith::ConstantIndexOp::create(builder, loc, offset);
  return memref::ViewOp::create(builder, loc, MemRefType::get({elements}, element), scratch, start,
                                ValueRange());
}

} // namespace ingot
