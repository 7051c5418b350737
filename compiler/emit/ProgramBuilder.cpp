// Builds the FlatBuffer of a program from a planned module, and lays out its segments.
#include "compiler/emit/ProgramBuilder.h"

#include "ir/graph/WeightStore.h"
#include "runtime-lib/core/FileHeader.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Alignment.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"

using namespace mlir;
using namespace ingot;

namespace {

constexpr uint64_t kConstantAlignment = 64;
constexpr size_t kMaxRank = 8;

llvm::Error failure(const llvm::Twine &text) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), text);
}

/// The program's element type, or none when it has no such type.
fmt::ElementType elementType(Type type) {
  using fmt::ElementType;
  if (auto integer = dyn_cast<IntegerType>(type)) {
    bool isUnsigned = integer.isUnsigned();
    switch (integer.getWidth()) {
    case 1:
      return ElementType::i1;
    case 8:
      return isUnsigned ? ElementType::u8 : ElementType::i8;
    case 16:
      return isUnsigned ? ElementType::u16 : ElementType::i16;
    case 32:
      return isUnsigned ? ElementType::u32 : ElementType::i32;
    case 64:
      return isUnsigned ? ElementType::u64 : ElementType::i64;
    case 4:
      return isUnsigned ? ElementType::u4 : ElementType::i4;
    case 2:
      return isUnsigned ? ElementType::u2 : ElementType::i2;
    default:
      return ElementType::none;
    }
  }
  if (auto complex = dyn_cast<ComplexType>(type))
    return complex.getElementType().isF32()   ? ElementType::c64
           : complex.getElementType().isF64() ? ElementType::c128
                                              : ElementType::none;
  return llvm::TypeSwitch<Type, ElementType>(type)
      .Case<Float32Type>([](auto) { return ElementType::f32; })
      .Case<Float64Type>([](auto) { return ElementType::f64; })
      .Case<Float16Type>([](auto) { return ElementType::f16; })
      .Case<BFloat16Type>([](auto) { return ElementType::bf16; })
      .Case<Float8E4M3FNType>([](auto) { return ElementType::f8e4m3fn; })
      .Case<Float8E5M2Type>([](auto) { return ElementType::f8e5m2; })
      .Case<Float8E4M3FNUZType>([](auto) { return ElementType::f8e4m3fnuz; })
      .Case<Float8E5M2FNUZType>([](auto) { return ElementType::f8e5m2fnuz; })
      .Case<Float8E8M0FNUType>([](auto) { return ElementType::f8e8m0fnu; })
      .Case<Float4E2M1FNType>([](auto) { return ElementType::f4e2m1fn; })
      .Default([](auto) { return ElementType::none; });
}

/// Type and dims of an input, output or variable.
llvm::Error describe(RankedTensorType type, const llvm::Twine &what, fmt::ElementType &element,
                     std::vector<fmt::SigDim> &dims) {
  element = elementType(type.getElementType());
  if (element == fmt::ElementType::none) {
    std::string text;
    llvm::raw_string_ostream(text) << type.getElementType();
    return failure(what + " has element type " + text + ", which programs cannot pass in or out");
  }
  if (type.getRank() > int64_t(kMaxRank))
    return failure(what + " has rank " + llvm::Twine(type.getRank()) +
                   "; programs take up to 8 dims");
  for (int64_t extent : type.getShape())
    dims.emplace_back(extent, extent, -1, -1);
  return llvm::Error::success();
}

fmt::Sha256 sha256Of(llvm::ArrayRef<uint8_t> bytes) {
  return fmt::Sha256(flatbuffers::span<const uint8_t, 32>(bytes.data(), 32));
}

llvm::ArrayRef<uint8_t> unsignedBytes(llvm::ArrayRef<char> bytes) {
  return {reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()};
}

std::string textOf(Attribute attr) {
  std::string text;
  if (attr)
    llvm::raw_string_ostream(text) << attr;
  return text;
}

fmt::Extent extent(int64_t value) { return fmt::Extent(value, -1, 0); }

} // namespace

llvm::Error ProgramBuilder::build(EmitReport &report) {
  addProvenance();
  program.plans.push_back(std::make_unique<fmt::PlanT>());
  plan = program.plans.back().get();
  if (llvm::Error error = addTargetsAndSegments())
    return error;
  addKernels();
  if (llvm::Error error = addMemory(report))
    return error;
  for (auto entry : module.getOps<plan::EntryOp>())
    if (llvm::Error error = addEntry(entry))
      return error;

  report.kernels = plan->kernels.size();
  report.constants = plan->constants.size();
  for (auto &entry : plan->entries)
    report.instructions += entry->instructions.size();
  for (const PlacedSegment &segment : segments)
    report.codeBytes += segment.bytes.size();
  report.weightBytes = dataBytes;
  return llvm::Error::success();
}

void ProgramBuilder::addProvenance() {
  program.provenance = std::make_unique<fmt::ProvenanceT>();
  fmt::ProvenanceT &provenance = *program.provenance;
  provenance.compiler = "ingot " INGOT_VERSION;
  provenance.options = options.options;
  provenance.source_name = llvm::sys::path::filename(options.sourceName).str();
  provenance.source_size = options.sourceSize;
  provenance.model_name = options.modelName;
  std::string hash;
  if (options.sourceSha256.size() == 64 && llvm::tryGetFromHex(options.sourceSha256, hash))
    provenance.source_sha256 =
        std::make_unique<fmt::Sha256>(sha256Of(unsignedBytes({hash.data(), hash.size()})));
}

llvm::Error ProgramBuilder::addTargetsAndSegments() {
  for (auto target : module.getOps<plan::TargetOp>()) {
    indices[target.getSymName()] = program.targets.size();
    plan->targets.push_back(program.targets.size());
    auto row = std::make_unique<fmt::TargetT>();
    row->name = target.getSymName().str();
    row->driver = target.getDriver().str();
    row->arch = target.getArch().str();
    for (StringRef feature : target.getFeatures().getAsValueRange<StringAttr>())
      row->features.push_back(feature.str());
    program.targets.push_back(std::move(row));
  }
  for (auto space : module.getOps<plan::SpaceOp>()) {
    indices[space.getSymName()] = plan->spaces.size();
    auto row = std::make_unique<fmt::SpaceT>();
    row->name = space.getSymName().str();
    row->target = indexOf(space.getTarget());
    plan->spaces.push_back(std::move(row));
  }
  uint64_t offset = 0;
  for (auto segment : module.getOps<plan::SegmentOp>()) {
    const CompiledCode *code = nullptr;
    for (const CompiledTarget &target : targets)
      if (target.target->name() == segment.getTarget())
        code = target.code;
    if (!code || segment.getIndex() >= code->segments.size())
      return failure("the code of segment @" + segment.getSymName() + " for " +
                     segment.getTarget() + " is missing; compile from the codegen phase on");
    llvm::ArrayRef<char> bytes = code->segments[segment.getIndex()].bytes;
    std::array<uint8_t, 32> hash = llvm::SHA256::hash(unsignedBytes(bytes));
    if (llvm::toHex(hash, /*LowerCase=*/true) != segment.getHash())
      return failure("the code of segment @" + segment.getSymName() +
                     " is not the code that was planned");
    offset = llvm::alignTo(offset, segment.getAlignment());
    indices[segment.getSymName()] = program.segments.size();
    auto row = std::make_unique<fmt::SegmentT>();
    row->kind = segment.getKind() == "code" ? fmt::SegmentKind::code : fmt::SegmentKind::binary;
    row->target = indexOf(segment.getTarget());
    row->offset = offset;
    row->size = bytes.size();
    row->alignment = segment.getAlignment();
    row->sha256 = std::make_unique<fmt::Sha256>(sha256Of(hash));
    program.segments.push_back(std::move(row));
    segments.push_back({bytes, offset});
    offset += bytes.size();
  }
  dataOffset = offset; // aligned when the size of the data is known
  return llvm::Error::success();
}

std::vector<uint32_t> ProgramBuilder::layersOf(llvm::ArrayRef<llvm::StringRef> names) {
  std::vector<uint32_t> result;
  for (StringRef name : names) {
    auto [it, added] = layers.try_emplace(name, program.layers.size());
    if (added)
      program.layers.push_back(name.str());
    result.push_back(it->second);
  }
  return result;
}

void ProgramBuilder::addKernels() {
  for (auto kernel : module.getOps<plan::KernelOp>()) {
    indices[kernel.getSymName()] = plan->kernels.size();
    auto row = std::make_unique<fmt::KernelT>();
    row->name = kernel.getSymName().str();
    row->segment = indexOf(kernel.getSegment());
    row->target = program.segments[row->segment]->target;
    row->entry = kernel.getEntry();
    row->symbol = kernel.getSymbol().value_or("").str();
    row->num_buffers = kernel.getInputs() + kernel.getResults();
    row->num_results = kernel.getResults();
    row->scratch_per_worker = kernel.getScratchPerWorker();
    row->scratch_per_launch = kernel.getScratchPerLaunch();
    if (kernel.getWorkgroup())
      row->workgroup.assign(kernel.getWorkgroup()->begin(), kernel.getWorkgroup()->end());
    row->layers = layersOf(llvm::to_vector(kernel.getLayers().getAsValueRange<StringAttr>()));
    row->flops = kernel.getFlops();
    row->bytes = kernel.getBytes();
    row->strategy = textOf(kernel.getStrategyAttr());
    plan->kernels.push_back(std::move(row));
  }
}

llvm::Error ProgramBuilder::addMemory(EmitReport &report) {
  // The data segment: constants in the order of the plan, equal ones (in two spaces) once.
  DenseMap<std::pair<Attribute, Type>, uint64_t> placed;
  uint32_t dataSegment = program.segments.size();
  for (auto constant : module.getOps<plan::ConstantOp>()) {
    auto type = cast<RankedTensorType>(constant.getType());
    auto weight = dyn_cast<WeightAttr>(constant.getValue());
    uint64_t bytes = storedBytes(type);
    auto [it, added] = placed.try_emplace({constant.getValue(), type}, 0);
    if (added) {
      it->second = llvm::alignTo(dataBytes, kConstantAlignment);
      dataBytes = it->second + bytes;
      constants.push_back(
          {constant.getValue(), type, it->second, bytes, constant.getSymName().str()});
      report.sourceWeightBytes += weight ? weight.getBytes() : bytes;
    }
    indices[constant.getSymName()] = plan->constants.size();
    auto row = std::make_unique<fmt::ConstantT>();
    row->segment = dataSegment;
    row->offset = it->second;
    row->size = bytes;
    row->space = indexOf(constant.getSpace());
    row->name = weight ? weight.getName().str() : constant.getSymName().str();
    plan->constants.push_back(std::move(row));
  }
  if (!plan->constants.empty()) {
    dataOffset = llvm::alignTo(dataOffset, kConstantAlignment);
    auto row = std::make_unique<fmt::SegmentT>();
    row->kind = fmt::SegmentKind::data;
    row->offset = dataOffset;
    row->size = dataBytes;
    row->alignment = kConstantAlignment;
    row->sha256 = std::make_unique<fmt::Sha256>();
    program.segments.push_back(std::move(row));
  }
  for (auto arena : module.getOps<plan::ArenaOp>()) {
    indices[arena.getSymName()] = plan->arenas.size();
    auto row = std::make_unique<fmt::ArenaT>();
    row->space = indexOf(arena.getSpace());
    row->size = arena.getSize();
    row->alignment = arena.getAlignment();
    row->lower_bound = arena.getLowerBound();
    plan->arenas.push_back(std::move(row));
  }
  for (auto variable : module.getOps<plan::VariableOp>()) {
    auto type = cast<RankedTensorType>(variable.getType());
    indices[variable.getSymName()] = plan->variables.size();
    auto row = std::make_unique<fmt::VariableT>();
    row->name = variable.getSymName().str();
    if (llvm::Error error =
            describe(type, "variable '" + variable.getSymName() + "'", row->type, row->dims))
      return error;
    row->space = indexOf(variable.getSpace());
    row->size = storedBytes(type);
    if (variable.getInitial())
      row->initial = indexOf(*variable.getInitial());
    plan->variables.push_back(std::move(row));
  }
  return llvm::Error::success();
}

fmt::BufferRef ProgramBuilder::reference(Value value) const {
  auto ref = value.getDefiningOp<plan::RefOp>();
  static_assert(uint32_t(plan::BufferKind::Arena) == uint32_t(fmt::BufferKind::arena) &&
                uint32_t(plan::BufferKind::Variable) == uint32_t(fmt::BufferKind::variable));
  uint32_t index = ref.getIndex() ? *ref.getIndex() : indexOf(*ref.getSymbol());
  return fmt::BufferRef(static_cast<fmt::BufferKind>(ref.getKind()), index, ref.getOffset(),
                        ref.getType().getBytes());
}

llvm::Error ProgramBuilder::addEntry(plan::EntryOp op) {
  auto entry = std::make_unique<fmt::EntryT>();
  entry->name = op.getSymName().str();
  auto signature = [&](ArrayAttr names, ArrayAttr types, const char *what,
                       std::vector<std::unique_ptr<fmt::TensorT>> &rows) -> llvm::Error {
    for (auto [name, type] :
         llvm::zip_equal(names.getAsValueRange<StringAttr>(), types.getAsValueRange<TypeAttr>())) {
      auto row = std::make_unique<fmt::TensorT>();
      row->name = name.str();
      if (llvm::Error error = describe(cast<RankedTensorType>(type),
                                       llvm::Twine(what) + " '" + name + "'", row->type, row->dims))
        return error;
      rows.push_back(std::move(row));
    }
    return llvm::Error::success();
  };
  if (llvm::Error error = signature(op.getInputNames(), op.getInputTypes(), "input", entry->inputs))
    return error;
  if (llvm::Error error =
          signature(op.getOutputNames(), op.getOutputTypes(), "output", entry->outputs))
    return error;
  addSteps(op.getBody().front(), *entry);
  plan->entries.push_back(std::move(entry));
  return llvm::Error::success();
}

void ProgramBuilder::addSteps(Block &block, fmt::EntryT &entry) {
  auto add = [&](fmt::Op kind, Operation &op) -> fmt::InstructionT & {
    entry.instructions.push_back(std::make_unique<fmt::InstructionT>());
    fmt::InstructionT &step = *entry.instructions.back();
    step.op = kind;
    step.layers = layersOf(sourceNames(op.getLoc()));
    return step;
  };
  for (Operation &op : block) {
    if (auto launch = dyn_cast<plan::LaunchOp>(op)) {
      fmt::InstructionT &step = add(fmt::Op::launch, op);
      step.kernel = indexOf(launch.getKernel());
      for (Value buffer : op.getOperands())
        step.buffers.push_back(reference(buffer));
      if (DenseI64ArrayAttr grid = launch.getGridAttr())
        for (int64_t groups : grid.asArrayRef())
          step.grid.push_back(extent(groups));
      else
        step.tiles = std::make_unique<fmt::Extent>(extent(launch.getTiles()));
    } else if (auto copy = dyn_cast<plan::CopyOp>(op)) {
      fmt::InstructionT &step = add(fmt::Op::copy, op);
      step.buffers = {reference(copy.getDestination()), reference(copy.getSource())};
      step.bytes = std::make_unique<fmt::Extent>(extent(copy.getSource().getType().getBytes()));
    } else if (auto branch = dyn_cast<plan::IfOp>(op)) {
      fmt::InstructionT &toElse = add(fmt::Op::jump_if_false, op);
      toElse.buffers = {reference(branch.getCondition())};
      addSteps(branch.getThenRegion().front(), entry);
      if (branch.getElseRegion().front().empty()) {
        toElse.target = entry.instructions.size();
        continue;
      }
      fmt::InstructionT &toEnd = add(fmt::Op::jump, op);
      toElse.target = entry.instructions.size();
      addSteps(branch.getElseRegion().front(), entry);
      toEnd.target = entry.instructions.size();
    }
  }
}

flatbuffers::DetachedBuffer ProgramBuilder::serialize(llvm::ArrayRef<uint8_t> dataHash) const {
  if (!constants.empty())
    *program.segments.back()->sha256 = sha256Of(dataHash);
  flatbuffers::FlatBufferBuilder builder(1 << 16);
  fmt::FinishProgramBuffer(builder, fmt::Program::Pack(builder, &program));
  return builder.Release();
}
