// The steps of a plan entry in order, and how loops lengthen lives.
#include "passes/plan/Steps.h"

using namespace mlir;
using namespace ingot;

ValueRange PlanStep::reads() const {
  if (auto launch = dyn_cast<plan::LaunchOp>(op))
    return launch.getInputs();
  if (kind == Loop)
    return {};
  return op->getOperands().take_front(1); // a copy's source, or a condition
}

ValueRange PlanStep::writes() const {
  if (auto launch = dyn_cast<plan::LaunchOp>(op))
    return launch.getOutputs();
  return kind == Copy ? op->getOperands().drop_front(1) : ValueRange();
}

static void addSteps(Block &block, std::optional<unsigned> head, std::vector<PlanStep> &steps) {
  for (Operation &op : block) {
    unsigned index = steps.size();
    if (isa<plan::LaunchOp>(op)) {
      steps.push_back({PlanStep::Launch, &op, head});
    } else if (isa<plan::CopyOp>(op)) {
      steps.push_back({PlanStep::Copy, &op, head});
    } else if (auto branch = dyn_cast<plan::IfOp>(op)) {
      steps.push_back({PlanStep::Branch, &op, head});
      addSteps(branch.getThenRegion().front(), index, steps);
      steps[index].second = steps.size();
      addSteps(branch.getElseRegion().front(), index, steps);
      steps[index].end = steps.size();
    } else if (auto loop = dyn_cast<plan::WhileOp>(op)) {
      steps.push_back({PlanStep::Loop, &op, head});
      addSteps(loop.getBefore().front(), index, steps);
      steps[index].second = steps.size();
      steps.push_back({PlanStep::Test, &op, index});
      addSteps(loop.getBody().front(), index, steps);
      steps[index].end = steps.size();
    }
  }
}

std::vector<PlanStep> ingot::stepsOf(plan::EntryOp entry) {
  std::vector<PlanStep> steps;
  addSteps(entry.getBody().front(), std::nullopt, steps);
  return steps;
}

std::pair<unsigned, unsigned> ingot::lifeOf(ArrayRef<PlanStep> steps, unsigned first,
                                            unsigned last) {
  unsigned begin = first, end = last;
  for (auto head = steps[first].head; head; head = steps[*head].head)
    if (steps[*head].kind == PlanStep::Loop && last >= steps[*head].end)
      begin = *head;
  for (auto head = steps[last].head; head; head = steps[*head].head)
    if (steps[*head].kind == PlanStep::Loop && first < *head)
      end = steps[*head].end - 1;
  return {begin, end};
}
