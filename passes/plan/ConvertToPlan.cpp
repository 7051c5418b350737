// Turns functions of launches into plan entries: a buffer for every value, a copy wherever elements
// move. Here: what stands at module level.
#include "passes/plan/ConvertToPlan.h"
#include "ir/graph/WeightStore.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/SHA256.h"

namespace ingot {
#define GEN_PASS_DEF_CONVERTTOPLAN
#include "passes/plan/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

//===-- module level
//----------------------------------------------------------------------------------------------===//

plan::TargetOp PlanConverter::addTarget(StringRef name, StringRef driver, StringRef arch,
                                        ArrayRef<std::string> features) {
  SmallVector<StringRef> list(features.begin(), features.end());
  auto op = plan::TargetOp::create(top, module.getLoc(), name, driver, arch,
                                   builder.getStrArrayAttr(list));
  symbols.insert(op);
  targetsByName[name] = op;
  return op;
}

StringRef PlanConverter::spaceFor(StringRef name, plan::TargetOp target, uint64_t alignment) {
  auto [it, added] = spaces.try_emplace(name);
  if (added) {
    // A target may be called "host" too.
    std::string symbol = symbols.lookup(name) ? (name + ".memory").str() : name.str();
    auto op = plan::SpaceOp::create(top, module.getLoc(), symbol, target.getSymName(), alignment);
    symbols.insert(op);
    it->second = op.getSymName();
  }
  return it->second;
}

void PlanConverter::addKernel(func::FuncOp function, const CompiledKernel &record,
                              StringRef segment, bool device) {
  auto attr = function->getAttrOfType<KernelAttr>("ingot.kernel");
  SmallVector<Attribute> layers(attr.getLayers().begin(), attr.getLayers().end());
  StringRef name = function.getSymName();
  auto op = plan::KernelOp::create(
      top, function.getLoc(), name, segment, record.entry, function.getNumArguments(),
      function.getNumResults(), record.workerScratch, record.launchScratch,
      device ? builder.getStringAttr(record.symbol) : StringAttr(),
      device ? builder.getDenseI64ArrayAttr(
                   {record.workgroup[0], record.workgroup[1], record.workgroup[2]})
             : DenseI64ArrayAttr(),
      record.flops, record.bytes, attr.getStrategy(), builder.getArrayAttr(layers),
      attr.getInPlace(), record.dims);
  kernelSpace[name] = targetInfo[attr.getTarget()].space;
  symbols.erase(function);
  symbols.insert(op);
}

LogicalResult PlanConverter::addKernels(const CompiledTarget &target, StringRef targetSymbol,
                                        llvm::StringMap<func::FuncOp> &kernels) {
  bool device = target.target->driver() != "cpu";
  SmallVector<StringRef> segments;
  for (auto [i, segment] : llvm::enumerate(target.code->segments)) {
    std::array<uint8_t, 32> hash = llvm::SHA256::hash(
        {reinterpret_cast<const uint8_t *>(segment.bytes.data()), segment.bytes.size()});
    auto op = plan::SegmentOp::create(top, module.getLoc(), "code." + target.target->name(),
                                      segment.kind == "code" ? "code" : "binary", targetSymbol, i,
                                      segment.bytes.size(), segment.alignment,
                                      llvm::toHex(hash, /*LowerCase=*/true));
    symbols.insert(op);
    segments.push_back(op.getSymName());
  }
  for (const CompiledKernel &record : target.code->kernels) {
    auto it = kernels.find(record.name);
    if (it == kernels.end())
      return module.emitError() << "internal: code for kernel @" << record.name
                                << ", which the module does not hold";
    if (record.segment >= segments.size())
      return it->second.emitError()
             << "internal: lies in segment " << record.segment << " of " << segments.size();
    addKernel(it->second, record, segments[record.segment], device);
    records[record.name] = &record;
    kernels.erase(it);
  }
  return success();
}

/// Without compiled code every kernel lies in one placeholder segment per target, 64 bytes apart.
void PlanConverter::addPlaceholders(ArrayRef<func::FuncOp> kernels) {
  llvm::StringMap<std::pair<plan::SegmentOp, uint64_t>> segments;
  for (func::FuncOp function : kernels) {
    auto attr = function->getAttrOfType<KernelAttr>("ingot.kernel");
    auto [it, added] = segments.try_emplace(attr.getTarget());
    auto &[segment, count] = it->second;
    if (added) {
      segment = plan::SegmentOp::create(top, module.getLoc(), "code." + attr.getTarget().str(),
                                        "code", targetsByName[attr.getTarget()].getSymName(), 0, 64,
                                        16384, std::string(64, '0'));
      symbols.insert(segment);
    }
    CompiledKernel record;
    record.name = function.getSymName().str();
    record.entry = 64 * count++;
    record.dims = dimBounds(function).size();
    segment.setSize(64 * count);
    addKernel(function, record, segment.getSymName(), /*device=*/false);
  }
}

LogicalResult PlanConverter::addTargets(ArrayRef<func::FuncOp> kernels) {
  llvm::StringMap<func::FuncOp> open;
  llvm::SetVector<StringRef> used;
  for (func::FuncOp kernel : kernels) {
    auto attr = kernel->getAttrOfType<KernelAttr>("ingot.kernel");
    open[kernel.getSymName()] = kernel;
    used.insert(builder.getStringAttr(attr.getTarget()).getValue());
  }
  if (options.targets.empty()) {
    for (StringRef name : used)
      addTarget(name, "cpu", "", {});
    plan::TargetOp first =
        used.empty() ? addTarget("cpu", "cpu", "", {}) : targetsByName[used.front()];
    host = spaceFor("host", first, 64);
    for (StringRef name : used)
      targetInfo[name] = {host, 64};
    addPlaceholders(kernels);
    return success();
  }
  // The CPU's target comes first, whatever the preference was: its space holds inputs and outputs.
  SmallVector<const CompiledTarget *> order;
  for (const CompiledTarget &target : options.targets)
    if (target.target->driver() == "cpu")
      order.push_back(&target);
  if (order.empty())
    return module.emitError("expected a CPU among the targets: it holds the model's inputs and "
                            "outputs and runs the "
                            "schedule; add one, for example --target=")
           << options.targets.front().target->name() << ",host";
  // A device that runs nothing is not needed to run the program.
  for (const CompiledTarget &target : options.targets)
    if (target.target->driver() != "cpu" && !target.code->kernels.empty())
      order.push_back(&target);
  plan::TargetOp first;
  for (const CompiledTarget *target : order) {
    std::string name = target->target->name();
    plan::TargetOp op = addTarget(name, target->target->driver(), target->target->arch(),
                                  target->target->requiredFeatures());
    first = first ? first : op;
    uint64_t alignment = target->target->bufferAlignment();
    targetInfo[name] = {"", alignment};
  }
  host = spaceFor(order.front()->target->memorySpace(), first, 64);
  for (const CompiledTarget *target : order) {
    TargetInfo &info = targetInfo[target->target->name()];
    info.space = spaceFor(target->target->memorySpace(), targetsByName[target->target->name()],
                          info.alignment);
  }
  for (const CompiledTarget *target : order)
    if (failed(addKernels(*target, targetsByName[target->target->name()].getSymName(), open)))
      return failure();
  if (!open.empty())
    return open.begin()->second.emitError("internal: no target compiled this kernel");
  return success();
}

plan::ConstantOp PlanConverter::constantFor(Location loc, Attribute value, RankedTensorType type,
                                            StringRef space) {
  std::string name = "constant";
  if (auto weight = dyn_cast<WeightAttr>(value))
    name = weight.getName().str();
  else if (std::string layer = sourceName(loc); layer != "?")
    name = layer;
  plan::ConstantOp &op = constants[{constantIdentity(value), {type, builder.getStringAttr(space)}}];
  if (!op) {
    op = plan::ConstantOp::create(top, loc, name, space, type, value);
    symbols.insert(op);
  }
  return op;
}

LogicalResult PlanConverter::addVariables() {
  for (auto variable : llvm::make_early_inc_range(module.getOps<VariableOp>())) {
    auto type = dyn_cast<RankedTensorType>(variable.getType());
    if (!type || !type.hasStaticShape())
      return variable.emitError() << "variable @" << variable.getSymName()
                                  << " has no static shape: " << variable.getType();
    FlatSymbolRefAttr initial;
    if (Attribute value = variable.getInitialAttr()) {
      initial = FlatSymbolRefAttr::get(
          constantFor(variable.getLoc(), value, type, host).getSymNameAttr());
    }
    auto op = plan::VariableOp::create(top, variable.getLoc(), variable.getSymName(), host, type,
                                       initial);
    symbols.erase(variable);
    symbols.insert(op);
  }
  return success();
}

LogicalResult PlanConverter::run() {
  SmallVector<func::FuncOp> kernels, entries;
  for (auto function : module.getOps<func::FuncOp>())
    (function->hasAttr("ingot.kernel") ? kernels : entries).push_back(function);
  if (failed(addTargets(kernels)) || failed(addVariables()))
    return failure();
  for (func::FuncOp function : entries)
    if (failed(convertEntry(function)))
      return failure();
  // In the order of program.fbs; entries stay behind all of them.
  auto toEnd = [&]<typename... OpTy>() {
    (llvm::for_each(llvm::to_vector(module.getOps<OpTy>()),
                    [&](OpTy op) { op->moveBefore(module.getBody(), module.getBody()->end()); }),
     ...);
  };
  toEnd.operator()<plan::TargetOp, plan::SpaceOp, plan::SegmentOp, plan::KernelOp, plan::ConstantOp,
                   plan::VariableOp, plan::EntryOp>();
  return success();
}

namespace {

struct ConvertToPlan : ingot::impl::ConvertToPlanBase<ConvertToPlan> {
  explicit ConvertToPlan(PlanOptions options = {}) : options(std::move(options)) {}

  void runOnOperation() override {
    if (failed(PlanConverter(getOperation(), options).run()))
      signalPassFailure();
  }

  PlanOptions options;
};

} // namespace

std::unique_ptr<Pass> ingot::createConvertToPlanPass(PlanOptions options) {
  return std::make_unique<ConvertToPlan>(std::move(options));
}
