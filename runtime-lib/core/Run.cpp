// Running an entry: expressions once per call, then the instructions, one after the other. Nothing
// allocates.
#include "runtime-lib/core/Program.h"
#include <string.h>

using namespace ingot;

namespace {

/// An extent's value for this call; false if it is negative or above its bound.
bool extentValue(const ingot_session *session, const EntryState &entry, const fmt::Extent *extent,
                 uint64_t &value) {
  int64_t number = extent->expr() < 0
                       ? extent->value()
                       : session->values[entry.firstValue + uint32_t(extent->expr())];
  value = uint64_t(number);
  return number >= 0 && number <= extent->value();
}

/// Starts the text of a problem with an input's dim: "input 'x' dim 1 (seq) is 600, but ".
ingot_status badDim(ingot_error *error, const ingot_program *program, const fmt::Tensor *input,
                    uint32_t dim, int64_t extent) {
  int32_t name = input->dims()->Get(dim)->name();
  fail(error, INGOT_ERROR_ARGUMENT, "input '%s' dim %u ", input->name()->c_str(), uint64_t(dim));
  if (name >= 0)
    append(error, "(%s) ", program->root->dim_names()->Get(uint32_t(name))->c_str());
  append(error, "is %d, but ", extent);
  return INGOT_ERROR_ARGUMENT;
}

/// Continues it where the extent is not what `row` computes from the dims.
void expectComputed(ingot_error *error, const EntryState &entry, int32_t row, int64_t extent,
                    int64_t computed) {
  const fmt::Expr &expr = entry.expressions[row];
  for (int32_t factor : {expr.a(), expr.b()})
    if (expr.op() == fmt::ExprOp::mul && entry.expressions[factor].op() == fmt::ExprOp::constant &&
        entry.expressions[factor].value() && extent % entry.expressions[factor].value()) {
      append(error, "must be a multiple of %d", entry.expressions[factor].value());
      return;
    }
  append(error, "with the other dims it can only be %d", computed);
}

/// Whether a call's named dims say what dim `dim` of input `input` is; its extent.
bool namedExtent(const EntryState &entry, const int64_t *named, uint32_t input, uint32_t dim,
                 int64_t &extent) {
  for (uint32_t k = 0; k < entry.numNames; ++k) {
    const fmt::Expr &expr = entry.expressions[entry.names[k].expr()];
    extent = named[k];
    if (expr.op() == fmt::ExprOp::input_dim && uint32_t(expr.a()) == input &&
        uint32_t(expr.b()) == dim)
      return true;
  }
  return false;
}

ingot_status badExtent(ingot_error *error, uint32_t step) {
  return fail(error, INGOT_ERROR_ARGUMENT, "step %u would work on more than it was compiled for",
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

/// Bytes of the buffer a reference is to; inputs and outputs as bound.
uint64_t bufferBytes(const ingot_session *session, const EntryState &entry,
                     const fmt::BufferRef &ref) {
  const fmt::Plan *plan = session->program->plan;
  uint32_t index = ref.index();
  switch (ref.kind()) {
  case fmt::BufferKind::arena:
    return session->memories[index].bytes;
  case fmt::BufferKind::constant:
    return plan->constants()->Get(index)->size();
  case fmt::BufferKind::variable:
    return plan->variables()->Get(index)->size();
  default:
    index += ref.kind() == fmt::BufferKind::output ? entry.numInputs : 0;
    return session->bindings[entry.firstBinding + index].bytes;
  }
}

/// What of its k-th buffer an instruction touches in this call: bytes that are really there.
Extract locate(const ingot_session *session, const EntryState &entry, const Step &step,
               uint32_t k) {
  const fmt::BufferRef &ref = step.buffers[k];
  Extract at = {ref.offset(), ref.size()};
  if (step.placements) {
    const fmt::Placement &placement = step.placements[k];
    const int64_t *values = session->values + entry.firstValue;
    if (placement.offset() >= 0)
      at.offset = uint64_t(values[placement.offset()]);
    if (placement.size() >= 0)
      at.bytes = uint64_t(values[placement.size()]);
    return at; // place() has checked them
  }
  if (ref.kind() == fmt::BufferKind::input || ref.kind() == fmt::BufferKind::output) {
    uint64_t bytes = bufferBytes(session, entry, ref);
    bytes = bytes > at.offset ? bytes - at.offset : 0;
    at.bytes = bytes < at.bytes ? bytes : at.bytes;
  }
  return at;
}

/// Puts the buffers whose places depend on dims where they are for the bound shapes.
ingot_status place(ingot_session *session, uint32_t entryIndex) {
  const EntryState &entry = session->program->entries[entryIndex];
  for (uint32_t i = 0; i < entry.numSteps; ++i) {
    const Step &step = entry.steps[i];
    for (uint32_t k = 0; step.placements && k < step.numBuffers; ++k) {
      const fmt::BufferRef &ref = step.buffers[k];
      Extract at = locate(session, entry, step, k);
      // A negative number is a huge one here.
      if (at.bytes > ref.size() || !inRange(at.offset, at.bytes, bufferBytes(session, entry, ref)))
        return badExtent(&session->error, i);
      if (step.op != fmt::Op::launch)
        continue;
      if (step.device == kCpu)
        session->pointers[step.firstPointer + k] =
            at.bytes ? hostPointer(session, entry, ref, at.offset) : emptyData(session);
      else
        session->ranges[step.firstPointer + k] = deviceRange(session, ref, at);
    }
  }
  return INGOT_OK;
}

ingot_status runCopy(ingot_session *session, const EntryState &entry, uint32_t index) {
  const Step &step = entry.steps[index];
  const ingot_program *program = session->program;
  const fmt::BufferRef &dst = step.buffers[0], &src = step.buffers[1];
  Extract into = locate(session, entry, step, 0), of = locate(session, entry, step, 1);
  uint64_t bytes;
  if (!extentValue(session, entry, step.instruction->bytes(), bytes) || bytes > into.bytes ||
      bytes > of.bytes)
    return badExtent(&session->error, index);
  if (!bytes)
    return INGOT_OK;
  into.bytes = of.bytes = bytes;
  uint32_t to = deviceOfSpace(program, spaceOf(program->plan, dst));
  uint32_t from = deviceOfSpace(program, spaceOf(program->plan, src));
  if (to == kCpu && from == kCpu) {
    move(hostPointer(session, entry, dst, into.offset), hostPointer(session, entry, src, of.offset),
         bytes);
    return INGOT_OK;
  }
  const Device &device = program->devices[to == kCpu ? from : to];
  if (to == kCpu)
    return device.driver->read(device.device, hostPointer(session, entry, dst, into.offset),
                               deviceRange(session, src, of), &session->error);
  if (from == kCpu)
    return device.driver->write(device.device, deviceRange(session, dst, into),
                                hostPointer(session, entry, src, of.offset), &session->error);
  if (from == to)
    return device.driver->copy(device.device, deviceRange(session, dst, into),
                               deviceRange(session, src, of), &session->error);
  return fail(&session->error, INGOT_ERROR_UNSUPPORTED, "step %u copies between two devices",
              uint64_t(index));
}

ingot_status runStridedCopy(ingot_session *session, const EntryState &entry, uint32_t index) {
  const Step &step = entry.steps[index];
  const fmt::Instruction *instruction = step.instruction;
  const fmt::BufferRef &dst = step.buffers[0], &src = step.buffers[1];
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
  Extract into = locate(session, entry, step, 0), of = locate(session, entry, step, 1);
  if (dstLast + run > into.bytes || srcLast + run > of.bytes)
    return badExtent(&session->error, index);
  // Inner dims that are contiguous on both sides become one run of bytes.
  while (rank && dstStride[rank - 1] == run && srcStride[rank - 1] == run)
    run *= shape[--rank];
  uint8_t *to = hostPointer(session, entry, dst, into.offset);
  const uint8_t *from = hostPointer(session, entry, src, of.offset);
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
      const fmt::BufferRef &ref = step.buffers[0];
      Extract at = locate(session, entry, step, 0);
      if (!at.bytes)
        return badExtent(&session->error, i);
      i = *hostPointer(session, entry, ref, at.offset) ? i + 1 : step.target;
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

bool ingot::applyRow(fmt::ExprOp op, int64_t a, int64_t b, int64_t &result) {
  switch (op) {
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
    if (op == fmt::ExprOp::mod)
      result = rest;
    else
      result = quotient + (op == fmt::ExprOp::ceil_div && rest != 0);
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

/// Reads the rows of kind `op` of an entry: elements of bound inputs, or of variables. False when
/// an element is not there, or a variable holds more than the row's bound.
static bool readRows(ingot_session *session, const EntryState &entry, fmt::ExprOp op) {
  const fmt::Plan *plan = session->program->plan;
  for (uint32_t i = 0; i < entry.numValues; ++i) {
    const fmt::Expr &row = entry.expressions[i];
    if (row.op() != op)
      continue;
    uint32_t a = uint32_t(row.a());
    const uint8_t *data;
    uint64_t bytes;
    fmt::ElementType type;
    if (op == fmt::ExprOp::input_value) {
      const Binding &input = session->bindings[entry.firstBinding + a];
      data = input.data;
      bytes = input.bytes;
      type = entry.entry->inputs()->Get(a)->type();
    } else {
      const Memory &memory = session->memories[count(plan->arenas()) + a];
      data = memory.host;
      bytes = memory.bytes;
      type = plan->variables()->Get(a)->type();
    }
    uint32_t bits = ingot_type_bits(ingot_type(type)), size = bits / 8;
    uint64_t at = uint64_t(row.b()) * size, raw = 0; // little-endian
    if (at + size > bytes)
      return false;
    memcpy(&raw, data + at, size);
    int64_t &value = session->values[entry.firstValue + i];
    bool isSigned = type <= fmt::ElementType::i64;
    value = isSigned ? int64_t(raw << (64 - bits)) >> (64 - bits) : int64_t(raw);
    if (op == fmt::ExprOp::variable_value && uint64_t(value) > uint64_t(row.value()))
      return false;
  }
  return true;
}

uint32_t ingot::applyRows(const EntryState &entry, const Binding *inputs, const int64_t *named,
                          int64_t *values) {
  uint32_t i = 0;
  for (; i < entry.numValues; ++i) {
    const fmt::Expr &expr = entry.expressions[i];
    if (expr.op() == fmt::ExprOp::constant || expr.op() == fmt::ExprOp::variable_value)
      values[i] = expr.value();
    else if (expr.op() == fmt::ExprOp::input_dim)
      values[i] = named ? 0 : inputs[expr.a()].dims[expr.b()];
    else if (expr.op() == fmt::ExprOp::input_value)
      values[i] = named ? 0 : values[i]; // readRows has been there
    else if (!applyRow(expr.op(), values[expr.a()], values[expr.b()], values[i]))
      break;
    for (uint32_t k = 0; named && k < entry.numNames; ++k)
      if (entry.names[k].expr() == i)
        values[i] = named[k];
  }
  return i;
}

/// Computes the values of an entry's expressions and checks the named dims among them.
static ingot_status evaluateRows(ingot_session *session, uint32_t entryIndex, const int64_t *named,
                                 ingot_error *error) {
  const ingot_program *program = session->program;
  const EntryState &entry = program->entries[entryIndex];
  int64_t *values = session->values + entry.firstValue;
  uint32_t good = 0;
  if (named || readRows(session, entry, fmt::ExprOp::input_value))
    good = applyRows(entry, session->bindings + entry.firstBinding, named, values);
  if (good != entry.numValues)
    return fail(error, INGOT_ERROR_ARGUMENT,
                "expression %u of entry '%s' has no value for these inputs", uint64_t(good),
                entry.entry->name()->c_str());
  for (uint32_t k = 0; k < entry.numNames; ++k) {
    const fmt::NamedDim *dim = &entry.names[k];
    int64_t value = values[dim->expr()], limit = session->limits[entry.firstName + k];
    if (value >= dim->min() && value <= limit)
      continue;
    bool limited = value >= dim->min() && value <= dim->max();
    const char *name = program->root->dim_names()->Get(dim->name())->c_str();
    const fmt::Expr &row = entry.expressions[dim->expr()];
    if (row.op() == fmt::ExprOp::input_value) {
      name = entry.entry->inputs()->Get(uint32_t(row.a()))->name()->c_str();
      fail(error, INGOT_ERROR_ARGUMENT, "element %d of input", int64_t(row.b()));
    } else {
      fail(error, INGOT_ERROR_ARGUMENT, "dim");
    }
    append(error, " '%s' is %d, but the %s for %d..%d", name, value,
           limited ? "session was made" : "program was compiled", dim->min(),
           limited ? limit : dim->max());
    return INGOT_ERROR_ARGUMENT;
  }
  return INGOT_OK;
}

/// Notes how much of the arenas a call uses.
static ingot_status measureArenas(ingot_session *session, uint32_t entryIndex, ingot_error *error) {
  const ingot_program *program = session->program;
  const EntryState &entry = program->entries[entryIndex];
  const fmt::Plan *plan = program->plan;
  uint64_t used = 0;
  for (uint32_t i = 0; i < count(plan->arenas()); ++i) {
    uint64_t bytes = session->memories[i].bytes;
    if (entry.arenaSizes && (!extentValue(session, entry, &entry.arenaSizes[i], bytes) ||
                             bytes > session->memories[i].bytes))
      return fail(error, INGOT_ERROR_ARGUMENT, "arena %u would be larger than at the bounds",
                  uint64_t(i));
    if (deviceOfSpace(program, plan->arenas()->Get(i)->space()) == kCpu)
      used += bytes;
  }
  session->arenaBytes[entryIndex] = used;
  return INGOT_OK;
}

ingot_status ingot::evaluate(ingot_session *session, uint32_t entryIndex, const int64_t *named,
                             ingot_error *error) {
  const ingot_program *program = session->program;
  const EntryState &entry = program->entries[entryIndex];
  int64_t *values = session->values + entry.firstValue;
  session->fresh[entryIndex] = 0;
  ingot_status status = evaluateRows(session, entryIndex, named, error);
  if (!status)
    status = measureArenas(session, entryIndex, error);
  if (status)
    return status;
  for (uint32_t i = 0; i < entry.numInputs; ++i) {
    const fmt::Tensor *input = entry.entry->inputs()->Get(i);
    for (uint32_t d = 0; d < count(input->dims()); ++d) {
      const fmt::SigDim *dim = input->dims()->Get(d);
      int64_t extent = named ? 0 : session->bindings[entry.firstBinding + i].dims[d];
      if (dim->expr() < 0 || (named && !namedExtent(entry, named, i, d, extent)) ||
          values[dim->expr()] == extent)
        continue;
      status = badDim(error, program, input, d, extent);
      expectComputed(error, entry, dim->expr(), extent, values[dim->expr()]);
      return status;
    }
  }
  if (named)
    return INGOT_OK;
  for (uint32_t i = 0; i < entry.numOutputs; ++i) {
    const fmt::Tensor *output = entry.entry->outputs()->Get(i);
    Binding &binding = session->bindings[entry.firstBinding + entry.numInputs + i];
    for (uint32_t d = 0; d < count(output->dims()); ++d) {
      const fmt::SigDim *dim = output->dims()->Get(d);
      int64_t extent = dim->expr() < 0 ? dim->max() : values[dim->expr()];
      if (extent < 0 || extent > dim->max())
        return fail(error, INGOT_ERROR_ARGUMENT, "dim %u of output '%s' would be %d, more than %d",
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
  if (session->fresh[entryIndex] != 1) {
    if (ingot_status status = evaluate(session, entryIndex, nullptr, error))
      return status;
    for (uint32_t i = 0; i < entry.numOutputs; ++i) {
      const Binding &binding = session->bindings[entry.firstBinding + entry.numInputs + i];
      const fmt::Tensor *output = entry.entry->outputs()->Get(i);
      uint64_t bytes = 0; // within the bounds: the verifier has seen the product
      boundBytes(output, binding.dims, bytes);
      if (bytes > binding.bytes)
        return fail(error, INGOT_ERROR_ARGUMENT,
                    "output '%s' needs %u bytes, and the tensor has %u", output->name()->c_str(),
                    bytes, binding.bytes);
    }
    if (ingot_status status = place(session, entryIndex))
      return status;
    session->fresh[entryIndex] = 1;
    // What is read may be another at the next run, and nothing tells.
    for (uint32_t i = 0; i < entry.numValues; ++i)
      if (entry.expressions[i].op() >= fmt::ExprOp::input_value)
        session->fresh[entryIndex] = 2;
  }
  ingot_status status = runSteps(session, entryIndex);
  if (!status && !readRows(session, entry, fmt::ExprOp::variable_value))
    status = badExtent(error, entry.numSteps);
  return status;
}
