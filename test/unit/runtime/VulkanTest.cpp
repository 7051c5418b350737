// The Vulkan driver on whatever device is there (Mesa's lavapipe on machines without a GPU).
#include "ingot/vulkan.h"
#include "test/unit/runtime/TestProgram.h"
#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

using namespace ingot;
using namespace ingot::test;
using namespace ingot::fmt;

extern "C" const uint8_t ingot_test_shader[], ingot_test_shader_end[];

namespace {

/// x (dynamic length) → device → (x * 2 + 3) * 2 + 3 → y, in two launches.
TestProgram vulkanProgram() {
  TestProgram test = emptyProgram();
  PlanT &plan = test.plan();
  auto target = std::make_unique<TargetT>();
  target->name = target->driver = "vulkan";
  test.program.targets.push_back(std::move(target));
  plan.targets = {0, 1};
  auto space = std::make_unique<SpaceT>();
  space->name = "vulkan";
  space->target = 1;
  plan.spaces.push_back(std::move(space));
  auto segment = std::make_unique<SegmentT>();
  segment->kind = SegmentKind::binary;
  segment->target = 1;
  test.program.segments.push_back(std::move(segment));
  test.segmentBytes.push_back({ingot_test_shader, ingot_test_shader_end});
  plan.constants[0]->space = 1;
  auto arena = std::make_unique<ArenaT>();
  arena->space = 1;
  arena->size = 4096;
  plan.arenas.push_back(std::move(arena));
  auto kernel = std::make_unique<KernelT>();
  kernel->name = "scale_f32";
  kernel->symbol = "scale_main";
  kernel->target = 1;
  kernel->segment = 2;
  kernel->num_buffers = 3;
  kernel->num_dims = 1;
  kernel->workgroup = {8, 1, 1};
  plan.kernels.push_back(std::move(kernel));
  EntryT &entry = test.entry();
  entry.expressions = {Expr(ExprOp::input_dim, 0, 0, 0), Expr(ExprOp::constant, 0, 0, 8),
                       Expr(ExprOp::ceil_div, 0, 1, 0), Expr(ExprOp::constant, 0, 0, 4),
                       Expr(ExprOp::mul, 0, 3, 0)};
  entry.inputs.push_back(tensor("x", ElementType::f32, {{1, 256, -1, 0}}));
  entry.outputs.push_back(tensor("y", ElementType::f32, {{1, 256, 0, 0}}));
  BufferRef a(BufferKind::arena, 1, 0, 1024), b(BufferKind::arena, 1, 1024, 1024),
      w(BufferKind::constant, 0, 0, 8);
  entry.instructions.push_back(copy(a, {BufferKind::input, 0, 0, 1024}, computed(4, 1024)));
  for (auto [from, to] : {std::pair(a, b), std::pair(b, a)}) {
    auto launched = std::make_unique<InstructionT>();
    launched->op = Op::launch;
    launched->buffers = {from, w, to};
    launched->dims = {computed(0, 256)};
    launched->grid = {computed(2, 32), fixed(1), fixed(1)};
    entry.instructions.push_back(std::move(launched));
  }
  entry.instructions.push_back(copy({BufferKind::output, 0, 0, 1024}, a, computed(4, 1024)));
  return test;
}

class Vulkan : public testing::Test {
protected:
  void SetUp() override {
    ingot_device *device = nullptr;
    ingot_error error = {};
    if (ingot_vulkan_driver()->open(nullptr, 0, &device, &error))
      GTEST_SKIP() << error.text;
    ingot_vulkan_driver()->close(device);
  }
  ingot_status open(const TestProgram &test, ingot_program *&program, ingot_error &error) {
    image = std::make_unique<Image>(test.build());
    const ingot_driver *drivers[] = {ingot_vulkan_driver()};
    ingot_open_options options = {sizeof(options), drivers, 1, 0};
    return ingot_program_open_memory(image->data.get(), image->size, &options, &program, &error);
  }
  std::unique_ptr<Image> image;
};

void runSession(ingot_program *program, int64_t length) {
  ingot_session *session;
  ASSERT_EQ(ingot_session_create(program, nullptr, &session, nullptr), INGOT_OK);
  std::vector<float> x(size_t(length), 0), y(x.size(), 0);
  ingot_tensor in = {x.data(), x.size() * 4, &length, 1},
               out = {y.data(), y.size() * 4, nullptr, 0};
  ASSERT_EQ(ingot_session_bind_input(session, 0, 0, &in), INGOT_OK) << ingot_session_error(session);
  ASSERT_EQ(ingot_session_bind_output(session, 0, 0, &out), INGOT_OK);
  for (int repeat = 0; repeat < 5; ++repeat) {
    for (size_t i = 0; i < x.size(); ++i)
      x[i] = float(i) + float(repeat);
    ASSERT_EQ(ingot_session_run(session, 0), INGOT_OK) << ingot_session_error(session);
    for (size_t i = 0; i < x.size(); ++i)
      ASSERT_EQ(y[i], x[i] * 4 + 9) << i;
  }
  ingot_session_destroy(session);
}

TEST_F(Vulkan, RunsKernelsWithTransfersAndDims) {
  ingot_program *program = nullptr;
  ingot_error error = {};
  ASSERT_EQ(open(vulkanProgram(), program, error), INGOT_OK) << error.text;
  for (int64_t length : {256, 1, 37})
    runSession(program, length);
  std::thread first(runSession, program, 100), second(runSession, program, 200);
  first.join();
  second.join();
  ingot_program_close(program);
}

TEST_F(Vulkan, RefusesWhatTheDeviceLacks) {
  TestProgram test = vulkanProgram();
  test.program.targets[1]->features = {"time-travel"};
  ingot_program *program = nullptr;
  ingot_error error = {};
  EXPECT_EQ(open(test, program, error), INGOT_ERROR_UNSUPPORTED);
  EXPECT_THAT(error.text, testing::HasSubstr("needs time-travel, which the Vulkan device '"));
  test = vulkanProgram();
  test.segmentBytes[2].assign(64, 7);
  EXPECT_EQ(open(test, program, error), INGOT_ERROR_FORMAT);
  EXPECT_STREQ(error.text, "kernel scale_f32 is not SPIR-V");
}

} // namespace
