// Running an entry: expressions once per call, then the instructions, one after the other. Nothing
// allocates.
#include "runtime-lib/core/Program.h"
#include <string.h>

using namespace ingot;

namespace {

/// Evaluates one row of the expression table; false if it overflows or divides by nothing.
bool evaluateRow(const ingot_session *session, const EntryState &entry, const fmt::Expr *expr,
                 const int64_t *values, int64_t &result) {
  if (expr->op() == fmt::ExprOp::constant) {
    result = expr->value();
    return true;
  }
  if (expr->op() == fmt::ExprOp::input_dim) {
    result = session->bindings[entry.firstBinding + uint32_t(expr->a())].dims[expr->b()];
    return true;
  }
  int64_t a = values[expr->a()], b = values[expr->b()];
  switch (expr->op()) {
  case fmt::ExprOp::add:
    return !__builtin_add_overflow(a, b, &result);
  case fmt::ExprOp::sub:
    return !__builtin_sub_overflow(a, b, &result);
  case fmt::ExprOp::mul:
    return !__builtin_mul_overflow(a, b, &result);
  case fmt::ExprOp::floor_div:
  case fmt::ExprOp::ceil_div:
  case fmt::ExprOp::mod: {
    if (b <= 0)
      return false;
    int64_t quotient = a / b, rest = a % b; // towards zero
    if (rest < 0)
      --quotient, rest += b;
    if (expr->op() == fmt::ExprOp::mod)
      result = rest;
    else
      result = quotient + (expr->op() == fmt::ExprOp::ceil_div && rest != 0);
    return true;
  }
  case fmt::ExprOp::min:
    result = a < b ? a : b;
    return true;
  default:
    result = a > b ? a : b;
    return true;
  }
}

/// An extent's value for this call; false if it is negative or above its bound.
bool extentValue(const ingot_session *session, const EntryState &entry, const fmt::Extent *extent,
                 uint64_t &value) {
  int64_t number = extent->expr() < 0
                       ? extent->value()
                       : session->values[entry.firstValue + uint32_t(extent->expr())];
  value = uint64_t(number);
  return number >= 0 && number <= extent->value();
}

const char *dimName(const ingot_program *program, const fmt::SigDim *dim) {
  return dim->name() < 0 ? "" : program->root->dim_names()->Get(uint32_t(dim->name()))->c_str();
}

ingot_status badExtent(ingot_error *error, uint32_t step) {
  return fail(error, INGOT_ERROR_ARGUMENT,
              "step %u would work on more than the bounds the program was compiled for",
              uint64_t(step));
}

/// Copies bytes between places of the host's memory that may overlap.
void move(uint8_t *to, const uint8_t *from, uint64_t bytes) {
  if (to + bytes <= from || from + bytes <= to) {
    memcpy(to, from, size_t(bytes));
  } else if (to < from) {
    for (uint64_t i = 0; i < bytes; ++i)
      to[i] = from[i];
  } else {
    for (uint64_t i = bytes; i-- > 0;)
      to[i] = from[i];
  }
}

/// Bytes that are really there behind a reference: inputs and outputs of dynamic shape may have
/// fewer than the bound.
uint64_t bytesThere(const ingot_session *session, const EntryState &entry,
                    const fmt::BufferRef &ref) {
  uint32_t local = ref.index();
  if (ref.kind() == fmt::BufferKind::output)
    local += entry.numInputs;
  else if (ref.kind() != fmt::BufferKind::input)
    return ref.size();
  uint64_t bytes = session->bindings[entry.firstBinding + local].bytes;
  bytes = bytes > ref.offset() ? bytes - ref.offset() : 0;
  return bytes < ref.size() ? bytes : ref.size();
}

ingot_status runCopy(ingot_session *session, const EntryState &entry, uint32_t index) {
  const fmt::Instruction *instruction = entry.steps[index].instruction;
  const ingot_program *program = session->program;
  const fmt::BufferRef &dst = *instruction->buffers()->Get(0),
                       &src = *instruction->buffers()->Get(1);
  uint64_t bytes;
  if (!extentValue(session, entry, instruction->bytes(), bytes) ||
      bytes > bytesThere(session, entry, dst) || bytes > bytesThere(session, entry, src))
    return badExtent(&session->error, index);
  if (!bytes)
    return INGOT_OK;
  uint32_t to = deviceOfSpace(program, spaceOf(program->plan, dst));
  uint32_t from = deviceOfSpace(program, spaceOf(program->plan, src));
  if (to == kCpu && from == kCpu) {
    move(hostPointer(session, entry, dst), hostPointer(session, entry, src), bytes);
    return INGOT_OK;
  }
  if (to == kCpu) {
    ingot_device_range range = deviceRange(session, src);
    range.size = bytes;
    const Device &device = program->devices[from];
    return device.driver->read(device.device, hostPointer(session, entry, dst), range,
                               &session->error);
  }
  ingot_device_range range = deviceRange(session, dst);
  range.size = bytes;
  const Device &device = program->devices[to];
  if (from == kCpu)
    return device.driver->write(device.device, range, hostPointer(session, entry, src),
                                &session->error);
  ingot_device_range source = deviceRange(session, src);
  source.size = bytes;
  if (from == to)
    return device.driver->copy(device.device, range, source, &session->error);
  return fail(&session->error, INGOT_ERROR_UNSUPPORTED,
              "step %u copies between two devices; the plan must go through the host",
              uint64_t(index));
}

ingot_status runStridedCopy(ingot_session *session, const EntryState &entry, uint32_t index) {
  const fmt::Instruction *instruction = entry.steps[index].instruction;
  const fmt::BufferRef &dst = *instruction->buffers()->Get(0),
                       &src = *instruction->buffers()->Get(1);
  uint32_t rank = count(instruction->shape());
  uint64_t shape[INGOT_MAX_RANK], dstStride[INGOT_MAX_RANK], srcStride[INGOT_MAX_RANK];
  uint64_t dstLast = 0, srcLast = 0;
  bool empty = false;
  for (uint32_t i = 0; i < rank; ++i) {
    if (!extentValue(session, entry, instruction->shape()->Get(i), shape[i]))
      return badExtent(&session->error, index);
    dstStride[i] = uint64_t(instruction->dst_strides()->Get(i));
    srcStride[i] = uint64_t(instruction->src_strides()->Get(i));
    if (!shape[i]) {
      empty = true;
      continue;
    }
    // Not above what the verifier has summed without overflow.
    dstLast += (shape[i] - 1) * dstStride[i];
    srcLast += (shape[i] - 1) * srcStride[i];
  }
  if (empty)
    return INGOT_OK;
  uint64_t run = instruction->element_size();
  if (dstLast + run > bytesThere(session, entry, dst) ||
      srcLast + run > bytesThere(session, entry, src))
    return badExtent(&session->error, index);
  // Inner dims that are contiguous on both sides become one run of bytes.
  while (rank && dstStride[rank - 1] == run && srcStride[rank - 1] == run)
    run *= shape[--rank];
  uint8_t *to = hostPointer(session, entry, dst);
  const uint8_t *from = hostPointer(session, entry, src);
  uint64_t at[INGOT_MAX_RANK] = {};
  for (;;) {
    if (run == 4)
      memcpy(to, from, 4);
    else
      move(to, from, run);
    uint32_t d = rank;
    for (; d > 0; --d) {
      to += dstStride[d - 1];
      from += srcStride[d - 1];
      if (++at[d - 1] < shape[d - 1])
        break;
      to -= dstStride[d - 1] * shape[d - 1];
      from -= srcStride[d - 1] * shape[d - 1];
      at[d - 1] = 0;
    }
    if (d == 0)
      return INGOT_OK;
  }
}

/// What the pool's workers need of a launch.
struct Launch {
  ingot_kernel_fn function;
  const ingot_kernel_args *args;
  uint64_t scratchStride;
};

/// Kernels are no functions of this program's compiler: the sanitizer's check of their type would
/// read before their image.
#if defined(__clang__)
__attribute__((no_sanitize("function")))
#endif
void call(ingot_kernel_fn function, const ingot_kernel_args *args) {
  function(args);
}

void runTiles(void *context, uint32_t worker, uint64_t begin, uint64_t end) {
  const Launch *launch = static_cast<const Launch *>(context);
  ingot_kernel_args args = *launch->args;
  if (args.scratch)
    args.scratch = static_cast<uint8_t *>(args.scratch) + worker * launch->scratchStride;
  args.tile_begin = begin;
  args.tile_end = end;
  call(launch->function, &args);
}

ingot_status runLaunch(ingot_session *session, const EntryState &entry, uint32_t index) {
  const Step &step = entry.steps[index];
  const ingot_program *program = session->program;
  const int64_t *dims = step.numDims ? session->dims + step.firstDim : nullptr;
  if (step.device != kCpu) {
    const Device &device = program->devices[step.device];
    uint32_t grid[3];
    for (uint32_t i = 0; i < 3; ++i) {
      uint64_t groups;
      if (!extentValue(session, entry, step.instruction->grid()->Get(i), groups) ||
          groups > UINT32_MAX)
        return badExtent(&session->error, index);
      if (!groups)
        return INGOT_OK;
      grid[i] = uint32_t(groups);
    }
    return device.driver->launch(device.device, program->deviceKernels[step.kernel],
                                 session->ranges + step.firstPointer, dims, grid, &session->error);
  }
  uint64_t tiles = step.tiles;
  if (step.tilesExpr >= 0 && !extentValue(session, entry, step.instruction->tiles(), tiles))
    return badExtent(&session->error, index);
  if (!tiles)
    return INGOT_OK;
  ingot_kernel_args args = {session->pointers + step.firstPointer,
                            dims,
                            session->scratch,
                            session->launchScratch,
                            0,
                            tiles};
  ingot_kernel_fn function = program->functions[step.kernel];
  if (!session->pool || !step.parallel || tiles == 1) {
    call(function, &args);
    return INGOT_OK;
  }
  Launch launch = {function, &args, alignUp(program->scratchPerWorker, INGOT_BUFFER_ALIGNMENT)};
  program->host.pool_run(session->pool, tiles, runTiles, &launch);
  return INGOT_OK;
}

ingot_status waitForDevices(ingot_session *session) {
  const ingot_program *program = session->program;
  for (uint32_t i = 0; i < program->numDevices; ++i)
    if (ingot_status status =
            program->devices[i].driver->wait(program->devices[i].device, &session->error))
      return status;
  return INGOT_OK;
}

ingot_status runSteps(ingot_session *session, uint32_t entryIndex) {
  const ingot_program *program = session->program;
  const EntryState &entry = program->entries[entryIndex];
  bool timed = session->profile && program->host.now_ns;
  for (uint32_t i = 0; i < entry.numSteps;) {
    const Step &step = entry.steps[i];
    uint64_t start = timed ? program->host.now_ns(program->host.context) : 0;
    ingot_status status = INGOT_OK;
    switch (step.op) {
    case fmt::Op::launch:
      status = runLaunch(session, entry, i);
      break;
    case fmt::Op::copy:
      status = runCopy(session, entry, i);
      break;
    case fmt::Op::strided_copy:
      status = runStridedCopy(session, entry, i);
      break;
    case fmt::Op::jump:
      i = step.target;
      continue;
    case fmt::Op::jump_if_false: {
      const fmt::BufferRef &ref = *step.instruction->buffers()->Get(0);
      if (!bytesThere(session, entry, ref))
        return badExtent(&session->error, i);
      i = *hostPointer(session, entry, ref) ? i + 1 : step.target;
      continue;
    }
    default: // end
      return waitForDevices(session);
    }
    if (timed && !status) {
      if (step.device != kCpu)
        status = waitForDevices(session);
      session->profile(session->profileContext, entryIndex, i,
                       program->host.now_ns(program->host.context) - start);
    }
    if (status)
      return status;
    ++i;
  }
  return waitForDevices(session);
}

} // namespace

ingot_status ingot::evaluate(ingot_session *session, uint32_t entryIndex, ingot_error *error) {
  const ingot_program *program = session->program;
  const EntryState &entry = program->entries[entryIndex];
  int64_t *values = session->values + entry.firstValue;
  for (uint32_t i = 0; i < entry.numValues; ++i)
    if (!evaluateRow(session, entry, entry.entry->expressions()->Get(i), values, values[i]))
      return fail(error, INGOT_ERROR_ARGUMENT,
                  "expression %u of entry '%s' overflows or divides by zero for these shapes",
                  uint64_t(i), entry.entry->name()->c_str());
  for (uint32_t i = 0; i < entry.numInputs; ++i) {
    const fmt::Tensor *input = entry.entry->inputs()->Get(i);
    for (uint32_t d = 0; d < count(input->dims()); ++d) {
      const fmt::SigDim *dim = input->dims()->Get(d);
      int64_t extent = session->bindings[entry.firstBinding + i].dims[d];
      if (dim->expr() >= 0 && values[dim->expr()] != extent)
        return fail(error, INGOT_ERROR_ARGUMENT,
                    "dim %u '%s' of input '%s' is %d, but the other inputs make it %d", uint64_t(d),
                    dimName(program, dim), input->name()->c_str(), int64_t(extent),
                    int64_t(values[dim->expr()]));
    }
  }
  for (uint32_t i = 0; i < entry.numOutputs; ++i) {
    const fmt::Tensor *output = entry.entry->outputs()->Get(i);
    Binding &binding = session->bindings[entry.firstBinding + entry.numInputs + i];
    for (uint32_t d = 0; d < count(output->dims()); ++d) {
      const fmt::SigDim *dim = output->dims()->Get(d);
      int64_t extent = dim->expr() < 0 ? dim->max() : values[dim->expr()];
      if (extent < 0 || extent > dim->max())
        return fail(error, INGOT_ERROR_ARGUMENT,
                    "dim %u of output '%s' would be %d, but is compiled for at most %d",
                    uint64_t(d), output->name()->c_str(), int64_t(extent), int64_t(dim->max()));
      binding.dims[d] = extent;
    }
  }
  for (uint32_t i = 0; i < entry.numSteps; ++i) {
    const Step &step = entry.steps[i];
    for (uint32_t k = 0; k < step.numDims; ++k) {
      uint64_t value;
      if (!extentValue(session, entry, step.instruction->dims()->Get(k), value))
        return badExtent(error, i);
      session->dims[step.firstDim + k] = int64_t(value);
    }
  }
  session->fresh[entryIndex] = 1;
  return INGOT_OK;
}

ingot_status ingot_session_run(ingot_session *session, uint32_t entryIndex) {
  ingot_error *error = &session->error;
  clear(error);
  if (entryIndex >= session->program->numEntries)
    return fail(error, INGOT_ERROR_ARGUMENT, "there is no entry %u", uint64_t(entryIndex));
  const EntryState &entry = session->program->entries[entryIndex];
  for (uint32_t i = 0; i < entry.numInputs + entry.numOutputs; ++i)
    if (!session->bindings[entry.firstBinding + i].bound) {
      bool isInput = i < entry.numInputs;
      const fmt::Tensor *tensor = isInput ? entry.entry->inputs()->Get(i)
                                          : entry.entry->outputs()->Get(i - entry.numInputs);
      return fail(error, INGOT_ERROR_STATE, "%s%s' is not bound", isInput ? "input '" : "output '",
                  tensor->name()->c_str());
    }
  if (!session->fresh[entryIndex]) {
    if (ingot_status status = evaluate(session, entryIndex, error))
      return status;
    for (uint32_t i = 0; i < entry.numOutputs; ++i) {
      const fmt::Tensor *output = entry.entry->outputs()->Get(i);
      const Binding &binding = session->bindings[entry.firstBinding + entry.numInputs + i];
      uint64_t elements = 1, bytes = 0;
      for (uint32_t d = 0; d < count(output->dims()); ++d)
        elements *=
            uint64_t(binding.dims[d]); // within the bounds: the verifier has seen the product
      elementBytes(elements, ingot_type(output->type()), bytes);
      if (bytes > binding.bytes) {
        session->fresh[entryIndex] = 0;
        return fail(error, INGOT_ERROR_ARGUMENT,
                    "output '%s' needs %u bytes for these inputs, and the tensor has %u",
                    output->name()->c_str(), uint64_t(bytes), uint64_t(binding.bytes));
      }
    }
  }
  return runSteps(session, entryIndex);
}
