// Extents that come from values: what an input holds when a run begins, what a variable holds when
// it ends.
#include "test/unit/runtime/TestProgram.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace ingot;
using namespace ingot::test;
using testing::HasSubstr;

namespace {

struct Opened {
  explicit Opened(const TestProgram &test) : image(test.build()) {
    if (!ingot_program_open_memory(image.data.get(), image.size, nullptr, &program, &error))
      ingot_session_create(program, nullptr, &session, &error);
  }
  ~Opened() {
    ingot_session_destroy(session);
    ingot_program_close(program);
  }
  template <typename T>
  ingot_status input(uint32_t index, std::vector<T> &values, std::vector<int64_t> dims) {
    ingot_tensor tensor = {values.data(), values.size() * sizeof(T), dims.data(),
                           uint32_t(dims.size())};
    return ingot_session_bind_input(session, 0, index, &tensor);
  }
  ingot_status output(std::vector<float> &values) {
    ingot_tensor tensor = {values.data(), values.size() * 4, nullptr, 0};
    return ingot_session_bind_output(session, 0, 0, &tensor);
  }
  std::vector<int64_t> dims() {
    std::vector<int64_t> dims(INGOT_MAX_RANK);
    uint32_t rank = 0;
    EXPECT_EQ(ingot_session_output_dims(session, 0, 0, dims.data(), &rank), INGOT_OK)
        << ingot_session_error(session);
    dims.resize(rank);
    return dims;
  }
  ingot_status run() { return ingot_session_run(session, 0); }
  const char *message() { return ingot_session_error(session); }

  Image image;
  ingot_error error = {};
  ingot_program *program = nullptr;
  ingot_session *session = nullptr;
};

TEST(InputValue, IsReadByEveryRun) {
  Opened opened(valueProgram());
  ASSERT_TRUE(opened.session) << opened.error.text;
  std::vector<float> x(20, 1.f), y(64, 0.f);
  std::vector<int64_t> n{5};
  ASSERT_EQ(opened.input(0, x, {5, 4}), INGOT_OK);
  ASSERT_EQ(opened.input(1, n, {1}), INGOT_OK);
  ASSERT_EQ(opened.output(y), INGOT_OK);
  EXPECT_EQ(opened.dims(), (std::vector<int64_t>{5, 4}));
  ASSERT_EQ(opened.run(), INGOT_OK) << opened.message();
  EXPECT_EQ(y[19], 13.f);
  EXPECT_EQ(y[20], 0.f);
  // The caller changes its memory; nothing is bound anew.
  n[0] = 4;
  EXPECT_EQ(opened.run(), INGOT_ERROR_ARGUMENT);
  EXPECT_THAT(opened.message(), HasSubstr("input 'x' dim 0 (batch) is 5"));
  ASSERT_EQ(opened.input(0, x, {4, 4}), INGOT_OK);
  ASSERT_EQ(opened.run(), INGOT_OK) << opened.message();
  EXPECT_EQ(opened.dims(), (std::vector<int64_t>{4, 4}));
  n[0] = 17;
  EXPECT_EQ(opened.run(), INGOT_ERROR_ARGUMENT);
  EXPECT_THAT(opened.message(),
              HasSubstr("element 0 of input 'n' is 17, but the program was compiled for 1..16"));
  n[0] = INT64_MIN;
  EXPECT_EQ(opened.run(), INGOT_ERROR_ARGUMENT);
  n[0] = 4;
  EXPECT_EQ(opened.run(), INGOT_OK) << opened.message();
}

TEST(InputValue, SaysWhereItIs) {
  Opened opened(valueProgram());
  ASSERT_TRUE(opened.session) << opened.error.text;
  uint32_t input = 9, element = 9;
  EXPECT_TRUE(ingot_program_dim_value(opened.program, 0, 0, &input, &element));
  EXPECT_EQ(input, 1u);
  EXPECT_EQ(element, 0u);
  EXPECT_FALSE(ingot_program_dim_value(opened.program, 0, 1, &input, &element));
  Opened extents(placedProgram());
  EXPECT_FALSE(ingot_program_dim_value(extents.program, 0, 0, &input, &element));
}

TEST(InputValue, MayBeNegativeOrBeyondTheInput) {
  TestProgram test = valueProgram();
  test.entry().inputs[1]->type = fmt::ElementType::i8;
  test.entry().dims[0] = {0, 0, -3, 16};
  Opened opened(test);
  ASSERT_TRUE(opened.session) << opened.error.text;
  std::vector<float> x(4), y(64);
  std::vector<int8_t> n{-4};
  ASSERT_EQ(opened.input(0, x, {1, 4}), INGOT_OK);
  ASSERT_EQ(opened.input(1, n, {1}), INGOT_OK);
  ASSERT_EQ(opened.output(y), INGOT_OK);
  EXPECT_EQ(opened.run(), INGOT_ERROR_ARGUMENT);
  EXPECT_THAT(opened.message(), HasSubstr("element 0 of input 'n' is -4"));
  n[0] = -3; // within the bounds, and no extent
  EXPECT_EQ(opened.run(), INGOT_ERROR_ARGUMENT);
  n[0] = 1;
  EXPECT_EQ(opened.run(), INGOT_OK) << opened.message();
  // An element that the input does not have is found out before it is read.
  test.entry().expressions[0] = {fmt::ExprOp::input_value, 1, 1, 0};
  Opened beyond(test);
  ASSERT_TRUE(beyond.session) << beyond.error.text;
  ASSERT_EQ(beyond.input(0, x, {1, 4}), INGOT_OK);
  ASSERT_EQ(beyond.input(1, n, {1}), INGOT_OK);
  ASSERT_EQ(beyond.output(y), INGOT_OK);
  EXPECT_EQ(beyond.run(), INGOT_ERROR_ARGUMENT);
  EXPECT_THAT(beyond.message(), HasSubstr("expression 0"));
}

TEST(VariableValue, IsTheExtentOfAnOutputAfterTheRun) {
  Opened opened(countedProgram());
  ASSERT_TRUE(opened.session) << opened.error.text;
  std::vector<float> x(64, 2.f), y(64, 0.f), small(63);
  std::vector<int32_t> n{3};
  ASSERT_EQ(opened.input(0, x, {16, 4}), INGOT_OK);
  ASSERT_EQ(opened.input(1, n, {1}), INGOT_OK);
  // There must be room for the most.
  EXPECT_EQ(opened.dims(), (std::vector<int64_t>{16, 4}));
  ASSERT_EQ(opened.output(small), INGOT_OK);
  EXPECT_EQ(opened.run(), INGOT_ERROR_ARGUMENT);
  ASSERT_EQ(opened.output(y), INGOT_OK);
  for (int32_t rows : {3, 0, 16}) {
    n[0] = rows;
    ASSERT_EQ(opened.run(), INGOT_OK) << opened.message();
    EXPECT_EQ(opened.dims(), (std::vector<int64_t>{rows, 4}));
  }
  for (int32_t rows : {-1, 17}) {
    n[0] = rows;
    EXPECT_EQ(opened.run(), INGOT_ERROR_ARGUMENT);
  }
  n[0] = 1;
  ASSERT_EQ(opened.run(), INGOT_OK);
  EXPECT_EQ(opened.dims(), (std::vector<int64_t>{1, 4}));
}

} // namespace
