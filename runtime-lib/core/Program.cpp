// Opening a program: verify, check hashes, choose the plan this machine can run, map its code, open
// its devices.
#include "runtime-lib/core/Program.h"
#include <string.h>

using namespace ingot;

bool ingot::equal(const char *a, const char *b) {
  while (*a && *a == *b)
    ++a, ++b;
  return *a == *b;
}

namespace {

ingot_status checkHashes(const char *name, const fmt::Program *root, const uint8_t *segments,
                         bool weightsToo, ingot_error *error) {
  for (uint32_t i = 0; i < count(root->segments()); ++i) {
    const fmt::Segment *segment = root->segments()->Get(i);
    if (segment->kind() == fmt::SegmentKind::data && !weightsToo)
      continue;
    uint8_t digest[32];
    ingot_sha256(segments + segment->offset(), size_t(segment->size()), digest);
    if (memcmp(digest, segment->sha256(), sizeof(digest)) != 0)
      return fail(error, INGOT_ERROR_FORMAT,
                  "%s is damaged: the hash of segment %u%s does not match", name, uint64_t(i),
                  segment->kind() == fmt::SegmentKind::data ? " (weights)" : " (code)");
  }
  return INGOT_OK;
}

/// Whether the machine's CPU has what `target` needs.
ingot_status checkCpu(const ingot_host &host, const char *name, const fmt::Target *target,
                      ingot_error *error) {
  const char *arch = target->arch() ? target->arch()->c_str() : "";
  if (!equal(arch, host.arch ? host.arch : ""))
    return fail(
        error, INGOT_ERROR_UNSUPPORTED,
        "%s is compiled for %s (%s), but this machine is %s\nhint: compile it with --target=%s",
        name, target->name()->c_str(), arch, host.arch, host.arch);
  if (target->kernel_abi() != INGOT_KERNEL_ABI_VERSION)
    return fail(error, INGOT_ERROR_UNSUPPORTED,
                "%s has kernels of ABI version %u, but this runtime has version %u\nhint: compile "
                "it again",
                name, uint64_t(target->kernel_abi()), uint64_t(uint32_t(INGOT_KERNEL_ABI_VERSION)));
  uint32_t missing = 0;
  for (uint32_t i = 0; i < count(target->features()); ++i) {
    const char *feature = target->features()->Get(i)->c_str();
    if (host.has_feature && host.has_feature(host.context, feature) == 1)
      continue;
    if (missing++ == 0)
      fail(error, INGOT_ERROR_UNSUPPORTED, "%s is compiled for %s, but this machine's CPU has no ",
           name, target->name()->c_str());
    if (missing <= 8)
      append(error, "%s%s", missing > 1 ? ", " : "", feature);
  }
  if (!missing)
    return INGOT_OK;
  if (missing > 8)
    append(error, " and %u more", uint64_t(missing - 8));
  append(error,
         "\nhint: compile it with --target=host here, or with a lower level too: --target=A/B");
  return INGOT_ERROR_UNSUPPORTED;
}

void closeDevices(ingot_program *program) {
  for (uint32_t i = program->numDevices; i-- > 0;) {
    Device &device = program->devices[i];
    if (device.constants)
      device.driver->release(device.device, device.constants);
    if (device.device)
      device.driver->close(device.device);
  }
  program->numDevices = 0;
}

ingot_status openDevice(ingot_program *program, const ingot_open_options *options, uint32_t index,
                        ingot_error *error) {
  const fmt::Target *target = program->root->targets()->Get(index);
  const char *name = program->host.name;
  if (program->numDevices == kMaxDevices)
    return fail(error, INGOT_ERROR_UNSUPPORTED, "%s uses more than 8 devices", name);
  const ingot_driver *driver = nullptr;
  for (size_t i = 0; options && i < options->num_drivers; ++i)
    if (options->drivers[i]->version == INGOT_DRIVER_VERSION &&
        equal(options->drivers[i]->name, target->driver()->c_str()))
      driver = options->drivers[i];
  if (!driver)
    return fail(error, INGOT_ERROR_UNSUPPORTED,
                "%s needs the driver '%s', which this runtime was not given", name,
                target->driver()->c_str());
  const char *features[64];
  uint32_t numFeatures = count(target->features());
  if (numFeatures > 64)
    return fail(error, INGOT_ERROR_UNSUPPORTED, "%s asks for more than 64 device features", name);
  for (uint32_t i = 0; i < numFeatures; ++i)
    features[i] = target->features()->Get(i)->c_str();
  ingot_device *device = nullptr;
  if (ingot_status status = driver->open(features, numFeatures, &device, error))
    return status;
  program->devices[program->numDevices++] = {driver, device, index, nullptr};
  return INGOT_OK;
}

/// Takes the first plan whose targets are all there. Reports why the last one cannot run if none
/// can.
ingot_status choosePlan(ingot_program *program, const ingot_open_options *options,
                        ingot_error *error) {
  ingot_status status = INGOT_OK;
  for (const fmt::Plan *plan : *program->root->plans()) {
    status = INGOT_OK;
    for (uint32_t index : *plan->targets()) {
      const fmt::Target *target = program->root->targets()->Get(index);
      if (equal(target->driver()->c_str(), "cpu"))
        status = checkCpu(program->host, program->host.name, target, error);
      else
        status = openDevice(program, options, index, error);
      if (status)
        break;
    }
    if (!status) {
      program->plan = plan;
      return INGOT_OK;
    }
    closeDevices(program);
    if (status != INGOT_ERROR_UNSUPPORTED)
      return status;
  }
  return status;
}

/// Lays out and fills the arrays of one entry. With a counting carver only the counters move.
void layoutEntry(ingot_program *program, Carver &carver, EntryState *state, uint32_t index) {
  const fmt::Plan *plan = program->plan;
  const fmt::Entry *entry = plan->entries()->Get(index);
  uint32_t numSteps = count(entry->instructions());
  Step *steps = carver.take<Step>(numSteps);
  uint32_t firstDim = program->numDims;
  uint32_t numInputs = count(entry->inputs());
  uint32_t numSlots = 0;
  for (uint32_t i = 0; i < numSteps; ++i) {
    const fmt::Instruction *instruction = entry->instructions()->Get(i);
    Step step = {};
    step.instruction = instruction;
    step.op = instruction->op();
    step.target = instruction->target();
    step.device = kCpu;
    step.tilesExpr = -1;
    step.buffers = elements(instruction->buffers());
    step.placements = elements(instruction->placements());
    step.numBuffers = count(instruction->buffers());
    if (step.op == fmt::Op::launch) {
      const fmt::Kernel *kernel = plan->kernels()->Get(instruction->kernel());
      step.kernel = instruction->kernel();
      step.device = deviceOfTarget(program, kernel->target());
      step.numDims = count(instruction->dims());
      uint32_t &pointers = step.device == kCpu ? program->numPointers : program->numRanges;
      step.firstPointer = pointers;
      step.firstDim = program->numDims;
      pointers += step.numBuffers;
      program->numDims += step.numDims;
      if (step.device == kCpu) {
        step.tiles = uint64_t(instruction->tiles()->value());
        step.tilesExpr = instruction->tiles()->expr();
        // Waking the pool costs a few microseconds: about what this much work takes.
        bool unknown = !kernel->flops() && !kernel->bytes();
        step.parallel = unknown || kernel->flops() >= 200000 || kernel->bytes() >= 65536;
        for (uint32_t k = 0; !step.placements && k < step.numBuffers; ++k) {
          fmt::BufferKind kind = step.buffers[k].kind();
          numSlots += kind == fmt::BufferKind::input || kind == fmt::BufferKind::output;
        }
      }
    }
    if (steps)
      steps[i] = step;
  }
  BoundSlot *slots = carver.take<BoundSlot>(numSlots);
  if (state) {
    *state = {entry,
              elements(entry->expressions()),
              elements(entry->dims()),
              elements(entry->arena_sizes()),
              steps,
              numSteps,
              slots,
              numSlots,
              program->numBindings,
              numInputs,
              count(entry->outputs()),
              firstDim,
              program->numDims - firstDim,
              program->numValues,
              count(entry->expressions()),
              program->numNames,
              count(entry->dims())};
    for (uint32_t i = 0; i < numSteps; ++i)
      for (uint32_t k = 0; steps[i].op == fmt::Op::launch && steps[i].device == kCpu &&
                           !steps[i].placements && k < steps[i].numBuffers;
           ++k) {
        const fmt::BufferRef *ref = &steps[i].buffers[k];
        uint32_t pointer = steps[i].firstPointer + k;
        if (ref->kind() == fmt::BufferKind::input)
          *slots++ = {pointer, ref->index(), ref->offset()};
        if (ref->kind() == fmt::BufferKind::output)
          *slots++ = {pointer, numInputs + ref->index(), ref->offset()};
      }
  }
  program->numBindings += numInputs + count(entry->outputs());
  program->numValues += count(entry->expressions());
  program->numNames += count(entry->dims());
}

/// The program's own arrays. Called twice: with a null carver to count, then to fill.
void layout(ingot_program *program, Carver &carver) {
  const fmt::Plan *plan = program->plan;
  program->numPointers = program->numRanges = program->numDims = 0;
  program->numValues = program->numBindings = program->numNames = 0;
  program->numEntries = count(plan->entries());
  program->entries = carver.take<EntryState>(program->numEntries);
  program->code = carver.take<const void *>(count(program->root->segments()));
  program->functions = carver.take<ingot_kernel_fn>(count(plan->kernels()));
  program->deviceKernels = carver.take<ingot_device_kernel *>(count(plan->kernels()));
  program->constantOffsets = carver.take<uint64_t>(count(plan->constants()));
  for (uint32_t i = 0; i < program->numEntries; ++i)
    layoutEntry(program, carver, program->entries ? &program->entries[i] : nullptr, i);
}

ingot_status loadCpuKernel(ingot_program *program, uint32_t index, ingot_error *error) {
  const fmt::Kernel *kernel = program->plan->kernels()->Get(index);
  const fmt::Segment *segment = program->root->segments()->Get(kernel->segment());
  const void *&code = program->code[kernel->segment()];
  if (!code) {
    const uint8_t *bytes = program->segments + segment->offset();
    code = bytes;
    if (program->host.map_code) {
      code = nullptr;
      if (ingot_status status = program->host.map_code(program->host.context, bytes,
                                                       size_t(segment->size()), &code, error))
        return status;
    }
  }
  uintptr_t address = reinterpret_cast<uintptr_t>(code) + uintptr_t(kernel->entry());
#ifdef __thumb__
  address |= 1;
#endif
  program->functions[index] = reinterpret_cast<ingot_kernel_fn>(address);
  if (kernel->scratch_per_worker() > program->scratchPerWorker)
    program->scratchPerWorker = kernel->scratch_per_worker();
  if (kernel->scratch_per_launch() > program->scratchPerLaunch)
    program->scratchPerLaunch = kernel->scratch_per_launch();
  return INGOT_OK;
}

ingot_status loadDeviceKernel(ingot_program *program, uint32_t index, ingot_error *error) {
  const fmt::Kernel *kernel = program->plan->kernels()->Get(index);
  const fmt::Segment *segment = program->root->segments()->Get(kernel->segment());
  Device &device = program->devices[deviceOfTarget(program, kernel->target())];
  ingot_device_kernel_desc desc = {};
  desc.name = kernel->name()->c_str();
  desc.symbol = kernel->symbol() ? kernel->symbol()->c_str() : desc.name;
  desc.binary = program->segments + segment->offset() + kernel->entry();
  desc.binary_size = size_t(segment->size() - kernel->entry());
  desc.num_buffers = kernel->num_buffers();
  desc.num_dims = kernel->num_dims();
  for (int i = 0; i < 3; ++i)
    desc.workgroup[i] = kernel->workgroup()->Get(i);
  return device.driver->load(device.device, &desc, &program->deviceKernels[index], error);
}

/// One buffer per device for all constants it uses.
ingot_status uploadConstants(ingot_program *program, ingot_error *error) {
  const fmt::Plan *plan = program->plan;
  for (uint32_t d = 0; d < program->numDevices; ++d) {
    Device &device = program->devices[d];
    uint64_t total = 0;
    for (int pass = 0; pass < 2; ++pass) {
      for (uint32_t i = 0; i < count(plan->constants()); ++i) {
        const fmt::Constant *constant = plan->constants()->Get(i);
        if (deviceOfSpace(program, constant->space()) != d)
          continue;
        if (pass == 0) {
          program->constantOffsets[i] = total;
          total += alignUp(constant->size(), 256);
          if (total > kMaxBytes)
            return fail(error, INGOT_ERROR_MEMORY, "the device's constants do not fit any memory");
          continue;
        }
        ingot_device_range to = {device.constants, program->constantOffsets[i], constant->size()};
        if (!constant->size())
          continue;
        if (ingot_status status =
                device.driver->write(device.device, to, constantData(program, constant), error))
          return status;
      }
      if (!total)
        break;
      if (pass == 0)
        if (ingot_status status =
                device.driver->allocate(device.device, total, 256, &device.constants, error))
          return status;
    }
  }
  return INGOT_OK;
}

ingot_status load(ingot_program *program, ingot_error *error) {
  for (uint32_t i = 0; i < count(program->plan->kernels()); ++i) {
    bool cpu = deviceOfTarget(program, program->plan->kernels()->Get(i)->target()) == kCpu;
    if (ingot_status status =
            cpu ? loadCpuKernel(program, i, error) : loadDeviceKernel(program, i, error))
      return status;
  }
  return uploadConstants(program, error);
}

} // namespace

uint32_t ingot::deviceOfTarget(const ingot_program *program, uint32_t target) {
  for (uint32_t i = 0; i < program->numDevices; ++i)
    if (program->devices[i].target == target)
      return i;
  return kCpu;
}

ingot_status ingot_core_open(const void *image, uint64_t size, const ingot_host *host,
                             const ingot_open_options *options, ingot_program **result,
                             ingot_error *error) {
  *result = nullptr;
  ingot_program draft;
  memset(&draft, 0, sizeof(draft));
  draft.host = *host;
  if (!draft.host.name)
    draft.host.name = "the program";
  clear(error);
  ingot_program *program = nullptr;
  ingot_status status = INGOT_OK;
  if (!image || reinterpret_cast<uintptr_t>(image) % 8)
    status = fail(error, INGOT_ERROR_ARGUMENT, "a program must lie at a multiple of 8");
  if (!status && options && options->struct_size != sizeof(*options))
    status = fail(error, INGOT_ERROR_ARGUMENT, "struct_size is not that of this runtime's headers");
  if (!status)
    status = verifyProgram(image, size, draft.host.name, draft.root, draft.segments, error);
  if (!status)
    status = checkHashes(draft.host.name, draft.root, draft.segments,
                         options && options->verify_weights, error);
  if (!status)
    status = choosePlan(&draft, options, error);
  if (!status) {
    Carver counter(nullptr);
    counter.take<ingot_program>(1);
    layout(&draft, counter);
    draft.blockSize = counter.size();
    void *block = host->allocate(host->context, size_t(draft.blockSize), INGOT_BUFFER_ALIGNMENT);
    if (block) {
      memset(block, 0, size_t(draft.blockSize));
      Carver carver(block);
      program = carver.take<ingot_program>(1);
      *program = draft;
      layout(program, carver);
      status = load(program, error);
    } else {
      closeDevices(&draft);
      status = fail(error, INGOT_ERROR_MEMORY, "no memory for %u bytes of program records",
                    uint64_t(draft.blockSize));
    }
  }
  if (!status) {
    *result = program;
    return INGOT_OK;
  }
  if (program)
    ingot_program_close(program);
  else if (host->closed)
    host->closed(host->context);
  return status;
}

void ingot_program_close(ingot_program *program) {
  if (!program)
    return;
  ingot_host host = program->host;
  for (uint32_t i = 0; i < count(program->plan->kernels()); ++i)
    if (program->deviceKernels[i]) {
      const Device &device =
          program->devices[deviceOfTarget(program, program->plan->kernels()->Get(i)->target())];
      device.driver->unload(device.device, program->deviceKernels[i]);
    }
  closeDevices(program);
  for (uint32_t i = 0; i < count(program->root->segments()); ++i)
    if (program->code[i] && host.unmap_code)
      host.unmap_code(host.context, program->code[i],
                      size_t(program->root->segments()->Get(i)->size()));
  if (host.release)
    host.release(host.context, program, size_t(program->blockSize));
  if (host.closed)
    host.closed(host.context);
}
