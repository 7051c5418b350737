// Kernels of elementwise ops, index functions and concatenation.
#include "backends/common/KernelEmitter.h"

using namespace mlir;

namespace ingot {

void emitElementwise(KernelEmitter &k) {
  int64_t lanes = k.stageLanes();
  // Outputs of equal shape share a loop.
  const Stage *stage = k.stage;
  llvm::SmallVector<Stage> groups;
  for (const StageOutput &output : stage->outputs) {
    auto fits = [&](const Stage &group) {
      return extentsOf(group.outputs[0].tensor) == extentsOf(output.tensor);
    };
    auto it = llvm::find_if(groups, fits);
    if (it == groups.end())
      it = groups.insert(it, Stage());
    it->outputs.push_back(output);
  }
  for (const Stage &group : groups) {
    k.stage = &group;
    k.at(group.outputs[0].tensor.getLoc());
    k.forShareOfLanes(
        extentsOf(group.outputs[0].tensor), lanes,
        [&](ArrayRef<Value> indices, int64_t count) { k.finish(indices, count, {}); });
  }
  k.stage = stage;
}

void emitConcat(KernelEmitter &k, ConcatOp op) {
  int64_t lanes = k.stageLanes();
  DimExpr start = 0;
  uint64_t axis = op.getAxis();
  for (Value input : op.getInputs()) {
    k.forShareOfLanes(extentsOf(input), lanes, [&](ArrayRef<Value> indices, int64_t count) {
      Value v = k.read(input, indices, count);
      KernelEmitter::Values to(indices);
      to[axis] = k.inl.index().add(k.loc(), to[axis], start);
      k.finish(to, count, v);
    });
    start += extentsOf(input)[axis];
  }
}

} // namespace ingot
