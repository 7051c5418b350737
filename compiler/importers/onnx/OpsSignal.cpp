// ONNX signal processing: Fourier transforms, windows, mel weights.
#include "compiler/importers/common/Fourier.h"
#include "compiler/importers/onnx/OpTable.h"
#include "compiler/importers/onnx/onnx.pb.h"
#include <cmath>
#include <numbers>

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

/// The longest transform, and the most elements of a table that is made at import.
constexpr int64_t kMaxLength = 1 << 20;

/// The parts of a signal whose last dim holds a real, or a real and an imaginary number.
static std::optional<Complex> complexParts(OnnxNode &n, Value value) {
  if (!value)
    return std::nullopt;
  int64_t last = B::rank(value) - 1;
  if (last < 1 || (B::shape(value)[last] != 1 && B::shape(value)[last] != 2) ||
      !B::isFloat(value)) {
    (void)n.error("needs floats with a last dim of 1 or 2, but got " + shapeName(B::shape(value)));
    return std::nullopt;
  }
  ArrayRef<int64_t> shape = B::shape(value).drop_back();
  Complex result;
  result.real = n.b.reshape(n.b.slice(value, last, 0, 1), shape);
  if (B::shape(value)[last] == 2)
    result.imaginary = n.b.reshape(n.b.slice(value, last, 1, 1), shape);
  return result;
}

static Value joined(OnnxNode &n, Complex x) {
  if (!x.real || !x.imaginary)
    return {};
  int64_t last = B::rank(x.real);
  return n.b.concat({n.b.unsqueeze(x.real, last), n.b.unsqueeze(x.imaginary, last)}, last);
}

static LogicalResult dft(OnnxNode &n) {
  Value input = n.in(0);
  bool inverse = n.intAttr("inverse", 0), oneSided = n.intAttr("onesided", 0);
  std::optional<Complex> x = complexParts(n, input);
  if (!x)
    return failure();
  // Opset 20 made the axis an input.
  std::optional<int64_t> given =
      n.version() < 20 ? n.intAttr("axis", 1) : n.constantInt(2, "axis", -2);
  std::optional<int64_t> axis = given ? n.b.axis(*given, B::rank(input)) : std::nullopt;
  if (!axis)
    return failure();
  if (*axis == B::rank(input) - 1)
    return n.error("transforms the dim of real and imaginary parts");
  int64_t extent = B::shape(input)[*axis];
  bool toReal = inverse && oneSided;
  std::optional<int64_t> length =
      n.constantInt(1, "dft_length", toReal ? 2 * (extent - 1) : extent);
  if (!length)
    return failure();
  if (*length < 1 || *length > kMaxLength)
    return n.error("has length " + Twine(*length));
  if (toReal) {
    Value result = inverseRealFourier(n.b, *x, *axis, *length);
    return result ? n.set(n.b.unsqueeze(result, B::rank(result))) : failure();
  }
  int64_t keep = oneSided ? *length / 2 + 1 : *length;
  return n.set(joined(n, fourier(n.b, *x, *axis, *length, inverse, keep)));
}

static LogicalResult stft(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value signal = n.in(0), window = n.opt(2);
  bool oneSided = n.intAttr("onesided", 1);
  if (!signal)
    return failure();
  if (B::rank(signal) == 2)
    signal = b.unsqueeze(signal, 2);
  std::optional<Complex> x = complexParts(n, signal);
  if (!x)
    return failure();
  if (B::rank(signal) != 3 || (window && B::rank(window) != 1))
    return n.error("needs a signal [batch, length, 1 or 2] and a window of rank 1");
  int64_t extent = B::shape(signal)[1];
  std::optional<int64_t> step = n.constantInt(1, "frame_step", 0);
  std::optional<int64_t> length =
      step ? n.constantInt(3, "frame_length", window ? B::shape(window)[0] : extent) : std::nullopt;
  if (!length)
    return failure();
  if (*step < 1 || *length < 1 || *length > std::min(kMaxLength, extent) ||
      (window && B::shape(window)[0] != *length))
    return n.error("has frames of " + Twine(*length) + " every " + Twine(*step) +
                   " of a signal of " + Twine(extent));
  int64_t frames = 1 + (extent - *length) / *step;
  auto framed = [&](Value v) {
    if (!v)
      return v;
    Type i64 = b.ops().getI64Type();
    Value start = b.iota(b.tensorType({frames, 1}, i64), 0, 0, static_cast<double>(*step));
    Value index = b.add(start, b.iota(b.tensorType({1, *length}, i64), 1));
    Value parts = b.create<GatherOp>(v, index, 1); // [batch, frames, length]
    return window ? b.mul(parts, b.cast(window, B::element(parts))) : parts;
  };
  // A complex signal has no half that says it all.
  int64_t keep = oneSided && !x->imaginary ? *length / 2 + 1 : *length;
  return n.set(
      joined(n, fourier(b, {framed(x->real), framed(x->imaginary)}, 2, *length, false, keep)));
}

/// A table of doubles in the node's `output_datatype`.
static Value table(OnnxNode &n, ArrayRef<int64_t> shape, ArrayRef<double> values) {
  auto dtype = static_cast<int32_t>(n.intAttr("output_datatype", onnx::TensorProto::FLOAT));
  Type type = elementType(n.b.context(), dtype);
  if (!type) {
    (void)n.unsupported("output_datatype " + dataTypeName(dtype),
                        "expected a numeric element type");
    return {};
  }
  const char *data = reinterpret_cast<const char *>(values.data());
  std::vector<char> bytes(data, data + values.size() * sizeof(double));
  return n.b.cast(n.b.constant(n.b.tensorType(shape, n.b.ops().getF64Type()), std::move(bytes)),
                  type);
}

/// first - second cos(2 pi i / N) + third cos(4 pi i / N).
static LogicalResult cosineWindow(OnnxNode &n, double first, double second, double third) {
  std::optional<int64_t> size = n.constantInt(0, "size", 0);
  bool periodic = n.intAttr("periodic", 1);
  if (!size)
    return failure();
  if (*size < 0 || *size > kMaxLength)
    return n.error("has size " + Twine(*size));
  auto period = static_cast<double>(periodic ? *size : *size - 1);
  SmallVector<double> values;
  for (int64_t i = 0; i < *size; ++i) {
    double angle = period > 0 ? 2 * std::numbers::pi * static_cast<double>(i) / period : 0.0;
    values.push_back(first - second * std::cos(angle) + third * std::cos(2 * angle));
  }
  return n.set(table(n, *size, values));
}

static LogicalResult hann(OnnxNode &n) { return cosineWindow(n, 0.5, 0.5, 0.0); }
static LogicalResult hamming(OnnxNode &n) { return cosineWindow(n, 25.0 / 46.0, 21.0 / 46.0, 0.0); }
static LogicalResult blackman(OnnxNode &n) { return cosineWindow(n, 0.42, 0.5, 0.08); }

/// Triangles on the mel scale: [dft_length / 2 + 1, num_mel_bins].
static LogicalResult melWeights(OnnxNode &n) {
  std::optional<int64_t> bins = n.constantInt(0, "num_mel_bins", 0);
  std::optional<int64_t> length = bins ? n.constantInt(1, "dft_length", 0) : std::nullopt;
  std::optional<int64_t> rate = length ? n.constantInt(2, "sample_rate", 0) : std::nullopt;
  std::optional<SmallVector<double>> low =
      rate ? n.constantDoubles(3, "lower_edge_hertz") : std::nullopt;
  std::optional<SmallVector<double>> high =
      low ? n.constantDoubles(4, "upper_edge_hertz") : std::nullopt;
  if (!high)
    return failure();
  if (low->size() != 1 || high->size() != 1 || *bins < 1 || *bins > 4096 || *length < 1 ||
      *length > kMaxLength || *rate < 1 || *bins * (*length / 2 + 1) > kMaxReadElements)
    return n.error("has bins, a length or a rate that are not possible");
  int64_t rows = *length / 2 + 1;
  auto toMel = [](double hertz) { return 2595.0 * std::log10(1.0 + hertz / 700.0); };
  auto toHertz = [](double mel) { return 700.0 * (std::pow(10.0, mel / 2595.0) - 1.0); };
  double from = toMel(low->front()),
         step = (toMel(high->front()) - from) / static_cast<double>(*bins + 2);
  Ints edges;
  for (int64_t i = 0; i < *bins + 2; ++i) {
    double hertz = toHertz(from + static_cast<double>(i) * step);
    double edge = std::floor(static_cast<double>(*length + 1) * hertz / static_cast<double>(*rate));
    if (!(edge >= 0 && edge <= static_cast<double>(rows)))
      return n.error("has edges outside the spectrum");
    edges.push_back(static_cast<int64_t>(edge));
  }
  SmallVector<double> values(rows * *bins, 0.0);
  auto at = [&](int64_t row, int64_t bin) -> double & {
    return values[std::min(row, rows - 1) * *bins + bin];
  };
  for (int64_t i = 0; i < *bins; ++i) {
    int64_t left = edges[i], centre = edges[i + 1], right = edges[i + 2];
    if (centre == left)
      at(centre, i) = 1.0;
    for (int64_t row = left; centre > left && row <= centre; ++row)
      at(row, i) = static_cast<double>(row - left) / static_cast<double>(centre - left);
    for (int64_t row = centre; row < right; ++row)
      at(row, i) = static_cast<double>(right - row) / static_cast<double>(right - centre);
  }
  return n.set(table(n, {rows, *bins}, values));
}

void onnximport::addSignalOps(OpTable &table) {
  table.add("DFT", dft);
  table.add("STFT", stft);
  table.add("HannWindow", hann);
  table.add("HammingWindow", hamming);
  table.add("BlackmanWindow", blackman);
  table.add("MelWeightMatrix", melWeights);
}
