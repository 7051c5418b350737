// Operators that make tensors of numbers.
#include "compiler/importers/pt2/Importer.h"

#include "compiler/importers/common/Decompositions.h"

using namespace mlir;

namespace ingot::pt2 {

namespace {

void fill(Node &n, double value) {
  if (RankedTensorType type = n.type())
    n.result(n.b.splat(type.getShape(), type.getElementType(), value));
}

/// The value of an argument, which may be a tensor of rank 0, in every element.
void fillWith(Node &n, StringRef name) {
  RankedTensorType type = n.type();
  if (type)
    n.result(n.b.broadcast(n.b.cast(n.tensor(name), type.getElementType()), type.getShape()));
}

void random(Node &n) { n.unsupported("pass random numbers as an input"); }

} // namespace

void addCreationOps(OpTable &table) {
  table.add({"zeros.default", "zeros_like.default", "new_zeros.default", "zero.default",
             "empty.memory_format", "empty_like.default", "new_empty.default",
             "empty_permuted.default", "empty_strided.default", "new_empty_strided.default"},
            [](Node &n) { fill(n, 0); });
  table.add({"ones.default", "ones_like.default", "new_ones.default"}, [](Node &n) { fill(n, 1); });
  table.add({"full.default", "full_like.default", "new_full.default"},
            [](Node &n) { fillWith(n, "fill_value"); });
  table.add({"fill.Scalar", "fill.Tensor"}, [](Node &n) { fillWith(n, "value"); });
  table.add({"scalar_tensor.default"}, [](Node &n) { fillWith(n, "s"); });
  table.add({"arange.default", "arange.start", "arange.start_step"}, [](Node &n) {
    if (RankedTensorType type = n.type())
      n.result(n.b.iota(type, 0, n.number("start", 0), n.number("step", 1)));
  });
  table.add({"linspace.default"}, [](Node &n) {
    double start = n.number("start"), end = n.number("end"), steps = (double)n.integer("steps");
    if (RankedTensorType type = n.type())
      n.result(n.b.iota(type, 0, start, steps > 1 ? (end - start) / (steps - 1) : 0));
  });
  table.add({"logspace.default"}, [](Node &n) {
    double start = n.number("start"), end = n.number("end"), steps = (double)n.integer("steps");
    RankedTensorType type = n.type();
    if (!type)
      return;
    RankedTensorType wide = n.b.tensorType(type.getShape(), n.b.ops().getF64Type());
    Value exponents = n.b.iota(wide, 0, start, steps > 1 ? (end - start) / (steps - 1) : 0);
    Value base = n.b.scalarLike(exponents, n.number("base", 10));
    Value powers = n.b.binary<PowOp>(base, exponents);
    n.result(powers ? n.b.cast(powers, type.getElementType()) : powers);
  });
  table.add({"fft_fftfreq.default", "fft_rfftfreq.default"}, [](Node &n) {
    // 0, 1, …, then from the most negative one up to -1, over n · d.
    int64_t length = n.integer("n");
    double spacing = n.number("d", 1) * (double)length;
    RankedTensorType type = n.type();
    if (!type || n.failed)
      return;
    bool half = n.op.starts_with("fft_r");
    int64_t positive = half ? type.getNumElements() : (length + 1) / 2;
    Ints steps;
    for (int64_t i = 0; i < type.getNumElements() && i < kMaxReadElements; ++i)
      steps.push_back(i < positive ? i : i - length);
    Value list = n.b.cast(n.b.ints(steps), type.getElementType());
    n.result(n.b.div(list, n.b.scalarLike(list, spacing)));
  });
  table.add({"eye.default", "eye.m"}, [](Node &n) {
    RankedTensorType type = n.type();
    if (!type)
      return;
    RankedTensorType index = RankedTensorType::get(type.getShape(), n.b.ops().getI64Type());
    Value same = n.b.cmp(CmpKind::Eq, n.b.iota(index, 0), n.b.iota(index, 1));
    n.result(n.b.cast(same, type.getElementType()));
  });
  table.add({"rand.default", "randn.default", "randn_like.default", "rand_like.default",
             "randint.low", "randint.default", "bernoulli.p", "bernoulli.default",
             "multinomial.default", "randperm.default", "normal.float_float"},
            random);
}

} // namespace ingot::pt2
