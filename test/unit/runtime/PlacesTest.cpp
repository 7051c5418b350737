// Memory that depends on the shapes: places and sizes of a call, sessions for smaller dims, tables
// that lie.
#include "test/unit/runtime/TestProgram.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace ingot;
using namespace ingot::test;
using testing::HasSubstr;

namespace {

struct Opened {
  explicit Opened(const TestProgram &test, std::vector<ingot_dim_limit> limits = {})
      : image(test.build()) {
    if (ingot_program_open_memory(image.data.get(), image.size, nullptr, &program, &error))
      return;
    ingot_session_options options = {sizeof(options),        1, nullptr, 0, limits.data(),
                                     uint32_t(limits.size())};
    bytes = ingot_session_memory_size(program, &options);
    ingot_session_create(program, &options, &session, &error);
  }
  ~Opened() {
    ingot_session_destroy(session);
    ingot_program_close(program);
  }
  /// Runs x = 0, 1, 2, … of that batch.
  ingot_status run(int64_t batch) {
    std::vector<float> x(size_t(batch) * 4);
    y.assign(x.size(), -1);
    for (size_t i = 0; i < x.size(); ++i)
      x[i] = float(i);
    int64_t dims[] = {batch, 4};
    ingot_tensor in = {x.data(), x.size() * 4, dims, 2}, out = {y.data(), y.size() * 4, nullptr, 0};
    if (ingot_status status = ingot_session_bind_input(session, 0, 0, &in))
      return status;
    if (ingot_status status = ingot_session_bind_output(session, 0, 0, &out))
      return status;
    return ingot_session_run(session, 0);
  }
  Image image;
  ingot_error error = {};
  ingot_program *program = nullptr;
  ingot_session *session = nullptr;
  size_t bytes = 0;
  std::vector<float> y;
};

TEST(Places, FollowTheShapes) {
  Opened opened(placedProgram());
  ASSERT_TRUE(opened.session) << opened.error.text;
  EXPECT_EQ(ingot_program_arena_bytes(opened.program), 512u);
  for (int64_t batch : {1, 16, 5}) {
    ASSERT_EQ(opened.run(batch), INGOT_OK) << ingot_session_error(opened.session);
    for (size_t i = 0; i < opened.y.size(); ++i)
      ASSERT_EQ(opened.y[i], (float(i) * 2 + 3) * 2 + 3) << batch;
    uint64_t size = uint64_t(batch) * 16;
    EXPECT_EQ(ingot_session_arena_bytes(opened.session, 0), (size + 63) / 64 * 64 + size);
  }
}

TEST(Places, DimsOfAnEntryGiveTheShapesOfItsInputs) {
  Opened opened(placedProgram());
  ASSERT_TRUE(opened.session) << opened.error.text;
  ASSERT_EQ(ingot_program_num_dims(opened.program, 0), 1u);
  ingot_dim dim;
  ASSERT_EQ(ingot_program_dim(opened.program, 0, 0, &dim), INGOT_OK);
  EXPECT_STREQ(dim.name, "batch");
  EXPECT_EQ(dim.lo, 1);
  EXPECT_EQ(dim.hi, 16);
  EXPECT_EQ(ingot_program_dim(opened.program, 0, 1, &dim), INGOT_ERROR_ARGUMENT);
  int64_t named = 7, dims[INGOT_MAX_RANK];
  uint32_t rank = 0;
  ASSERT_EQ(ingot_session_input_dims(opened.session, 0, 0, &named, dims, &rank), INGOT_OK);
  EXPECT_EQ(rank, 2u);
  EXPECT_EQ(dims[0], 7);
  EXPECT_EQ(dims[1], 4);
  named = 17;
  EXPECT_EQ(ingot_session_input_dims(opened.session, 0, 0, &named, dims, &rank),
            INGOT_ERROR_ARGUMENT);
  EXPECT_THAT(ingot_session_error(opened.session),
              HasSubstr("dim 'batch' is 17, but the program was compiled for 1..16"));
}

TEST(Places, ASessionForSmallerDimsNeedsLessMemory) {
  Opened whole(placedProgram()), small(placedProgram(), {{"batch", 2}});
  ASSERT_TRUE(small.session) << small.error.text;
  // 512 bytes of arena at batch 16; 64 + 32 at batch 2.
  EXPECT_LE(small.bytes + 512 - 96, whole.bytes);
  ASSERT_EQ(small.run(2), INGOT_OK) << ingot_session_error(small.session);
  EXPECT_EQ(small.y[7], (7.f * 2 + 3) * 2 + 3);
  EXPECT_EQ(small.run(3), INGOT_ERROR_ARGUMENT);
  EXPECT_THAT(ingot_session_error(small.session),
              HasSubstr("dim 'batch' is 3, but the session was made for 1..2"));
  EXPECT_EQ(small.run(1), INGOT_OK);
  // A limit above the program's changes nothing.
  Opened large(placedProgram(), {{"batch", 100}});
  EXPECT_EQ(large.bytes, whole.bytes);
  EXPECT_EQ(large.run(16), INGOT_OK);
}

TEST(Places, LimitsThatFitNothingAreRefused) {
  Opened none(placedProgram(), {{"batch", 0}});
  EXPECT_FALSE(none.session);
  EXPECT_EQ(none.bytes, SIZE_MAX);
  EXPECT_STREQ(none.error.text,
               "dim 'batch' cannot be limited to 0: the program was compiled for 1..16");
  Opened unknown(placedProgram(), {{"depth", 4}});
  EXPECT_FALSE(unknown.session);
  EXPECT_STREQ(unknown.error.text, "the program has no dim 'depth' to limit");
}

TEST(Places, WhatIsNotSizedByDimsKeepsItsMemory) {
  // The same program with a step at a fixed place high in the arena: a small session cannot hold
  // it.
  TestProgram test = placedProgram();
  test.entry().instructions[1]->placements.clear();
  Opened small(test, {{"batch", 2}});
  EXPECT_FALSE(small.session);
  EXPECT_THAT(small.error.text, HasSubstr("step 1 of entry 'main' needs more memory"));
  Opened whole(test);
  EXPECT_TRUE(whole.session) << whole.error.text;
}

TEST(Places, TablesThatLieAreErrorsOfTheCall) {
  using fmt::Expr;
  using fmt::ExprOp;
  struct Lie {
    size_t row;
    Expr expr;
    const char *message;
  };
  const Lie lies[] = {
      // The second buffer starts before the arena, behind it, so that it ends behind it, far away.
      {6, Expr(ExprOp::sub, 1, 4, 0), "step 1 would work on more"},
      {6, Expr(ExprOp::constant, 0, 0, 513), "arena 0 would be larger"},
      {6, Expr(ExprOp::constant, 0, 0, 300), "arena 0 would be larger"},
      {6, Expr(ExprOp::constant, 0, 0, INT64_MAX), "expression 7"},
      // Sizes: negative, and above the bound.
      {3, Expr(ExprOp::sub, 1, 2, 0), "would"},
      {3, Expr(ExprOp::constant, 0, 0, 257), "arena 0 would be larger"},
      {2, Expr(ExprOp::constant, 0, 0, 65), "would"},
  };
  for (const Lie &lie : lies) {
    TestProgram test = placedProgram();
    test.entry().expressions[lie.row] = lie.expr;
    Opened opened(test);
    ASSERT_TRUE(opened.session) << opened.error.text;
    EXPECT_EQ(opened.run(16), INGOT_ERROR_ARGUMENT) << lie.row;
    EXPECT_THAT(ingot_session_error(opened.session), HasSubstr(lie.message));
  }
  // The arena's size does not cover the second buffer: only its own bytes are there.
  TestProgram test = placedProgram();
  test.entry().expressions[7] = Expr(ExprOp::max, 3, 1, 0);
  Opened small(test, {{"batch", 8}});
  ASSERT_TRUE(small.session) << small.error.text;
  EXPECT_EQ(small.run(8), INGOT_ERROR_ARGUMENT);
  EXPECT_THAT(ingot_session_error(small.session), HasSubstr("step 1 would work on more"));
}

} // namespace
