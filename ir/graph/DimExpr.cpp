// Arithmetic on extents; see DimExpr.h.
#include "ir/graph/DimExpr.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace llvm;

namespace ingot {

/// Limits on what a model file can make of us: real shapes stay far below.
static constexpr size_t maxTerms = 256, maxFactors = 16, maxText = 4096;
static constexpr unsigned maxDepth = 64;

bool DimExpr::ProductOrder::operator()(const Product &a, const Product &b) const {
  // By degree first: an order that multiplication keeps, which exactQuotient relies on.
  if (a.size() != b.size())
    return a.size() < b.size();
  return std::lexicographical_compare(
      a.begin(), a.end(), b.begin(), b.end(),
      [](const AtomRef &x, const AtomRef &y) { return x->text < y->text; });
}

DimExpr DimExpr::invalid() {
  DimExpr result;
  result.bad = true;
  return result;
}

DimExpr DimExpr::ofTerms(Terms terms, int64_t number) {
  for (auto it = terms.begin(); it != terms.end();)
    it = it->second ? std::next(it) : terms.erase(it);
  if (terms.size() > maxTerms)
    return invalid();
  DimExpr result(number);
  if (!terms.empty())
    result.terms = std::make_shared<const Terms>(std::move(terms));
  return result;
}

DimExpr DimExpr::ofAtom(Function function, std::string name, DimExpr a, DimExpr b) {
  if (name.size() > maxText)
    return invalid();
  auto atom = std::make_shared<const Atom>(Atom{function, std::move(name), a, b});
  return ofTerms({{Product{atom}, 1}}, 0);
}

DimExpr DimExpr::symbol(StringRef name) {
  std::string text;
  for (char c : name)
    text += isAlnum(c) || c == '_' || c == '.' ? c : '_';
  if (text.empty() || isDigit(text[0]))
    text = "_" + text;
  return ofAtom(Function::Name, text, {}, {});
}

DimExpr::Terms DimExpr::allTerms() const {
  Terms all = terms ? *terms : Terms();
  if (number)
    all[{}] = number;
  return all;
}

DimExpr operator+(const DimExpr &a, const DimExpr &b) {
  int64_t number;
  if (a.bad || b.bad || __builtin_add_overflow(a.number, b.number, &number))
    return DimExpr::invalid();
  if (!a.terms && !b.terms)
    return number;
  DimExpr::Terms sum = a.terms ? *a.terms : DimExpr::Terms();
  if (b.terms)
    for (auto &[product, factor] : *b.terms)
      if (int64_t &into = sum[product]; __builtin_add_overflow(into, factor, &into))
        return DimExpr::invalid();
  return DimExpr::ofTerms(std::move(sum), number);
}

DimExpr operator-(const DimExpr &a, const DimExpr &b) { return a + b * DimExpr(-1); }

DimExpr operator*(const DimExpr &a, const DimExpr &b) {
  if (a.bad || b.bad)
    return DimExpr::invalid();
  if (!a.terms && !b.terms) {
    int64_t number;
    return __builtin_mul_overflow(a.number, b.number, &number) ? DimExpr::invalid()
                                                               : DimExpr(number);
  }
  DimExpr::Terms result;
  for (auto &[x, p] : a.allTerms())
    for (auto &[y, q] : b.allTerms()) {
      DimExpr::Product product = x;
      product.insert(product.end(), y.begin(), y.end());
      if (product.size() > maxFactors)
        return DimExpr::invalid();
      llvm::sort(product, [](const auto &l, const auto &r) { return l->text < r->text; });
      int64_t factor;
      int64_t &into = result[product];
      if (__builtin_mul_overflow(p, q, &factor) || __builtin_add_overflow(into, factor, &into) ||
          result.size() > maxTerms)
        return DimExpr::invalid();
    }
  auto constant = result.extract(DimExpr::Product());
  return DimExpr::ofTerms(std::move(result), constant.empty() ? 0 : constant.mapped());
}

bool operator==(const DimExpr &a, const DimExpr &b) {
  if (a.bad || b.bad || a.number != b.number || !a.terms != !b.terms)
    return false;
  if (!a.terms || a.terms == b.terms)
    return true;
  DimExpr::ProductOrder order;
  return a.terms->size() == b.terms->size() &&
         std::equal(
             a.terms->begin(), a.terms->end(), b.terms->begin(), [&](const auto &x, const auto &y) {
               return x.second == y.second && !order(x.first, y.first) && !order(y.first, x.first);
             });
}

std::string DimExpr::str() const {
  if (bad)
    return "invalid";
  if (!terms)
    return std::to_string(number);
  std::string text;
  for (auto &[product, factor] : *terms) {
    int64_t magnitude = factor;
    if (text.empty()) {
      if (factor == -1)
        text += "-";
      magnitude = factor == -1 ? 1 : factor;
    } else {
      text += factor < 0 ? " - " : " + ";
      magnitude = factor < 0 && factor != INT64_MIN ? -factor : factor;
    }
    if (magnitude != 1)
      text += std::to_string(magnitude) + "*";
    text += join(map_range(product, [](const AtomRef &atom) { return atom->text; }), "*");
  }
  if (number)
    text += (number < 0 ? " - " : " + ") +
            std::to_string(number < 0 && number != INT64_MIN ? -number : number);
  return text;
}

std::string show(ArrayRef<DimExpr> extents) {
  return "[" + join(map_range(extents, [](const DimExpr &e) { return e.str(); }), ", ") + "]";
}

//===-- functions ---------------------------------------------------------------------------===//

std::pair<DimExpr, DimExpr> DimExpr::splitMultiples(const DimExpr &a, int64_t by) {
  // The number's rest must not be negative: that keeps the text canonical.
  int64_t quotient = divideFloorSigned(a.number, by);
  Terms whole, rest;
  if (a.terms)
    for (auto &[product, factor] : *a.terms)
      factor % by ? rest[product] = factor : whole[product] = factor / by;
  return {ofTerms(std::move(whole), quotient), ofTerms(std::move(rest), a.number - quotient * by)};
}

DimExpr DimExpr::floorDiv(const DimExpr &a, const DimExpr &by) {
  if (a.bad || by.bad || by == DimExpr(0))
    return invalid();
  if (std::optional<DimExpr> exact = exactQuotient(a, by))
    return *exact;
  std::optional<int64_t> divisor = by.constant();
  if (divisor && *divisor < 0)
    return floorDiv(a * DimExpr(-1), -*divisor);
  if (divisor && a.isConstant())
    return divideFloorSigned(a.number, *divisor);
  DimExpr whole = 0, rest = a;
  if (divisor)
    std::tie(whole, rest) = splitMultiples(a, *divisor);
  if (divisor && rest.isConstant())
    return whole + DimExpr(divideFloorSigned(rest.number, *divisor));
  return whole +
         ofAtom(Function::FloorDiv, "floordiv(" + rest.str() + ", " + by.str() + ")", rest, by);
}

DimExpr DimExpr::ceilDiv(const DimExpr &a, const DimExpr &by) {
  return floorDiv(a + by - DimExpr(1), by);
}

DimExpr DimExpr::mod(const DimExpr &a, const DimExpr &by) {
  if (a.bad || by.bad || by == DimExpr(0))
    return invalid();
  if (exactQuotient(a, by))
    return 0;
  DimExpr rest = a;
  if (std::optional<int64_t> divisor = by.constant(); divisor && *divisor > 0) {
    rest = splitMultiples(a, *divisor).second;
    if (rest.isConstant())
      return rest; // splitMultiples left it within [0, divisor)
  }
  return ofAtom(Function::Mod, "mod(" + rest.str() + ", " + by.str() + ")", rest, by);
}

DimExpr DimExpr::min(const DimExpr &a, const DimExpr &b) {
  if (a.bad || b.bad)
    return invalid();
  if (std::optional<int64_t> difference = (a - b).constant())
    return *difference < 0 ? a : b;
  const auto &[x, y] = a.str() < b.str() ? std::tie(a, b) : std::tie(b, a);
  return ofAtom(Function::Min, "min(" + x.str() + ", " + y.str() + ")", x, y);
}

DimExpr DimExpr::max(const DimExpr &a, const DimExpr &b) {
  if (a.bad || b.bad)
    return invalid();
  if (std::optional<int64_t> difference = (a - b).constant())
    return *difference > 0 ? a : b;
  const auto &[x, y] = a.str() < b.str() ? std::tie(a, b) : std::tie(b, a);
  return ofAtom(Function::Max, "max(" + x.str() + ", " + y.str() + ")", x, y);
}

std::optional<DimExpr> DimExpr::exactQuotient(const DimExpr &a, const DimExpr &by) {
  if (a.bad || by.bad || by == DimExpr(0))
    return std::nullopt;
  if (by == DimExpr(1))
    return a;
  // Long division by the leading term; both are polynomials over the same ordered atoms.
  Terms divisor = by.allTerms();
  const auto &[leading, leadingFactor] = *divisor.rbegin();
  DimExpr rest = a, quotient = 0;
  for (size_t step = 0; step <= maxTerms; ++step) {
    if (rest == DimExpr(0))
      return quotient;
    if (rest.bad)
      return std::nullopt;
    Terms left = rest.allTerms();
    bool found = false;
    for (auto &[product, factor] : llvm::reverse(left)) {
      // Is the leading term a factor of this one?
      Product remaining = product;
      bool divides = factor % leadingFactor == 0;
      for (const AtomRef &atom : leading) {
        auto it = llvm::find_if(remaining, [&](const AtomRef &x) { return x->text == atom->text; });
        divides &= it != remaining.end();
        if (it != remaining.end())
          remaining.erase(it);
      }
      if (!divides)
        return std::nullopt; // the highest term left is no multiple
      int64_t number = factor / leadingFactor;
      DimExpr part = remaining.empty() ? DimExpr(number) : ofTerms({{remaining, number}}, 0);
      quotient += part;
      rest = rest - part * by;
      found = true;
      break;
    }
    if (!found)
      return std::nullopt;
  }
  return std::nullopt;
}

void DimExpr::collectNames(SetVector<StringRef> &names) const {
  if (!terms)
    return;
  for (auto &[product, factor] : *terms)
    for (const AtomRef &atom : product) {
      if (atom->function == Function::Name)
        names.insert(atom->text);
      atom->a.collectNames(names);
      atom->b.collectNames(names);
    }
}

DimExpr DimExpr::substitute(function_ref<std::optional<DimExpr>(StringRef)> value) const {
  if (!terms)
    return *this;
  DimExpr result = number;
  for (auto &[product, factor] : *terms) {
    DimExpr term = factor;
    for (const AtomRef &atom : product) {
      DimExpr a = atom->a.substitute(value), b = atom->b.substitute(value);
      switch (atom->function) {
      case Function::Name:
        term *= value(atom->text).value_or(ofTerms({{Product{atom}, 1}}, 0));
        break;
      case Function::FloorDiv:
        term *= floorDiv(a, b);
        break;
      case Function::Mod:
        term *= mod(a, b);
        break;
      case Function::Min:
        term *= min(a, b);
        break;
      case Function::Max:
        term *= max(a, b);
        break;
      }
    }
    result += term;
  }
  return result;
}

//===-- bounds ------------------------------------------------------------------------------===//

using Range = DimExpr::Range;

static std::optional<Range> product(Range x, Range y) {
  int64_t corners[4];
  if (__builtin_mul_overflow(x.low, y.low, &corners[0]) ||
      __builtin_mul_overflow(x.low, y.high, &corners[1]) ||
      __builtin_mul_overflow(x.high, y.low, &corners[2]) ||
      __builtin_mul_overflow(x.high, y.high, &corners[3]))
    return std::nullopt;
  auto [low, high] = std::minmax_element(std::begin(corners), std::end(corners));
  return Range{*low, *high};
}

/// Quotients by a positive divisor.
static std::optional<Range> quotient(Range x, Range by) {
  if (by.low < 1)
    return std::nullopt;
  return Range{std::min(divideFloorSigned(x.low, by.low), divideFloorSigned(x.low, by.high)),
               std::max(divideFloorSigned(x.high, by.low), divideFloorSigned(x.high, by.high))};
}

std::optional<Range> DimExpr::range(function_ref<std::optional<Range>(StringRef)> of) const {
  if (bad)
    return std::nullopt;
  Range sum{number, number};
  if (!terms)
    return sum;
  for (auto &[factors, coefficient] : *terms) {
    std::optional<Range> term = Range{coefficient, coefficient};
    for (const AtomRef &atom : factors) {
      std::optional<Range> a = atom->a.range(of), b = atom->b.range(of), value;
      if (!a || !b)
        return std::nullopt;
      switch (atom->function) {
      case Function::Name:
        value = of(atom->text);
        break;
      case Function::FloorDiv:
        value = quotient(*a, *b);
        break;
      case Function::Mod:
        if (b->low >= 1)
          value = Range{0, a->low >= 0 ? std::min(a->high, b->high - 1) : b->high - 1};
        break;
      case Function::Min:
        value = Range{std::min(a->low, b->low), std::min(a->high, b->high)};
        break;
      case Function::Max:
        value = Range{std::max(a->low, b->low), std::max(a->high, b->high)};
        break;
      }
      if (!value || !(term = product(*term, *value)))
        return std::nullopt;
    }
    if (__builtin_add_overflow(sum.low, term->low, &sum.low) ||
        __builtin_add_overflow(sum.high, term->high, &sum.high))
      return std::nullopt;
  }
  return sum;
}

//===-- text --------------------------------------------------------------------------------===//

namespace {
/// Recursive descent: sum := product (('+'|'-') product)*, product := unary (('*'|'//'|'%')
/// unary)*.
class Parser {
public:
  explicit Parser(StringRef text) : rest(text) {}

  Expected<DimExpr> run() {
    DimExpr value = sum(0);
    skip();
    if (!error.empty() || !rest.empty() || !value.valid())
      return createStringError("expected an expression of dims like 'seq + 1', but " +
                               (!error.empty() ? error
                                : rest.empty()
                                    ? std::string("it is too large")
                                    : "'" + rest.take_front(20).str() + "' does not fit"));
    return value;
  }

private:
  void skip() { rest = rest.ltrim(); }
  bool take(StringRef token) {
    skip();
    return error.empty() && rest.consume_front(token);
  }
  DimExpr fail(std::string why) {
    if (error.empty())
      error = std::move(why);
    return 0;
  }
  DimExpr sum(unsigned depth) {
    if (depth > maxDepth)
      return fail("it nests too deeply");
    DimExpr value = product(depth);
    while (error.empty()) {
      if (take("+"))
        value = value + product(depth);
      else if (take("-"))
        value = value - product(depth);
      else
        break;
    }
    return value;
  }
  DimExpr product(unsigned depth) {
    DimExpr value = unary(depth);
    while (error.empty()) {
      if (take("//"))
        value = DimExpr::floorDiv(value, unary(depth));
      else if (take("*"))
        value = value * unary(depth);
      else if (take("%"))
        value = DimExpr::mod(value, unary(depth));
      else
        break;
    }
    return value;
  }
  DimExpr unary(unsigned depth) {
    if (depth > maxDepth)
      return fail("it nests too deeply");
    if (take("-"))
      return DimExpr(-1) * unary(depth + 1);
    return primary(depth);
  }
  DimExpr primary(unsigned depth) {
    skip();
    if (take("(")) {
      DimExpr value = sum(depth + 1);
      return take(")") ? value : fail("a ')' is missing");
    }
    if (!rest.empty() && isDigit(rest.front())) {
      int64_t number;
      return rest.consumeInteger(10, number) ? fail("a number is too large") : DimExpr(number);
    }
    StringRef name = rest.take_while([](char c) { return isAlnum(c) || c == '_' || c == '.'; });
    if (name.empty())
      return fail(rest.empty() ? "it ends too early"
                               : "'" + rest.take_front(20).str() + "' does not fit");
    rest = rest.drop_front(name.size());
    if (!take("("))
      return DimExpr::symbol(name);
    DimExpr a = sum(depth + 1);
    if (!take(","))
      return fail("'" + name.str() + "' needs two operands");
    DimExpr b = sum(depth + 1);
    if (!take(")"))
      return fail("a ')' is missing");
    if (name == "floordiv")
      return DimExpr::floorDiv(a, b);
    if (name == "ceildiv")
      return DimExpr::ceilDiv(a, b);
    if (name == "mod")
      return DimExpr::mod(a, b);
    if (name == "min")
      return DimExpr::min(a, b);
    if (name == "max")
      return DimExpr::max(a, b);
    return fail("'" + name.str() + "' is no function of dims");
  }

  StringRef rest;
  std::string error;
};
} // namespace

Expected<DimExpr> DimExpr::parse(StringRef text) {
  if (text.size() > maxText)
    return createStringError("an expression of dims is longer than " + Twine(maxText) +
                             " characters");
  return Parser(text).run();
}

} // namespace ingot
