// Extents that are known when the model is compiled, or computed from named dims once per call.
//
// A DimExpr is a polynomial with integer coefficients over atoms: names of dims ("batch") and
// floordiv, mod, min and max of other expressions. It is kept in one canonical form, so that two
// expressions which are equal as polynomials are equal here; what is not proved equal is different.
// Names stand for values >= 0, and every expression of an extent is one.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ingot {

class DimExpr {
public:
  /// A number.
  DimExpr(int64_t number = 0) : number(number) {}
  /// A named dim. Any character that is no letter, digit, `_` or `.` becomes `_`.
  static DimExpr symbol(llvm::StringRef name);
  /// Reads what `str` writes, and `//`, `%`, parentheses. Error: anything else, or an expression
  /// too large.
  static llvm::Expected<DimExpr> parse(llvm::StringRef text);

  /// `seq`, `2*seq + 1`, `floordiv(seq + 1, 2)`: canonical, so that equal text is equal value.
  std::string str() const;

  /// The number, unless a name takes part.
  std::optional<int64_t> constant() const {
    return terms || bad ? std::nullopt : std::optional(number);
  }
  bool isConstant() const { return !terms && !bad; }
  /// False when a coefficient left 64 bits or the expression grew beyond reason: it then equals
  /// nothing.
  bool valid() const { return !bad; }

  friend DimExpr operator+(const DimExpr &a, const DimExpr &b);
  friend DimExpr operator-(const DimExpr &a, const DimExpr &b);
  friend DimExpr operator*(const DimExpr &a, const DimExpr &b);
  friend bool operator==(const DimExpr &a, const DimExpr &b);
  friend bool operator!=(const DimExpr &a, const DimExpr &b) { return !(a == b); }
  DimExpr &operator+=(const DimExpr &b) { return *this = *this + b; }
  DimExpr &operator*=(const DimExpr &b) { return *this = *this * b; }

  /// Rounded down; `by` must not be 0 (then the result is not valid).
  static DimExpr floorDiv(const DimExpr &a, const DimExpr &by);
  static DimExpr ceilDiv(const DimExpr &a, const DimExpr &by);
  static DimExpr mod(const DimExpr &a, const DimExpr &by);
  static DimExpr min(const DimExpr &a, const DimExpr &b);
  static DimExpr max(const DimExpr &a, const DimExpr &b);

  /// a / by when it is exact for all values of the names, as polynomials.
  static std::optional<DimExpr> exactQuotient(const DimExpr &a, const DimExpr &by);

  /// Adds the names in it.
  void collectNames(llvm::SetVector<llvm::StringRef> &names) const;
  /// With every name replaced by what `value` gives; names it gives nothing for stay.
  DimExpr substitute(llvm::function_ref<std::optional<DimExpr>(llvm::StringRef name)> value) const;

  /// What `lower` asks its caller to compute of two values.
  enum class Operation { Add, Sub, Mul, FloorDiv, Mod, Min, Max };
  /// Computes the expression in the caller's terms (rows of a table, values of code): `number` and
  /// `name` give the leaves, `apply` combines two. It must be valid.
  template <typename T>
  T lower(llvm::function_ref<T(int64_t)> number, llvm::function_ref<T(llvm::StringRef)> name,
          llvm::function_ref<T(Operation, T, T)> apply) const;

  /// Every value lies in [low, high].
  struct Range {
    int64_t low, high;
  };
  /// Bounds over all values of the names, by interval arithmetic; nothing when it leaves 64 bits.
  std::optional<Range> range(llvm::function_ref<std::optional<Range>(llvm::StringRef)> of) const;

private:
  enum class Function { Name, FloorDiv, Mod, Min, Max };
  /// A factor of a term: a name, or a function of two expressions.
  struct Atom;
  using AtomRef = std::shared_ptr<const Atom>;
  /// One product: its factors in order; none stand for the number 1.
  using Product = std::vector<AtomRef>;
  struct ProductOrder {
    bool operator()(const Product &a, const Product &b) const;
  };
  /// Products and their coefficients.
  using Terms = std::map<Product, int64_t, ProductOrder>;

  static DimExpr invalid();
  /// The part of `a` whose coefficients `by` divides, divided by it; and the rest.
  static std::pair<DimExpr, DimExpr> splitMultiples(const DimExpr &a, int64_t by);
  static DimExpr ofTerms(Terms terms, int64_t number);
  static DimExpr ofAtom(Function function, std::string name, DimExpr a, DimExpr b);
  Terms allTerms() const;

  int64_t number = 0; ///< the addend without factors
  bool bad = false;
  std::shared_ptr<const Terms> terms; ///< null: a number
};

struct DimExpr::Atom {
  Function function;
  std::string text; ///< the name, or the function's canonical text: what orders and compares atoms
  DimExpr a, b;     ///< operands of a function
};

template <typename T>
T DimExpr::lower(llvm::function_ref<T(int64_t)> number, llvm::function_ref<T(llvm::StringRef)> name,
                 llvm::function_ref<T(Operation, T, T)> apply) const {
  std::optional<T> sum;
  auto add = [&](T term, bool negative) {
    if (sum)
      sum = apply(negative ? Operation::Sub : Operation::Add, *sum, term);
    else
      sum = negative ? apply(Operation::Sub, number(0), term) : term;
  };
  if (terms)
    for (const auto &[factors, coefficient] : *terms) {
      std::optional<T> product;
      for (const AtomRef &atom : factors) {
        T value = [&]() -> T {
          if (atom->function == Function::Name)
            return name(atom->text);
          T a = atom->a.lower(number, name, apply), b = atom->b.lower(number, name, apply);
          switch (atom->function) {
          case Function::FloorDiv:
            return apply(Operation::FloorDiv, a, b);
          case Function::Mod:
            return apply(Operation::Mod, a, b);
          case Function::Min:
            return apply(Operation::Min, a, b);
          default:
            return apply(Operation::Max, a, b);
          }
        }();
        product = product ? apply(Operation::Mul, *product, value) : value;
      }
      bool negative = coefficient < 0 && coefficient != INT64_MIN;
      int64_t magnitude = negative ? -coefficient : coefficient;
      add(magnitude == 1 ? *product : apply(Operation::Mul, *product, number(magnitude)), negative);
    }
  if (this->number || !sum) {
    bool negative = sum && this->number < 0 && this->number != INT64_MIN;
    add(number(negative ? -this->number : this->number), negative);
  }
  return *sum;
}

/// Numbers as expressions.
inline llvm::SmallVector<DimExpr> dimExprs(llvm::ArrayRef<int64_t> numbers) {
  return llvm::SmallVector<DimExpr>(numbers.begin(), numbers.end());
}

/// `[2, seq + 1, 384]`, for messages.
std::string show(llvm::ArrayRef<DimExpr> extents);

} // namespace ingot
