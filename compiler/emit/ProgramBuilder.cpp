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

} // namespace

uint32_t ProgramBuilder::dimName(StringRef name) {
  auto [it, added] = dimNames.try_emplace(name, program.dim_names.size());
  if (added)
    program.dim_names.push_back(name.str());
  return it->second;
}

/// An extent in the user's terms, in which a dim is not counted in steps.
static std::string extentText(const DimExpr &extent, const DimSteps &steps) {
  for (const auto &entry : steps)
    if (extent == DimExpr::symbol(entry.getKey()) * DimExpr(entry.getValue()))
      return entry.getKey().str();
  return extent
      .substitute([&](StringRef name) {
        auto found = steps.find(name);
        return found == steps.end()
                   ? std::nullopt
                   : std::optional(DimExpr::floorDiv(DimExpr::symbol(name), found->second));
      })
      .str();
}

/// Type and dims of an input, output or variable.
llvm::Error ProgramBuilder::describe(RankedTensorType type, const llvm::Twine &what,
                                     fmt::ElementType &element, std::vector<fmt::SigDim> &dims,
                                     ExpressionTable &table) {
  element = elementType(type.getElementType());
  if (element == fmt::ElementType::none) {
    std::string text;
    llvm::raw_string_ostream(text) << type.getElementType();
    return failure(what + " has element type " + text + ", which programs cannot pass in or out");
  }
  if (type.getRank() > int64_t(kMaxRank))
    return failure(what + " has rank " + llvm::Twine(type.getRank()) +
                   "; programs take up to 8 dims");
  for (const DimExpr &extent : extentsOf(type)) {
    if (std::optional<int64_t> number = extent.constant()) {
      dims.emplace_back(*number, *number, -1, -1);
      continue;
    }
    DimExpr::Range range = rangeOf(extent, bounds);
    dims.emplace_back(std::max<int64_t>(range.low, 0), range.high, table.row(table.term(extent)),
                      dimName(extentText(extent, dimSteps(module))));
  }
  return llvm::Error::success();
}

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
    row->num_dims = kernel.getNumDims();
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
    ExpressionTable none(bounds); // a variable's dims are fixed
    if (llvm::Error error =
            describe(type, "variable '" + variable.getSymName() + "'", row->type, row->dims, none))
      return error;
    row->space = indexOf(variable.getSpace());
    row->size = storedBytes(type);
    if (variable.getInitial())
      row->initial = indexOf(*variable.getInitial());
    plan->variables.push_back(std::move(row));
  }
  return llvm::Error::success();
}

uint32_t ProgramBuilder::formatVersion() const {
  if (!valueDims(module).empty() || !countedDims(module).empty())
    return 4;
  return program.dim_names.empty() ? 1 : 2;
}

flatbuffers::DetachedBuffer ProgramBuilder::serialize(llvm::ArrayRef<uint8_t> dataHash) const {
  if (!constants.empty())
    *program.segments.back()->sha256 = sha256Of(dataHash);
  flatbuffers::FlatBufferBuilder builder(1 << 16);
  fmt::FinishProgramBuffer(builder, fmt::Program::Pack(builder, &program));
  return builder.Release();
}
