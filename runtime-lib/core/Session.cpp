// Sessions: one block of memory with everything a run needs, binding, and the sizes of dynamic
// tensors.
#include "runtime-lib/core/Program.h"
#include <string.h>

using namespace ingot;

namespace {

constexpr uint32_t kMaxThreads = 1024;

uint32_t numThreads(const ingot_session_options *options) {
  uint32_t threads = options && options->threads ? options->threads : 1;
  return threads < kMaxThreads ? threads : kMaxThreads;
}

/// Distance of two workers' scratch: no two on one cache line.
uint64_t scratchStride(const ingot_program *program) {
  return alignUp(program->scratchPerWorker, INGOT_BUFFER_ALIGNMENT);
}

uint64_t memoryAlignment(const ingot_program *program) {
  uint64_t alignment = INGOT_BUFFER_ALIGNMENT;
  for (uint32_t i = 0; i < count(program->plan->arenas()); ++i)
    if (program->plan->arenas()->Get(i)->alignment() > alignment)
      alignment = program->plan->arenas()->Get(i)->alignment();
  for (uint32_t i = 0; i < count(program->plan->variables()); ++i)
    if (program->plan->variables()->Get(i)->alignment() > alignment)
      alignment = program->plan->variables()->Get(i)->alignment();
  return alignment;
}

uint64_t atLeast(uint64_t alignment) {
  return alignment < INGOT_BUFFER_ALIGNMENT ? INGOT_BUFFER_ALIGNMENT : alignment;
}

/// Cuts a session's block into its arrays and memories; with a null carver only counts.
ingot_session *layout(const ingot_program *program, uint32_t threads, const Limits &limits,
                      Carver &carver, ingot_session &arrays) {
  const fmt::Plan *plan = program->plan;
  uint32_t numArenas = count(plan->arenas()), numVariables = count(plan->variables());
  ingot_session *session = carver.take<ingot_session>(1);
  arrays.bindings = carver.take<Binding>(program->numBindings);
  arrays.memories = carver.take<Memory>(numArenas + numVariables);
  arrays.pointers = carver.take<void *>(program->numPointers);
  arrays.ranges = carver.take<ingot_device_range>(program->numRanges);
  arrays.dims = carver.take<int64_t>(program->numDims);
  arrays.values = carver.take<int64_t>(program->numValues);
  arrays.limits = carver.take<int64_t>(program->numNames);
  arrays.arenaBytes = carver.take<uint64_t>(program->numEntries);
  arrays.fresh = carver.take<uint8_t>(program->numEntries);
  if (session) // all the arrays start as zero; arenas and scratch need not
    memset(static_cast<void *>(session), 0, size_t(carver.size()));
  if (program->scratchPerWorker)
    arrays.scratch = carver.take<uint8_t>(scratchStride(program) * threads, INGOT_BUFFER_ALIGNMENT);
  if (program->scratchPerLaunch)
    arrays.launchScratch = carver.take<uint8_t>(program->scratchPerLaunch, INGOT_BUFFER_ALIGNMENT);
  for (uint32_t i = 0; i < numArenas + numVariables; ++i) {
    bool isArena = i < numArenas;
    const fmt::Arena *arena = isArena ? plan->arenas()->Get(i) : nullptr;
    const fmt::Variable *variable = isArena ? nullptr : plan->variables()->Get(i - numArenas);
    uint64_t bytes = isArena ? limits.arenaBytes(program, i) : variable->size();
    if (session)
      arrays.memories[i].bytes = bytes;
    if (deviceOfSpace(program, isArena ? arena->space() : variable->space()) != kCpu)
      continue;
    uint8_t *memory =
        carver.take<uint8_t>(bytes, atLeast(isArena ? arena->alignment() : variable->alignment()));
    if (session)
      arrays.memories[i].host = memory;
  }
  return session;
}

ingot_status allocateOnDevices(ingot_session *session, ingot_error *error) {
  const ingot_program *program = session->program;
  const fmt::Plan *plan = program->plan;
  uint32_t numArenas = count(plan->arenas());
  for (uint32_t i = 0; i < numArenas + count(plan->variables()); ++i) {
    const fmt::Arena *arena = i < numArenas ? plan->arenas()->Get(i) : nullptr;
    const fmt::Variable *variable = arena ? nullptr : plan->variables()->Get(i - numArenas);
    uint32_t index = deviceOfSpace(program, arena ? arena->space() : variable->space());
    uint64_t size = session->memories[i].bytes;
    if (index == kCpu || !size)
      continue;
    const Device &device = program->devices[index];
    uint64_t alignment = arena ? arena->alignment() : variable->alignment();
    if (ingot_status status = device.driver->allocate(device.device, size, alignment,
                                                      &session->memories[i].buffer, error))
      return status;
  }
  return INGOT_OK;
}

/// Resolves every operand that does not depend on what is bound. Error: limits on dims took from an
/// arena what a step needs for every size.
ingot_status resolve(ingot_session *session, ingot_error *error) {
  const ingot_program *program = session->program;
  for (uint32_t e = 0; e < program->numEntries; ++e) {
    const EntryState &entry = program->entries[e];
    for (uint32_t i = 0; i < entry.numSteps; ++i) {
      const Step &step = entry.steps[i];
      for (uint32_t k = 0; !step.placements && k < step.numBuffers; ++k) {
        const fmt::BufferRef &ref = step.buffers[k];
        if (ref.kind() == fmt::BufferKind::arena &&
            !inRange(ref.offset(), ref.size(), session->memories[ref.index()].bytes))
          return fail(error, INGOT_ERROR_FORMAT,
                      "step %u of entry '%s' needs more memory than the program says", uint64_t(i),
                      entry.entry->name()->c_str());
        if (step.op != fmt::Op::launch)
          continue;
        if (step.device == kCpu)
          session->pointers[step.firstPointer + k] = hostPointer(session, entry, ref, ref.offset());
        else
          session->ranges[step.firstPointer + k] =
              deviceRange(session, ref, {ref.offset(), ref.size()});
      }
      for (uint32_t k = 0; k < step.numDims; ++k)
        session->dims[step.firstDim + k] = step.instruction->dims()->Get(k)->value();
    }
  }
  return INGOT_OK;
}

/// Starts the text of a problem with a tensor: "input 'tokens' has shape [1, 700], but ".
ingot_status describe(ingot_error *error, bool isInput, const char *name,
                      const ingot_tensor *tensor) {
  fail(error, INGOT_ERROR_ARGUMENT, "%s '%s' ", isInput ? "input" : "output", name);
  if (!isInput || !tensor->dims)
    return INGOT_ERROR_ARGUMENT;
  append(error, "has shape [");
  for (uint32_t i = 0; i < tensor->rank && i < 16; ++i)
    append(error, i ? ", %d" : "%d", tensor->dims[i]);
  append(error, "], but ");
  return INGOT_ERROR_ARGUMENT;
}

/// Checks the caller's shape against an input's signature and notes it in the binding.
ingot_status bindShape(const ingot_program *program, const fmt::Tensor *signature,
                       const ingot_tensor *tensor, Binding &binding, ingot_error *error) {
  const char *name = signature->name()->c_str();
  uint32_t rank = count(signature->dims());
  if (tensor->dims && tensor->rank != rank) {
    describe(error, true, name, tensor);
    append(error, "must have rank %u", uint64_t(rank));
    return INGOT_ERROR_ARGUMENT;
  }
  for (uint32_t i = 0; i < rank; ++i) {
    const fmt::SigDim *dim = signature->dims()->Get(i);
    if (!tensor->dims && dim->min() != dim->max())
      return fail(error, INGOT_ERROR_ARGUMENT,
                  "input '%s' has a dynamic dim %u: its shape must be given", name, uint64_t(i));
    int64_t extent = tensor->dims ? tensor->dims[i] : dim->max();
    if (extent >= dim->min() && extent <= dim->max()) {
      binding.dims[i] = extent;
      continue;
    }
    if (dim->min() == dim->max()) {
      describe(error, true, name, tensor);
      append(error, "dim %u must be %d", uint64_t(i), dim->max());
      return INGOT_ERROR_ARGUMENT;
    }
    const char *dimName = dim->name() >= 0
                              ? program->root->dim_names()->Get(uint32_t(dim->name()))->c_str()
                              : nullptr;
    fail(error, INGOT_ERROR_ARGUMENT, "input '%s' dim %u ", name, uint64_t(i));
    if (dimName)
      append(error, "(%s) ", dimName);
    append(error, "is %d, but the program was compiled for %d..%d", extent, dim->min(), dim->max());
    return INGOT_ERROR_ARGUMENT;
  }
  return INGOT_OK;
}

ingot_status bind(ingot_session *session, uint32_t entryIndex, uint32_t index,
                  const ingot_tensor *tensor, bool isInput) {
  ingot_error *error = &session->error;
  const ingot_program *program = session->program;
  clear(error);
  if (entryIndex >= program->numEntries)
    return fail(error, INGOT_ERROR_ARGUMENT, "there is no entry %u", uint64_t(entryIndex));
  const EntryState &entry = program->entries[entryIndex];
  uint32_t limit = isInput ? entry.numInputs : entry.numOutputs;
  if (index >= limit)
    return fail(error, INGOT_ERROR_ARGUMENT, "there is no %s%u: the entry has %u",
                isInput ? "input " : "output ", uint64_t(index), uint64_t(limit));
  const fmt::Tensor *signature =
      (isInput ? entry.entry->inputs() : entry.entry->outputs())->Get(index);
  const char *name = signature->name()->c_str();
  uint32_t local = isInput ? index : entry.numInputs + index;
  Binding next = {};
  uint64_t needed = 0;
  bool fixed = true;
  if (isInput) {
    if (ingot_status status = bindShape(program, signature, tensor, next, error))
      return status;
  } else {
    for (uint32_t i = 0; i < count(signature->dims()); ++i) {
      fixed &= signature->dims()->Get(i)->expr() < 0;
      next.dims[i] = signature->dims()->Get(i)->max();
    }
  }
  // The shape lies within the bounds, whose product the verifier has seen not to overflow.
  if (!boundBytes(signature, next.dims, needed) || (fixed && tensor->bytes < needed)) {
    describe(error, isInput, name, tensor);
    append(error, "needs %u bytes, and the tensor has %u", needed, tensor->bytes);
    return INGOT_ERROR_ARGUMENT;
  }
  if (!tensor->data && tensor->bytes)
    return fail(error, INGOT_ERROR_ARGUMENT, "%s%s' is bound to a null pointer",
                isInput ? "input '" : "output '", name);
  ingot_tensor_info info;
  (isInput ? ingot_program_input : ingot_program_output)(program, entryIndex, index, &info);
  if (reinterpret_cast<uintptr_t>(tensor->data) & (info.alignment - 1))
    return fail(error, INGOT_ERROR_ARGUMENT,
                "%s%s' must be aligned to %u bytes\nhint: use aligned_alloc",
                isInput ? "input '" : "output '", name, uint64_t(info.alignment));
  // A kernel may read a vector of an empty tensor, and throw it away.
  next.data = needed || !isInput ? static_cast<uint8_t *>(tensor->data) : emptyData(session);
  next.bytes = isInput ? needed : tensor->bytes;
  next.bound = true;
  session->bindings[entry.firstBinding + local] = next;
  if (entry.numValues)
    session->fresh[entryIndex] = 0;
  for (uint32_t i = 0; i < entry.numSlots; ++i)
    if (entry.slots[i].binding == local)
      session->pointers[entry.slots[i].pointer] = next.data + entry.slots[i].offset;
  return INGOT_OK;
}

} // namespace

bool ingot::boundBytes(const fmt::Tensor *signature, const int64_t *dims, uint64_t &bytes) {
  uint64_t elements = 1;
  for (uint32_t i = 0; i < count(signature->dims()); ++i)
    if (mulOverflows(elements, uint64_t(dims[i]), elements))
      return false;
  return elementBytes(elements, ingot_type(signature->type()), bytes);
}

uint8_t *ingot::emptyData(ingot_session *session) {
  static_assert(sizeof(ingot_session) >= INGOT_BUFFER_ALIGNMENT);
  return reinterpret_cast<uint8_t *>(session);
}

uint8_t *ingot::hostPointer(const ingot_session *session, const EntryState &entry,
                            const fmt::BufferRef &ref, uint64_t offset) {
  const ingot_program *program = session->program;
  uint8_t *base = nullptr;
  switch (ref.kind()) {
  case fmt::BufferKind::arena:
    base = session->memories[ref.index()].host;
    break;
  case fmt::BufferKind::variable:
    base = session->memories[count(program->plan->arenas()) + ref.index()].host;
    break;
  case fmt::BufferKind::constant:
    base =
        const_cast<uint8_t *>(constantData(program, program->plan->constants()->Get(ref.index())));
    break;
  case fmt::BufferKind::input:
    base = session->bindings[entry.firstBinding + ref.index()].data;
    break;
  case fmt::BufferKind::output:
    base = session->bindings[entry.firstBinding + entry.numInputs + ref.index()].data;
    break;
  default:
    break;
  }
  return base ? base + offset : nullptr;
}

ingot_device_range ingot::deviceRange(const ingot_session *session, const fmt::BufferRef &ref,
                                      Extract at) {
  const ingot_program *program = session->program;
  if (ref.kind() == fmt::BufferKind::constant) {
    uint32_t space = program->plan->constants()->Get(ref.index())->space();
    return {program->devices[deviceOfSpace(program, space)].constants,
            program->constantOffsets[ref.index()] + at.offset, at.bytes};
  }
  uint32_t base = ref.kind() == fmt::BufferKind::variable ? count(program->plan->arenas()) : 0;
  return {session->memories[base + ref.index()].buffer, at.offset, at.bytes};
}

/// Bytes of a session within limits that are open.
static size_t memorySize(const ingot_program *program, const ingot_session_options *options,
                         const Limits &limits) {
  Carver counter(nullptr);
  ingot_session arrays;
  layout(program, numThreads(options), limits, counter, arrays);
  uint64_t size = counter.size() + memoryAlignment(program);
  return size > SIZE_MAX / 2 ? SIZE_MAX : size_t(size);
}

size_t ingot_session_memory_size(const ingot_program *program,
                                 const ingot_session_options *options) {
  Limits limits;
  size_t size = SIZE_MAX;
  if (openLimits(program, options, limits, nullptr) == INGOT_OK)
    size = memorySize(program, options, limits);
  closeLimits(program, limits);
  return size;
}

/// Makes a session in memory of its own or the caller's.
static ingot_status create(ingot_program *program, const ingot_session_options *options,
                           const Limits &limits, ingot_session *&session, ingot_error *error) {
  const ingot_host &host = program->host;
  uint32_t threads = host.pool_create ? numThreads(options) : 1;
  size_t size = memorySize(program, options, limits);
  void *memory = options ? options->memory : nullptr;
  void *block = nullptr;
  if (memory && options->memory_size < size)
    return fail(error, INGOT_ERROR_MEMORY,
                "the session needs %u bytes, and the caller's block has %u", uint64_t(size),
                uint64_t(options->memory_size));
  if (!memory && size != SIZE_MAX)
    memory = block = host.allocate(host.context, size, INGOT_BUFFER_ALIGNMENT);
  if (!memory)
    return fail(error, INGOT_ERROR_MEMORY, "no memory for the session's %u bytes", uint64_t(size));
  uintptr_t start =
      uintptr_t(alignUp(reinterpret_cast<uintptr_t>(memory), memoryAlignment(program)));
  Carver carver(reinterpret_cast<void *>(start));
  ingot_session arrays;
  memset(&arrays, 0, sizeof(arrays));
  session = layout(program, threads, limits, carver, arrays);
  *session = arrays;
  session->program = program;
  session->block = block;
  session->blockSize = size;
  session->threads = threads;
  ingot_status status = allocateOnDevices(session, error);
  if (!status)
    status = resetVariables(session, error);
  if (!status)
    status = resolve(session, error);
  if (!status && threads > 1) {
    session->pool = host.pool_create(host.context, threads);
    if (!session->pool)
      status = fail(error, INGOT_ERROR_MEMORY, "cannot start %u threads", uint64_t(threads - 1));
  }
  for (uint32_t e = 0; e < program->numEntries; ++e) {
    const EntryState &entry = program->entries[e];
    session->fresh[e] = entry.numValues == 0;
    for (uint32_t k = 0; k < entry.numNames; ++k)
      session->limits[entry.firstName + k] = dimLimit(program, entry.names[k], options);
    if (session->fresh[e])
      session->arenaBytes[e] = ingot_program_arena_bytes(program);
  }
  return status;
}

ingot_status ingot_session_create(ingot_program *program, const ingot_session_options *options,
                                  ingot_session **result, ingot_error *error) {
  *result = nullptr;
  if (options && options->threads > kMaxThreads)
    return fail(error, INGOT_ERROR_ARGUMENT, "a session has up to 1024 threads, not %u",
                uint64_t(options->threads));
  if (options && options->struct_size != sizeof(*options))
    return fail(error, INGOT_ERROR_ARGUMENT, "struct_size is not that of this runtime's headers");
  Limits limits;
  ingot_session *session = nullptr;
  ingot_status status = openLimits(program, options, limits, error);
  if (!status)
    status = create(program, options, limits, session, error);
  closeLimits(program, limits);
  if (status)
    ingot_session_destroy(session);
  else
    *result = session;
  return status;
}

void ingot_session_destroy(ingot_session *session) {
  if (!session)
    return;
  const ingot_program *program = session->program;
  const fmt::Plan *plan = program->plan;
  if (session->pool)
    program->host.pool_destroy(program->host.context, session->pool);
  uint32_t numArenas = count(plan->arenas());
  for (uint32_t i = 0; i < numArenas + count(plan->variables()); ++i) {
    if (!session->memories[i].buffer)
      continue;
    uint32_t space = i < numArenas ? plan->arenas()->Get(i)->space()
                                   : plan->variables()->Get(i - numArenas)->space();
    const Device &device = program->devices[deviceOfSpace(program, space)];
    device.driver->release(device.device, session->memories[i].buffer);
  }
  if (session->block && program->host.release)
    program->host.release(program->host.context, session->block, size_t(session->blockSize));
}

ingot_status ingot_session_bind_input(ingot_session *session, uint32_t entry, uint32_t index,
                                      const ingot_tensor *tensor) {
  return bind(session, entry, index, tensor, true);
}

ingot_status ingot_session_bind_output(ingot_session *session, uint32_t entry, uint32_t index,
                                       const ingot_tensor *tensor) {
  return bind(session, entry, index, tensor, false);
}

const char *ingot_session_error(const ingot_session *session) { return session->error.text; }

void ingot_session_set_profile(ingot_session *session, ingot_profile_fn profile, void *context) {
  session->profile = profile;
  session->profileContext = context;
}
