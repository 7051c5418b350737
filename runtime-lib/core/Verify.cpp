// Verification of a program: after it, the rest of the runtime indexes without checks.
//
// The FlatBuffers verifier covers the structure (tables, vectors, strings); this file covers the
// meaning: every index, offset, size and count. Messages name the record and say what is wrong with
// it.
#include "runtime-lib/core/Program.h"
#include <string.h>

namespace ingot {
namespace {

using namespace fmt;
template <typename T> using Vec = flatbuffers::Vector<T>;

/// Where in the program the verifier is, for messages: "plan 0 entry 1 instruction 17".
struct Place {
  const char *what = nullptr;
  uint64_t index = 0;
  const Place *parent = nullptr;
};

class ProgramVerifier {
public:
  ProgramVerifier(const Program *root, uint64_t segmentBytes, const char *name, ingot_error *error)
      : root(root), segmentBytes(segmentBytes), name(name), error(error) {}

  ingot_status run() {
    verifyTop();
    return status;
  }

private:
  /// Records the first problem; returns false so that checks read `return bad(…)`.
  bool bad(const Place &place, const char *problem, uint64_t value = 0, uint64_t limit = 0) {
    status = fail(error, INGOT_ERROR_FORMAT, "%s is damaged: ", name);
    write(place);
    append(error, problem, value, limit);
    return false;
  }
  void write(const Place &place) {
    if (place.parent)
      write(*place.parent);
    if (place.what)
      append(error, "%s %u ", place.what, place.index);
  }
  bool index(const Place &place, const char *what, uint64_t value, uint64_t limit) {
    if (value < limit)
      return true;
    bad(place, "refers to ");
    append(error, "%s %u, but there are %u", what, value, limit);
    return false;
  }
  /// The FlatBuffers verifier looks at the alignment of a vector's length only; elements of 8 bytes
  /// need more.
  bool aligned(const Place &place, const void *vector) {
    if (!vector || (reinterpret_cast<uintptr_t>(vector) + sizeof(flatbuffers::uoffset_t)) % 8 == 0)
      return true;
    return bad(place, "has a list that is not aligned");
  }

  bool verifyTop();
  bool verifySegments();
  bool verifyPlan(const Place &place, const Plan *plan);
  bool verifyKernel(const Place &place, const Plan *plan, const Kernel *kernel);
  bool verifyMemory(const Place &place, const Plan *plan);
  bool verifyEntry(const Place &place, const Plan *plan, const Entry *entry);
  bool verifyTensor(const Place &place, const Tensor *tensor, uint32_t numValues, bool isInput);
  bool verifyDims(const Place &place, ElementType type, const Vec<const SigDim *> *dims,
                  uint32_t numValues, bool isInput);
  bool verifyExpressions(const Place &place, const Plan *plan, const Entry *entry);
  bool verifyDynamic(const Place &place, const Plan *plan, const Entry *entry);
  bool verifyInstruction(const Place &place, const Plan *plan, const Entry *entry,
                         const Instruction *instruction);
  bool verifyLaunch(const Place &place, const Plan *plan, const Entry *entry,
                    const Instruction *instruction);
  bool verifyStridedCopy(const Place &place, const Entry *entry, const Instruction *instruction);
  bool verifyRef(const Place &place, const Plan *plan, const Entry *entry, const BufferRef &ref);
  bool verifyExtent(const Place &place, const Entry *entry, const Extent *extent);
  bool verifyLayers(const Place &place, const Vec<uint32_t> *layers);
  bool isCpu(uint32_t target) const {
    return strncmp(root->targets()->Get(target)->driver()->c_str(), "cpu", 4) == 0;
  }
  static bool inPlan(const Plan *plan, uint32_t target) {
    for (uint32_t t : *plan->targets())
      if (t == target)
        return true;
    return false;
  }

  const Program *root;
  uint64_t segmentBytes;
  const char *name;
  ingot_error *error;
  ingot_status status = INGOT_OK;
};

/// Counts that would only make opening slow; real programs stay far below.
constexpr uint32_t kMaxEntries = 1024, kMaxTargets = 64, kMaxPlans = 16;

bool ProgramVerifier::verifyTop() {
  Place top;
  if (!count(root->targets()) || count(root->targets()) > kMaxTargets)
    return bad(top, "the number of targets must be 1 to 64");
  if (!count(root->plans()) || count(root->plans()) > kMaxPlans)
    return bad(top, "the number of plans must be 1 to 16");
  if (!verifySegments())
    return false;
  for (uint32_t i = 0; i < count(root->plans()); ++i)
    if (!verifyPlan({"plan", i, nullptr}, root->plans()->Get(i)))
      return false;
  return true;
}

bool ProgramVerifier::verifySegments() {
  uint64_t end = 0;
  for (uint32_t i = 0; i < count(root->segments()); ++i) {
    const Segment *segment = root->segments()->Get(i);
    Place place{"segment", i, nullptr};
    if (segment->kind() == SegmentKind::none || segment->kind() > SegmentKind::MAX)
      return bad(place, "is of a kind this runtime does not know");
    if (segment->kind() != SegmentKind::data &&
        !index(place, "target", segment->target(), count(root->targets())))
      return false;
    if (!isAlignment(segment->alignment()) || segment->alignment() < INGOT_BUFFER_ALIGNMENT)
      return bad(place, "has an alignment that is no power of two up to 65536");
    if (segment->offset() & (segment->alignment() - 1))
      return bad(place, "is not aligned as it says");
    if (segment->offset() < end)
      return bad(place, "overlaps the one before");
    if (!inRange(segment->offset(), segment->size(), segmentBytes))
      return bad(place, "ends beyond the file: segments have %u bytes, it starts at %u",
                 segmentBytes, segment->offset());
    if (!segment->sha256())
      return bad(place, "has no hash");
    end = segment->offset() + segment->size();
  }
  return true;
}

bool ProgramVerifier::verifyPlan(const Place &place, const Plan *plan) {
  if (!count(plan->targets()) || count(plan->targets()) > kMaxTargets || !count(plan->spaces()))
    return bad(place, "has no targets or no memory spaces");
  for (uint32_t target : *plan->targets())
    if (!index(place, "target", target, count(root->targets())))
      return false;
  for (uint32_t i = 0; i < count(plan->spaces()); ++i) {
    uint32_t target = plan->spaces()->Get(i)->target();
    if (!index({"space", i, &place}, "target", target, count(root->targets())))
      return false;
    if (!inPlan(plan, target) || isCpu(target) != (i == 0))
      return bad({"space", i, &place}, "must be the CPU's if it is the first, else a device's");
  }
  if (plan->spaces()->Get(0)->target() != plan->targets()->Get(0))
    return bad(place, "has a first memory space that is not its first target's");
  for (uint32_t i = 0; i < count(plan->kernels()); ++i)
    if (!verifyKernel({"kernel", i, &place}, plan, plan->kernels()->Get(i)))
      return false;
  if (!verifyMemory(place, plan))
    return false;
  if (!count(plan->entries()) || count(plan->entries()) > kMaxEntries)
    return bad(place, "the number of entries must be 1 to 1024");
  for (uint32_t i = 0; i < count(plan->entries()); ++i)
    if (!verifyEntry({"entry", i, &place}, plan, plan->entries()->Get(i)))
      return false;
  return true;
}

bool ProgramVerifier::verifyKernel(const Place &place, const Plan *plan, const Kernel *kernel) {
  if (!index(place, "target", kernel->target(), count(root->targets())) ||
      !index(place, "segment", kernel->segment(), count(root->segments())))
    return false;
  if (!inPlan(plan, kernel->target()))
    return bad(place, "is for a target its plan does not use");
  const Segment *segment = root->segments()->Get(kernel->segment());
  bool cpu = isCpu(kernel->target());
  if (segment->kind() != (cpu ? SegmentKind::code : SegmentKind::binary))
    return bad(place, "lies in a segment of another kind");
  if (segment->target() != kernel->target())
    return bad(place, "lies in a segment of another target");
  if (cpu && kernel->entry() >= segment->size())
    return bad(place, "starts at byte %u, beyond its code segment of %u", kernel->entry(),
               segment->size());
  if (kernel->scratch_per_worker() > kMaxBytes || kernel->scratch_per_launch() > kMaxBytes)
    return bad(place, "asks for an absurd amount of scratch memory");
  if (kernel->num_buffers() > 4096 || kernel->num_dims() > 4096)
    return bad(place, "has more than 4096 operands");
  if (!cpu && count(kernel->workgroup()) != 3)
    return bad(place, "must give its workgroup as three numbers");
  return verifyLayers(place, kernel->layers());
}

bool ProgramVerifier::verifyMemory(const Place &place, const Plan *plan) {
  uint32_t numSpaces = count(plan->spaces());
  for (uint32_t i = 0; i < count(plan->constants()); ++i) {
    const Constant *constant = plan->constants()->Get(i);
    Place here{"constant", i, &place};
    if (!index(here, "segment", constant->segment(), count(root->segments())) ||
        !index(here, "space", constant->space(), numSpaces))
      return false;
    const Segment *segment = root->segments()->Get(constant->segment());
    if (segment->kind() != SegmentKind::data)
      return bad(here, "lies in a segment that is not data");
    if (constant->offset() % INGOT_BUFFER_ALIGNMENT)
      return bad(here, "is not 64-byte aligned");
    if (!inRange(constant->offset(), constant->size(), segment->size()))
      return bad(here, "at byte %u ends beyond its segment of %u", constant->offset(),
                 segment->size());
  }
  uint64_t total = 0;
  for (uint32_t i = 0; i < count(plan->arenas()); ++i) {
    const Arena *arena = plan->arenas()->Get(i);
    Place here{"arena", i, &place};
    if (!index(here, "space", arena->space(), numSpaces))
      return false;
    if (!isAlignment(arena->alignment()))
      return bad(here, "has an alignment that is no power of two up to 65536");
    if (arena->size() > kMaxBytes || (total += arena->size()) > kMaxBytes)
      return bad(here, "has an absurd size");
  }
  for (uint32_t i = 0; i < count(plan->variables()); ++i) {
    const Variable *variable = plan->variables()->Get(i);
    Place here{"variable", i, &place};
    if (!index(here, "space", variable->space(), numSpaces) ||
        !verifyDims(here, variable->type(), variable->dims(), 0, false))
      return false;
    if (!isAlignment(variable->alignment()))
      return bad(here, "has an alignment that is no power of two up to 65536");
    if (variable->size() > kMaxBytes || (total += variable->size()) > kMaxBytes)
      return bad(here, "has an absurd size");
    if (variable->initial() < -1)
      return bad(here, "has a negative initial constant");
    if (variable->initial() >= 0) {
      if (!index(here, "constant", uint64_t(variable->initial()), count(plan->constants())))
        return false;
      const Constant *constant = plan->constants()->Get(uint32_t(variable->initial()));
      if (constant->size() != variable->size())
        return bad(here, "has an initial constant of another size");
    }
  }
  return true;
}

bool ProgramVerifier::verifyEntry(const Place &place, const Plan *plan, const Entry *entry) {
  uint32_t numValues = count(entry->expressions());
  if (count(entry->inputs()) > 65536 || count(entry->outputs()) > 65536)
    return bad(place, "has more than 65536 inputs or outputs");
  for (uint32_t i = 0; i < count(entry->inputs()); ++i)
    if (!verifyTensor({"input", i, &place}, entry->inputs()->Get(i), numValues, true))
      return false;
  for (uint32_t i = 0; i < count(entry->outputs()); ++i)
    if (!verifyTensor({"output", i, &place}, entry->outputs()->Get(i), numValues, false))
      return false;
  if (!verifyExpressions(place, plan, entry) || !verifyDynamic(place, plan, entry))
    return false;
  for (uint32_t i = 0; i < count(entry->instructions()); ++i)
    if (!verifyInstruction({"instruction", i, &place}, plan, entry, entry->instructions()->Get(i)))
      return false;
  return true;
}

bool ProgramVerifier::verifyTensor(const Place &place, const Tensor *tensor, uint32_t numValues,
                                   bool isInput) {
  if (tensor->alignment() && !isAlignment(tensor->alignment()))
    return bad(place, "has an alignment that is no power of two up to 65536");
  return verifyDims(place, tensor->type(), tensor->dims(), numValues, isInput);
}

bool ProgramVerifier::verifyDims(const Place &place, ElementType type,
                                 const Vec<const SigDim *> *dims, uint32_t numValues,
                                 bool isInput) {
  if (type == ElementType::none || type > ElementType::MAX)
    return bad(place, "has an element type this runtime does not know");
  if (count(dims) > INGOT_MAX_RANK)
    return bad(place, "has a rank above 8");
  if (!aligned(place, dims))
    return false;
  for (uint32_t i = 0; i < count(dims); ++i) {
    const SigDim *dim = dims->Get(i);
    if (dim->min() < 0 || dim->max() < dim->min())
      return bad(place, "has bounds that are negative or the wrong way round");
    if (dim->expr() < -1 || dim->name() < -1)
      return bad(place, "has a dim with a negative index");
    if (dim->expr() >= 0 && !index(place, "expression", uint64_t(dim->expr()), numValues))
      return false;
    if (!isInput && dim->expr() < 0 && dim->min() != dim->max())
      return bad(place, "has a dynamic dim that nothing computes");
    if (dim->name() >= 0 &&
        !index(place, "dim name", uint64_t(dim->name()), count(root->dim_names())))
      return false;
  }
  uint64_t bytes;
  if (!maxBytes(type, dims, bytes))
    return bad(place, "has an absurd size");
  return true;
}

bool ProgramVerifier::verifyExpressions(const Place &place, const Plan *plan, const Entry *entry) {
  if (!aligned(place, entry->expressions()))
    return false;
  for (uint32_t i = 0; i < count(entry->expressions()); ++i) {
    const Expr *expr = entry->expressions()->Get(i);
    Place here{"expression", i, &place};
    if (expr->op() > ExprOp::MAX)
      return bad(here, "is of a kind this runtime does not know");
    if (expr->op() == ExprOp::constant)
      continue;
    if (expr->a() < 0 || expr->b() < 0)
      return bad(here, "has a negative operand");
    uint64_t a = uint64_t(expr->a()), b = uint64_t(expr->b());
    if (expr->op() == ExprOp::input_dim) {
      if (!index(here, "input", a, count(entry->inputs())) ||
          !index(here, "dim", b, count(entry->inputs()->Get(uint32_t(a))->dims())))
        return false;
    } else if (expr->op() >= ExprOp::input_value) {
      bool isInput = expr->op() == ExprOp::input_value;
      if (!index(here, isInput ? "input" : "variable", a,
                 isInput ? count(entry->inputs()) : count(plan->variables())))
        return false;
      const Variable *variable = isInput ? nullptr : plan->variables()->Get(uint32_t(a));
      ElementType type = isInput ? entry->inputs()->Get(uint32_t(a))->type() : variable->type();
      if (type < ElementType::i1 || type > ElementType::u64 || (variable && variable->space()))
        return bad(here, "reads what holds no integers");
    } else if (a >= i || b >= i) {
      return bad(here, "uses an expression that is not before it");
    }
  }
  return true;
}

bool ProgramVerifier::verifyDynamic(const Place &place, const Plan *plan, const Entry *entry) {
  if (!aligned(place, entry->dims()) || !aligned(place, entry->arena_sizes()))
    return false;
  for (uint32_t i = 0; i < count(entry->dims()); ++i) {
    const NamedDim *dim = entry->dims()->Get(i);
    Place here{"dim", i, &place};
    if (!index(here, "dim name", dim->name(), count(root->dim_names())) ||
        !index(here, "expression", dim->expr(), count(entry->expressions())))
      return false;
    // What an input holds may be negative, an extent may not.
    const Expr *expr = entry->expressions()->Get(dim->expr());
    if ((dim->min() < 0 && expr->op() != ExprOp::input_value) || dim->max() < dim->min())
      return bad(here, "has bounds that are negative or the wrong way round");
  }
  if (count(entry->arena_sizes()) && count(entry->arena_sizes()) != count(plan->arenas()))
    return bad(place, "does not give the sizes of all arenas");
  for (uint32_t i = 0; i < count(entry->arena_sizes()); ++i) {
    const Extent *size = entry->arena_sizes()->Get(i);
    Place here{"arena size", i, &place};
    if (!verifyExtent(here, entry, size))
      return false;
    if (uint64_t(size->value()) > plan->arenas()->Get(i)->size())
      return bad(here, "is more than the arena has");
  }
  return true;
}

bool ProgramVerifier::verifyLayers(const Place &place, const Vec<uint32_t> *layers) {
  for (uint32_t i = 0; i < count(layers); ++i)
    if (!index(place, "layer", layers->Get(i), count(root->layers())))
      return false;
  return true;
}

bool ProgramVerifier::verifyRef(const Place &place, const Plan *plan, const Entry *entry,
                                const BufferRef &ref) {
  uint64_t limit = 0;
  switch (ref.kind()) {
  case BufferKind::arena:
    if (!index(place, "arena", ref.index(), count(plan->arenas())))
      return false;
    limit = plan->arenas()->Get(ref.index())->size();
    break;
  case BufferKind::constant:
    if (!index(place, "constant", ref.index(), count(plan->constants())))
      return false;
    limit = plan->constants()->Get(ref.index())->size();
    break;
  case BufferKind::variable:
    if (!index(place, "variable", ref.index(), count(plan->variables())))
      return false;
    limit = plan->variables()->Get(ref.index())->size();
    break;
  case BufferKind::input:
    if (!index(place, "input", ref.index(), count(entry->inputs())))
      return false;
    maxBytes(entry->inputs()->Get(ref.index())->type(), entry->inputs()->Get(ref.index())->dims(),
             limit);
    break;
  case BufferKind::output:
    if (!index(place, "output", ref.index(), count(entry->outputs())))
      return false;
    maxBytes(entry->outputs()->Get(ref.index())->type(), entry->outputs()->Get(ref.index())->dims(),
             limit);
    break;
  default:
    return bad(place, "uses a kind of buffer this runtime does not know");
  }
  if (!inRange(ref.offset(), ref.size(), limit))
    return bad(place, "uses bytes from %u on of a buffer that ends at %u", ref.offset(), limit);
  return true;
}

bool ProgramVerifier::verifyExtent(const Place &place, const Entry *entry, const Extent *extent) {
  if (extent->expr() < -1 || extent->value() < 0)
    return bad(place, "has a negative extent");
  return extent->expr() < 0 ||
         index(place, "expression", uint64_t(extent->expr()), count(entry->expressions()));
}

bool ProgramVerifier::verifyInstruction(const Place &place, const Plan *plan, const Entry *entry,
                                        const Instruction *instruction) {
  if (!verifyLayers(place, instruction->layers()))
    return false;
  for (const void *vector : {static_cast<const void *>(instruction->buffers()),
                             static_cast<const void *>(instruction->dims()),
                             static_cast<const void *>(instruction->grid()),
                             static_cast<const void *>(instruction->shape()),
                             static_cast<const void *>(instruction->dst_strides()),
                             static_cast<const void *>(instruction->src_strides())})
    if (!aligned(place, vector))
      return false;
  uint32_t numBuffers = count(instruction->buffers());
  for (uint32_t i = 0; i < numBuffers; ++i)
    if (!verifyRef(place, plan, entry, *instruction->buffers()->Get(i)))
      return false;
  if (count(instruction->placements()) && count(instruction->placements()) != numBuffers)
    return bad(place, "does not place all its buffers");
  for (uint32_t i = 0; i < count(instruction->placements()); ++i) {
    const Placement *placement = instruction->placements()->Get(i);
    for (int32_t expr : {placement->offset(), placement->size()})
      if (expr < -1 ||
          (expr >= 0 && !index(place, "expression", uint64_t(expr), count(entry->expressions()))))
        return expr < -1 ? bad(place, "has a negative placement") : false;
  }
  switch (instruction->op()) {
  case Op::launch:
    return verifyLaunch(place, plan, entry, instruction);
  case Op::copy: {
    if (numBuffers != 2 || !instruction->bytes())
      return bad(place, "is a copy without what it needs");
    if (!verifyExtent(place, entry, instruction->bytes()))
      return false;
    const BufferRef *dst = instruction->buffers()->Get(0), *src = instruction->buffers()->Get(1);
    uint64_t bytes = uint64_t(instruction->bytes()->value());
    if (bytes > dst->size() || bytes > src->size())
      return bad(place, "copies more bytes than its buffers have");
    if (dst->kind() == BufferKind::constant || dst->kind() == BufferKind::input)
      return bad(place, "copies into a constant or an input");
    return true;
  }
  case Op::strided_copy:
    for (uint32_t i = 0; i < numBuffers; ++i)
      if (spaceOf(plan, *instruction->buffers()->Get(i)) != 0)
        return bad(place, "is a strided copy outside the host's memory");
    return verifyStridedCopy(place, entry, instruction);
  case Op::jump_if_false:
    if (numBuffers != 1 || instruction->buffers()->Get(0)->size() < 1 ||
        spaceOf(plan, *instruction->buffers()->Get(0)) != 0)
      return bad(place, "needs a condition of one byte in the host's memory");
    [[fallthrough]];
  case Op::jump:
    if (instruction->target() > count(entry->instructions()))
      return bad(place, "jumps beyond the last instruction");
    return true;
  case Op::end:
    return true;
  default:
    return bad(place, "is of a kind this runtime does not know");
  }
}

bool ProgramVerifier::verifyLaunch(const Place &place, const Plan *plan, const Entry *entry,
                                   const Instruction *instruction) {
  if (!index(place, "kernel", instruction->kernel(), count(plan->kernels())))
    return false;
  const Kernel *kernel = plan->kernels()->Get(instruction->kernel());
  if (count(instruction->buffers()) != kernel->num_buffers() ||
      count(instruction->dims()) != kernel->num_dims())
    return bad(place, "passes not as many operands as its kernel takes");
  for (uint32_t i = 0; i < kernel->num_buffers(); ++i) {
    uint32_t space = spaceOf(plan, *instruction->buffers()->Get(i));
    uint32_t owner = plan->spaces()->Get(space)->target();
    // All CPU targets of a plan share the host's memory.
    if (owner != kernel->target() && !(isCpu(owner) && isCpu(kernel->target())))
      return bad(place, "passes a buffer that is not in its kernel's memory");
  }
  for (uint32_t i = 0; i < kernel->num_dims(); ++i)
    if (!verifyExtent(place, entry, instruction->dims()->Get(i)))
      return false;
  if (isCpu(kernel->target())) {
    if (!instruction->tiles())
      return bad(place, "does not say its number of tiles");
    return verifyExtent(place, entry, instruction->tiles());
  }
  if (count(instruction->grid()) != 3)
    return bad(place, "must give its grid as three extents");
  for (const Extent *extent : *instruction->grid())
    if (!verifyExtent(place, entry, extent))
      return false;
  return true;
}

bool ProgramVerifier::verifyStridedCopy(const Place &place, const Entry *entry,
                                        const Instruction *instruction) {
  uint32_t rank = count(instruction->shape());
  if (count(instruction->buffers()) != 2 || rank > INGOT_MAX_RANK || !instruction->element_size() ||
      count(instruction->dst_strides()) != rank || count(instruction->src_strides()) != rank)
    return bad(place, "is a copy without what it needs");
  const BufferRef *dst = instruction->buffers()->Get(0), *src = instruction->buffers()->Get(1);
  if (dst->kind() == BufferKind::constant || dst->kind() == BufferKind::input)
    return bad(place, "copies into a constant or an input");
  bool empty = false;
  for (uint32_t i = 0; i < rank; ++i) {
    if (!verifyExtent(place, entry, instruction->shape()->Get(i)))
      return false;
    empty |= instruction->shape()->Get(i)->value() == 0;
  }
  const Vec<int64_t> *strides[2] = {instruction->dst_strides(), instruction->src_strides()};
  const BufferRef *refs[2] = {dst, src};
  for (int side = 0; side < 2; ++side) {
    uint64_t last = 0;
    for (uint32_t i = 0; i < rank; ++i) {
      uint64_t reach;
      int64_t stride = strides[side]->Get(i);
      if (stride < 0)
        return bad(place, "has a negative stride");
      uint64_t steps = uint64_t(instruction->shape()->Get(i)->value());
      if (mulOverflows(steps ? steps - 1 : 0, uint64_t(stride), reach) ||
          addOverflows(last, reach, last))
        return bad(place, "has strides beyond any memory");
    }
    if (!empty &&
        (addOverflows(last, instruction->element_size(), last) || last > refs[side]->size()))
      return bad(place, "copies more bytes than its buffers have");
  }
  return true;
}

} // namespace

uint32_t spaceOf(const Plan *plan, const BufferRef &ref) {
  switch (ref.kind()) {
  case BufferKind::arena:
    return plan->arenas()->Get(ref.index())->space();
  case BufferKind::constant:
    return plan->constants()->Get(ref.index())->space();
  case BufferKind::variable:
    return plan->variables()->Get(ref.index())->space();
  default:
    return 0;
  }
}

ingot_status verifyProgram(const void *image, uint64_t avail, const char *name,
                           const Program *&root, const uint8_t *&segments, ingot_error *error) {
  const uint8_t *bytes = static_cast<const uint8_t *>(image);
  FileHeader header;
  auto damaged = [&](const char *problem, uint64_t a = 0, uint64_t b = 0) {
    fail(error, INGOT_ERROR_FORMAT, "%s is damaged: ", name);
    append(error, problem, a, b);
    return INGOT_ERROR_FORMAT;
  };
  if (avail < sizeof(kFileMagic) || memcmp(bytes, kFileMagic, sizeof(kFileMagic)) != 0)
    return fail(error, INGOT_ERROR_FORMAT,
                "%s is not an Ingot program (it does not start like one)", name);
  if (avail < sizeof(header))
    return damaged("it ends within its header");
  memcpy(&header, bytes, sizeof(header));
  if (!header.formatVersion || header.formatVersion > kFormatVersion || header.formatVersion == 3)
    return fail(error, INGOT_ERROR_UNSUPPORTED,
                "%s has format version %u, but this runtime reads 1 to %u\nhint: use the runtime "
                "of its release",
                name, uint64_t(header.formatVersion), uint64_t(kFormatVersion));
  if (header.fileSize != avail)
    return damaged("it should have %u bytes, but has %u", header.fileSize, avail);
  if (header.headerSize != kFileHeaderSize || header.schemaOffset % 16 ||
      header.schemaOffset < kFileHeaderSize || header.segmentsOffset % kSegmentsAlignment ||
      header.segmentsOffset > avail || header.schemaSize > UINT32_MAX / 2 ||
      !inRange(header.schemaOffset, header.schemaSize, header.segmentsOffset))
    return damaged("its header places parts outside the file");
  for (uint8_t byte : header.reserved)
    if (byte)
      return damaged("its header holds unknown fields");
  uint8_t digest[32];
  ingot_sha256(bytes + header.schemaOffset, size_t(header.schemaSize), digest);
  if (memcmp(digest, header.schemaSha256, sizeof(digest)) != 0)
    return damaged("the hash of its description does not match");

  flatbuffers::Verifier verifier(bytes + header.schemaOffset, size_t(header.schemaSize), 16,
                                 4000000);
  if (!VerifyProgramBuffer(verifier))
    return damaged("its description is no FlatBuffer");
  root = GetProgram(bytes + header.schemaOffset);
  segments = bytes + header.segmentsOffset;
  return ProgramVerifier(root, avail - header.segmentsOffset, name, error).run();
}

} // namespace ingot
