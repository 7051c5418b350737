// Broken programs: every way a record can lie gives an error that names it, and nothing is
// allocated, mapped or run.
#include "test/unit/runtime/TestProgram.h"
#include <cstdlib>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace ingot;
using namespace ingot::test;
using namespace ingot::fmt;

namespace {

/// Opens; expects a refusal; returns its text.
std::string refusal(const std::vector<uint8_t> &bytes, ingot_status *status = nullptr) {
  Image image(bytes);
  ingot_program *program = nullptr;
  ingot_error error = {};
  ingot_status result =
      ingot_program_open_memory(image.data.get(), image.size, nullptr, &program, &error);
  if (status)
    *status = result;
  EXPECT_EQ(program, nullptr);
  ingot_program_close(program);
  EXPECT_EQ(result, error.status);
  if (result)
    EXPECT_NE(error.text[0], 0);
  return error.text;
}

struct Broken {
  const char *name;
  TestProgram (*start)();
  void (*damage)(TestProgram &);
  const char *message;
};

void PrintTo(const Broken &broken, std::ostream *out) { *out << broken.name; }

class BrokenProgram : public testing::TestWithParam<Broken> {};

TEST_P(BrokenProgram, IsRefused) {
  TestProgram test = GetParam().start();
  GetParam().damage(test);
  ingot_status status;
  std::string text = refusal(test.build(), &status);
  EXPECT_TRUE(status == INGOT_ERROR_FORMAT || status == INGOT_ERROR_UNSUPPORTED) << status;
  EXPECT_THAT(text, testing::HasSubstr(GetParam().message));
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 1);
}

SegmentT &code(TestProgram &t) { return *t.program.segments[0]; }
SegmentT &data(TestProgram &t) { return *t.program.segments[1]; }
InstructionT &step(TestProgram &t, size_t i) { return *t.entry().instructions[i]; }
constexpr uint64_t kHuge = UINT64_MAX - 8;

/// Fixes hashes, sizes and offsets so that a later change of them survives `build`.
void freeze(TestProgram &t) {
  uint64_t end = 0;
  for (size_t i = 0; i < t.segmentBytes.size(); ++i) {
    SegmentT &segment = *t.program.segments[i];
    segment.sha256 = std::make_unique<Sha256>(hashOf(t.segmentBytes[i]));
    segment.size = t.segmentBytes[i].size();
    segment.offset = (end + segment.alignment - 1) / segment.alignment * segment.alignment;
    end = segment.offset + segment.size;
  }
  t.rightHashes = false;
}

TestProgram stridedProgram() {
  TestProgram t = scaleProgram();
  auto strided = std::make_unique<InstructionT>();
  strided->op = Op::strided_copy;
  strided->buffers = {{BufferKind::output, 0, 0, 256}, {BufferKind::input, 0, 0, 256}};
  strided->element_size = 4;
  strided->shape = {fixed(4), fixed(16)};
  strided->dst_strides = {64, 4};
  strided->src_strides = {64, 4};
  t.entry().instructions.push_back(std::move(strided));
  return t;
}

// One row per kind of damage: name, program, damage, what the error must say.
// clang-format off
const Broken kBroken[] = {
    {"NoTargets", scaleProgram, [](TestProgram &t) { t.program.targets.clear(); }, "number of targets"},
    {"NoPlans", scaleProgram, [](TestProgram &t) { t.program.plans.clear(); }, "number of plans"},
    {"NoEntries", scaleProgram, [](TestProgram &t) { t.plan().entries.clear(); }, "number of entries"},
    {"NoSpaces", scaleProgram, [](TestProgram &t) { t.plan().spaces.clear(); }, "no memory spaces"},
    {"PlanTarget", scaleProgram, [](TestProgram &t) { t.plan().targets = {1}; }, "plan 0 refers to target 1, but there are 1"},
    {"SpaceTarget", scaleProgram, [](TestProgram &t) { t.plan().spaces[0]->target = 9; }, "space 0 refers to target 9"},
    {"SecondHostSpace", scaleProgram, [](TestProgram &t) { t.plan().spaces.push_back(std::make_unique<SpaceT>(*t.plan().spaces[0])); }, "must be the CPU's if"},
    {"DeviceSpaceFirst", scaleProgram, [](TestProgram &t) { t.program.targets[0]->driver = "vulkan"; }, "must be the CPU's if"},
    {"SegmentKindNone", scaleProgram, [](TestProgram &t) { code(t).kind = SegmentKind::none; }, "segment 0 is of a kind"},
    {"SegmentKindUnknown", scaleProgram, [](TestProgram &t) { code(t).kind = SegmentKind(77); }, "segment 0 is of a kind"},
    {"SegmentTarget", scaleProgram, [](TestProgram &t) { code(t).target = 5; }, "segment 0 refers to target 5"},
    {"SegmentAlignmentZero", scaleProgram, [](TestProgram &t) { freeze(t); code(t).alignment = 0; }, "segment 0 has an alignment"},
    {"SegmentAlignmentHuge", scaleProgram, [](TestProgram &t) { freeze(t); code(t).alignment = 1u << 31; }, "segment 0 has an alignment"},
    {"SegmentUnaligned", scaleProgram, [](TestProgram &t) { freeze(t); data(t).offset += 8; }, "segment 1 is not aligned"},
    {"SegmentOverlap", scaleProgram, [](TestProgram &t) { freeze(t); data(t).offset = 0; }, "segment 1 overlaps"},
    {"SegmentBeyondFile", scaleProgram, [](TestProgram &t) { freeze(t); data(t).offset += 1 << 20; }, "segment 1 ends beyond the file"},
    {"SegmentSizeWraps", scaleProgram, [](TestProgram &t) { freeze(t); data(t).size = kHuge; }, "segment 1 ends beyond the file"},
    {"SegmentNoHash", scaleProgram, [](TestProgram &t) { freeze(t); code(t).sha256.reset(); }, "segment 0 has no hash"},
    {"CodeHash", scaleProgram, [](TestProgram &t) { freeze(t); t.segmentBytes[0][3] ^= 1; }, "hash of segment 0 (code)"},
    {"KernelTarget", scaleProgram, [](TestProgram &t) { t.plan().kernels[0]->target = 3; }, "kernel 0 refers to target 3"},
    {"KernelSegment", scaleProgram, [](TestProgram &t) { t.plan().kernels[0]->segment = 2; }, "kernel 0 refers to segment 2"},
    {"KernelInData", scaleProgram, [](TestProgram &t) { t.plan().kernels[0]->segment = 1; }, "kernel 0 lies in a segment of another kind"},
    {"KernelEntry", scaleProgram, [](TestProgram &t) { t.plan().kernels[0]->entry = 90112; }, "kernel 0 starts at byte 90112, beyond its code segment of "},
    {"KernelEntryWraps", scaleProgram, [](TestProgram &t) { t.plan().kernels[0]->entry = kHuge; }, "kernel 0 starts at byte"},
    {"KernelScratch", scaleProgram, [](TestProgram &t) { t.plan().kernels[0]->scratch_per_worker = kHuge; }, "scratch"},
    {"KernelOperands", scaleProgram, [](TestProgram &t) { t.plan().kernels[0]->num_buffers = UINT32_MAX; }, "more than 4096 operands"},
    {"KernelLayers", scaleProgram, [](TestProgram &t) { t.plan().kernels[0]->layers = {2}; }, "kernel 0 refers to layer 2"},
    {"ConstantSegment", scaleProgram, [](TestProgram &t) { t.plan().constants[0]->segment = 8; }, "constant 0 refers to segment 8"},
    {"ConstantInCode", scaleProgram, [](TestProgram &t) { t.plan().constants[0]->segment = 0; }, "constant 0 lies in a segment that is not data"},
    {"ConstantSpace", scaleProgram, [](TestProgram &t) { t.plan().constants[0]->space = 1; }, "constant 0 refers to space 1"},
    {"ConstantUnaligned", scaleProgram, [](TestProgram &t) { t.plan().constants[1]->offset = 4; }, "constant 1 is not 64-byte aligned"},
    {"ConstantBeyond", scaleProgram, [](TestProgram &t) { t.plan().constants[2]->size = 65; }, "constant 2 at byte 128 ends beyond its segment of 192"},
    {"ConstantWraps", scaleProgram, [](TestProgram &t) { t.plan().constants[2]->size = kHuge; }, "constant 2 at byte 128"},
    {"ArenaSpace", scaleProgram, [](TestProgram &t) { t.plan().arenas[0]->space = 1; }, "arena 0 refers to space 1"},
    {"ArenaAlignment", scaleProgram, [](TestProgram &t) { t.plan().arenas[0]->alignment = 48; }, "arena 0 has an alignment"},
    {"ArenaHuge", scaleProgram, [](TestProgram &t) { t.plan().arenas[0]->size = uint64_t(1) << 63; }, "arena 0 has an absurd size"},
    {"ArenasHugeTogether", scaleProgram, [](TestProgram &t) { t.plan().arenas[0]->size = uint64_t(1) << 46; t.plan().arenas.push_back(std::make_unique<ArenaT>(*t.plan().arenas[0])); }, "arena 1 has an absurd size"},
    {"VariableInitial", stateProgram, [](TestProgram &t) { t.plan().variables[0]->initial = 3; }, "variable 0 refers to constant 3"},
    {"VariableInitialNegative", stateProgram, [](TestProgram &t) { t.plan().variables[0]->initial = -2; }, "negative initial"},
    {"VariableInitialSize", stateProgram, [](TestProgram &t) { t.plan().variables[0]->initial = 0; }, "initial constant of another size"},
    {"VariableHuge", stateProgram, [](TestProgram &t) { t.plan().variables[0]->size = kHuge; }, "variable 0 has an absurd size"},
    {"VariableType", stateProgram, [](TestProgram &t) { t.plan().variables[0]->type = ElementType::none; }, "variable 0 has an element type"},
    {"InputType", scaleProgram, [](TestProgram &t) { t.entry().inputs[0]->type = ElementType(99); }, "input 0 has an element type"},
    {"InputRank", scaleProgram, [](TestProgram &t) { t.entry().inputs[0]->dims.assign(9, fixedDim(1)); }, "input 0 has a rank above 8"},
    {"InputDimsWrap", scaleProgram, [](TestProgram &t) { t.entry().inputs[0]->dims = {fixedDim(int64_t(1) << 42), fixedDim(int64_t(1) << 42)}; }, "input 0 has an absurd size"},
    {"InputDimNegative", scaleProgram, [](TestProgram &t) { t.entry().inputs[0]->dims[0] = {-4, -4, -1, -1}; }, "has bounds that are negative"},
    {"InputBoundsSwapped", scaleProgram, [](TestProgram &t) { t.entry().inputs[0]->dims[0] = {5, 4, -1, -1}; }, "the wrong way round"},
    {"InputAlignment", scaleProgram, [](TestProgram &t) { t.entry().inputs[0]->alignment = 3; }, "input 0 has an alignment"},
    {"InputDimName", scaleProgram, [](TestProgram &t) { t.entry().inputs[0]->dims[0] = {4, 4, -1, 1}; }, "refers to dim name 1"},
    {"InputDimExpr", scaleProgram, [](TestProgram &t) { t.entry().inputs[0]->dims[0] = {4, 4, 0, -1}; }, "refers to expression 0"},
    {"OutputDimUncomputed", scaleProgram, [](TestProgram &t) { t.entry().outputs[0]->dims[0] = {1, 64, -1, -1}; }, "output 0 has a dynamic dim that nothing computes"},
    {"ExprCycle", dynamicProgram, [](TestProgram &t) { t.entry().expressions[2] = {ExprOp::mul, 2, 1, 0}; }, "expression 2 uses an expression that is not before it"},
    {"ExprForward", dynamicProgram, [](TestProgram &t) { t.entry().expressions[1] = {ExprOp::add, 0, 3, 0}; }, "expression 1 uses an expression that is not before it"},
    {"ExprNegative", dynamicProgram, [](TestProgram &t) { t.entry().expressions[2] = {ExprOp::mul, -1, 1, 0}; }, "expression 2 has a negative operand"},
    {"ExprInput", dynamicProgram, [](TestProgram &t) { t.entry().expressions[0] = {ExprOp::input_dim, 1, 0, 0}; }, "expression 0 refers to input 1"},
    {"ExprDim", dynamicProgram, [](TestProgram &t) { t.entry().expressions[0] = {ExprOp::input_dim, 0, 2, 0}; }, "expression 0 refers to dim 2"},
    {"ValueInput", valueProgram, [](TestProgram &t) { t.entry().expressions[0] = {ExprOp::input_value, 2, 0, 0}; }, "expression 0 refers to input 2"},
    {"ValueNegative", valueProgram, [](TestProgram &t) { t.entry().expressions[0] = {ExprOp::input_value, 1, -1, 0}; }, "expression 0 has a negative operand"},
    {"ValueOfFloats", valueProgram, [](TestProgram &t) { t.entry().expressions[0] = {ExprOp::input_value, 0, 0, 0}; }, "expression 0 reads what holds no integers"},
    {"CountVariable", countedProgram, [](TestProgram &t) { t.entry().expressions[0] = {ExprOp::variable_value, 1, 0, 16}; }, "expression 0 refers to variable 1"},
    {"CountOfFloats", countedProgram, [](TestProgram &t) { t.plan().variables[0]->type = ElementType::f32; }, "expression 0 reads what holds no integers"},
    {"DimName", placedProgram, [](TestProgram &t) { t.entry().dims[0] = {1, 0, 1, 16}; }, "dim 0 refers to dim name 1"},
    {"DimExpr", placedProgram, [](TestProgram &t) { t.entry().dims[0] = {0, 8, 1, 16}; }, "dim 0 refers to expression 8"},
    {"DimBounds", placedProgram, [](TestProgram &t) { t.entry().dims[0] = {0, 0, 17, 16}; }, "dim 0 has bounds"},
    {"ArenaSizes", placedProgram, [](TestProgram &t) { t.entry().arena_sizes.push_back(fixed(0)); }, "does not give the sizes of all arenas"},
    {"ArenaSizeExpr", placedProgram, [](TestProgram &t) { t.entry().arena_sizes[0] = computed(8, 512); }, "arena size 0 refers to expression 8"},
    {"ArenaSizeBound", placedProgram, [](TestProgram &t) { t.entry().arena_sizes[0] = computed(7, 513); }, "arena size 0 is more than the arena has"},
    {"Placements", placedProgram, [](TestProgram &t) { step(t, 0).placements.pop_back(); }, "instruction 0 does not place all its buffers"},
    {"PlacementExpr", placedProgram, [](TestProgram &t) { step(t, 0).placements[1] = {8, -1}; }, "instruction 0 refers to expression 8"},
    {"PlacementNegative", placedProgram, [](TestProgram &t) { step(t, 0).placements[1] = {-1, -2}; }, "instruction 0 has a negative placement"},
    {"ExprKind", dynamicProgram, [](TestProgram &t) { t.entry().expressions[0] = {ExprOp(44), 0, 0, 0}; }, "expression 0 is of a kind"},
    {"OpUnknown", scaleProgram, [](TestProgram &t) { step(t, 0).op = Op(55); }, "instruction 0 is of a kind"},
    {"LaunchKernel", scaleProgram, [](TestProgram &t) { step(t, 1).kernel = 1; }, "plan 0 entry 0 instruction 1 refers to kernel 1, but there are 1"},
    {"LaunchFewBuffers", scaleProgram, [](TestProgram &t) { step(t, 1).buffers.pop_back(); }, "passes not as many operands"},
    {"LaunchManyDims", scaleProgram, [](TestProgram &t) { step(t, 1).dims.push_back(fixed(1)); }, "passes not as many operands"},
    {"LaunchNoTiles", scaleProgram, [](TestProgram &t) { step(t, 1).tiles.reset(); }, "number of tiles"},
    {"LaunchNegativeTiles", scaleProgram, [](TestProgram &t) { *step(t, 1).tiles = fixed(-1); }, "negative extent"},
    {"LaunchTilesExpr", scaleProgram, [](TestProgram &t) { *step(t, 1).tiles = computed(0, 4); }, "refers to expression 0"},
    {"BufferKind", scaleProgram, [](TestProgram &t) { step(t, 0).buffers[0] = {BufferKind(9), 0, 0, 4}; }, "kind of buffer"},
    {"BufferArena", scaleProgram, [](TestProgram &t) { step(t, 0).buffers[2] = {BufferKind::arena, 1, 0, 4}; }, "refers to arena 1"},
    {"BufferConstant", scaleProgram, [](TestProgram &t) { step(t, 0).buffers[1] = {BufferKind::constant, 3, 0, 4}; }, "refers to constant 3"},
    {"BufferInput", scaleProgram, [](TestProgram &t) { step(t, 0).buffers[0] = {BufferKind::input, 1, 0, 4}; }, "refers to input 1"},
    {"BufferOutput", scaleProgram, [](TestProgram &t) { step(t, 1).buffers[2] = {BufferKind::output, 1, 0, 4}; }, "refers to output 1"},
    {"BufferVariable", scaleProgram, [](TestProgram &t) { step(t, 1).buffers[2] = {BufferKind::variable, 0, 0, 4}; }, "refers to variable 0"},
    {"BufferBeyondArena", scaleProgram, [](TestProgram &t) { step(t, 0).buffers[2] = {BufferKind::arena, 0, 4000, 256}; }, "uses bytes from 4000 on of a buffer that ends at 4096"},
    {"BufferWraps", scaleProgram, [](TestProgram &t) { step(t, 0).buffers[2] = {BufferKind::arena, 0, kHuge, 256}; }, "of a buffer that ends at 4096"},
    {"CopyOneBuffer", stateProgram, [](TestProgram &t) { t.entry(1).instructions[0]->buffers.pop_back(); }, "copy without what it needs"},
    {"CopyNoSize", stateProgram, [](TestProgram &t) { t.entry(1).instructions[0]->bytes.reset(); }, "copy without what it needs"},
    {"CopyTooMuch", stateProgram, [](TestProgram &t) { *t.entry(1).instructions[0]->bytes = fixed(5); }, "copies more bytes"},
    {"CopyIntoConstant", stateProgram, [](TestProgram &t) { t.entry(1).instructions[0]->buffers[0] = {BufferKind::constant, 1, 0, 4}; }, "copies into a constant or an input"},
    {"JumpBeyond", loopProgram, [](TestProgram &t) { step(t, 3).target = 7; }, "jumps beyond"},
    {"JumpNoCondition", loopProgram, [](TestProgram &t) { step(t, 2).buffers.clear(); }, "condition of one byte"},
    {"JumpEmptyCondition", loopProgram, [](TestProgram &t) { step(t, 2).buffers[0] = {BufferKind::arena, 0, 64, 0}; }, "condition of one byte"},
    {"StridedRank", stridedProgram, [](TestProgram &t) { step(t, 2).shape.assign(9, fixed(1)); step(t, 2).dst_strides.assign(9, 0); step(t, 2).src_strides.assign(9, 0); }, "copy without what it needs"},
    {"StridedNegative", stridedProgram, [](TestProgram &t) { step(t, 2).src_strides[0] = -64; }, "negative stride"},
    {"StridedBeyond", stridedProgram, [](TestProgram &t) { step(t, 2).dst_strides[0] = 68; }, "copies more bytes"},
    {"StridedWraps", stridedProgram, [](TestProgram &t) { step(t, 2).dst_strides[0] = INT64_MAX; }, "strides beyond any memory"},
    {"StridedNoElement", stridedProgram, [](TestProgram &t) { step(t, 2).element_size = 0; }, "copy without what it needs"},
    {"StridedMissing", stridedProgram, [](TestProgram &t) { step(t, 2).src_strides.pop_back(); }, "copy without what it needs"},
    {"StepLayers", scaleProgram, [](TestProgram &t) { step(t, 1).layers = {7}; }, "instruction 1 refers to layer 7"},
    {"KernelAbi", scaleProgram, [](TestProgram &t) { t.program.targets[0]->kernel_abi = 2; }, "ABI version 2"},
    {"OtherArch", scaleProgram, [](TestProgram &t) { t.program.targets[0]->arch = "pdp11"; }, "is compiled for test-cpu (pdp11), but this machine is"},
    {"NoDriver", scaleProgram, [](TestProgram &t) { auto gpu = std::make_unique<TargetT>(); gpu->name = gpu->driver = "vulkan"; t.program.targets.push_back(std::move(gpu)); t.plan().targets.push_back(1); }, "needs the driver 'vulkan'"},
};
// clang-format on

INSTANTIATE_TEST_SUITE_P(Kinds, BrokenProgram, testing::ValuesIn(kBroken),
                         [](const auto &info) { return std::string(info.param.name); });

TEST(BrokenFile, EveryTruncationIsRefused) {
  std::vector<uint8_t> good = scaleProgram().build();
  for (size_t size = 0; size < good.size(); size += size < 3000 ? 1 : 37)
    refusal({good.begin(), good.begin() + long(size)});
  good.push_back(0);
  EXPECT_THAT(refusal(good), testing::HasSubstr("should have"));
}

TEST(BrokenFile, EveryFlippedBitBeforeTheWeightsIsRefused) {
  std::vector<uint8_t> good = scaleProgram().build();
  uint64_t schemaSize;
  std::memcpy(&schemaSize, &good[32], 8);
  size_t checked = kFileHeaderSize + size_t(schemaSize);
  for (size_t at = 0; at < checked; ++at) {
    std::vector<uint8_t> bad = good;
    bad[at] ^= uint8_t(1u << (at % 8));
    ingot_status status;
    refusal(bad, &status);
    EXPECT_NE(status, INGOT_OK) << "byte " << at;
  }
}

TEST(BrokenFile, RandomFlatBuffersWithARightHashNeverCrash) {
  // The hash keeps damage out; whoever writes a program on purpose computes it anew. So do these.
  uint64_t state = 1;
  auto random = [&] {
    return state = state * 6364136223846793005u + 1442695040888963407u, state >> 33;
  };
  std::vector<std::vector<uint8_t>> seeds = {scaleProgram().build(),  dynamicProgram().build(),
                                             placedProgram().build(), stateProgram().build(),
                                             loopProgram().build(),   stridedProgram().build()};
  for (int round = 0; round < 20000; ++round) {
    std::vector<uint8_t> bad = seeds[size_t(round) % seeds.size()];
    uint64_t schemaSize;
    std::memcpy(&schemaSize, &bad[32], 8);
    for (uint64_t changes = 1 + random() % 4; changes-- > 0;)
      bad[kFileHeaderSize + random() % schemaSize] = uint8_t(random());
    ingot_sha256(&bad[kFileHeaderSize], schemaSize, &bad[40]);
    Image image(bad);
    ingot_program *program = nullptr;
    ingot_error error;
    if (ingot_program_open_memory(image.data.get(), image.size, nullptr, &program, &error))
      continue;
    // Accepted: then its sessions and its signature must be sound too. It is not run: its code is
    // as hostile as it is.
    ingot_session *session = nullptr;
    if (ingot_session_memory_size(program, nullptr) < (1u << 24) &&
        ingot_session_create(program, nullptr, &session, &error) == INGOT_OK)
      for (uint32_t i = 0; i < ingot_program_num_inputs(program, 0); ++i) {
        ingot_tensor_info info;
        ASSERT_EQ(ingot_program_input(program, 0, i, &info), INGOT_OK);
        ingot_tensor none = {nullptr, 0, nullptr, 0};
        ingot_session_bind_input(session, 0, i, &none);
      }
    for (uint32_t i = 0; i < ingot_program_num_steps(program, 0); ++i) {
      ingot_step_info info;
      ASSERT_EQ(ingot_program_step(program, 0, i, &info), INGOT_OK);
    }
    ingot_session_destroy(session);
    ingot_program_close(program);
  }
}

TEST(BrokenFile, WeightsAreHashedOnRequest) {
  std::vector<uint8_t> bad = scaleProgram().build();
  bad.back() ^= 1;
  Image image(bad);
  ingot_program *program = nullptr;
  ingot_error error;
  ingot_open_options options = {sizeof(options), nullptr, 0, 1};
  EXPECT_EQ(ingot_program_open_memory(image.data.get(), image.size, &options, &program, &error),
            INGOT_ERROR_FORMAT);
  EXPECT_STREQ(error.text,
               "the program is damaged: the hash of segment 1 (weights) does not match");
  EXPECT_EQ(ingot_program_open_memory(image.data.get(), image.size, nullptr, &program, &error),
            INGOT_OK);
  ingot_program_close(program);
}

TEST(BrokenFile, NewerFormatIsNamed) {
  std::vector<uint8_t> newer = scaleProgram().build();
  newer[8] = 9;
  ingot_status status;
  EXPECT_THAT(refusal(newer, &status),
              testing::HasSubstr("format version 9, but this runtime reads 1 to 4"));
  EXPECT_EQ(status, INGOT_ERROR_UNSUPPORTED);
}

TEST(Sha256, KnownDigests) {
  // FIPS 180-4 examples: "abc", and 56 letters that need a second block.
  auto hex = [](const std::string &text) {
    uint8_t digest[32];
    ingot_sha256(text.data(), text.size(), digest);
    std::string result;
    for (uint8_t byte : digest) {
      char two[3];
      snprintf(two, sizeof(two), "%02x", byte);
      result += two;
    }
    return result;
  };
  EXPECT_EQ(hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

} // namespace
