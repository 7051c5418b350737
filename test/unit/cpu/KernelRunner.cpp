// See KernelRunner.h.
#include "KernelRunner.h"
#include "backends/common/KernelShell.h"
#include "compiler/evaluator/Evaluator.h"
#include "ir/graph/SpecializeDims.h"
#include "ir/graph/WeightStore.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "runtime-lib/include/ingot/kernel_abi.h"
#include "llvm/TargetParser/Host.h"
#include <random>
#include <sys/mman.h>

using namespace mlir;

namespace ingot::test {
namespace {

/// A kernel, its launch, and the values that go in.
struct Prepared {
  MLIRContext context{MLIRContext::Threading::DISABLED};
  OwningOpRef<ModuleOp> module;
  func::FuncOp kernel, main;
  LaunchOp launch;
  std::vector<TensorValue> inputs; // of main
  std::unique_ptr<cpu::CpuTarget> target;

  LaunchOp findLaunch() {
    LaunchOp found;
    main.walk([&](LaunchOp op) { found = op; });
    return found;
  }
};

TensorValue randomTensor(RankedTensorType type, std::mt19937 &random, double low, double high) {
  std::vector<double> values(type.getNumElements());
  bool integer = isa<IntegerType>(type.getElementType());
  for (double &value : values) {
    value = std::uniform_real_distribution<double>(low, high)(random);
    if (integer)
      value = std::floor(type.getElementType().isUnsignedInteger() ? std::abs(value) * 200
                                                                   : value * 100);
  }
  return fromDoubles(type, values);
}

/// Declares the dims of a dynamic kernel with the bounds of the case's sizes.
void declareDims(const KernelCase &test, func::FuncOp kernel) {
  DimBounds bounds;
  for (const std::vector<int64_t> &sizes : test.sizes)
    for (auto [i, size] : llvm::enumerate(sizes)) {
      auto [entry, fresh] = bounds.try_emplace("d" + std::to_string(i), DimExpr::Range{size, size});
      entry->second.low = std::min(entry->second.low, size);
      entry->second.high = std::max(entry->second.high, size);
    }
  setDimBounds(kernel, bounds);
}

/// Parses the case; with `sizes` its dims become those numbers.
bool prepare(const KernelCase &test, Prepared &p, ArrayRef<int64_t> sizes) {
  p.context.loadDialect<IngotDialect, func::FuncDialect>();
  p.module = parseSourceString<ModuleOp>(test.body, &p.context);
  if (!p.module) {
    ADD_FAILURE() << "the kernel does not parse:\n" << test.body;
    return false;
  }
  p.kernel = *p.module->getOps<func::FuncOp>().begin();
  llvm::StringMap<int64_t> given;
  for (auto [i, size] : llvm::enumerate(sizes))
    given["d" + std::to_string(i)] = size;
  if (failed(specializeDims(*p.module, given))) {
    ADD_FAILURE() << "the kernel has no such size:\n" << test.body;
    return false;
  }
  if (sizes.empty())
    declareDims(test, p.kernel);
  DictionaryAttr strategy;
  if (!test.strategy.empty())
    strategy = cast<DictionaryAttr>(parseAttribute(test.strategy, &p.context));
  p.kernel->setAttr("ingot.kernel", KernelAttr::get(&p.context, test.target, strategy, {}, {}, {}));

  std::mt19937 random(7);
  OpBuilder b = OpBuilder::atBlockEnd(p.module->getBody());
  Location loc = NameLoc::get(b.getStringAttr("test.layer"));
  SmallVector<Type> mainInputs;
  for (auto [i, type] : llvm::enumerate(p.kernel.getArgumentTypes()))
    if (!llvm::is_contained(test.constants, i))
      mainInputs.push_back(type);
  p.main = func::FuncOp::create(b, loc, "main",
                                b.getFunctionType(mainInputs, p.kernel.getResultTypes()));
  b.setInsertionPointToStart(p.main.addEntryBlock());
  SmallVector<Value> operands;
  unsigned next = 0;
  // Constants first, so that they are the same for every size.
  SmallVector<TensorValue> values(p.kernel.getNumArguments());
  for (bool constants : {true, false})
    for (auto [i, type] : llvm::enumerate(p.kernel.getArgumentTypes()))
      if (auto tensor = cast<RankedTensorType>(type);
          llvm::is_contained(test.constants, i) == constants && tensor.hasStaticShape())
        values[i] = randomTensor(tensor, random, test.low, test.high);
  for (auto [i, type] : llvm::enumerate(p.kernel.getArgumentTypes())) {
    auto tensor = cast<RankedTensorType>(type);
    if (llvm::is_contained(test.constants, i)) {
      std::vector<char> bytes(values[i].raw().begin(), values[i].raw().end());
      operands.push_back(constant(
          b, loc, tensor,
          weightsOf(&p.context).makeConstant(&p.context, "w" + std::to_string(i), tensor, bytes)));
    } else {
      operands.push_back(p.main.getArgument(next++));
      p.inputs.push_back(values[i]);
    }
  }
  DimsAttr dims;
  if (unsigned count = dimCount(p.kernel)) {
    SmallVector<StringAttr> names;
    for (unsigned i = 0; i < count; ++i)
      names.push_back(b.getStringAttr("d" + std::to_string(i)));
    dims = DimsAttr::get(&p.context, names);
  }
  p.launch = LaunchOp::create(b, loc, p.kernel.getResultTypes(), "k", operands, dims);
  func::ReturnOp::create(b, loc, p.launch.getResults());
  auto isa = cpu::parseIsa(test.target);
  if (!isa) {
    ADD_FAILURE() << llvm::toString(isa.takeError());
    return false;
  }
  p.target = std::make_unique<cpu::CpuTarget>(std::move(*isa));
  return true;
}

} // namespace

bool machineRuns(llvm::StringRef target) {
  auto isa = cpu::parseIsa(target);
  if (!isa) {
    llvm::consumeError(isa.takeError());
    return false;
  }
  auto host = cpu::parseIsa("host");
  if (!host || host->arch != isa->arch)
    return false;
  return llvm::all_of(isa->required,
                      [&](const std::string &f) { return llvm::is_contained(host->required, f); });
}

llvm::FailureOr<CompiledCode> compileKernel(const KernelCase &test) {
  Prepared p;
  if (!prepare(test, p, {}) || failed(p.target->select(p.kernel)))
    return failure();
  return p.target->compile(*p.module, {p.kernel}, 1, {});
}

namespace {

/// Runs the compiled kernel on `inputs` (of main) and compares what it gives with `expected`.
void runCompiled(const KernelCase &test, Prepared &p, const CompiledCode &code,
                 ArrayRef<TensorValue> inputs, ArrayRef<TensorValue> expectedResults,
                 ArrayRef<int64_t> dims) {
  const std::vector<char> &image = code.segments[0].bytes;
  const CompiledKernel &record = code.kernels[0];
  void *mapped =
      mmap(nullptr, image.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(mapped, image.data(), image.size());
  mprotect(mapped, image.size(), PROT_READ | PROT_EXEC);

  // Buffers end at an inaccessible page, so that a read or write beyond the end is seen.
  struct Buffer {
    char *base, *data;
    size_t mapped;
  };
  std::vector<Buffer> buffers;
  auto addBuffer = [&](size_t bytes) {
    size_t page = 4096, span = llvm::alignTo(std::max<size_t>(bytes, 64), page) + page;
    char *base = static_cast<char *>(
        mmap(nullptr, span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base + span - page, page, PROT_NONE);
    // No bytes: as the runtime does, a vector's worth of readable ones.
    buffers.push_back({base, bytes ? base + span - page - bytes : base, span});
    return buffers.back().data;
  };
  LaunchOp launch = p.findLaunch();
  for (Value operand : launch.getInputs()) {
    TensorValue value;
    if (auto argument = dyn_cast<BlockArgument>(operand)) {
      value = inputs[argument.getArgNumber()];
    } else {
      auto read = constantValue(operand.getDefiningOp<ConstantOp>().getValue(),
                                cast<RankedTensorType>(operand.getType()));
      EXPECT_TRUE(bool(read));
      value = *read;
    }
    memcpy(addBuffer(value.raw().size()), value.raw().data(), value.raw().size());
  }
  for (const TensorValue &value : expectedResults)
    memset(addBuffer(value.raw().size()), 0xA5, value.raw().size());
  std::vector<void *> pointers;
  for (Buffer &buffer : buffers)
    pointers.push_back(buffer.data);
  void *scratch = aligned_alloc(64, llvm::alignTo(record.workerScratch + 64, 64));
  auto entry = reinterpret_cast<ingot_kernel_fn>(static_cast<char *>(mapped) + record.entry);
  DimExpr count = record.tiles.substitute([&](StringRef name) -> std::optional<DimExpr> {
    unsigned i = dims.size();
    bool known = name.consume_front("d") && !name.getAsInteger(10, i) && i < dims.size();
    return known ? std::optional<DimExpr>(dims[i]) : std::nullopt;
  });
  EXPECT_TRUE(count.isConstant()) << "the tiles are " << count.str();
  EXPECT_EQ(record.dims, dims.size());
  uint64_t tiles = count.constant().value_or(0);
  for (unsigned piece = test.pieces; piece-- > 0;) {
    ingot_kernel_args args{pointers.data(),
                           dims.data(),
                           scratch,
                           nullptr,
                           tiles * piece / test.pieces,
                           tiles * (piece + 1) / test.pieces};
    if (args.tile_begin < args.tile_end)
      entry(&args);
  }
  std::string size;
  for (int64_t dim : dims)
    size += " " + std::to_string(dim);
  for (auto [i, expected] : llvm::enumerate(expectedResults)) {
    const char *data = buffers[launch.getInputs().size() + i].data;
    TensorValue actual(expected.type, std::vector<char>(data, data + expected.raw().size()));
    std::vector<double> want = toDoubles(expected), got = toDoubles(actual);
    double scale = 1e-30, worst = 0;
    size_t at = 0;
    for (double v : want)
      if (std::isfinite(v))
        scale = std::max(scale, std::abs(v));
    for (size_t j = 0; j < want.size(); ++j) {
      double error = (std::isnan(want[j]) && std::isnan(got[j])) || want[j] == got[j]
                         ? 0
                         : std::abs(want[j] - got[j]);
      if (!(error <= worst))
        worst = std::isnan(error) ? INFINITY : error, at = j;
    }
    EXPECT_LE(worst / scale, test.tolerance)
        << test.target << " sizes" << size << " result " << i << " element " << at << ": expected "
        << want[at] << ", got " << got[at] << "\n"
        << test.body;
  }
  free(scratch);
  for (Buffer &buffer : buffers)
    munmap(buffer.base, buffer.mapped);
  munmap(mapped, image.size());
}

/// Compiles the selected kernel of `p`; an error is a failure of the case.
FailureOr<CompiledCode> compileSelected(const KernelCase &test, Prepared &p) {
  FailureOr<CompiledCode> code = p.target->compile(*p.module, {p.kernel}, 1, {});
  if (failed(code))
    ADD_FAILURE() << "compilation failed:\n" << test.body;
  return code;
}

/// What main gives for its inputs; an error is a failure of the case.
std::optional<SmallVector<TensorValue>> evaluate(Prepared &p) {
  auto results = evaluateFunction(p.main, p.inputs);
  if (results)
    return std::move(*results);
  ADD_FAILURE() << llvm::toString(results.takeError());
  return std::nullopt;
}

} // namespace

std::string runKernel(const KernelCase &test) {
  Prepared p;
  if (!prepare(test, p, {}))
    return "";
  bool dynamic = !test.sizes.empty();
  auto before = dynamic ? SmallVector<TensorValue>() : evaluate(p);
  if (!before)
    return "";
  if (failed(p.target->select(p.kernel)) || failed(verify(*p.module))) {
    ADD_FAILURE() << "select failed:\n" << test.body;
    return "";
  }
  auto attribute = p.kernel->getAttrOfType<KernelAttr>("ingot.kernel");
  std::string kind = attribute.getStrategy().getAs<StringAttr>("kind").getValue().str();
  if (!dynamic) {
    auto after = evaluate(p);
    if (!after)
      return "";
    for (auto [a, b] : llvm::zip_equal(*before, *after))
      EXPECT_TRUE(a.raw() == b.raw()) << "packing changes what the kernel computes";
  }
  if (!machineRuns(test.target))
    return kind;
  FailureOr<CompiledCode> code = compileSelected(test, p);
  if (failed(code))
    return "";
  if (!dynamic)
    runCompiled(test, p, *code, p.inputs, *before, {});
  for (const std::vector<int64_t> &sizes : test.sizes) {
    Prepared q;
    if (!prepare(test, q, sizes))
      return "";
    if (auto expected = evaluate(q))
      runCompiled(test, p, *code, q.inputs, *expected, sizes);
  }
  return kind;
}

} // namespace ingot::test
