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

/// What the extents of a named dim are multiples of.
static int64_t stepOf(const Entry *entry, const NamedDim *dim) {
  auto at = [&](int32_t row) { return entry->expressions()->Get(row); };
  for (uint32_t i = 0; i < count(entry->inputs()); ++i)
    for (uint32_t d = 0; d < count(entry->inputs()->Get(i)->dims()); ++d) {
      const SigDim *place = entry->inputs()->Get(i)->dims()->Get(d);
      if (place->name() != int32_t(dim->name()) || place->expr() < 0 ||
          at(place->expr())->op() != ExprOp::mul)
        continue;
      for (int32_t factor : {at(place->expr())->a(), at(place->expr())->b()})
        if (at(factor)->op() == ExprOp::constant)
          return at(factor)->value();
    }
  return 1;
}

std::string DimsText::names(const Entry *entry) const {
  std::string text;
  for (uint32_t i = 0; i < count(entry->dims()); ++i) {
    const NamedDim *dim = entry->dims()->Get(i);
    text += (i ? ", " : "") + dimName(dim->name()).str() + " " + std::to_string(dim->min()) + ".." +
            std::to_string(dim->max());
    if (int64_t step = stepOf(entry, dim); step != 1)
      text += "/" + std::to_string(step);
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
  if (expr->op() == ExprOp::input_dim || expr->op() == ExprOp::input_value) {
    const flatbuffers::String *input = entry->inputs()->Get(expr->a())->name();
    return (expr->op() == ExprOp::input_dim ? "dim " : "element ") + std::to_string(expr->b()) +
           " of " + std::string(input->c_str(), input->size());
  }
  if (expr->op() == ExprOp::variable_value)
    return "element " + std::to_string(expr->b()) + " of variable " + std::to_string(expr->a()) +
           " after the run, up to " + std::to_string(expr->value());
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
    llvm::json::Array bounds{dim->min(), dim->max()};
    if (int64_t step = stepOf(entry, dim); step != 1)
      bounds.push_back(step);
    object[llvm::json::fixUTF8(dimName(dim->name()))] = std::move(bounds);
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
