// See ExpressionTable.h.
#include "compiler/emit/ExpressionTable.h"

#include "runtime-lib/core/Program.h"

using namespace ingot;
using fmt::ExprOp;

int32_t ExpressionTable::add(ExprOp op, int32_t a, int32_t b, int64_t value) {
  auto [it, added] = known.try_emplace({op, a, b, value}, rows.size());
  if (added)
    rows.emplace_back(op, a, b, value);
  return it->second;
}

int32_t ExpressionTable::row(Term term) {
  return term.row < 0 ? add(ExprOp::constant, 0, 0, term.number) : term.row;
}

ExpressionTable::Term ExpressionTable::apply(ExprOp op, Term a, Term b) {
  int64_t number;
  if (a.row < 0 && b.row < 0 && applyRow(op, a.number, b.number, number))
    return {-1, number};
  bool plus = op == ExprOp::add, times = op == ExprOp::mul;
  if ((plus && b.row < 0 && b.number == 0) || (times && b.row < 0 && b.number == 1))
    return a;
  if ((plus && a.row < 0 && a.number == 0) || (times && a.row < 0 && a.number == 1))
    return b;
  int32_t x = row(a), y = row(b);
  bool commutes = op == ExprOp::add || op == ExprOp::mul || op == ExprOp::min || op == ExprOp::max;
  if (commutes && x > y)
    std::swap(x, y);
  if (x == y && (op == ExprOp::min || op == ExprOp::max))
    return {x, 0};
  return {add(op, x, y, 0), 0};
}

ExpressionTable::Term ExpressionTable::term(const DimExpr &expression) {
  using Operation = DimExpr::Operation;
  return expression.lower<Term>([](int64_t number) { return Term{-1, number}; },
                                [&](llvm::StringRef name) {
                                  auto found = rowOfName.find(name);
                                  assert(found != rowOfName.end() &&
                                         "every name is solved before it is used");
                                  return Term{found->second, 0};
                                },
                                [&](Operation operation, Term a, Term b) {
                                  switch (operation) {
                                  case Operation::Add:
                                    return apply(ExprOp::add, a, b);
                                  case Operation::Sub:
                                    return apply(ExprOp::sub, a, b);
                                  case Operation::Mul:
                                    return apply(ExprOp::mul, a, b);
                                  case Operation::FloorDiv:
                                    return apply(ExprOp::floor_div, a, b);
                                  case Operation::Mod:
                                    return apply(ExprOp::mod, a, b);
                                  case Operation::Min:
                                    return apply(ExprOp::min, a, b);
                                  case Operation::Max:
                                    break;
                                  }
                                  return apply(ExprOp::max, a, b);
                                });
}

fmt::Extent ExpressionTable::extent(const DimExpr &expression) {
  return extent(term(expression), std::max<int64_t>(rangeOf(expression, bounds).high, 0));
}

/// Solves an input's extent for the one name in it that is not known yet.
bool ExpressionTable::solve(const DimExpr &extent, int32_t input, int32_t dim) {
  llvm::SetVector<llvm::StringRef> used;
  extent.collectNames(used);
  used.remove_if([&](llvm::StringRef name) { return rowOfName.contains(name); });
  if (used.size() != 1)
    return false;
  std::string name = used.front().str();
  auto at = [&](int64_t value) {
    return extent.substitute([&](llvm::StringRef other) -> std::optional<DimExpr> {
      return other == name ? std::optional(DimExpr(value)) : std::nullopt;
    });
  };
  // extent = factor * name + rest?
  DimExpr rest = at(0), factor = at(1) - rest;
  if (!rest.valid() || !factor.valid() || factor * DimExpr::symbol(name) + rest != extent ||
      rangeOf(factor, bounds).low < 1)
    return false;
  Term value{add(ExprOp::input_dim, input, dim, 0), 0};
  if (rest != DimExpr(0))
    value = apply(ExprOp::sub, value, term(rest));
  // The user's dim is the name times its step.
  auto step = steps.find(name);
  DimExpr shared = factor;
  if (step != steps.end()) {
    std::optional<DimExpr> quotient = DimExpr::exactQuotient(factor, step->second);
    if (!quotient)
      return false;
    shared = *quotient;
  }
  if (shared != DimExpr(1))
    value = apply(ExprOp::floor_div, value, term(shared));
  rowOfName[name] =
      step == steps.end() ? value.row : apply(ExprOp::floor_div, value, {-1, step->second}).row;
  names.push_back({std::move(name), value.row});
  return true;
}

llvm::Error ExpressionTable::addInputs(llvm::ArrayRef<mlir::RankedTensorType> inputs,
                                       llvm::ArrayRef<ValueDim> values) {
  for (const ValueDim &value : values) {
    bool known = value.input >= 0 && value.input < int64_t(inputs.size()) && value.element >= 0 &&
                 value.element < INT32_MAX;
    if (!known)
      return llvm::createStringError("'" + value.name + "' is element " +
                                     llvm::Twine(value.element) + " of input " +
                                     llvm::Twine(value.input) + ", which is not there");
    int32_t row = add(ExprOp::input_value, value.input, value.element, 0);
    rowOfName[value.name] = row;
    names.push_back({value.name, row});
  }
  struct Open {
    DimExpr extent;
    int32_t input, dim;
  };
  std::vector<Open> open;
  llvm::SetVector<llvm::StringRef> wanted;
  for (auto [i, type] : llvm::enumerate(inputs))
    for (auto [d, extent] : llvm::enumerate(extentsOf(type)))
      if (!extent.isConstant())
        open.push_back({extent, int32_t(i), int32_t(d)});
  // Extents that are a name first, then what they make solvable.
  auto take = [&](auto wants) {
    size_t before = open.size();
    llvm::erase_if(open, [&](const Open &row) {
      return wants(row.extent) && solve(row.extent, row.input, row.dim);
    });
    return open.size() < before;
  };
  take([](const DimExpr &extent) { return extent == DimExpr::symbol(extent.str()); });
  while (take([](const DimExpr &) { return true; }))
    ;
  for (const Open &row : open) {
    llvm::SetVector<llvm::StringRef> left;
    row.extent.collectNames(left);
    for (llvm::StringRef name : left)
      if (!rowOfName.contains(name))
        return llvm::createStringError(
            "dim '" + name + "' does not follow from the inputs' shapes: '" + row.extent.str() +
            "' cannot be solved for it\nhint: give it one extent with --dim " + name + "=N");
  }
  return llvm::Error::success();
}
