// What a program says about itself: types, entries, signatures, steps for the profile.
#include "runtime-lib/core/Program.h"

using namespace ingot;

namespace {

struct TypeRow {
  const char *name;
  uint32_t bits;
};

/// Indexed by ElementType; a switch-free table keeps the core small.
const TypeRow &typeRow(uint32_t type) {
  static const TypeRow rows[] = {
      {"none", 0},     {"f32", 32},   {"f64", 64},       {"f16", 16},       {"bf16", 16},
      {"f8e4m3fn", 8}, {"f8e5m2", 8}, {"f8e4m3fnuz", 8}, {"f8e5m2fnuz", 8}, {"i1", 8},
      {"i8", 8},       {"i16", 16},   {"i32", 32},       {"i64", 64},       {"u8", 8},
      {"u16", 16},     {"u32", 32},   {"u64", 64},       {"i4", 4},         {"u4", 4},
      {"i2", 2},       {"u2", 2},     {"c64", 64},       {"c128", 128},     {"f8e8m0fnu", 8},
      {"f4e2m1fn", 4}};
  static_assert(sizeof(rows) / sizeof(rows[0]) == size_t(fmt::ElementType::MAX) + 1,
                "one row per type");
  return rows[type < sizeof(rows) / sizeof(rows[0]) ? type : 0];
}

const fmt::Entry *entryAt(const ingot_program *program, uint32_t entry) {
  return entry < program->numEntries ? program->entries[entry].entry : nullptr;
}

ingot_status describeDims(const ingot_program *program, fmt::ElementType type,
                          const flatbuffers::Vector<const fmt::SigDim *> *dims,
                          ingot_tensor_info *info) {
  info->rank = count(dims);
  for (uint32_t i = 0; i < info->rank; ++i) {
    const fmt::SigDim *dim = dims->Get(i);
    info->dims[i] = {dim->min(), dim->max(),
                     dim->name() < 0
                         ? nullptr
                         : program->root->dim_names()->Get(uint32_t(dim->name()))->c_str()};
  }
  // The natural alignment: the largest power of two in the element's bytes; a complex has its
  // parts'.
  uint32_t bytes = ingot_type_bits(info->type) / 8;
  if (info->type == INGOT_C64 || info->type == INGOT_C128)
    bytes /= 2;
  if (!info->alignment)
    info->alignment = bytes ? bytes : 1;
  maxBytes(type, dims, info->max_bytes);
  return INGOT_OK;
}

/// What inputs, outputs and variables have in common.
template <typename Record>
ingot_status describe(const ingot_program *program,
                      const flatbuffers::Vector<flatbuffers::Offset<Record>> *records,
                      uint32_t index, ingot_tensor_info *info) {
  if (index >= count(records))
    return INGOT_ERROR_ARGUMENT;
  const Record *record = records->Get(index);
  *info = {
      record->name()->c_str(), ingot_type(record->type()), 0, {}, record->alignment(), 0, 0, 0, 0};
  return describeDims(program, record->type(), record->dims(), info);
}

ingot_status tensorInfo(const ingot_program *program,
                        const flatbuffers::Vector<flatbuffers::Offset<fmt::Tensor>> *tensors,
                        uint32_t index, ingot_tensor_info *info) {
  if (ingot_status status = describe(program, tensors, index, info))
    return status;
  const fmt::Tensor *tensor = tensors->Get(index);
  info->has_range = tensor->has_range();
  info->range_min = tensor->range_min();
  info->range_max = tensor->range_max();
  return INGOT_OK;
}

} // namespace

uint32_t ingot_type_bits(ingot_type type) { return typeRow(type).bits; }
const char *ingot_type_name(ingot_type type) { return typeRow(type).name; }

bool ingot::elementBytes(uint64_t elements, ingot_type type, uint64_t &bytes) {
  uint64_t bits;
  if (mulOverflows(elements, ingot_type_bits(type), bits) || bits > kMaxBytes * 8)
    return false;
  bytes = (bits + 7) / 8;
  return true;
}

bool ingot::maxBytes(fmt::ElementType type, const flatbuffers::Vector<const fmt::SigDim *> *dims,
                     uint64_t &bytes) {
  uint64_t elements = 1;
  // A zero anywhere makes the tensor empty, whatever the other dims multiply to.
  for (uint32_t i = 0; i < count(dims); ++i)
    if (dims->Get(i)->max() == 0)
      elements = 0;
  for (uint32_t i = 0; i < count(dims); ++i)
    if (mulOverflows(elements, uint64_t(dims->Get(i)->max()), elements))
      return false;
  return elementBytes(elements, ingot_type(type), bytes);
}

uint32_t ingot_program_num_entries(const ingot_program *program) { return program->numEntries; }

const char *ingot_program_entry_name(const ingot_program *program, uint32_t entry) {
  const fmt::Entry *record = entryAt(program, entry);
  return record ? record->name()->c_str() : nullptr;
}

int32_t ingot_program_find_entry(const ingot_program *program, const char *name) {
  for (uint32_t i = 0; i < program->numEntries; ++i)
    if (equal(program->entries[i].entry->name()->c_str(), name))
      return int32_t(i);
  return -1;
}

uint32_t ingot_program_num_inputs(const ingot_program *program, uint32_t entry) {
  const fmt::Entry *record = entryAt(program, entry);
  return record ? count(record->inputs()) : 0;
}

uint32_t ingot_program_num_outputs(const ingot_program *program, uint32_t entry) {
  const fmt::Entry *record = entryAt(program, entry);
  return record ? count(record->outputs()) : 0;
}

ingot_status ingot_program_input(const ingot_program *program, uint32_t entry, uint32_t index,
                                 ingot_tensor_info *info) {
  const fmt::Entry *record = entryAt(program, entry);
  return record ? tensorInfo(program, record->inputs(), index, info) : INGOT_ERROR_ARGUMENT;
}

ingot_status ingot_program_output(const ingot_program *program, uint32_t entry, uint32_t index,
                                  ingot_tensor_info *info) {
  const fmt::Entry *record = entryAt(program, entry);
  return record ? tensorInfo(program, record->outputs(), index, info) : INGOT_ERROR_ARGUMENT;
}

ingot_status ingot_program_variable(const ingot_program *program, uint32_t index,
                                    ingot_tensor_info *info) {
  return describe(program, program->plan->variables(), index, info);
}

uint32_t ingot_program_num_dims(const ingot_program *program, uint32_t entry) {
  return entry < program->numEntries ? program->entries[entry].numNames : 0;
}

ingot_status ingot_program_dim(const ingot_program *program, uint32_t entry, uint32_t index,
                               ingot_dim *info) {
  if (index >= ingot_program_num_dims(program, entry))
    return INGOT_ERROR_ARGUMENT;
  const fmt::NamedDim *dim = &program->entries[entry].names[index];
  *info = {dim->min(), dim->max(), program->root->dim_names()->Get(dim->name())->c_str()};
  return INGOT_OK;
}

int ingot_program_dim_value(const ingot_program *program, uint32_t entry, uint32_t index,
                            uint32_t *input, uint32_t *element) {
  if (index >= ingot_program_num_dims(program, entry))
    return 0;
  const EntryState &state = program->entries[entry];
  const fmt::Expr &row = state.expressions[state.names[index].expr()];
  *input = uint32_t(row.a());
  *element = uint32_t(row.b());
  return row.op() == fmt::ExprOp::input_value;
}

uint64_t ingot_session_arena_bytes(const ingot_session *session, uint32_t entry) {
  return entry < session->program->numEntries ? session->arenaBytes[entry] : 0;
}

ingot_status ingot_session_input_dims(ingot_session *session, uint32_t entryIndex, uint32_t index,
                                      const int64_t *named, int64_t *dims, uint32_t *rank) {
  ingot_error *error = &session->error;
  clear(error);
  const fmt::Entry *record = entryAt(session->program, entryIndex);
  if (!record || index >= count(record->inputs()))
    return fail(error, INGOT_ERROR_ARGUMENT, "there is no input %u", uint64_t(index));
  const EntryState &entry = session->program->entries[entryIndex];
  const fmt::Tensor *input = record->inputs()->Get(index);
  if (entry.numNames)
    if (ingot_status status = evaluate(session, entryIndex, named, error))
      return status;
  *rank = count(input->dims());
  for (uint32_t d = 0; d < *rank; ++d) {
    const fmt::SigDim *dim = input->dims()->Get(d);
    bool computed = entry.numNames && dim->expr() >= 0;
    dims[d] = computed ? session->values[entry.firstValue + uint32_t(dim->expr())] : dim->max();
  }
  return INGOT_OK;
}

uint64_t ingot_program_arena_bytes(const ingot_program *program) {
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < count(program->plan->arenas()); ++i)
    if (deviceOfSpace(program, program->plan->arenas()->Get(i)->space()) == kCpu)
      bytes += program->plan->arenas()->Get(i)->size();
  return bytes;
}

const char *ingot_program_target(const ingot_program *program) {
  return program->root->targets()->Get(program->plan->targets()->Get(0))->name()->c_str();
}

uint32_t ingot_program_num_steps(const ingot_program *program, uint32_t entry) {
  return entry < program->numEntries ? program->entries[entry].numSteps : 0;
}

ingot_status ingot_program_step(const ingot_program *program, uint32_t entry, uint32_t index,
                                ingot_step_info *info) {
  if (index >= ingot_program_num_steps(program, entry))
    return INGOT_ERROR_ARGUMENT;
  const Step &step = program->entries[entry].steps[index];
  const fmt::Instruction *instruction = step.instruction;
  *info = {entry, index, "", ingot_program_target(program), count(instruction->layers()), 0, 0};
  switch (step.op) {
  case fmt::Op::launch: {
    const fmt::Kernel *kernel = program->plan->kernels()->Get(step.kernel);
    info->kernel = kernel->name()->c_str();
    info->target = program->root->targets()->Get(kernel->target())->name()->c_str();
    info->flops = kernel->flops();
    info->bytes = kernel->bytes();
    break;
  }
  case fmt::Op::copy:
    info->kernel = "copy";
    info->bytes = 2 * uint64_t(instruction->bytes()->value());
    break;
  case fmt::Op::strided_copy:
    info->kernel = "strided copy";
    info->bytes = 2 * uint64_t(instruction->element_size());
    for (const fmt::Extent *extent : *instruction->shape())
      info->bytes *= uint64_t(extent->value());
    break;
  case fmt::Op::jump:
  case fmt::Op::jump_if_false:
    info->kernel = "jump";
    break;
  default:
    info->kernel = "end";
    break;
  }
  return INGOT_OK;
}

const char *ingot_program_step_layer(const ingot_program *program, uint32_t entry, uint32_t index,
                                     uint32_t layer) {
  if (index >= ingot_program_num_steps(program, entry))
    return nullptr;
  const fmt::Instruction *instruction = program->entries[entry].steps[index].instruction;
  return layer < count(instruction->layers())
             ? program->root->layers()->Get(instruction->layers()->Get(layer))->c_str()
             : nullptr;
}

ingot_status ingot_session_output_dims(ingot_session *session, uint32_t entryIndex, uint32_t index,
                                       int64_t *dims, uint32_t *rank) {
  ingot_error *error = &session->error;
  const ingot_program *program = session->program;
  clear(error);
  const fmt::Entry *record = entryAt(program, entryIndex);
  if (!record || index >= count(record->outputs()))
    return fail(error, INGOT_ERROR_ARGUMENT, "there is no output %u", uint64_t(index));
  const EntryState &entry = program->entries[entryIndex];
  const fmt::Tensor *output = record->outputs()->Get(index);
  *rank = count(output->dims());
  if (!session->fresh[entryIndex]) {
    for (uint32_t i = 0; i < entry.numInputs; ++i)
      if (!session->bindings[entry.firstBinding + i].bound)
        return fail(error, INGOT_ERROR_STATE, "input '%s' is not bound",
                    record->inputs()->Get(i)->name()->c_str());
    if (ingot_status status = evaluate(session, entryIndex, nullptr, error))
      return status; // the run still has to check the room of the outputs
  }
  for (uint32_t d = 0; d < *rank; ++d) {
    const fmt::SigDim *dim = output->dims()->Get(d);
    dims[d] =
        dim->expr() < 0 ? dim->max() : session->values[entry.firstValue + uint32_t(dim->expr())];
  }
  return INGOT_OK;
}
