// Evaluates symbolic expressions by recursive descent, at most 64 levels deep.
#include "compiler/importers/pt2/Symbols.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>
#include <optional>

namespace ingot::pt2 {

namespace {

constexpr unsigned kMaxDepth = 64;

Number integer(int64_t value) { return {true, value, 0}; }
Number real(double value) { return {false, 0, value}; }

int64_t floorDiv(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a % b < 0) != (b < 0)); }

class Parser {
public:
  Parser(llvm::StringRef text, const llvm::StringMap<int64_t> &symbols)
      : text(text), symbols(symbols) {}

  std::string error, unknown;

  std::optional<Number> run() {
    auto value = sum(0);
    skip();
    if (value && !text.empty())
      return fail("unexpected '" + text.take_front(8).str() + "'");
    return value;
  }

private:
  std::nullopt_t fail(const std::string &message) {
    if (error.empty())
      error = message;
    return std::nullopt;
  }
  void skip() { text = text.ltrim(); }
  bool eat(llvm::StringRef token) {
    skip();
    return text.consume_front(token);
  }

  std::optional<Number> sum(unsigned depth) {
    if (depth > kMaxDepth)
      return fail("it is nested too deep");
    auto left = product(depth);
    while (left) {
      char op = eat("+") ? '+' : eat("-") ? '-' : 0;
      if (!op)
        break;
      auto right = product(depth);
      left = right ? apply(op == '+' ? "Add" : "Sub", {*left, *right}) : std::nullopt;
    }
    return left;
  }
  std::optional<Number> product(unsigned depth) {
    auto left = power(depth);
    while (left) {
      // The order matters: `**` belongs to a power, `//` is no division.
      skip();
      const char *name = text.starts_with("**") ? nullptr
                         : eat("//")            ? "FloorDiv"
                         : eat("*")             ? "Mul"
                         : eat("/")             ? "IntTrueDiv"
                         : eat("%")             ? "PythonMod"
                                                : nullptr;
      if (!name)
        break;
      auto right = power(depth);
      left = right ? apply(name, {*left, *right}) : std::nullopt;
    }
    return left;
  }
  std::optional<Number> power(unsigned depth) {
    if (depth > kMaxDepth)
      return fail("it is nested too deep");
    if (eat("-")) {
      auto value = power(depth + 1);
      return value ? apply("Mul", {integer(-1), *value}) : std::nullopt;
    }
    auto base = primary(depth);
    if (base && eat("**")) {
      auto exponent = power(depth + 1);
      return exponent ? apply("Pow", {*base, *exponent}) : std::nullopt;
    }
    return base;
  }
  std::optional<Number> primary(unsigned depth) {
    if (eat("(")) {
      auto value = sum(depth + 1);
      return value && !eat(")") ? fail("a ')' is missing") : value;
    }
    skip();
    if (!text.empty() && llvm::isDigit(text.front()))
      return number();
    llvm::StringRef name = text.take_while([](char c) { return llvm::isAlnum(c) || c == '_'; });
    if (name.empty())
      return fail("a number or a name is expected");
    text = text.drop_front(name.size());
    if (!eat("("))
      return symbol(name);
    return call(name, depth);
  }
  std::optional<Number> number() {
    llvm::StringRef digits = text.take_while([](char c) { return llvm::isAlnum(c) || c == '.'; });
    text = text.drop_front(digits.size());
    int64_t value;
    if (!digits.getAsInteger(10, value))
      return integer(value);
    double decimal;
    if (!digits.getAsDouble(decimal))
      return real(decimal);
    return fail("'" + digits.str() + "' is no number");
  }
  std::optional<Number> symbol(llvm::StringRef name) {
    if (name == "true" || name == "True")
      return integer(1);
    if (name == "false" || name == "False")
      return integer(0);
    auto found = symbols.find(name);
    if (found != symbols.end())
      return integer(found->second);
    unknown = name.str();
    return fail("'" + name.str() + "' has no value");
  }
  /// A quoted string.
  std::optional<llvm::StringRef> quoted() {
    skip();
    if (text.empty() || (text.front() != '\'' && text.front() != '"'))
      return std::nullopt;
    size_t end = text.find(text.front(), 1);
    if (end == llvm::StringRef::npos)
      return std::nullopt;
    llvm::StringRef result = text.slice(1, end);
    text = text.drop_front(end + 1);
    return result;
  }
  /// Skips `, keyword=literal…` and the closing bracket.
  bool closeKeywords() {
    while (eat(",")) {
      skip();
      text = text.drop_while([](char c) { return llvm::isAlnum(c) || c == '_'; });
      if (!eat("="))
        return false;
      skip();
      text = text.drop_while([](char c) { return llvm::isAlnum(c) || c == '.' || c == '-'; });
    }
    return eat(")");
  }
  std::optional<Number> call(llvm::StringRef name, unsigned depth) {
    if (name == "Symbol" || name == "Float") {
      auto value = quoted();
      if (!value || !closeKeywords())
        return fail(name.str() + " is malformed");
      if (name == "Symbol")
        return symbol(*value);
      double decimal;
      return value->getAsDouble(decimal) ? fail("'" + value->str() + "' is no number")
                                         : std::optional<Number>(real(decimal));
    }
    if (name == "Piecewise")
      return piecewise(depth);
    llvm::SmallVector<Number> arguments;
    if (!eat(")")) {
      do {
        auto value = sum(depth + 1);
        if (!value)
          return std::nullopt;
        arguments.push_back(*value);
      } while (eat(","));
      if (!eat(")"))
        return fail("a ')' is missing");
    }
    return apply(name, arguments);
  }
  /// Piecewise(ExprCondPair(value, condition), …): the first value whose condition holds.
  std::optional<Number> piecewise(unsigned depth) {
    std::optional<Number> chosen;
    do {
      if (!eat("ExprCondPair") || !eat("("))
        return fail("Piecewise is malformed");
      auto value = sum(depth + 1);
      if (!value || !eat(","))
        return fail("Piecewise is malformed");
      auto condition = sum(depth + 1);
      if (!condition || !eat(")"))
        return fail("Piecewise is malformed");
      if (!chosen && condition->asReal() != 0)
        chosen = value;
    } while (eat(","));
    if (!eat(")") || !chosen)
      return fail("Piecewise is malformed");
    return chosen;
  }

  std::optional<Number> fold(llvm::ArrayRef<Number> values,
                             int64_t (*onIntegers)(int64_t, int64_t, bool &),
                             double (*onReals)(double, double)) {
    if (values.empty())
      return fail("a function has no arguments");
    Number result = values.front();
    for (const Number &value : values.drop_front()) {
      if (result.isInteger && value.isInteger) {
        bool overflow = false;
        result = integer(onIntegers(result.integer, value.integer, overflow));
        if (overflow)
          return fail("it overflows 64 bits");
      } else {
        result = real(onReals(result.asReal(), value.asReal()));
      }
    }
    return result;
  }

  std::optional<Number> apply(llvm::StringRef name, llvm::ArrayRef<Number> v) {
    auto is = [&](std::initializer_list<llvm::StringRef> names) {
      return llvm::is_contained(names, name);
    };
    if (is({"Add"}))
      return fold(
          v,
          [](int64_t a, int64_t b, bool &o) {
            int64_t r;
            o = llvm::AddOverflow(a, b, r);
            return r;
          },
          [](double a, double b) { return a + b; });
    if (is({"Sub"}))
      return fold(
          v,
          [](int64_t a, int64_t b, bool &o) {
            int64_t r;
            o = llvm::SubOverflow(a, b, r);
            return r;
          },
          [](double a, double b) { return a - b; });
    if (is({"Mul"}))
      return fold(
          v,
          [](int64_t a, int64_t b, bool &o) {
            int64_t r;
            o = llvm::MulOverflow(a, b, r);
            return r;
          },
          [](double a, double b) { return a * b; });
    if (is({"Max"}))
      return fold(
          v, [](int64_t a, int64_t b, bool &) { return std::max(a, b); },
          [](double a, double b) { return std::max(a, b); });
    if (is({"Min"}))
      return fold(
          v, [](int64_t a, int64_t b, bool &) { return std::min(a, b); },
          [](double a, double b) { return std::min(a, b); });
    if (is({"And"}) || is({"Or"})) {
      bool all = true, any = false;
      for (const Number &value : v) {
        all &= value.asReal() != 0;
        any |= value.asReal() != 0;
      }
      return integer(name == "And" ? all : any);
    }
    if (v.size() == 1)
      return unary(name, v[0]);
    if (v.size() == 2)
      return binary(name, v[0], v[1]);
    if (name == "ModularIndexing" && v.size() == 3 && v[1].integer != 0 && v[2].integer != 0)
      return binary("PythonMod", integer(floorDiv(v[0].integer, v[1].integer)), v[2]);
    if (name == "Where" && v.size() == 3)
      return v[0].asReal() != 0 ? v[1] : v[2];
    return fail("function '" + name.str() + "' is not known");
  }
  std::optional<Number> unary(llvm::StringRef name, Number x) {
    if (name == "Integer" || name == "Identity")
      return x;
    if (name == "ToFloat")
      return real(x.asReal());
    if (name == "Not")
      return integer(x.asReal() == 0);
    auto toInteger = [&](double value) -> std::optional<Number> {
      if (!(std::fabs(value) < 9e18))
        return fail("it overflows 64 bits");
      return integer((int64_t)value);
    };
    if (name == "CeilToInt")
      return toInteger(std::ceil(x.asReal()));
    if (name == "FloorToInt")
      return toInteger(std::floor(x.asReal()));
    if (name == "TruncToInt")
      return toInteger(std::trunc(x.asReal()));
    if (name == "RoundToInt")
      return toInteger(std::nearbyint(x.asReal()));
    if (name == "TruncToFloat")
      return real(std::trunc(x.asReal()));
    if (name == "OpaqueUnaryFn_sqrt")
      return real(std::sqrt(x.asReal()));
    return fail("function '" + name.str() + "' is not known");
  }
  std::optional<Number> binary(llvm::StringRef name, Number a, Number b) {
    double x = a.asReal(), y = b.asReal();
    bool integers = a.isInteger && b.isInteger;
    if (name == "Pow" || name == "PowByNatural") {
      if (!integers || b.integer < 0)
        return real(std::pow(x, y));
      int64_t result = 1;
      for (int64_t i = 0; i < b.integer; ++i)
        if (i > 64 || llvm::MulOverflow(result, a.integer, result))
          return a.integer >= -1 && a.integer <= 1
                     ? std::optional<Number>(integer((int64_t)std::pow(x, y)))
                     : fail("it overflows 64 bits");
      return integer(result);
    }
    if (name == "FloatPow")
      return real(std::pow(x, y));
    if (name == "Rational" || name == "IntTrueDiv" || name == "FloatTrueDiv")
      return y == 0 ? fail("it divides by zero") : std::optional<Number>(real(x / y));
    if (integers && (name == "FloorDiv" || name == "CleanDiv" || name == "CeilDiv" ||
                     name == "Mod" || name == "PythonMod")) {
      if (b.integer == 0 || (b.integer == -1 && a.integer == INT64_MIN))
        return fail("it divides by zero");
      int64_t quotient = floorDiv(a.integer, b.integer);
      if (name.ends_with("Mod"))
        return integer(a.integer - quotient * b.integer);
      return integer(quotient + (name == "CeilDiv" && quotient * b.integer != a.integer));
    }
    if (name == "FloorDiv" && y != 0)
      return real(std::floor(x / y));
    if (integers && (name == "LShift" || name == "RShift")) {
      if (b.integer < 0 || b.integer > 62 ||
          (name == "LShift" && std::ldexp(std::fabs(x), (int)b.integer) > 9e18))
        return fail("it overflows 64 bits");
      return integer(name == "LShift" ? a.integer * (int64_t(1) << b.integer)
                                      : a.integer >> b.integer);
    }
    auto is = [&](llvm::StringRef one, llvm::StringRef two) { return name == one || name == two; };
    if (is("Equality", "Eq"))
      return integer(x == y);
    if (is("Unequality", "Ne"))
      return integer(x != y);
    if (is("LessThan", "Le"))
      return integer(x <= y);
    if (is("StrictLessThan", "Lt"))
      return integer(x < y);
    if (is("GreaterThan", "Ge"))
      return integer(x >= y);
    if (is("StrictGreaterThan", "Gt"))
      return integer(x > y);
    return fail("function '" + name.str() + "' is not known");
  }

  llvm::StringRef text;
  const llvm::StringMap<int64_t> &symbols;
};

} // namespace

llvm::Expected<Number> evaluateExpression(llvm::StringRef text,
                                          const llvm::StringMap<int64_t> &symbols,
                                          std::string *unknownSymbol) {
  Parser parser(text, symbols);
  auto value = parser.run();
  if (value)
    return *value;
  if (unknownSymbol)
    *unknownSymbol = parser.unknown;
  return llvm::createStringError("the size '" + text.take_front(80) +
                                 "' cannot be computed: " + parser.error);
}

llvm::StringRef bareSymbol(llvm::StringRef text) {
  text = text.trim();
  llvm::StringRef rest = text;
  if (rest.consume_front("Symbol('")) {
    llvm::StringRef name = rest.take_until([](char c) { return c == '\''; });
    return rest.drop_front(name.size()).contains('(') ? llvm::StringRef() : name;
  }
  bool identifier = !text.empty() && !llvm::isDigit(text.front()) &&
                    llvm::all_of(text, [](char c) { return llvm::isAlnum(c) || c == '_'; });
  return identifier ? text : llvm::StringRef();
}

llvm::SmallVector<llvm::StringRef> symbolsOf(llvm::StringRef text) {
  llvm::SmallVector<llvm::StringRef> symbols;
  auto add = [&](llvm::StringRef name) {
    if (!llvm::is_contained(symbols, name))
      symbols.push_back(name);
  };
  constexpr llvm::StringLiteral call = "Symbol('";
  if (text.contains(call)) {
    for (size_t at = text.find(call); at != llvm::StringRef::npos; at = text.find(call, at)) {
      at += call.size();
      add(text.substr(at).take_until([](char c) { return c == '\''; }));
    }
    return symbols;
  }
  auto inName = [](char c) { return llvm::isAlnum(c) || c == '_'; };
  while (!text.empty()) {
    llvm::StringRef name = text.take_while(inName);
    text = text.drop_front(std::max<size_t>(name.size(), 1));
    if (!name.empty() && !llvm::isDigit(name.front()) && !text.ltrim().starts_with("(") &&
        name != "True" && name != "False")
      add(name);
  }
  return symbols;
}

} // namespace ingot::pt2
