// Moves what a trip of a loop hands on behind what reads the value it replaces, so that both can be
// one buffer.
#include "ir/graph/Graph.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "passes/plan/Passes.h"

namespace ingot {
#define GEN_PASS_DEF_SINKCARRIED
#include "passes/plan/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

/// An op whose results only the end of the trip reads.
struct Last {
  Operation *op;
  SmallVector<Value> replaces; ///< the carried values in whose place they come
};

/// Whether `op`, or what lies in it, reads the memory of `carried`: reshapes do not move.
bool readsFrom(Operation *op, ArrayRef<Value> carried) {
  return op
      ->walk([&](Operation *inner) {
        for (Value operand : inner->getOperands()) {
          while (auto reshape = operand.getDefiningOp<ReshapeOp>())
            operand = reshape.getInput();
          if (llvm::is_contained(carried, operand))
            return WalkResult::interrupt();
        }
        return WalkResult::advance();
      })
      .wasInterrupted();
}

struct SinkCarried : ingot::impl::SinkCarriedBase<SinkCarried> {
  void runOnOperation() override {
    getOperation().walk([&](scf::WhileOp loop) { sink(loop.getAfter().front()); });
  }

  void sink(Block &body) {
    Operation *end = body.getTerminator();
    SmallVector<Last> waiting;
    for (Operation &op : body.without_terminator()) {
      if (!isa<LaunchOp>(op) ||
          !llvm::all_of(op.getUsers(), [&](Operation *user) { return user == end; }))
        continue;
      Last last{&op, {}};
      for (OpOperand &use : op.getUses())
        last.replaces.push_back(body.getArgument(use.getOperandNumber()));
      waiting.push_back(std::move(last));
    }
    while (!waiting.empty()) {
      // Whose old values the others do not need any more; when they wait for each other, any.
      auto *next = llvm::find_if(waiting, [&](const Last &candidate) {
        return llvm::none_of(waiting, [&](const Last &other) {
          return other.op != candidate.op && readsFrom(other.op, candidate.replaces);
        });
      });
      if (next == waiting.end())
        next = waiting.begin();
      next->op->moveBefore(end);
      waiting.erase(next);
    }
  }
};

} // namespace

std::unique_ptr<Pass> ingot::createSinkCarriedPass() { return std::make_unique<SinkCarried>(); }
