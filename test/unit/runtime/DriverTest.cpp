// Devices: a driver made of host memory stands in for one, so that transfers, launches, device
// constants, device state and the release of everything are tested without a device.
#include "test/unit/runtime/TestProgram.h"
#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace ingot;
using namespace ingot::test;
using namespace ingot::fmt;

/// The driver's own types.
struct ingot_device {
  std::vector<std::string> features;
};
struct ingot_device_buffer {
  std::vector<uint8_t> bytes;
};
struct ingot_device_kernel {
  std::string symbol;
  uint32_t numBuffers;
};

namespace {

/// What is alive in the fake device, and what it was asked for.
struct Ledger {
  int devices = 0, buffers = 0, kernels = 0, launches = 0, waits = 0;
  bool failAllocation = false, failLaunch = false;
};
Ledger ledger;

ingot_status problem(ingot_error *error, ingot_status status, const char *text) {
  if (error) {
    error->status = status;
    snprintf(error->text, sizeof(error->text), "%s", text);
  }
  return status;
}

ingot_status openDevice(const char *const *features, size_t count, ingot_device **device,
                        ingot_error *error) {
  for (size_t i = 0; i < count; ++i)
    if (std::string(features[i]) != "shine")
      return problem(error, INGOT_ERROR_UNSUPPORTED, "the fake device only shines");
  *device = new ingot_device{{features, features + count}};
  ++ledger.devices;
  return INGOT_OK;
}
void closeDevice(ingot_device *device) {
  --ledger.devices;
  delete device;
}
ingot_status load(ingot_device *, const ingot_device_kernel_desc *desc,
                  ingot_device_kernel **kernel, ingot_error *) {
  EXPECT_EQ(desc->workgroup[0], 8u);
  EXPECT_EQ(std::string(static_cast<const char *>(desc->binary), desc->binary_size), "BINARY");
  *kernel = new ingot_device_kernel{desc->symbol, desc->num_buffers};
  ++ledger.kernels;
  return INGOT_OK;
}
void unload(ingot_device *, ingot_device_kernel *kernel) {
  --ledger.kernels;
  delete kernel;
}
ingot_status allocate(ingot_device *, uint64_t size, uint64_t, ingot_device_buffer **buffer,
                      ingot_error *error) {
  if (ledger.failAllocation)
    return problem(error, INGOT_ERROR_MEMORY, "the fake device is full");
  *buffer = new ingot_device_buffer{std::vector<uint8_t>(size, 0xee)};
  ++ledger.buffers;
  return INGOT_OK;
}
void releaseBuffer(ingot_device *, ingot_device_buffer *buffer) {
  --ledger.buffers;
  delete buffer;
}
uint8_t *at(ingot_device_range range) {
  EXPECT_LE(range.offset + range.size, range.buffer->bytes.size());
  return range.buffer->bytes.data() + range.offset;
}
ingot_status writeRange(ingot_device *, ingot_device_range to, const void *from, ingot_error *) {
  std::memcpy(at(to), from, to.size);
  return INGOT_OK;
}
ingot_status readRange(ingot_device *, void *to, ingot_device_range from, ingot_error *) {
  std::memcpy(to, at(from), from.size);
  return INGOT_OK;
}
ingot_status copyRange(ingot_device *, ingot_device_range to, ingot_device_range from,
                       ingot_error *) {
  std::memmove(at(to), at(from), from.size);
  return INGOT_OK;
}
/// out = in * w[0] + w[1], and state += 1.
ingot_status launchKernel(ingot_device *, ingot_device_kernel *kernel,
                          const ingot_device_range *buffers, const int64_t *dims,
                          const uint32_t grid[3], ingot_error *error) {
  if (ledger.failLaunch)
    return problem(error, INGOT_ERROR_DEVICE, "the fake device is lost");
  ++ledger.launches;
  EXPECT_EQ(kernel->symbol, "scale_main");
  EXPECT_EQ(dims[0], 64);
  EXPECT_EQ(grid[0] * grid[1] * grid[2], 8u);
  const float *in = reinterpret_cast<const float *>(at(buffers[0])),
              *w = reinterpret_cast<const float *>(at(buffers[1]));
  float *out = reinterpret_cast<float *>(at(buffers[2])),
        *state = reinterpret_cast<float *>(at(buffers[3]));
  for (int64_t i = 0; i < dims[0]; ++i)
    out[i] = in[i] * w[0] + w[1] + state[0];
  state[0] += 1;
  return INGOT_OK;
}
ingot_status waitForAll(ingot_device *, ingot_error *) {
  ++ledger.waits;
  return INGOT_OK;
}

const ingot_driver kFake = {
    INGOT_DRIVER_VERSION, "fake",     openDevice, closeDevice, load,         unload,    allocate,
    releaseBuffer,        writeRange, readRange,  copyRange,   launchKernel, waitForAll};

/// x → device → scale with device weights and device state → host → y.
TestProgram deviceProgram() {
  TestProgram test = emptyProgram();
  PlanT &plan = test.plan();
  auto target = std::make_unique<TargetT>();
  target->name = "fake:1";
  target->driver = "fake";
  target->features = {"shine"};
  test.program.targets.push_back(std::move(target));
  plan.targets = {0, 1};
  auto space = std::make_unique<SpaceT>();
  space->name = "fake memory";
  space->target = 1;
  plan.spaces.push_back(std::move(space));
  auto segment = std::make_unique<SegmentT>();
  segment->kind = SegmentKind::binary;
  segment->target = 1;
  test.program.segments.push_back(std::move(segment));
  test.segmentBytes.push_back({'B', 'I', 'N', 'A', 'R', 'Y'});
  plan.constants[0]->space = 1;
  auto arena = std::make_unique<ArenaT>();
  arena->space = 1;
  arena->size = 1024;
  plan.arenas.push_back(std::move(arena));
  auto variable = std::make_unique<VariableT>();
  variable->name = "calls";
  variable->type = ElementType::f32;
  variable->space = 1;
  variable->size = 4;
  plan.variables.push_back(std::move(variable));
  auto kernel = std::make_unique<KernelT>();
  kernel->name = "scale_f32";
  kernel->symbol = "scale_main";
  kernel->target = 1;
  kernel->segment = 2;
  kernel->num_buffers = 4;
  kernel->num_dims = 1;
  kernel->workgroup = {8, 1, 1};
  plan.kernels.push_back(std::move(kernel));
  EntryT &entry = test.entry();
  entry.inputs.push_back(tensor("x", ElementType::f32, {fixedDim(64)}));
  entry.outputs.push_back(tensor("y", ElementType::f32, {fixedDim(64)}));
  BufferRef in(BufferKind::arena, 1, 0, 256), out(BufferKind::arena, 1, 256, 256),
      moved(BufferKind::arena, 1, 512, 256);
  entry.instructions.push_back(copy(in, {BufferKind::input, 0, 0, 256}, fixed(256)));
  auto launched = std::make_unique<InstructionT>();
  launched->op = Op::launch;
  launched->buffers = {in, {BufferKind::constant, 0, 0, 8}, out, {BufferKind::variable, 0, 0, 4}};
  launched->dims = {fixed(64)};
  launched->grid = {fixed(2), fixed(4), fixed(1)};
  entry.instructions.push_back(std::move(launched));
  entry.instructions.push_back(copy(moved, out, fixed(256)));
  entry.instructions.push_back(copy({BufferKind::output, 0, 0, 256}, moved, fixed(256)));
  return test;
}

class Driver : public testing::Test {
protected:
  void SetUp() override { ledger = {}; }
  void TearDown() override {
    ingot_session_destroy(session);
    ingot_program_close(program);
    EXPECT_EQ(ledger.devices, 0);
    EXPECT_EQ(ledger.buffers, 0);
    EXPECT_EQ(ledger.kernels, 0);
  }
  ingot_status open(const TestProgram &test) {
    image = std::make_unique<Image>(test.build());
    const ingot_driver *drivers[] = {&kFake};
    ingot_open_options options = {sizeof(options), drivers, 1, 0};
    return ingot_program_open_memory(image->data.get(), image->size, &options, &program, &error);
  }
  std::unique_ptr<Image> image;
  ingot_program *program = nullptr;
  ingot_session *session = nullptr;
  ingot_error error = {};
};

TEST_F(Driver, RunsOnADevice) {
  ASSERT_EQ(open(deviceProgram()), INGOT_OK) << error.text;
  ASSERT_EQ(ingot_session_create(program, nullptr, &session, &error), INGOT_OK) << error.text;
  EXPECT_EQ(ingot_program_arena_bytes(program), 4096u) << "host memory only";
  float x[64], y[64];
  for (int i = 0; i < 64; ++i)
    x[i] = float(i);
  ingot_tensor in = {x, sizeof(x), nullptr, 0}, out = {y, sizeof(y), nullptr, 0};
  ASSERT_EQ(ingot_session_bind_input(session, 0, 0, &in), INGOT_OK);
  ASSERT_EQ(ingot_session_bind_output(session, 0, 0, &out), INGOT_OK);
  for (int call = 0; call < 3; ++call) {
    ASSERT_EQ(ingot_session_run(session, 0), INGOT_OK) << ingot_session_error(session);
    for (int i = 0; i < 64; ++i)
      ASSERT_EQ(y[i], x[i] * 2 + 3 + float(call));
  }
  ASSERT_EQ(ingot_session_reset(session), INGOT_OK);
  ASSERT_EQ(ingot_session_run(session, 0), INGOT_OK);
  EXPECT_EQ(y[1], 5.0f) << "the device's state starts again";
  EXPECT_EQ(ledger.launches, 4);
  EXPECT_GE(ledger.waits, 4);
  ingot_step_info step;
  ASSERT_EQ(ingot_program_step(program, 0, 1, &step), INGOT_OK);
  EXPECT_STREQ(step.target, "fake:1");
}

TEST_F(Driver, FailuresReleaseEverything) {
  TestProgram test = deviceProgram();
  test.program.targets[1]->features = {"glow"};
  EXPECT_EQ(open(test), INGOT_ERROR_UNSUPPORTED);
  EXPECT_STREQ(error.text, "the fake device only shines");
  ledger.failAllocation = true; // of the constants
  EXPECT_EQ(open(deviceProgram()), INGOT_ERROR_MEMORY);
  EXPECT_EQ(program, nullptr);
  ledger.failAllocation = false;
  ASSERT_EQ(open(deviceProgram()), INGOT_OK);
  ledger.failAllocation = true; // of the arena
  EXPECT_EQ(ingot_session_create(program, nullptr, &session, &error), INGOT_ERROR_MEMORY);
  EXPECT_STREQ(error.text, "the fake device is full");
  ledger.failAllocation = false;
  ASSERT_EQ(ingot_session_create(program, nullptr, &session, &error), INGOT_OK);
  float x[64] = {};
  ingot_tensor both = {x, sizeof(x), nullptr, 0};
  ingot_session_bind_input(session, 0, 0, &both);
  ingot_session_bind_output(session, 0, 0, &both);
  ledger.failLaunch = true;
  EXPECT_EQ(ingot_session_run(session, 0), INGOT_ERROR_DEVICE);
  EXPECT_STREQ(ingot_session_error(session), "the fake device is lost");
}

TEST_F(Driver, DamagedDeviceRecordsAreRefused) {
  TestProgram test = deviceProgram();
  test.entry().instructions[1]->grid.pop_back();
  EXPECT_EQ(open(test), INGOT_ERROR_FORMAT);
  EXPECT_THAT(error.text, testing::HasSubstr("grid as three"));
  test = deviceProgram();
  test.entry().instructions[1]->buffers[0] = {BufferKind::arena, 0, 0, 256};
  EXPECT_EQ(open(test), INGOT_ERROR_FORMAT);
  EXPECT_THAT(error.text, testing::HasSubstr("a buffer that is not in its kernel's memory"));
  test = deviceProgram();
  test.plan().kernels[0]->workgroup = {8};
  EXPECT_EQ(open(test), INGOT_ERROR_FORMAT);
  EXPECT_THAT(error.text, testing::HasSubstr("workgroup as three numbers"));
}

} // namespace
