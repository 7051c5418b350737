// Running programs: results, dynamic shapes, state, loops, threads, sessions, errors of the caller.
#include "test/unit/runtime/TestProgram.h"
#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

using namespace ingot;
using namespace ingot::test;
using testing::HasSubstr;

namespace {

/// An open program and a session that close themselves.
struct Opened {
  explicit Opened(const TestProgram &test, uint32_t threads = 1) : image(test.build()) {
    if (ingot_program_open_memory(image.data.get(), image.size, nullptr, &program, &error))
      return;
    ingot_session_options options = {sizeof(options), threads, nullptr, 0, nullptr, 0};
    ingot_session_create(program, &options, &session, &error);
  }
  ~Opened() {
    ingot_session_destroy(session);
    ingot_program_close(program);
  }
  Image image;
  ingot_error error = {};
  ingot_program *program = nullptr;
  ingot_session *session = nullptr;
};

template <typename T>
ingot_tensor whole(std::vector<T> &data, const std::vector<int64_t> *dims = nullptr) {
  return {data.data(), data.size() * sizeof(T), dims ? dims->data() : nullptr,
          dims ? uint32_t(dims->size()) : 0};
}

std::vector<float> ramp(size_t n) {
  std::vector<float> data(n);
  for (size_t i = 0; i < n; ++i)
    data[i] = float(i);
  return data;
}

TEST(Run, ComputesThroughTheArena) {
  Opened opened(scaleProgram());
  ASSERT_TRUE(opened.session) << opened.error.text;
  std::vector<float> x = ramp(64), y(64);
  ingot_tensor in = whole(x), out = whole(y);
  ASSERT_EQ(ingot_session_bind_input(opened.session, 0, 0, &in), INGOT_OK);
  ASSERT_EQ(ingot_session_bind_output(opened.session, 0, 0, &out), INGOT_OK);
  ASSERT_EQ(ingot_session_run(opened.session, 0), INGOT_OK) << ingot_session_error(opened.session);
  for (size_t i = 0; i < 64; ++i)
    EXPECT_EQ(y[i], (x[i] * 2 + 3) * 2 + 3);
}

TEST(Run, TakesTheSignatureAndTheStepsFromTheProgram) {
  Opened opened(scaleProgram());
  ASSERT_TRUE(opened.session) << opened.error.text;
  ingot_tensor_info info;
  ASSERT_EQ(ingot_program_input(opened.program, 0, 0, &info), INGOT_OK);
  EXPECT_STREQ(info.name, "x");
  EXPECT_EQ(info.type, INGOT_F32);
  EXPECT_EQ(info.rank, 2u);
  EXPECT_EQ(info.dims[1].hi, 16);
  EXPECT_EQ(info.max_bytes, 256u);
  EXPECT_EQ(info.alignment, 4u);
  EXPECT_EQ(ingot_program_input(opened.program, 0, 1, &info), INGOT_ERROR_ARGUMENT);
  EXPECT_EQ(ingot_program_find_entry(opened.program, "main"), 0);
  EXPECT_EQ(ingot_program_find_entry(opened.program, "mai"), -1);
  EXPECT_EQ(ingot_program_arena_bytes(opened.program), 4096u);
  EXPECT_STREQ(ingot_program_target(opened.program), "test-cpu");
  ingot_step_info step;
  ASSERT_EQ(ingot_program_step(opened.program, 0, 1, &step), INGOT_OK);
  EXPECT_STREQ(step.kernel, "scale_f32");
  EXPECT_EQ(step.num_layers, 2u);
  EXPECT_STREQ(ingot_program_step_layer(opened.program, 0, 1, 1), "second");
  EXPECT_EQ(ingot_program_step_layer(opened.program, 0, 1, 2), nullptr);
}

TEST(Run, ReportsEveryStepToTheProfile) {
  Opened opened(scaleProgram());
  std::vector<float> x = ramp(64), y(64);
  ingot_tensor in = whole(x), out = whole(y);
  ingot_session_bind_input(opened.session, 0, 0, &in);
  ingot_session_bind_output(opened.session, 0, 0, &out);
  std::vector<uint32_t> steps;
  ingot_session_set_profile(
      opened.session,
      [](void *context, uint32_t, uint32_t step, uint64_t) {
        static_cast<std::vector<uint32_t> *>(context)->push_back(step);
      },
      &steps);
  ASSERT_EQ(ingot_session_run(opened.session, 0), INGOT_OK);
  EXPECT_THAT(steps, testing::ElementsAre(0u, 1u));
}

TEST(Run, FollowsDynamicShapes) {
  Opened opened(dynamicProgram());
  ASSERT_TRUE(opened.session) << opened.error.text;
  for (int64_t batch : {3, 16, 1}) {
    std::vector<float> x = ramp(size_t(batch) * 4), y(x.size()), again(x.size());
    std::vector<int64_t> dims = {batch, 4};
    ingot_tensor in = whole(x, &dims), out = whole(y), copied = whole(again);
    ASSERT_EQ(ingot_session_bind_input(opened.session, 0, 0, &in), INGOT_OK);
    ASSERT_EQ(ingot_session_bind_output(opened.session, 0, 0, &out), INGOT_OK);
    ASSERT_EQ(ingot_session_bind_output(opened.session, 0, 1, &copied), INGOT_OK);
    int64_t shape[INGOT_MAX_RANK];
    uint32_t rank;
    ASSERT_EQ(ingot_session_output_dims(opened.session, 0, 0, shape, &rank), INGOT_OK);
    EXPECT_EQ(rank, 2u);
    EXPECT_EQ(shape[0], batch);
    ASSERT_EQ(ingot_session_run(opened.session, 0), INGOT_OK)
        << ingot_session_error(opened.session);
    EXPECT_EQ(y.back(), x.back() * 2 + 3);
    EXPECT_EQ(again, x);
  }
}

TEST(Run, RefusesShapesOutsideTheirBounds) {
  Opened opened(dynamicProgram());
  std::vector<float> x(17 * 4), y(3);
  std::vector<int64_t> dims = {17, 4};
  ingot_tensor in = whole(x, &dims);
  EXPECT_EQ(ingot_session_bind_input(opened.session, 0, 0, &in), INGOT_ERROR_ARGUMENT);
  EXPECT_STREQ(ingot_session_error(opened.session),
               "input 'x' dim 0 (batch) is 17, but the program was compiled for 1..16");
  dims = {4, 5};
  in = whole(x, &dims);
  EXPECT_EQ(ingot_session_bind_input(opened.session, 0, 0, &in), INGOT_ERROR_ARGUMENT);
  EXPECT_STREQ(ingot_session_error(opened.session),
               "input 'x' has shape [4, 5], but dim 1 must be 4");
  dims = {4};
  in = whole(x, &dims);
  EXPECT_EQ(ingot_session_bind_input(opened.session, 0, 0, &in), INGOT_ERROR_ARGUMENT);
  EXPECT_STREQ(ingot_session_error(opened.session),
               "input 'x' has shape [4], but must have rank 2");
  dims = {2, 4};
  in = whole(x, &dims);
  ingot_tensor out = whole(y);
  ASSERT_EQ(ingot_session_bind_input(opened.session, 0, 0, &in), INGOT_OK);
  ASSERT_EQ(ingot_session_bind_output(opened.session, 0, 0, &out), INGOT_OK);
  ASSERT_EQ(ingot_session_bind_output(opened.session, 0, 1, &out), INGOT_OK);
  EXPECT_EQ(ingot_session_run(opened.session, 0), INGOT_ERROR_ARGUMENT);
  EXPECT_STREQ(ingot_session_error(opened.session),
               "output 'y' needs 32 bytes, and the tensor has 12");
}

TEST(Run, RefusesWhatIsNotBoundTooSmallOrUnaligned) {
  Opened opened(scaleProgram());
  EXPECT_EQ(ingot_session_run(opened.session, 0), INGOT_ERROR_STATE);
  EXPECT_STREQ(ingot_session_error(opened.session), "input 'x' is not bound");
  EXPECT_EQ(ingot_session_run(opened.session, 7), INGOT_ERROR_ARGUMENT);
  std::vector<float> x(65);
  ingot_tensor small = {x.data(), 100, nullptr, 0};
  EXPECT_EQ(ingot_session_bind_input(opened.session, 0, 0, &small), INGOT_ERROR_ARGUMENT);
  EXPECT_STREQ(ingot_session_error(opened.session),
               "input 'x' needs 256 bytes, and the tensor has 100");
  ingot_tensor crooked = {reinterpret_cast<char *>(x.data()) + 2, 256, nullptr, 0};
  EXPECT_EQ(ingot_session_bind_input(opened.session, 0, 0, &crooked), INGOT_ERROR_ARGUMENT);
  EXPECT_THAT(ingot_session_error(opened.session), HasSubstr("must be aligned to 4 bytes"));
  ingot_tensor none = {nullptr, 256, nullptr, 0};
  EXPECT_EQ(ingot_session_bind_output(opened.session, 0, 0, &none), INGOT_ERROR_ARGUMENT);
  EXPECT_EQ(ingot_session_bind_input(opened.session, 0, 1, &small), INGOT_ERROR_ARGUMENT);
}

TEST(Run, KeepsStatePerSessionAndSharesItBetweenEntries) {
  Opened opened(stateProgram());
  ASSERT_TRUE(opened.session) << opened.error.text;
  ingot_session *other = nullptr;
  ASSERT_EQ(ingot_session_create(opened.program, nullptr, &other, nullptr), INGOT_OK);
  std::vector<float> x = {5}, y(1), total(1);
  std::vector<int64_t> none;
  ingot_tensor in = whole(x), out = whole(y), sum = whole(total);
  ingot_session_bind_input(opened.session, 0, 0, &in);
  ingot_session_bind_output(opened.session, 0, 0, &out);
  ingot_session_bind_output(opened.session, 1, 0, &sum);
  ASSERT_EQ(ingot_session_run(opened.session, 0), INGOT_OK);
  ASSERT_EQ(ingot_session_run(opened.session, 0), INGOT_OK);
  ASSERT_EQ(ingot_session_run(opened.session, 1), INGOT_OK);
  EXPECT_EQ(total[0], 110.0f);
  ingot_session_bind_output(other, 1, 0, &sum);
  ASSERT_EQ(ingot_session_run(other, 1), INGOT_OK);
  EXPECT_EQ(total[0], 100.0f) << "the other session has state of its own";
  ASSERT_EQ(ingot_session_reset(opened.session), INGOT_OK);
  ASSERT_EQ(ingot_session_run(opened.session, 0), INGOT_OK);
  EXPECT_EQ(y[0], 105.0f);
  ingot_session_destroy(other);
}

TEST(Run, Loops) {
  Opened opened(loopProgram());
  ASSERT_TRUE(opened.session) << opened.error.text;
  std::vector<int32_t> x = {-3}, y(1);
  ingot_tensor in = whole(x), out = whole(y);
  ingot_session_bind_input(opened.session, 0, 0, &in);
  ingot_session_bind_output(opened.session, 0, 0, &out);
  ASSERT_EQ(ingot_session_run(opened.session, 0), INGOT_OK);
  EXPECT_EQ(y[0], 5);
  x[0] = 9;
  ASSERT_EQ(ingot_session_run(opened.session, 0), INGOT_OK);
  EXPECT_EQ(y[0], 10) << "the body runs before the condition";
}

TEST(Run, CopiesStrided) {
  // Places x[4, 16] as columns 1..16 of y[4, 20], then a gathered transpose of its first 3 columns
  // in the rest.
  TestProgram test = emptyProgram();
  fmt::EntryT &entry = test.entry();
  entry.inputs.push_back(tensor("x", fmt::ElementType::f32, {fixedDim(4), fixedDim(16)}));
  entry.outputs.push_back(tensor("y", fmt::ElementType::f32, {fixedDim(4), fixedDim(20)}));
  auto strided = std::make_unique<fmt::InstructionT>();
  strided->op = fmt::Op::strided_copy;
  strided->buffers = {{fmt::BufferKind::output, 0, 4, 316}, {fmt::BufferKind::input, 0, 0, 256}};
  strided->element_size = 4;
  strided->shape = {fixed(4), fixed(16)};
  strided->dst_strides = {80, 4};
  strided->src_strides = {64, 4};
  entry.instructions.push_back(std::move(strided));
  Opened opened(test);
  ASSERT_TRUE(opened.session) << opened.error.text;
  std::vector<float> x = ramp(64), y(80, -1.0f);
  ingot_tensor in = whole(x), out = whole(y);
  ingot_session_bind_input(opened.session, 0, 0, &in);
  ingot_session_bind_output(opened.session, 0, 0, &out);
  ASSERT_EQ(ingot_session_run(opened.session, 0), INGOT_OK);
  for (int r = 0; r < 4; ++r)
    for (int c = 0; c < 20; ++c)
      EXPECT_EQ(y[size_t(r * 20 + c)], c >= 1 && c < 17 ? x[size_t(r * 16 + c - 1)] : -1.0f)
          << r << " " << c;
}

/// Many tiles with scratch: every worker must have its own.
TestProgram scratchProgram() {
  TestProgram test = emptyProgram();
  uint32_t kernel = addKernel(test.plan(), "scratch_i64", kScratch, 1, 1);
  test.plan().kernels[0]->scratch_per_worker = 64;
  test.entry().outputs.push_back(tensor("y", fmt::ElementType::i64, {fixedDim(1000)}));
  test.entry().instructions.push_back(
      launch(kernel, {{fmt::BufferKind::output, 0, 0, 8000}}, fixed(1000), {fixed(7)}));
  return test;
}

TEST(Run, SplitsTilesOverThreads) {
  for (uint32_t threads : {1u, 2u, 5u}) {
    Opened opened(scratchProgram(), threads);
    ASSERT_TRUE(opened.session) << opened.error.text;
    std::vector<int64_t> y(1000);
    ingot_tensor out = whole(y);
    ingot_session_bind_output(opened.session, 0, 0, &out);
    for (int repeat = 0; repeat < 200; ++repeat) {
      std::fill(y.begin(), y.end(), -1);
      ASSERT_EQ(ingot_session_run(opened.session, 0), INGOT_OK);
      for (int64_t i = 0; i < 1000; ++i)
        ASSERT_EQ(y[size_t(i)], i * i + 7) << threads << " threads";
    }
  }
}

TEST(Run, TwoCpuTargetsShareTheHostsMemory) {
  TestProgram test = scaleProgram();
  // A second target with code of its own, for the second launch.
  test.program.targets.push_back(std::make_unique<fmt::TargetT>(*test.program.targets[0]));
  test.program.targets[1]->name = "other-cpu";
  test.plan().targets.push_back(1);
  auto segment = std::make_unique<fmt::SegmentT>(*test.program.segments[0]);
  segment->target = 1;
  test.program.segments.push_back(std::move(segment));
  test.segmentBytes.push_back(test.segmentBytes[0]);
  test.plan().kernels.push_back(std::make_unique<fmt::KernelT>(*test.plan().kernels[0]));
  test.plan().kernels[1]->target = 1;
  test.plan().kernels[1]->segment = 2;
  test.entry().instructions[1]->kernel = 1;
  Opened opened(test);
  ASSERT_TRUE(opened.session) << opened.error.text;
  std::vector<float> x(64, 1.0f), y(64);
  ingot_tensor in = whole(x), out = whole(y);
  ingot_session_bind_input(opened.session, 0, 0, &in);
  ingot_session_bind_output(opened.session, 0, 0, &out);
  ASSERT_EQ(ingot_session_run(opened.session, 0), INGOT_OK);
  EXPECT_EQ(y[63], 13.0f);
}

TEST(Run, TwoSessionsInTwoThreads) {
  Opened opened(scratchProgram());
  auto body = [&](uint32_t threads) {
    ingot_session_options options = {sizeof(options), threads, nullptr, 0, nullptr, 0};
    ingot_session *session = nullptr;
    ASSERT_EQ(ingot_session_create(opened.program, &options, &session, nullptr), INGOT_OK);
    std::vector<int64_t> y(1000);
    ingot_tensor out = whole(y);
    ingot_session_bind_output(session, 0, 0, &out);
    for (int i = 0; i < 100; ++i)
      ASSERT_EQ(ingot_session_run(session, 0), INGOT_OK);
    EXPECT_EQ(y[999], 999 * 999 + 7);
    ingot_session_destroy(session);
  };
  std::thread first(body, 1u), second(body, 3u);
  first.join();
  second.join();
}

TEST(Run, LivesInTheCallersMemory) {
  Opened opened(stateProgram());
  size_t size = ingot_session_memory_size(opened.program, nullptr);
  std::vector<uint8_t> memory(size + 3, 0xaa);
  ingot_session_options options = {sizeof(options), 1, memory.data() + 3, size - 1, nullptr, 0};
  ingot_session *session = nullptr;
  ingot_error error;
  EXPECT_EQ(ingot_session_create(opened.program, &options, &session, &error), INGOT_ERROR_MEMORY);
  EXPECT_THAT(error.text, HasSubstr("the caller's block has"));
  options.memory_size = size;
  ASSERT_EQ(ingot_session_create(opened.program, &options, &session, &error), INGOT_OK)
      << error.text;
  std::vector<float> y(1);
  ingot_tensor out = whole(y);
  ingot_session_bind_output(session, 1, 0, &out);
  ASSERT_EQ(ingot_session_run(session, 1), INGOT_OK);
  EXPECT_EQ(y[0], 100.0f);
  ingot_session_destroy(session);
}

TEST(Open, FromAFileMapsTheCode) {
  std::string path = testing::TempDir() + "/runtime-test.ingot";
  std::vector<uint8_t> bytes = scaleProgram().build();
  FILE *file = fopen(path.c_str(), "wb");
  ASSERT_TRUE(file);
  ASSERT_EQ(fwrite(bytes.data(), 1, bytes.size(), file), bytes.size());
  fclose(file);
  ingot_program *program;
  ingot_error error;
  ASSERT_EQ(ingot_program_open_file(path.c_str(), nullptr, &program, &error), INGOT_OK)
      << error.text;
  // No page of the process may be writable and executable.
  FILE *maps = fopen("/proc/self/maps", "r");
  char line[512];
  bool executable = false;
  while (maps && fgets(line, sizeof(line), maps)) {
    EXPECT_EQ(strstr(line, " rwxp"), nullptr) << line;
    executable |= strstr(line, "r-xp") && strstr(line, "runtime-test.ingot");
  }
  if (maps)
    fclose(maps);
  EXPECT_TRUE(executable) << "the code is mapped from the file";
  ingot_program_close(program);
  EXPECT_EQ(ingot_program_open_file((path + ".none").c_str(), nullptr, &program, &error),
            INGOT_ERROR_IO);
  EXPECT_THAT(error.text, HasSubstr("No such file"));
  EXPECT_EQ(ingot_program_open_file("/", nullptr, &program, &error), INGOT_ERROR_IO);
  remove(path.c_str());
}

TEST(Open, CopiesAnUnalignedImage) {
  std::vector<uint8_t> bytes = scaleProgram().build(), shifted(bytes.size() + 65);
  size_t shift = 65 - reinterpret_cast<uintptr_t>(shifted.data()) % 64;
  std::memcpy(shifted.data() + shift, bytes.data(), bytes.size());
  ingot_program *program;
  ingot_error error;
  ASSERT_EQ(
      ingot_program_open_memory(shifted.data() + shift, bytes.size(), nullptr, &program, &error),
      INGOT_OK)
      << error.text;
  ingot_program_close(program);
}

TEST(Open, TakesTheFirstPlanTheMachineCanRun) {
  TestProgram test = scaleProgram();
  auto better = std::make_unique<fmt::TargetT>(*test.program.targets[0]);
  better->name = "test-cpu-better";
  better->features = {"telepathy", "levitation"};
  test.program.targets.push_back(std::move(better));
  // The better plan: the same, for the other target.
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(fmt::CreatePlan(builder, test.program.plans[0].get()));
  std::unique_ptr<fmt::PlanT> plan(
      flatbuffers::GetRoot<fmt::Plan>(builder.GetBufferPointer())->UnPack());
  plan->targets = {1};
  plan->spaces[0]->target = 1;
  plan->kernels[0]->target = 1;
  plan->kernels[0]->segment = 2;
  test.segmentBytes.push_back(test.segmentBytes[0]);
  test.program.segments.push_back(std::make_unique<fmt::SegmentT>(*test.program.segments[0]));
  test.program.segments[2]->target = 1;
  test.program.plans.insert(test.program.plans.begin(), std::move(plan));
  {
    Opened opened(test);
    ASSERT_TRUE(opened.session) << opened.error.text;
    EXPECT_STREQ(ingot_program_target(opened.program), "test-cpu");
  }
  test.program.plans.pop_back();
  Opened opened(test);
  EXPECT_FALSE(opened.program);
  EXPECT_EQ(opened.error.status, INGOT_ERROR_UNSUPPORTED);
  EXPECT_THAT(opened.error.text,
              HasSubstr("the program is compiled for test-cpu-better, but this machine's CPU "
                        "has no telepathy, levitation\nhint:"));
}

} // namespace
