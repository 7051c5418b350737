// The programs the runtime's tests run, built by hand.
#include "test/unit/runtime/TestProgram.h"

namespace ingot::test {

using namespace fmt;

fmt::Sha256 hashOf(const std::vector<uint8_t> &bytes) {
  uint8_t digest[32];
  ingot_sha256(bytes.data(), bytes.size(), digest);
  fmt::Sha256 hash;
  std::memcpy(reinterpret_cast<void *>(&hash), digest, 32);
  return hash;
}

std::vector<uint8_t> TestProgram::build() const {
  ProgramT copy;
  flatbuffers::FlatBufferBuilder first;
  first.Finish(CreateProgram(first, &program));
  GetProgram(first.GetBufferPointer())->UnPackTo(&copy);
  uint64_t end = 0;
  for (size_t i = 0; i < copy.segments.size() && i < segmentBytes.size(); ++i) {
    SegmentT &segment = *copy.segments[i];
    if (!rightHashes)
      continue;
    segment.sha256 = std::make_unique<fmt::Sha256>(hashOf(segmentBytes[i]));
    segment.size = segmentBytes[i].size();
    segment.offset = (end + segment.alignment - 1) / segment.alignment * segment.alignment;
    end = segment.offset + segment.size;
  }
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(CreateProgram(builder, &copy), ProgramIdentifier());
  std::vector<uint8_t> schema(builder.GetBufferPointer(),
                              builder.GetBufferPointer() + builder.GetSize());

  FileHeader header = {};
  std::memcpy(header.magic, kFileMagic, sizeof(kFileMagic));
  header.formatVersion = kFormatVersion;
  header.headerSize = kFileHeaderSize;
  header.schemaOffset = kFileHeaderSize;
  header.schemaSize = schema.size();
  ingot_sha256(schema.data(), schema.size(), header.schemaSha256);
  header.segmentsOffset = (kFileHeaderSize + schema.size() + kSegmentsAlignment - 1) /
                          kSegmentsAlignment * kSegmentsAlignment;
  std::vector<uint8_t> file(header.segmentsOffset);
  std::memcpy(file.data() + kFileHeaderSize, schema.data(), schema.size());
  uint64_t at = 0;
  for (size_t i = 0; i < segmentBytes.size() && i < copy.segments.size(); ++i) {
    uint64_t alignment = copy.segments[i]->alignment ? copy.segments[i]->alignment : 1;
    at = (at + alignment - 1) / alignment * alignment;
    file.resize(header.segmentsOffset + at + segmentBytes[i].size());
    std::memcpy(file.data() + header.segmentsOffset + at, segmentBytes[i].data(),
                segmentBytes[i].size());
    at += segmentBytes[i].size();
  }
  header.fileSize = file.size();
  std::memcpy(file.data(), &header, sizeof(header));
  return file;
}

std::unique_ptr<TensorT> tensor(const char *name, ElementType type, std::vector<SigDim> dims) {
  auto result = std::make_unique<TensorT>();
  result->name = name;
  result->type = type;
  result->dims = std::move(dims);
  return result;
}

std::unique_ptr<InstructionT> launch(uint32_t kernel, std::vector<BufferRef> buffers, Extent tiles,
                                     std::vector<Extent> dims) {
  auto result = std::make_unique<InstructionT>();
  result->op = Op::launch;
  result->kernel = kernel;
  result->buffers = std::move(buffers);
  result->tiles = std::make_unique<Extent>(tiles);
  result->dims = std::move(dims);
  return result;
}

std::unique_ptr<InstructionT> copy(BufferRef dst, BufferRef src, Extent bytes) {
  auto result = std::make_unique<InstructionT>();
  result->op = Op::copy;
  result->buffers = {dst, src};
  result->bytes = std::make_unique<Extent>(bytes);
  return result;
}

std::unique_ptr<InstructionT> jump(Op op, uint32_t target, std::vector<BufferRef> buffers) {
  auto result = std::make_unique<InstructionT>();
  result->op = op;
  result->target = target;
  result->buffers = std::move(buffers);
  return result;
}

uint32_t addKernel(PlanT &plan, const char *name, KernelOffset entry, uint32_t buffers,
                   uint32_t dims) {
  auto kernel = std::make_unique<KernelT>();
  kernel->name = name;
  kernel->entry = entry;
  kernel->num_buffers = buffers;
  kernel->num_dims = dims;
  plan.kernels.push_back(std::move(kernel));
  return uint32_t(plan.kernels.size() - 1);
}

TestProgram emptyProgram() {
  TestProgram test;
  ProgramT &program = test.program;
  program.provenance = std::make_unique<ProvenanceT>();
  program.provenance->compiler = "test";
  auto target = std::make_unique<TargetT>();
  target->name = "test-cpu";
  target->driver = "cpu";
  target->arch = hostArch();
  program.targets.push_back(std::move(target));
  std::vector<uint8_t> weights(192);
  const float numbers[] = {2.0f, 3.0f};
  std::memcpy(weights.data(), numbers, sizeof(numbers));
  const int32_t limit = 5;
  std::memcpy(weights.data() + 64, &limit, sizeof(limit));
  const float start = 100.0f;
  std::memcpy(weights.data() + 128, &start, sizeof(start));
  test.segmentBytes = {{ingot_test_kernels_host, ingot_test_kernels_host_end}, weights};
  for (SegmentKind kind : {SegmentKind::code, SegmentKind::data}) {
    auto segment = std::make_unique<SegmentT>();
    segment->kind = kind;
    segment->alignment = kind == SegmentKind::code ? kSegmentsAlignment : 64;
    program.segments.push_back(std::move(segment));
  }
  program.layers = {"first", "second"};
  program.dim_names = {"batch"};
  auto plan = std::make_unique<PlanT>();
  plan->targets = {0};
  auto space = std::make_unique<SpaceT>();
  space->name = "host";
  plan->spaces.push_back(std::move(space));
  auto arena = std::make_unique<ArenaT>();
  arena->size = 4096;
  plan->arenas.push_back(std::move(arena));
  for (uint64_t offset : {0, 64, 128}) {
    auto constant = std::make_unique<ConstantT>();
    constant->segment = 1;
    constant->offset = offset;
    constant->size = offset ? 4 : 8;
    plan->constants.push_back(std::move(constant));
  }
  auto entry = std::make_unique<EntryT>();
  entry->name = "main";
  plan->entries.push_back(std::move(entry));
  program.plans.push_back(std::move(plan));
  return test;
}

TestProgram scaleProgram() {
  TestProgram test = emptyProgram();
  EntryT &entry = test.entry();
  uint32_t scale = addKernel(test.plan(), "scale_f32", kScale, 3);
  test.plan().kernels[0]->flops = 128;
  entry.inputs.push_back(tensor("x", ElementType::f32, {fixedDim(4), fixedDim(16)}));
  entry.outputs.push_back(tensor("y", ElementType::f32, {fixedDim(64)}));
  BufferRef x(BufferKind::input, 0, 0, 256), y(BufferKind::output, 0, 0, 256),
      w(BufferKind::constant, 0, 0, 8);
  BufferRef a(BufferKind::arena, 0, 512, 256);
  entry.instructions.push_back(launch(scale, {x, w, a}, fixed(64)));
  entry.instructions.push_back(launch(scale, {a, w, y}, fixed(64)));
  entry.instructions[0]->layers = {0};
  entry.instructions[1]->layers = {0, 1};
  return test;
}

TestProgram dynamicProgram() {
  TestProgram test = emptyProgram();
  EntryT &entry = test.entry();
  uint32_t scale = addKernel(test.plan(), "scale_f32", kScale, 3);
  entry.expressions = {Expr(ExprOp::input_dim, 0, 0, 0), Expr(ExprOp::constant, 0, 0, 4),
                       Expr(ExprOp::mul, 0, 1, 0), Expr(ExprOp::mul, 2, 1, 0)};
  entry.inputs.push_back(tensor("x", ElementType::f32, {{1, 16, -1, 0}, fixedDim(4)}));
  entry.outputs.push_back(tensor("y", ElementType::f32, {{1, 16, 0, 0}, fixedDim(4)}));
  entry.outputs.push_back(tensor("x_again", ElementType::f32, {{1, 16, 0, 0}, fixedDim(4)}));
  BufferRef x(BufferKind::input, 0, 0, 256), y(BufferKind::output, 0, 0, 256),
      w(BufferKind::constant, 0, 0, 8);
  entry.instructions.push_back(launch(scale, {x, w, y}, computed(2, 64)));
  entry.instructions.push_back(copy({BufferKind::output, 1, 0, 256}, x, computed(3, 256)));
  return test;
}

TestProgram placedProgram() {
  TestProgram test = emptyProgram();
  EntryT &entry = test.entry();
  uint32_t scale = addKernel(test.plan(), "scale_f32", kScale, 3);
  test.plan().arenas[0]->size = 512;
  entry.expressions = {Expr(ExprOp::input_dim, 0, 0, 0), Expr(ExprOp::constant, 0, 0, 4),
                       Expr(ExprOp::mul, 0, 1, 0),       Expr(ExprOp::mul, 2, 1, 0),
                       Expr(ExprOp::constant, 0, 0, 64), Expr(ExprOp::ceil_div, 3, 4, 0),
                       Expr(ExprOp::mul, 5, 4, 0),       Expr(ExprOp::add, 6, 3, 0)};
  entry.dims = {NamedDim(0, 0, 1, 16)};
  entry.arena_sizes = {computed(7, 512)};
  entry.inputs.push_back(tensor("x", ElementType::f32, {{1, 16, 0, 0}, fixedDim(4)}));
  entry.outputs.push_back(tensor("y", ElementType::f32, {{1, 16, 0, 0}, fixedDim(4)}));
  BufferRef x(BufferKind::input, 0, 0, 256), y(BufferKind::output, 0, 0, 256),
      w(BufferKind::constant, 0, 0, 8), a(BufferKind::arena, 0, 0, 256),
      b(BufferKind::arena, 0, 256, 256);
  entry.instructions.push_back(launch(scale, {x, w, a}, computed(2, 64)));
  entry.instructions.push_back(launch(scale, {a, w, b}, computed(2, 64)));
  entry.instructions.push_back(copy(y, b, computed(3, 256)));
  Placement whole(-1, 3), fixed(-1, -1), behind(6, 3);
  entry.instructions[0]->placements = {whole, fixed, whole};
  entry.instructions[1]->placements = {whole, fixed, behind};
  entry.instructions[2]->placements = {whole, behind};
  return test;
}

TestProgram valueProgram() {
  TestProgram test = placedProgram();
  test.entry().inputs.push_back(tensor("n", ElementType::i64, {fixedDim(1)}));
  test.entry().expressions[0] = Expr(ExprOp::input_value, 1, 0, 0);
  return test;
}

TestProgram countedProgram() {
  TestProgram test = emptyProgram();
  EntryT &entry = test.entry();
  auto variable = std::make_unique<VariableT>();
  variable->name = "count";
  variable->type = ElementType::i32;
  variable->dims = {fixedDim(1)};
  variable->size = 4;
  test.plan().variables.push_back(std::move(variable));
  entry.expressions = {Expr(ExprOp::variable_value, 0, 0, 16)};
  entry.inputs.push_back(tensor("x", ElementType::f32, {fixedDim(16), fixedDim(4)}));
  entry.inputs.push_back(tensor("n", ElementType::i32, {fixedDim(1)}));
  entry.outputs.push_back(tensor("y", ElementType::f32, {{0, 16, 0, -1}, fixedDim(4)}));
  entry.instructions.push_back(
      copy({BufferKind::output, 0, 0, 256}, {BufferKind::input, 0, 0, 256}, fixed(256)));
  entry.instructions.push_back(
      copy({BufferKind::variable, 0, 0, 4}, {BufferKind::input, 1, 0, 4}, fixed(4)));
  return test;
}

TestProgram stateProgram() {
  TestProgram test = emptyProgram();
  uint32_t accumulate = addKernel(test.plan(), "accumulate_f32", kAccumulate, 3);
  auto variable = std::make_unique<VariableT>();
  variable->name = "total";
  variable->type = ElementType::f32;
  variable->size = 4;
  variable->initial = 2;
  test.plan().variables.push_back(std::move(variable));
  EntryT &entry = test.entry();
  entry.inputs.push_back(tensor("x", ElementType::f32, {}));
  entry.outputs.push_back(tensor("y", ElementType::f32, {}));
  BufferRef x(BufferKind::input, 0, 0, 4), y(BufferKind::output, 0, 0, 4),
      state(BufferKind::variable, 0, 0, 4);
  entry.instructions.push_back(launch(accumulate, {x, state, y}, fixed(1)));
  auto second = std::make_unique<EntryT>();
  second->name = "total";
  second->outputs.push_back(tensor("y", ElementType::f32, {}));
  second->instructions.push_back(copy(y, state, fixed(4)));
  test.plan().entries.push_back(std::move(second));
  return test;
}

TestProgram loopProgram() {
  TestProgram test = emptyProgram();
  EntryT &entry = test.entry();
  uint32_t count = addKernel(test.plan(), "count_i32", kCount, 3);
  entry.inputs.push_back(tensor("start", ElementType::i32, {}));
  entry.outputs.push_back(tensor("y", ElementType::i32, {}));
  BufferRef value(BufferKind::arena, 0, 0, 4), limit(BufferKind::constant, 1, 0, 4);
  BufferRef condition(BufferKind::arena, 0, 64, 1);
  entry.instructions.push_back(copy(value, {BufferKind::input, 0, 0, 4}, fixed(4)));
  entry.instructions.push_back(launch(count, {value, limit, condition}, fixed(1)));
  entry.instructions.push_back(jump(Op::jump_if_false, 4, {condition}));
  entry.instructions.push_back(jump(Op::jump, 1));
  entry.instructions.push_back(copy({BufferKind::output, 0, 0, 4}, value, fixed(4)));
  entry.instructions.push_back(jump(Op::end, 0));
  return test;
}

} // namespace ingot::test
