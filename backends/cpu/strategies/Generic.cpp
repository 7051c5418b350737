// The `generic` strategy: everything that is not a contraction, by the emitter that all targets
// share.
#include "backends/common/GenericKernels.h"
#include "backends/common/KernelShell.h"
#include "backends/cpu/Strategy.h"

using namespace mlir;

namespace ingot::cpu {
namespace {

class GenericStrategy : public Strategy {
public:
  StringRef kind() const override { return "generic"; }

  Claim claim(Operation *op, const Isa &isa) const override {
    if (mlir::isa<DecomposableOpInterface>(op) && !mlir::isa<BatchNormOp>(op))
      return Claim::no("is made of simpler operators");
    return Claim::yes();
  }

  std::optional<Choice> select(const KernelBody &kernel, const Isa &isa,
                               DictionaryAttr overrides) const override {
    FailureOr<GenericChoice> generic = selectGeneric(kernel.func, vectorInfo(isa));
    if (failed(generic))
      return std::nullopt;
    Choice choice;
    std::optional<int64_t> tiles = generic->tiles.constant();
    if (tiles) {
      choice.tiles = {parameter(overrides, "tiles", *tiles)};
      choice.parameters =
          makeParameters(kernel.func.getContext(), kind(), {{"tiles", choice.tiles[0]}});
    } else { // as many as the extents ask for
      choice.tiles = {rangeOf(generic->tiles, dimBounds(kernel.func)).high};
      choice.parameters = makeParameters(kernel.func.getContext(), kind(), {});
    }
    choice.inPlace = generic->inPlace;
    return choice;
  }

  FailureOr<Emitted> emit(OpBuilder &builder, KernelBody &kernel, const Isa &isa,
                          DictionaryAttr parameters, StringRef name) const override {
    DimExpr tiles = parameter(parameters, "tiles", 0);
    if (tiles == DimExpr(0)) {
      FailureOr<GenericChoice> generic = selectGeneric(kernel.func, vectorInfo(isa));
      if (failed(generic))
        return failure();
      tiles = generic->tiles;
    }
    auto shell = createKernelShell(builder, kernel.func, name);
    if (failed(emitGenericKernel(kernel.func, shell, vectorInfo(isa), tiles)))
      return failure();
    return Emitted{shell, tiles};
  }

private:
  static VectorInfo vectorInfo(const Isa &isa) {
    return {isa.vectorBytes, isa.registers, isa.widest};
  }
};

} // namespace

void registerGenericStrategy(StrategyRegistry &registry) {
  registry.add(std::make_unique<GenericStrategy>());
}

} // namespace ingot::cpu
