// Arithmetic on extents: canonical forms, exact quotients, bounds, and text that comes from files.
#include "ir/graph/DimExpr.h"
#include "gmock/gmock.h"
#include <random>

using namespace ingot;

static DimExpr dim(llvm::StringRef text) {
  llvm::Expected<DimExpr> parsed = DimExpr::parse(text);
  EXPECT_TRUE(static_cast<bool>(parsed)) << text.str();
  return parsed ? *parsed : DimExpr(-1);
}

static std::string errorOf(llvm::StringRef text) {
  llvm::Expected<DimExpr> parsed = DimExpr::parse(text);
  return parsed ? "" : llvm::toString(parsed.takeError());
}

TEST(DimExpr, EqualPolynomialsAreEqualText) {
  EXPECT_EQ(dim("2*(seq + 1) - seq").str(), "seq + 2");
  EXPECT_EQ(dim("(a + b)*(a - b)").str(), dim("a*a - b*b").str());
  EXPECT_EQ(dim("seq - seq"), DimExpr(0));
  EXPECT_EQ(dim("b*a"), dim("a*b"));
  EXPECT_NE(dim("a"), dim("b"));
  EXPECT_EQ(dim("-seq + 3").str(), "-seq + 3");
}

TEST(DimExpr, FunctionsTakeOutWhatIsExact) {
  EXPECT_EQ(dim("(4*seq + 6)//2").str(), "2*seq + 3");
  EXPECT_EQ(dim("(4*seq + 7)//4").str(), "seq + 1");
  EXPECT_EQ(dim("(2*a*b)//(a*b)"), DimExpr(2));
  EXPECT_EQ(dim("(seq + 3)//2").str(), "floordiv(seq + 1, 2) + 1");
  EXPECT_EQ(dim("(6*seq + 7) % 3"), DimExpr(1));
  EXPECT_EQ(dim("max(seq, seq + 1)").str(), "seq + 1");
  EXPECT_EQ(dim("min(b, a)"), dim("min(a, b)"));
  EXPECT_EQ(dim("ceildiv(seq, 4)").str(), "floordiv(seq + 3, 4)");
  EXPECT_FALSE(DimExpr::floorDiv(dim("a"), 0).valid());
}

TEST(DimExpr, ExactQuotients) {
  EXPECT_EQ(DimExpr::exactQuotient(dim("a*b + 2*b"), dim("b")), dim("a + 2"));
  EXPECT_EQ(DimExpr::exactQuotient(dim("a*a - b*b"), dim("a + b")), dim("a - b"));
  EXPECT_EQ(DimExpr::exactQuotient(dim("384*batch*seq"), dim("64*seq")), dim("6*batch"));
  EXPECT_FALSE(DimExpr::exactQuotient(dim("a + 1"), dim("2")));
  EXPECT_FALSE(DimExpr::exactQuotient(dim("a"), dim("b")));
}

TEST(DimExpr, ValuesAgreeWithIntegers) {
  // Random expressions mean what C++ computes, before and after they are written and read again.
  std::mt19937 random(7);
  auto pick = [&](int n) { return int(random() % unsigned(n)); };
  int64_t values[] = {5, 11};
  auto floorOf = [](int64_t x, int64_t y) { return x / y - (x % y != 0 && (x < 0) != (y < 0)); };
  for (int trial = 0; trial < 500; ++trial) {
    std::function<std::pair<DimExpr, int64_t>(int)> make =
        [&](int depth) -> std::pair<DimExpr, int64_t> {
      int kind = depth ? pick(9) : pick(3);
      if (kind == 0)
        return {DimExpr::symbol("a"), values[0]};
      if (kind == 1)
        return {DimExpr::symbol("b"), values[1]};
      if (kind == 2)
        return {DimExpr(trial % 7), trial % 7};
      auto [x, p] = make(depth - 1);
      auto [y, q] = make(depth - 1);
      int64_t divisor = 1 + pick(6);
      switch (kind) {
      case 3:
        return {x + y, p + q};
      case 4:
        return {x - y, p - q};
      case 5:
        return {x * y, p * q};
      case 6:
        return {DimExpr::floorDiv(x, divisor), floorOf(p, divisor)};
      case 7:
        return {DimExpr::mod(x, divisor), p - floorOf(p, divisor) * divisor};
      default:
        return pick(2) ? std::pair(DimExpr::min(x, y), std::min(p, q))
                       : std::pair(DimExpr::max(x, y), std::max(p, q));
      }
    };
    auto [expression, expected] = make(3);
    ASSERT_TRUE(expression.valid());
    auto valueOf = [&](llvm::StringRef name) -> std::optional<DimExpr> {
      return DimExpr(values[name == "b"]);
    };
    EXPECT_EQ(expression.substitute(valueOf).constant(), expected) << expression.str();
    EXPECT_EQ(dim(expression.str()), expression) << expression.str();
    using Operation = DimExpr::Operation;
    int64_t lowered =
        expression.lower<int64_t>([](int64_t number) { return number; },
                                  [&](llvm::StringRef name) { return values[name == "b"]; },
                                  [&](Operation operation, int64_t x, int64_t y) {
                                    switch (operation) {
                                    case Operation::Add:
                                      return x + y;
                                    case Operation::Sub:
                                      return x - y;
                                    case Operation::Mul:
                                      return x * y;
                                    case Operation::FloorDiv:
                                      return floorOf(x, y);
                                    case Operation::Mod:
                                      return x - floorOf(x, y) * y;
                                    case Operation::Min:
                                      return std::min(x, y);
                                    case Operation::Max:
                                      break;
                                    }
                                    return std::max(x, y);
                                  });
    EXPECT_EQ(lowered, expected) << expression.str();
    auto range = expression.range([&](llvm::StringRef name) -> std::optional<DimExpr::Range> {
      return DimExpr::Range{values[name == "b"] - 2, values[name == "b"] + 3};
    });
    ASSERT_TRUE(range.has_value());
    EXPECT_LE(range->low, expected) << expression.str();
    EXPECT_GE(range->high, expected) << expression.str();
  }
}

TEST(DimExpr, TextFromFilesIsRefusedOrCleaned) {
  EXPECT_EQ(DimExpr::symbol("past seq-len").str(), "past_seq_len");
  EXPECT_EQ(DimExpr::symbol("").str(), "_");
  EXPECT_THAT(errorOf("seq +"), testing::HasSubstr("ends too early"));
  EXPECT_THAT(errorOf("seq ? 1"), testing::HasSubstr("does not fit"));
  EXPECT_THAT(errorOf("9999999999999999999"), testing::HasSubstr("too large"));
  EXPECT_THAT(errorOf("log(a, b)"), testing::HasSubstr("no function of dims"));
  EXPECT_THAT(errorOf(std::string(2000, '(')), testing::HasSubstr("too deeply"));
  EXPECT_THAT(errorOf("9223372036854775807*a*a + 9223372036854775807*a*a"),
              testing::HasSubstr("too large"));
  std::string wide = "(a+b+c+d+e+f+g+h)";
  for (int i = 0; i < 5; ++i)
    wide += "*(a+b+c+d+e+f+g+h)";
  EXPECT_THAT(errorOf(wide), testing::HasSubstr("too large"));
}
