// Tables of buffers: the format, its errors, and bytes that are no table at all.
#include "passes/planner/Csv.h"
#include <gmock/gmock.h>
#include <random>

using namespace ingot::planner;
using testing::HasSubstr;

namespace {

std::string errorOf(const std::string &text) {
  Problem problem;
  std::string error;
  EXPECT_FALSE(readCsv(text, problem, error)) << text;
  return error;
}

TEST(Csv, ReadsMiniMallocsColumns) {
  Problem problem;
  std::string error;
  ASSERT_TRUE(readCsv("id,lower,upper,size\nb1,0,3,4\r\n\nb2 , 3, 9 ,4\n", problem, error))
      << error;
  ASSERT_EQ(problem.buffers.size(), 2u);
  EXPECT_EQ(problem.buffers[1].name, "b2");
  EXPECT_EQ(problem.buffers[1].firstUse, 3);
  EXPECT_EQ(problem.buffers[1].lastUse, 9);
  EXPECT_EQ(problem.buffers[1].size, 4);
  EXPECT_EQ(problem.buffers[1].alignment, 1);
}

TEST(Csv, ReadsEveryColumnInAnyOrder) {
  Problem problem;
  std::string error;
  ASSERT_TRUE(readCsv("size,id,alias,alias_offset,space,offset,alignment,lower,upper\n"
                      "32,view,whole,64,2,,32,0,4\n"
                      "128,whole,,,2,256,64,0,4\n",
                      problem, error))
      << error;
  EXPECT_EQ(problem.buffers[0].alias->base, 1u) << "a base may stand below";
  EXPECT_EQ(problem.buffers[0].alias->offset, 64);
  EXPECT_EQ(problem.buffers[1].fixedOffset, 256);
  EXPECT_EQ(problem.buffers[1].space, 2);
  EXPECT_FALSE(problem.buffers[0].fixedOffset);
}

TEST(Csv, WrittenTablesReadTheSame) {
  std::string text = "id,lower,upper,size,alignment,offset,space,alias,alias_offset\n"
                     "a,0,4,64,32,128,0,,\n"
                     "b,1,5,16,1,,3,,\n"
                     "c,2,6,16,16,,0,a,32\n";
  Problem problem;
  std::string error;
  ASSERT_TRUE(readCsv(text, problem, error)) << error;
  EXPECT_EQ(writeCsv(problem), text);
  std::optional<Plan> result = plan(problem, {}, error);
  ASSERT_TRUE(result) << error;
  EXPECT_THAT(writeCsv(problem, &*result), HasSubstr("c,2,6,16,16,160,0,a,32\n"));
}

TEST(Csv, ErrorsNameLineAndField) {
  EXPECT_THAT(errorOf(""), HasSubstr("the table is empty"));
  EXPECT_EQ(errorOf("id,lower,upper\n"), "line 1: no column 'size'");
  EXPECT_THAT(errorOf("id,lower,upper,size,colour\n"), HasSubstr("unknown column 'colour'"));
  EXPECT_EQ(errorOf("id,id,lower,upper,size\n"), "line 1: column 'id' stands twice");
  std::string head = "id,lower,upper,size\n";
  EXPECT_EQ(errorOf(head + "a,1,2\n"), "line 2: 3 fields, expected 4 as in the first line");
  EXPECT_THAT(errorOf(head + "a,1,2,3\na,1,2,3\n"), HasSubstr("line 3: id 'a' stands twice"));
  EXPECT_THAT(errorOf(head + "a,1,x,3\n"),
              HasSubstr("line 2: upper is 'x', expected a whole number"));
  EXPECT_THAT(errorOf(head + "a,1,,3\n"), HasSubstr("upper is ''"));
  EXPECT_THAT(errorOf(head + "a,1,2,99999999999999999999\n"), HasSubstr("at most 63 bits"));
  EXPECT_THAT(errorOf(head + "a,1,2,3.5\n"), HasSubstr("size is '3.5'"));
  EXPECT_THAT(errorOf(head + std::string(300, 'a') + ",1,2,3\n"), HasSubstr("expected 1 to 256"));
  EXPECT_THAT(errorOf("id,lower,upper,size,alias\na,1,2,3,b\n"),
              HasSubstr("'a' aliases 'b', which the table does not hold"));
  EXPECT_THAT(errorOf("id,lower,upper,size,alias,alias_offset\na,1,2,3,,4\n"),
              HasSubstr("alias_offset without alias"));
  EXPECT_THAT(errorOf(std::string(100, ',') + "\n"), HasSubstr("more than 32 fields"));
}

TEST(Csv, TooManyBuffersAreRefused) {
  std::string text = "id,lower,upper,size\n";
  for (size_t i = 0; i <= maxBuffers; ++i)
    text += std::to_string(i) + ",0,1,1\n";
  EXPECT_THAT(errorOf(text), HasSubstr("more than 65536 buffers"));
}

TEST(Csv, AnyBytesGiveATableOrAnError) {
  std::string good = "id,lower,upper,size,alignment,offset,space,alias,alias_offset\n"
                     "a,0,4,64,32,128,0,,\nb,1,5,16,1,,3,,\nc,2,6,16,16,,0,a,32\n";
  std::mt19937 random(1);
  size_t read = 0, refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = good;
    for (unsigned k = 0; k <= random() % 4 && !text.empty(); ++k)
      switch (random() % 4) {
      case 0:
        text[random() % text.size()] = char(random());
        break;
      case 1:
        text.erase(random() % text.size(), 1 + random() % 9);
        break;
      case 2:
        text.insert(random() % text.size(),
                    std::string(1 + random() % 20, "9,-\n\0a"[random() % 6]));
        break;
      default:
        text.resize(1 + random() % text.size());
      }
    Problem problem;
    std::string error;
    if (!readCsv(text, problem, error)) {
      EXPECT_FALSE(error.empty());
      ++refused;
      continue;
    }
    ++read;
    // What was read is planned soundly or refused in words.
    if (std::optional<Plan> result = plan(problem, {1000}, error))
      EXPECT_EQ(checkPlan(problem, *result), "") << text;
    else
      EXPECT_FALSE(error.empty());
  }
  EXPECT_GT(read, 100u) << "the changes are too wild to reach the planner";
  EXPECT_GT(refused, 100u);
}

} // namespace
