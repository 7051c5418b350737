// Plans of random graphs must compute what the graphs say, whatever the passes made share memory.
#include "Interpret.h"
#include "ir/graph/WeightStore.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Verifier.h"
#include "passes/plan/Passes.h"
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace ingot;
using namespace ingot::test;

namespace {

/// Builds modules of launches on i8 tensors [rows, 8], so that a row is 8 bytes and every slice of
/// rows is contiguous.
class RandomGraph {
public:
  RandomGraph(MLIRContext &context, unsigned seed) : builder(&context), random(seed) {}

  OwningOpRef<ModuleOp> build() {
    OwningOpRef<ModuleOp> module = ModuleOp::create(builder.getUnknownLoc());
    top = *module;
    builder.setInsertionPointToEnd(top.getBody());
    for (unsigned i = 0; i < pick(3); ++i) {
      auto type = tensor(1 + pick(4));
      variables.push_back({"state" + std::to_string(i), type});
      VariableOp::create(builder, name(), variables.back().first, type, Attribute());
    }
    SmallVector<Type> inputs;
    for (unsigned i = 0, n = 1 + pick(3); i < n; ++i)
      inputs.push_back(tensor(1 + pick(4)));
    auto function =
        func::FuncOp::create(builder, name(), "forward", builder.getFunctionType(inputs, {}));
    Block *body = function.addEntryBlock();
    builder.setInsertionPointToStart(body);
    llvm::append_range(values, body->getArguments());
    steps(4 + pick(14), 2);
    SmallVector<Value> results;
    for (unsigned i = 0, n = 1 + pick(3); i < n; ++i)
      results.push_back(any());
    func::ReturnOp::create(builder, name(), results);
    function.setType(builder.getFunctionType(inputs, TypeRange(ValueRange(results))));
    return module;
  }

private:
  unsigned pick(unsigned n) { return std::uniform_int_distribution<unsigned>(0, n - 1)(random); }
  RankedTensorType tensor(int64_t rows) {
    return RankedTensorType::get({rows, 8}, builder.getI8Type());
  }
  Location name() { return NameLoc::get(builder.getStringAttr("node" + std::to_string(names++))); }
  Value any() { return values[pick(values.size())]; }
  /// A recent value most of the time: chains are what in-place and aliases are about.
  Value recent() {
    return pick(3) ? values[values.size() - 1 - pick(std::min<unsigned>(3, values.size()))] : any();
  }
  int64_t rows(Value value) { return cast<RankedTensorType>(value.getType()).getDimSize(0); }

  std::string kernelFor(ArrayRef<Value> inputs, ArrayRef<Type> results) {
    SmallVector<int64_t> inPlace;
    for (auto [i, result] : llvm::enumerate(results))
      for (auto [j, input] : llvm::enumerate(inputs))
        if (input.getType() == result && pick(2))
          inPlace.append({int64_t(i), int64_t(j)});
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(top.getBody());
    SmallVector<Type> types(ValueRange(inputs).getTypes());
    auto kernel = func::FuncOp::create(builder, name(), "kernel" + std::to_string(names++),
                                       builder.getFunctionType(types, results));
    kernel.setPrivate();
    kernel->setAttr("ingot.kernel",
                    KernelAttr::get(builder.getContext(), "x86-64-v3", {}, {}, {}, inPlace));
    return kernel.getSymName().str();
  }

  Value launch(ArrayRef<Value> inputs, Type result) {
    SmallVector<Type> results{result};
    if (!pick(6))
      results.push_back(tensor(1 + pick(4)));
    auto op =
        LaunchOp::create(builder, name(), results, kernelFor(inputs, results), inputs, DimsAttr());
    llvm::append_range(values, op.getResults());
    return op.getResult(0);
  }

  /// An i1 that a launch computes.
  Value condition() {
    auto flagType = RankedTensorType::get({}, builder.getI1Type());
    SmallVector<Value> from{any()};
    Value flag = LaunchOp::create(builder, name(), TypeRange{flagType}, kernelFor(from, {flagType}),
                                  from, DimsAttr())
                     .getResult(0);
    return tensor::ExtractOp::create(builder, name(), flag, ValueRange{});
  }

  /// Some value of each type, an older one as likely as one made for it.
  SmallVector<Value> ofTypes(ArrayRef<Type> types) {
    SmallVector<Value> result;
    for (Type type : types) {
      Value found;
      for (Value value : values)
        if (value.getType() == type && pick(2))
          found = value;
      result.push_back(found ? found : launch({recent()}, type));
    }
    return result;
  }

  void branch(unsigned depth) {
    Value condition = this->condition();
    SmallVector<Type> results{tensor(1 + pick(3))};
    if (pick(2))
      results.push_back(tensor(1 + pick(3)));
    auto op = scf::IfOp::create(builder, name(), results, condition, /*addThenBlock=*/true,
                                /*addElseBlock=*/true);
    for (Region *region : {&op.getThenRegion(), &op.getElseRegion()}) {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToEnd(&region->front());
      size_t outside = values.size();
      steps(pick(4), depth - 1);
      scf::YieldOp::create(builder, name(), ofTypes(results));
      values.truncate(outside);
    }
    llvm::append_range(values, op.getResults());
  }

  void loop(unsigned depth) {
    SmallVector<Type> types{tensor(1 + pick(3))};
    while (types.size() < 3 && pick(2))
      types.push_back(pick(2) ? types[0] : Type(tensor(1 + pick(3))));
    SmallVector<Value> initial = ofTypes(types);
    auto op = scf::WhileOp::create(builder, name(), types, initial);
    SmallVector<Location> names(types.size(), name());
    size_t outside = values.size();
    for (Region *region : {&op.getBefore(), &op.getAfter()}) {
      OpBuilder::InsertionGuard guard(builder);
      Block *block = builder.createBlock(region, {}, types, names);
      llvm::append_range(values, block->getArguments());
      steps(pick(region == &op.getBefore() ? 2 : 5), depth - 1);
      if (region == &op.getBefore())
        scf::ConditionOp::create(builder, name(), condition(), block->getArguments());
      else
        scf::YieldOp::create(builder, name(), ofTypes(types));
      values.truncate(outside);
    }
    llvm::append_range(values, op.getResults());
  }

  void steps(unsigned count, unsigned depth) {
    for (unsigned i = 0; i < count; ++i) {
      unsigned kind = pick(13);
      if (kind < 5) {
        SmallVector<Value> inputs{recent()};
        while (inputs.size() < 3 && pick(2))
          inputs.push_back(recent());
        launch(inputs, pick(3) ? Type(inputs[0].getType()) : Type(tensor(1 + pick(4))));
      } else if (kind < 6) {
        Value input = recent();
        auto flat = RankedTensorType::get({rows(input) * 8}, builder.getI8Type());
        Value reshaped = ReshapeOp::create(builder, name(), flat, input);
        values.push_back(ReshapeOp::create(builder, name(), input.getType(), reshaped));
      } else if (kind < 8) {
        Value input = recent();
        int64_t start = pick(rows(input)), size = 1 + pick(rows(input) - start);
        values.push_back(SliceOp::create(
            builder, name(), input, builder.getDenseI64ArrayAttr({start, 0}),
            builder.getDenseI64ArrayAttr({size, 8}), builder.getDenseI64ArrayAttr({1, 1})));
      } else if (kind < 10) {
        SmallVector<Value> inputs{recent(), recent()};
        if (pick(2))
          inputs.push_back(recent());
        values.push_back(ConcatOp::create(builder, name(), inputs, 0));
      } else if (kind == 10 && !variables.empty()) {
        auto &[symbol, type] = variables[pick(variables.size())];
        if (pick(2)) {
          values.push_back(VariableReadOp::create(builder, name(), type, symbol));
        } else {
          Value found = launch({recent()}, type);
          for (Value value : values)
            if (value.getType() == type && !pick(3))
              found = value;
          VariableUpdateOp::create(builder, name(), symbol, found);
        }
      } else if (kind == 11 && depth) {
        branch(depth);
      } else if (kind == 12 && depth) {
        loop(depth);
      } else {
        auto type = tensor(1 + pick(2));
        auto value = DenseElementsAttr::get(type, builder.getI8IntegerAttr(pick(3)));
        values.push_back(ingot::ConstantOp::create(builder, name(), type, value));
      }
    }
  }

  OpBuilder builder;
  std::mt19937 random;
  ModuleOp top;
  SmallVector<Value> values;
  std::vector<std::pair<std::string, RankedTensorType>> variables;
  unsigned names = 0;
};

class RandomGraphs : public ::testing::TestWithParam<bool> {
protected:
  void SetUp() override {
    context.disableMultithreading();
    context.loadDialect<IngotDialect, plan::PlanDialect, func::FuncDialect, scf::SCFDialect,
                        tensor::TensorDialect>();
  }
  MLIRContext context;
};

std::string print(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream out(text);
  module.print(out);
  return text;
}

/// Some bytes for every input and variable.
Execution makeRun(func::FuncOp function) {
  Execution run;
  for (auto [i, type] : llvm::enumerate(function.getArgumentTypes()))
    run.inputs.push_back(launchResult("input", i, {}, storedBytes(cast<RankedTensorType>(type))));
  for (auto variable : function->getParentOfType<ModuleOp>().getOps<VariableOp>())
    run.variables[variable.getSymName().str()] = launchResult(
        variable.getSymName(), 0, {}, storedBytes(cast<RankedTensorType>(variable.getType())));
  return run;
}

} // namespace

// With and without the passes that share memory, so that a mistake of the test would show in both.
TEST_P(RandomGraphs, PlanComputesWhatTheGraphSays) {
  uint64_t copies = 0;
  for (unsigned seed = 0; seed < 400; ++seed) {
    OwningOpRef<ModuleOp> module = RandomGraph(context, seed).build();
    ASSERT_TRUE(succeeded(verify(*module))) << print(*module);
    std::string source = print(*module);
    auto function = module->lookupSymbol<func::FuncOp>("forward");
    Execution expected = makeRun(function), actual = makeRun(function);
    for (int repeat = 0; repeat < 2;
         ++repeat) // the second run finds the state that the first one left
      runGraph(function, expected);

    PassManager passes(&context);
    if (GetParam()) {
      PlanOptions options;
      options.searchSteps = 0;
      buildPlanPhase(passes, options);
    } else {
      passes.addPass(createConvertToPlanPass());
      passes.addPass(createAllocateArenas({0}));
      passes.addPass(createVerifyPlanPass());
    }
    ASSERT_TRUE(succeeded(passes.run(*module))) << "seed " << seed << "\n"
                                                << source << print(*module);
    auto entry = module->lookupSymbol<plan::EntryOp>("forward");
    entry.walk([&](plan::CopyOp) { ++copies; });
    for (int repeat = 0; repeat < 2; ++repeat)
      ASSERT_EQ(runPlan(entry, actual), "") << "seed " << seed << "\n" << source << print(*module);
    ASSERT_EQ(actual.outputs, expected.outputs) << "seed " << seed << "\n"
                                                << source << print(*module);
    ASSERT_EQ(actual.variables, expected.variables) << "seed " << seed << "\n"
                                                    << source << print(*module);
  }
  RecordProperty("copies", std::to_string(copies));
  std::cout << "copies left: " << copies << "\n";
}

INSTANTIATE_TEST_SUITE_P(Sharing, RandomGraphs, ::testing::Values(false, true),
                         [](const auto &info) { return info.param ? "On" : "Off"; });
