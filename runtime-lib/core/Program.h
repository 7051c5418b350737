// An open program: the verified FlatBuffer in place, and what opening decided (plan, code
// addresses, steps).
#pragma once

#include "ingot/core.h"
#include "ingot/kernel_abi.h"
#include "runtime-lib/core/Checked.h"
#include "runtime-lib/core/Error.h"
#include "runtime-lib/core/FileHeader.h"
#include "runtime-lib/schema/program_generated.h"

namespace ingot {

/// Number of elements of a FlatBuffer vector that may be absent.
template <typename V> uint32_t count(const V *vector) { return vector ? vector->size() : 0; }

/// The elements of a vector of structs, to be indexed without looking the vector up again; null
/// when it is absent or empty.
template <typename T> const T *elements(const flatbuffers::Vector<const T *> *vector) {
  return count(vector) ? vector->Get(0) : nullptr;
}

/// No memory of a program may be larger: it keeps every sum of sizes far from overflow.
constexpr uint64_t kMaxBytes = uint64_t(1) << 46;

/// Verifies everything the runtime will rely on: the header's place of the FlatBuffer and its hash,
/// then every index, offset and size in it. Does not look into the segments. `avail` is the size of
/// the image.
ingot_status verifyProgram(const void *image, uint64_t avail, const char *name,
                           const fmt::Program *&root, const uint8_t *&segments, ingot_error *error);

/// Bytes of a tensor at the upper bounds of its dims; false on overflow or more than kMaxBytes.
bool maxBytes(fmt::ElementType type, const flatbuffers::Vector<const fmt::SigDim *> *dims,
              uint64_t &bytes);
bool elementBytes(uint64_t elements, ingot_type type, uint64_t &bytes);

/// The memory space a buffer lies in; the reference has been verified.
uint32_t spaceOf(const fmt::Plan *plan, const fmt::BufferRef &ref);

/// One instruction, decoded once when the program is opened.
struct Step {
  const fmt::Instruction *instruction;
  const fmt::BufferRef *buffers;
  const fmt::Placement *placements; // null: all its buffers are fixed
  fmt::Op op;
  bool parallel;   // worth handing to the pool
  uint32_t device; // index into ingot_program::devices, or kCpu
  uint32_t kernel; // launch
  uint32_t target; // jumps
  uint32_t
      firstPointer;  // launch on the CPU: into the session's pointers; on a device: into its ranges
  uint32_t firstDim; // launch: into the session's dims
  uint32_t numBuffers, numDims;
  uint64_t tiles; // launch on the CPU, if tilesExpr < 0
  int32_t tilesExpr;
};
constexpr uint32_t kCpu = ~0u;

/// A place in the session's pointers that binding an input or output fills.
struct BoundSlot {
  uint32_t pointer; // index into the session's pointers
  uint32_t binding; // index into the entry's bindings: inputs, then outputs
  uint64_t offset;
};

/// What is precomputed per entry. first* are indices into the session's arrays, which serve all
/// entries.
struct EntryState {
  const fmt::Entry *entry;
  const fmt::Expr *expressions;
  const fmt::NamedDim *names;
  const fmt::Extent *arenaSizes; // null: all of every arena
  Step *steps;
  uint32_t numSteps;
  BoundSlot *slots;
  uint32_t numSlots;
  uint32_t firstBinding, numInputs, numOutputs;
  uint32_t firstDim, numDims;
  uint32_t firstValue, numValues; // expressions
  uint32_t firstName, numNames;   // named dims
};

constexpr uint32_t kMaxDevices = 8;

struct Device {
  const ingot_driver *driver;
  ingot_device *device;
  uint32_t target;                // index into Program.targets
  ingot_device_buffer *constants; // all constants of the device's spaces
};

} // namespace ingot

struct ingot_program {
  ingot_host host;
  uint64_t blockSize; // of the allocation this struct starts
  const uint8_t *segments;
  const ingot::fmt::Program *root;
  const ingot::fmt::Plan *plan;
  ingot::EntryState *entries;
  uint32_t numEntries;
  const void **code;          // per segment: where it is executable, or null
  ingot_kernel_fn *functions; // per kernel of the CPU
  ingot_device_kernel **deviceKernels;
  ingot::Device devices[ingot::kMaxDevices];
  uint32_t numDevices;
  uint64_t *constantOffsets; // per constant: offset in its device's buffer
  // Sizes of a session's arrays, over all entries.
  uint32_t numPointers, numRanges, numDims, numValues, numBindings, numNames;
  uint64_t scratchPerWorker, scratchPerLaunch;
};

/// What a caller has bound to an input or output.
namespace ingot {
struct Binding {
  uint8_t *data;
  uint64_t bytes;
  int64_t dims[INGOT_MAX_RANK];
  bool bound;
};

/// A session's arena or variable: host memory, or a buffer of a device.
struct Memory {
  uint8_t *host;
  ingot_device_buffer *buffer;
  uint64_t bytes;
};
} // namespace ingot

struct ingot_session {
  ingot_program *program;
  void *block; // null if the caller's
  uint64_t blockSize;
  uint32_t threads;
  void *pool; // null with one thread
  ingot::Binding *bindings;
  ingot::Memory *memories; // arenas, then variables
  void **pointers;
  ingot_device_range *ranges;
  int64_t *dims;
  int64_t *values;
  int64_t *limits;      // per named dim of each entry: the most this session was made for
  uint64_t *arenaBytes; // per entry: bytes of the host's arenas in its last call
  uint8_t *fresh;       // per entry: values, dims and places fit what is bound; 2: as it was then
  uint8_t *scratch;
  uint8_t *launchScratch;
  ingot_profile_fn profile;
  void *profileContext;
  ingot_error error;
};

namespace ingot {

/// Index of the device that has a target, or kCpu.
uint32_t deviceOfTarget(const ingot_program *program, uint32_t target);
/// The device whose memory space `space` is, or kCpu for the host's.
inline uint32_t deviceOfSpace(const ingot_program *program, uint32_t space) {
  return deviceOfTarget(program, program->plan->spaces()->Get(space)->target());
}
/// Puts every variable of a session back to its initial value.
ingot_status resetVariables(ingot_session *session, ingot_error *error);
/// What of a buffer an instruction touches.
struct Extract {
  uint64_t offset, bytes;
};
/// Where a verified reference into a device's memory lies.
ingot_device_range deviceRange(const ingot_session *session, const fmt::BufferRef &ref, Extract at);
/// Bytes of an input or output with these extents; false on overflow.
bool boundBytes(const fmt::Tensor *signature, const int64_t *dims, uint64_t &bytes);
/// Where a buffer of no bytes lies for a kernel: as many readable bytes as a vector has.
uint8_t *emptyData(ingot_session *session);
/// Where a verified reference into the host's memory lies; inputs and outputs as bound (null if
/// not).
uint8_t *hostPointer(const ingot_session *session, const EntryState &entry,
                     const fmt::BufferRef &ref, uint64_t offset);
/// Evaluates an entry's expressions for the bound inputs, and with them dims, the sizes of arenas
/// and those of outputs. With `named`, for these values of its named dims instead.
ingot_status evaluate(ingot_session *session, uint32_t entry, const int64_t *named,
                      ingot_error *error);
/// One row of an expression table on operands a and b; false if it overflows or divides by nothing.
bool applyRow(fmt::ExprOp op, int64_t a, int64_t b, int64_t &result);
/// All rows of an entry, for bound inputs, or with `named` for these values of its named dims.
/// Gives the first row that has no value, or their number.
uint32_t applyRows(const EntryState &entry, const Binding *inputs, const int64_t *named,
                   int64_t *values);
bool equal(const char *a, const char *b);

/// Bytes of the arenas that calls within a session's limits on dims can use.
struct Limits {
  uint64_t *arenas; // null: all they have
  uint64_t blockSize;
  uint64_t arenaBytes(const ingot_program *program, uint32_t arena) const {
    return arenas ? arenas[arena] : program->plan->arenas()->Get(arena)->size();
  }
};
/// Errors: ARGUMENT (a name the program does not have, a limit below the program's lower bound),
/// MEMORY. Without limits nothing is allocated.
ingot_status openLimits(const ingot_program *program, const ingot_session_options *options,
                        Limits &limits, ingot_error *error);
void closeLimits(const ingot_program *program, Limits &limits);
/// The largest value of a named dim that a session takes.
int64_t dimLimit(const ingot_program *program, const fmt::NamedDim &dim,
                 const ingot_session_options *options);
inline uint32_t numLimits(const ingot_session_options *options) {
  bool has = options && options->struct_size == sizeof(ingot_session_options);
  return has ? options->num_limits : 0;
}

/// Cuts one block of memory into arrays: first with base = null to learn the size, then for real.
class Carver {
public:
  explicit Carver(void *base) : base(static_cast<uint8_t *>(base)) {}
  template <typename T> T *take(uint64_t number, uint64_t alignment = alignof(T)) {
    used = alignUp(used, alignment);
    T *array = base ? reinterpret_cast<T *>(base + used) : nullptr;
    used += number * sizeof(T);
    return array;
  }
  uint64_t size() const { return used; }

private:
  uint8_t *base;
  uint64_t used = 0;
};
inline const uint8_t *constantData(const ingot_program *program, const fmt::Constant *constant) {
  const fmt::Segment *segment = program->root->segments()->Get(constant->segment());
  return program->segments + segment->offset() + constant->offset();
}

} // namespace ingot
