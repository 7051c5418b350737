// Fourier transforms, of whole tensors and of short windows.
#include "compiler/importers/pt2/ComplexOps.h"

#include <cmath>
#include <numbers>

using namespace mlir;

namespace ingot::pt2 {

namespace {

/// What the results of transforms over `count` elements are scaled by besides 1 (forward) and
/// 1 / count (inverse); nothing after an error.
std::optional<double> factorOf(Node &n, StringRef norm, bool inverse, double count) {
  if (norm == "backward")
    return 1.0;
  if (norm == "ortho")
    return inverse ? std::sqrt(count) : 1 / std::sqrt(count);
  if (norm == "forward")
    return inverse ? count : 1 / count;
  n.unsupported("expected backward, ortho or forward", ("norm = " + norm).str());
  return std::nullopt;
}

struct Transform {
  Complex x;
  Ints dims, lengths; ///< transformed one after the other, the last one first
  bool inverse = false;
  bool half = false; ///< the last dim of the result (of the input, when the result is real) is cut
  std::string norm = "backward";
};

void run(Node &n, Transform t) {
  if (!t.x.real || t.dims.empty())
    return n.result(t.x.real ? n.b.fail("transforms no dim") : Value());
  double count = 1;
  for (int64_t length : t.lengths) {
    if (length <= 0)
      return n.result(n.b.fail("transforms " + Twine(length) + " elements"));
    count *= (double)length;
  }
  auto factor = factorOf(n, t.norm, t.inverse, count);
  if (!factor)
    return;
  bool real = t.half && t.inverse;
  for (size_t i = 0; i < t.dims.size() && t.x.real; ++i) {
    // A real input is transformed along its last dim first, a real result along that dim last.
    size_t at = t.inverse ? i : t.dims.size() - 1 - i;
    int64_t dim = t.dims[at], length = t.lengths[at];
    bool last = at + 1 == t.dims.size();
    if (last && real) {
      Value value = inverseRealFourier(n.b, t.x, dim, length);
      return n.result(value ? n.b.scale(value, *factor) : value);
    }
    t.x = fourier(n.b, t.x, dim, length, t.inverse, last && t.half ? length / 2 + 1 : length);
  }
  if (!t.x.real)
    return n.result({});
  n.result(joinComplex(n, {n.b.scale(t.x.real, *factor), n.b.scale(t.x.imaginary, *factor)}));
}

/// The operand in the floating type of the result.
Complex input(Node &n) {
  Complex x = complexOperand(n, "self");
  Type element = n.element();
  if (!x.real || !element)
    return {};
  return {n.b.cast(x.real, element), x.imaginary ? n.b.cast(x.imaginary, element) : Value()};
}

/// fft_fft, fft_irfft2, …: transforms named by dims, lengths and norm.
void byName(Node &n) {
  Transform t{input(n), {}, {}};
  StringRef name = n.op;
  name.consume_front("fft_");
  t.inverse = name.consume_front("i");
  t.half = name.consume_front("r");
  bool single = name.starts_with("fft."), two = name.starts_with("fft2");
  t.norm = n.text("norm", "backward");
  if (!t.x.real)
    return n.result({});
  int64_t rank = n.b.rank(t.x.real);
  Ints sizes;
  if (single) {
    t.dims = {n.integer("dim", -1)};
    if (n.has("n"))
      sizes = {n.integer("n")};
  } else {
    sizes = n.ints("s", Ints());
    t.dims = n.ints("dim", two ? Ints{-2, -1} : Ints());
    // No dims: as many of the last as there are sizes, or all.
    for (int64_t i = sizes.empty() ? 0 : rank - (int64_t)sizes.size();
         !two && !n.has("dim") && i < rank; ++i)
      t.dims.push_back(i);
  }
  if (n.failed || (!sizes.empty() && sizes.size() != t.dims.size()))
    return n.result(n.failed ? Value() : n.b.fail("the sizes do not fit the dims"));
  for (auto [i, dim] : llvm::enumerate(t.dims)) {
    auto axis = n.b.axis(dim, rank);
    if (!axis)
      return n.result({});
    dim = *axis;
    bool cut = t.half && t.inverse && i + 1 == t.dims.size();
    int64_t extent = n.b.shape(t.x.real)[dim];
    t.lengths.push_back(!sizes.empty() && sizes[i] != -1 ? sizes[i]
                        : cut                            ? 2 * (extent - 1)
                                                         : extent);
  }
  run(n, t);
}

/// _fft_c2c, _fft_r2c, _fft_c2r, whose normalization is a number: 0 none, 1 by the root, 2 by n.
void byKind(Node &n) {
  Transform t{input(n), n.ints("dim"), {}};
  bool toReal = n.op.starts_with("_fft_c2r"), fromReal = n.op.starts_with("_fft_r2c");
  t.half = toReal || (fromReal && n.flag("onesided"));
  t.inverse = toReal || (!fromReal && !n.flag("forward"));
  int64_t normalization = n.integer("normalization");
  if (!t.x.real || n.failed || normalization < 0 || normalization > 2)
    return n.result({});
  t.norm = normalization == 1                  ? "ortho"
           : (normalization == 0) == t.inverse ? "forward"
                                               : "backward";
  for (auto [i, dim] : llvm::enumerate(t.dims)) {
    auto axis = n.b.axis(dim, n.b.rank(t.x.real));
    if (!axis)
      return n.result({});
    dim = *axis;
    bool last = i + 1 == t.dims.size();
    t.lengths.push_back(toReal && last ? n.integer("last_dim_size") : n.b.shape(t.x.real)[dim]);
  }
  run(n, t);
}

/// hann_window and hamming_window: alpha - beta · cos(2 π i / n), n one less when not periodic.
void cosineWindow(Node &n, double alpha, double beta) {
  RankedTensorType type = n.type();
  if (!type || type.getRank() != 1)
    return n.result({});
  int64_t length = type.getDimSize(0);
  if (length == 1)
    return n.result(n.b.splat({1}, type.getElementType(), 1));
  int64_t period = n.flag("periodic", true) ? length : length - 1;
  alpha = n.number("alpha", alpha), beta = n.number("beta", beta);
  if (n.failed)
    return;
  RankedTensorType wide = n.b.tensorType({length}, n.b.ops().getF64Type());
  Value turn = n.b.iota(wide, 0, 0, 2 * std::numbers::pi / (double)std::max<int64_t>(period, 1));
  Value wave = n.b.scale(n.b.create<CosOp>(turn), -beta);
  wave = n.b.add(wave, n.b.scalarLike(wave, alpha));
  n.result(wave ? n.b.cast(wave, type.getElementType()) : wave);
}

/// Windows of a signal in the middle of `size` elements.
Value centred(Node &n, Value window, int64_t size) {
  int64_t length = n.b.type(window).getNumElements(), left = (size - length) / 2;
  return length == size ? window : n.b.pad(window, {left}, {size - length - left});
}

struct Frames {
  int64_t size, hop;
  Value window;
};
std::optional<Frames> framesOf(Node &n, Type element) {
  Frames f{n.integer("n_fft"), 0, {}};
  f.hop = n.integer("hop_length", f.size / 4);
  int64_t length = n.integer("win_length", f.size);
  if (n.failed || f.size <= 0 || f.hop <= 0 || length <= 0 || length > f.size ||
      f.size > kMaxReadElements) {
    n.result(n.failed ? Value() : n.b.fail("the window's size or its hop is out of range"));
    return std::nullopt;
  }
  f.window = n.optional("window");
  f.window = f.window ? n.b.cast(f.window, element) : n.b.splat({length}, element, 1);
  if (f.window && n.b.shape(f.window) != ArrayRef<int64_t>{length})
    f.window = n.b.fail("the window does not have win_length elements");
  f.window = f.window ? centred(n, f.window, f.size) : f.window;
  return f.window ? std::optional(f) : std::nullopt;
}

void shortTime(Node &n) {
  Value x = n.tensor("self");
  if (!x || n.isComplex("self") || n.b.rank(x) < 1 || n.b.rank(x) > 2)
    return x && n.isComplex("self") ? n.unsupported("expected a real signal", "a complex signal")
                                    : n.result({});
  auto f = framesOf(n, n.b.element(x));
  if (!f)
    return n.failed ? void() : n.result({});
  bool single = n.b.rank(x) == 1;
  if (single)
    x = n.b.unsqueeze(x, {0});
  if (StringRef(n.op).ends_with(".center") && n.flag("center", true)) {
    std::string mode = n.text("pad_mode", "reflect");
    if (mode != "reflect" && mode != "constant")
      return n.unsupported("expected reflect or constant", "pad_mode = " + mode);
    x = n.b.pad(x, {0, f->size / 2}, {0, f->size / 2}, 0,
                mode == "reflect" ? PadMode::Reflect : PadMode::Constant);
  }
  if (!x)
    return n.result({});
  int64_t batch = n.b.shape(x)[0], length = n.b.shape(x)[1];
  int64_t count = length < f->size ? 0 : (length - f->size) / f->hop + 1;
  if (count == 0 || count > kMaxReadElements / f->size)
    return n.result(
        n.b.fail("a signal of " + Twine(length) + " elements has no window, or too many"));
  Ints places;
  for (int64_t frame = 0; frame < count; ++frame)
    for (int64_t i = 0; i < f->size; ++i)
      places.push_back(frame * f->hop + i);
  Value taken = n.b.create<GatherOp>(x, n.b.ints(places), n.b.ops().getI64IntegerAttr(1));
  taken = taken ? n.b.mul(n.b.reshape(taken, {batch, count, f->size}), f->window) : taken;
  int64_t keep = n.flag("onesided", true) ? f->size / 2 + 1 : f->size;
  Complex y = fourier(n.b, {taken, {}}, 2, f->size, false, keep);
  if (!y.real)
    return n.result({});
  double factor = n.flag("normalized") ? 1 / std::sqrt((double)f->size) : 1;
  auto arrange = [&](Value part) {
    part = n.b.scale(n.b.transpose(part, {0, 2, 1}), factor);
    return single ? n.b.squeeze(part, {0}) : part;
  };
  n.result(joinComplex(n, {arrange(y.real), arrange(y.imaginary)}));
}

/// Windows added up at their places, divided by what the squares of the windows add up to.
void inverseShortTime(Node &n) {
  Complex x = complexOperand(n, "self");
  RankedTensorType type = n.type();
  if (!x.real || !x.imaginary || !type || n.flag("return_complex"))
    return n.flag("return_complex") ? n.unsupported("expected a real signal", "a complex signal")
                                    : n.result({});
  auto f = framesOf(n, n.b.element(x.real));
  if (!f)
    return n.failed ? void() : n.result({});
  if (!n.flag("onesided", true))
    return n.unsupported("expected onesided", "onesided = False");
  bool single = n.b.rank(x.real) == 2;
  auto arrange = [&](Value part) {
    return n.b.transpose(single ? n.b.unsqueeze(part, {0}) : part, {0, 2, 1});
  };
  Value frames = inverseRealFourier(n.b, {arrange(x.real), arrange(x.imaginary)}, 2, f->size);
  frames = frames ? n.b.mul(frames, f->window) : frames;
  if (!frames)
    return n.result({});
  if (n.flag("normalized"))
    frames = n.b.scale(frames, std::sqrt((double)f->size));
  int64_t batch = n.b.shape(frames)[0], count = n.b.shape(frames)[1];
  if (count <= 0 || count > kMaxReadElements / f->size || f->hop > kMaxReadElements)
    return n.result(n.b.fail("no window, or too many"));
  int64_t total = (count - 1) * f->hop + f->size, flat = count * f->size;
  Ints places;
  for (int64_t frame = 0; frame < count; ++frame)
    for (int64_t i = 0; i < f->size; ++i)
      places.push_back(frame * f->hop + i);
  Value indices = n.b.reshape(n.b.ints(places), {1, flat});
  auto addUp = [&](Value parts, int64_t rows) -> Value {
    Value base = n.b.splat({rows, total}, n.b.element(frames), 0),
          at = n.b.broadcast(indices, {rows, flat});
    return parts && base && at
               ? n.b.create<ScatterElementsOp>(base, at, n.b.reshape(parts, {rows, flat}),
                                               (uint64_t)1, ScatterKind::Add)
               : Value();
  };
  Value square = n.b.broadcast(n.b.mul(f->window, f->window), {count, f->size});
  Value sum = n.b.div(addUp(frames, batch), addUp(square, 1));
  int64_t start = n.flag("center", true) ? f->size / 2 : 0, length = type.getShape().back();
  if (!sum || start + length > total)
    return sum ? n.unsupported("expected a length inside the windows", "padding") : n.result({});
  n.result(n.b.reshape(n.b.slice(sum, 1, start, length), type.getShape()));
}

} // namespace

void addSpectralOps(OpTable &table) {
  table.addComplex({"fft_fft.default", "fft_ifft.default", "fft_rfft.default", "fft_irfft.default",
                    "fft_fft2.default", "fft_ifft2.default", "fft_rfft2.default",
                    "fft_irfft2.default", "fft_fftn.default", "fft_ifftn.default",
                    "fft_rfftn.default", "fft_irfftn.default"},
                   byName);
  table.addComplex({"_fft_c2c.default", "_fft_r2c.default", "_fft_c2r.default"}, byKind);
  table.addComplex({"stft.default", "stft.center"}, shortTime);
  // Without return_complex the result is pairs, which is how complex values are held here.
  table.add({"stft.default", "stft.center"}, shortTime);
  table.add({"hann_window.default", "hann_window.periodic"},
            [](Node &n) { cosineWindow(n, 0.5, 0.5); });
  table.add({"hamming_window.default", "hamming_window.periodic", "hamming_window.periodic_alpha",
             "hamming_window.periodic_alpha_beta"},
            [](Node &n) { cosineWindow(n, 0.54, 0.46); });
  table.addComplex({"istft.default"}, inverseShortTime);
}

} // namespace ingot::pt2
