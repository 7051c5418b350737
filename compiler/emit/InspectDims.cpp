// See InspectDims.h. Reads what the runtime's verifier has accepted.
#include "compiler/emit/InspectDims.h"

#include "runtime-lib/core/Program.h"

using namespace ingot;
using namespace ingot::fmt;

llvm::StringRef DimsText::dimName(uint32_t index) const {
  const flatbuffers::String *name = program->dim_names()->Get(index);
  return {name->c_str(), name->size()};
}

std::string DimsText::type(ElementType type, const SigDims *dims) const {
  std::string result = std::string(ingot_type_name(static_cast<ingot_type>(type))) + "[";
  for (uint32_t i = 0; i < count(dims); ++i) {
    const SigDim *dim = dims->Get(i);
    result += i ? "," : "";
    if (dim->min() == dim->max() && dim->name() < 0)
      result += std::to_string(dim->max());
    else if (dim->name() >= 0)
      result += dimName(dim->name());
    else
      result += std::to_string(dim->min()) + ".." + std::to_string(dim->max());
  }
  return result + "]";
}

std::string DimsText::names(const Entry *entry) const {
  std::string text;
  for (uint32_t i = 0; i < count(entry->dims()); ++i) {
    const NamedDim *dim = entry->dims()->Get(i);
    text += (i ? ", " : "") + dimName(dim->name()).str() + " " + std::to_string(dim->min()) + ".." +
            std::to_string(dim->max());
  }
  return text;
}

std::string DimsText::row(const Entry *entry, int32_t row) const {
  const Expr *expr = entry->expressions()->Get(row);
  if (expr->op() == ExprOp::constant)
    return std::to_string(expr->value());
  for (uint32_t i = 0; i < count(entry->dims()); ++i)
    if (entry->dims()->Get(i)->expr() == uint32_t(row))
      return dimName(entry->dims()->Get(i)->name()).str();
  return "e" + std::to_string(row);
}

std::string DimsText::extent(const Entry *entry, const Extent *extent) const {
  std::string bound = std::to_string(extent->value());
  return extent->expr() < 0 ? bound : row(entry, extent->expr()) + " (up to " + bound + ")";
}

std::string DimsText::formula(const Entry *entry, uint32_t index) const {
  const Expr *expr = entry->expressions()->Get(index);
  if (expr->op() == ExprOp::input_dim) {
    const flatbuffers::String *input = entry->inputs()->Get(expr->a())->name();
    return "dim " + std::to_string(expr->b()) + " of " + std::string(input->c_str(), input->size());
  }
  std::string a = row(entry, expr->a()), b = row(entry, expr->b());
  switch (expr->op()) {
  case ExprOp::add:
    return a + " + " + b;
  case ExprOp::sub:
    return a + " - " + b;
  case ExprOp::mul:
    return a + " * " + b;
  default:
    return std::string(EnumNameExprOp(expr->op())) + "(" + a + ", " + b + ")";
  }
}

void DimsText::printTable(llvm::raw_ostream &out, const Entry *entry) const {
  for (uint32_t i = 0; i < count(entry->expressions()); ++i)
    if (entry->expressions()->Get(i)->op() != ExprOp::constant)
      out << "  " << row(entry, i) << " = " << formula(entry, i) << '\n';
}

llvm::json::Object DimsText::namesJson(const Entry *entry) const {
  llvm::json::Object object;
  for (uint32_t i = 0; i < count(entry->dims()); ++i) {
    const NamedDim *dim = entry->dims()->Get(i);
    object[llvm::json::fixUTF8(dimName(dim->name()))] = llvm::json::Array{dim->min(), dim->max()};
  }
  return object;
}

llvm::json::Value DimsText::extentJson(const Entry *entry, const Extent *extent) const {
  if (extent->expr() < 0)
    return extent->value();
  return llvm::json::Object{{"expression", llvm::json::fixUTF8(row(entry, extent->expr()))},
                            {"max", extent->value()}};
}

llvm::json::Object DimsText::tableJson(const Entry *entry) const {
  llvm::json::Object object;
  for (uint32_t i = 0; i < count(entry->expressions()); ++i)
    if (entry->expressions()->Get(i)->op() != ExprOp::constant)
      object[llvm::json::fixUTF8(row(entry, i))] = llvm::json::fixUTF8(formula(entry, i));
  return object;
}
