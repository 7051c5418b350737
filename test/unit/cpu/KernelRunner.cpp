// See KernelRunner.h.
#include "KernelRunner.h"
#include "compiler/evaluator/Evaluator.h"
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

bool prepare(const KernelCase &test, Prepared &p) {
  p.context.loadDialect<IngotDialect, func::FuncDialect>();
  p.module = parseSourceString<ModuleOp>(test.body, &p.context);
  if (!p.module) {
    ADD_FAILURE() << "the kernel does not parse:\n" << test.body;
    return false;
  }
  p.kernel = *p.module->getOps<func::FuncOp>().begin();
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
  for (auto [i, type] : llvm::enumerate(p.kernel.getArgumentTypes())) {
    auto tensor = cast<RankedTensorType>(type);
    TensorValue value = randomTensor(tensor, random, test.low, test.high);
    if (llvm::is_contained(test.constants, i)) {
      std::vector<char> bytes(value.raw().begin(), value.raw().end());
      operands.push_back(constant(
          b, loc, tensor,
          weightsOf(&p.context).makeConstant(&p.context, "w" + std::to_string(i), tensor, bytes)));
    } else {
      operands.push_back(p.main.getArgument(next++));
      p.inputs.push_back(value);
    }
  }
  p.launch = LaunchOp::create(b, loc, p.kernel.getResultTypes(), "k", operands);
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
  if (!prepare(test, p) || failed(p.target->select(p.kernel)))
    return failure();
  return p.target->compile(*p.module, {p.kernel}, 1, {});
}

std::string runKernel(const KernelCase &test) {
  Prepared p;
  if (!prepare(test, p))
    return "";
  auto before = evaluateFunction(p.main, p.inputs);
  if (!before) {
    ADD_FAILURE() << llvm::toString(before.takeError());
    return "";
  }
  if (failed(p.target->select(p.kernel)) || failed(verify(*p.module))) {
    ADD_FAILURE() << "select failed:\n" << test.body;
    return "";
  }
  auto attribute = p.kernel->getAttrOfType<KernelAttr>("ingot.kernel");
  std::string kind = attribute.getStrategy().getAs<StringAttr>("kind").getValue().str();
  auto after = evaluateFunction(p.main, p.inputs);
  if (!after) {
    ADD_FAILURE() << "after packing: " << llvm::toString(after.takeError());
    return "";
  }
  for (auto [a, b] : llvm::zip_equal(*before, *after))
    EXPECT_TRUE(a.raw() == b.raw()) << "packing changes what the kernel computes";
  if (!machineRuns(test.target))
    return kind;

  FailureOr<CompiledCode> code = p.target->compile(*p.module, {p.kernel}, 1, {});
  if (failed(code)) {
    ADD_FAILURE() << "compilation failed:\n" << test.body;
    return "";
  }
  const std::vector<char> &image = code->segments[0].bytes;
  const CompiledKernel &record = code->kernels[0];
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
    size_t page = 4096, span = llvm::alignTo(bytes, page) + page;
    char *base = static_cast<char *>(
        mmap(nullptr, span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base + span - page, page, PROT_NONE);
    buffers.push_back({base, base + span - page - bytes, span});
    return buffers.back().data;
  };
  LaunchOp launch = p.findLaunch();
  for (Value operand : launch.getInputs()) {
    TensorValue value;
    if (auto argument = dyn_cast<BlockArgument>(operand)) {
      value = p.inputs[argument.getArgNumber()];
    } else {
      auto read = constantValue(operand.getDefiningOp<ConstantOp>().getValue(),
                                cast<RankedTensorType>(operand.getType()));
      EXPECT_TRUE(bool(read));
      value = *read;
    }
    memcpy(addBuffer(value.raw().size()), value.raw().data(), value.raw().size());
  }
  for (const TensorValue &value : *before)
    memset(addBuffer(value.raw().size()), 0xA5, value.raw().size());
  std::vector<void *> pointers;
  for (Buffer &buffer : buffers)
    pointers.push_back(buffer.data);
  void *scratch = aligned_alloc(64, llvm::alignTo(record.workerScratch + 64, 64));
  auto entry = reinterpret_cast<ingot_kernel_fn>(static_cast<char *>(mapped) + record.entry);
  uint64_t tiles = record.tiles.constant().value_or(0);
  for (unsigned piece = test.pieces; piece-- > 0;) {
    ingot_kernel_args args{pointers.data(),
                           nullptr,
                           scratch,
                           nullptr,
                           tiles * piece / test.pieces,
                           tiles * (piece + 1) / test.pieces};
    if (args.tile_begin < args.tile_end)
      entry(&args);
  }
  for (auto [i, expected] : llvm::enumerate(*before)) {
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
        << test.target << " result " << i << " element " << at << ": expected " << want[at]
        << ", got " << got[at] << "\n"
        << test.body;
  }
  free(scratch);
  for (Buffer &buffer : buffers)
    munmap(buffer.base, buffer.mapped);
  munmap(mapped, image.size());
  return kind;
}

} // namespace ingot::test
