// What the shape inference functions share. Included by the files that define them, and by nothing
// else.
#pragma once

#include "ir/graph/Graph.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringExtras.h"

namespace ingot {

using Dims = llvm::SmallVector<DimExpr>;

inline mlir::RankedTensorType typeOf(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType());
}

inline Dims dimsOf(mlir::Value value) { return extentsOf(typeOf(value)); }

inline std::string show(llvm::ArrayRef<int64_t> dims) {
  return "[" +
         llvm::join(llvm::map_range(dims, [](int64_t d) { return std::to_string(d); }), ", ") + "]";
}

using Fail = llvm::function_ref<mlir::LogicalResult(const llvm::Twine &)>;

inline mlir::LogicalResult checkAxis(int64_t axis, int64_t rank, Fail fail) {
  if (axis < 0 || axis >= rank)
    return fail("axis " + llvm::Twine(axis) + " is outside rank " + llvm::Twine(rank));
  return mlir::success();
}

/// The element type that a contraction of `element` gives: i32 for integers, else the type itself.
inline mlir::Type accumulatedType(mlir::Type element) {
  return llvm::isa<mlir::IntegerType>(element) ? mlir::IntegerType::get(element.getContext(), 32)
                                               : element;
}

} // namespace ingot

/// The properties of an op that is being built or parsed, complete: the parser leaves attributes of
/// the dictionary and defaults to a later step, but result types are inferred before it.
template <typename OP>
typename OP::Properties completeProperties(mlir::MLIRContext *context,
                                           mlir::DictionaryAttr attributes,
                                           mlir::OpaqueProperties given) {
  typename OP::Properties properties;
  if (given)
    properties = *given.as<typename OP::Properties *>();
  if constexpr (requires { OP::setInherentAttr(properties, "", mlir::Attribute()); }) {
    if (attributes)
      for (mlir::NamedAttribute attribute : attributes)
        OP::setInherentAttr(properties, attribute.getName(), attribute.getValue());
    mlir::OperationName name(OP::getOperationName(), context);
    if constexpr (requires { OP::populateDefaultProperties(name, properties); })
      OP::populateDefaultProperties(name, properties);
  }
  return properties;
}

/// The head of every inference function: `args` reads operands and attributes, `fail` reports and
/// fails.
#define INGOT_INFER(OP)                                                                            \
  static LogicalResult infer##OP(OP::Adaptor args,                                                 \
                                 function_ref<LogicalResult(const Twine &)> fail,                  \
                                 SmallVectorImpl<Type> &results);                                  \
  LogicalResult OP::inferReturnTypes(MLIRContext *context, std::optional<Location> loc,            \
                                     ValueRange operands, DictionaryAttr attributes,               \
                                     OpaqueProperties given, RegionRange regions,                  \
                                     SmallVectorImpl<Type> &results) {                             \
    auto fail = [&](const Twine &text) -> LogicalResult {                                          \
      return emitOptionalError(loc, OP::getOperationName(), " ", text);                            \
    };                                                                                             \
    OP::Properties properties = completeProperties<OP>(context, attributes, given);                \
    return infer##OP(OP::Adaptor(operands, attributes, properties, regions), fail, results);       \
  }                                                                                                \
  static LogicalResult infer##OP(OP::Adaptor args,                                                 \
                                 function_ref<LogicalResult(const Twine &)> fail,                  \
                                 SmallVectorImpl<Type> &results)
