// Numbers of any element type as doubles: for comparing, printing and drawing.
#pragma once

#include "ingot/runtime.h"
#include "runtime-lib/run/Arrays.h"
#include <string>

namespace ingot::run {

/// How NumPy holds a type of the signature: bf16 as V2, fp8 and sub-byte types as V1 (one element
/// per byte).
ElementKind elementKindOf(ingot_type type);

/// The i-th number of dense values; complex numbers count as two. Sub-byte types are packed, low
/// bits first.
double valueAt(const void *values, ingot_type type, uint64_t index);
/// Numbers in `elements` elements: twice as many for complex types.
uint64_t numbersIn(uint64_t elements, ingot_type type);
/// The signature type that reads NumPy's numbers; INGOT_NONE for raw bytes.
ingot_type typeOf(ElementKind element);

/// One element per byte → packed, and back, for types below 8 bits.
void packBits(const uint8_t *bytes, uint64_t elements, ingot_type type, uint8_t *packed);
void unpackBits(const uint8_t *packed, uint64_t elements, ingot_type type, uint8_t *bytes);

/// Elements of a tensor of these extents, and its bytes in the program's form.
uint64_t elementsOf(const std::vector<int64_t> &dims);
uint64_t bytesOf(const std::vector<int64_t> &dims, ingot_type type);

/// Brings values as NumPy has them into the program's form: types below a byte are packed,
/// booleans are 0 or 1.
bool toProgram(AlignedBytes &values, const std::vector<int64_t> &dims,
               const ingot_tensor_info &info, uint64_t &bytes, std::string &error);
/// An array as NumPy has it: packed elements take a byte each. `kept` owns what is made for it.
OutputArray arrayOf(const ingot_tensor_info &info, const std::vector<int64_t> &dims,
                    const uint8_t *values, uint64_t bytes, std::vector<AlignedBytes> &kept);

/// Fills with pseudo-random numbers: floats uniform in [-1, 1), integers 0 or 1, both from the
/// range if there is one. The same seed gives the same bytes on every machine.
void fillRandom(void *values, uint64_t elements, const ingot_tensor_info &info, uint64_t seed);

/// How far two tensors are apart.
struct Difference {
  double maxAbs = 0;    // largest |a - b|; infinite where only one is NaN or infinities differ
  double magnitude = 0; // largest finite |b|
  uint64_t at = 0;      // index of the largest difference
  /// maxAbs relative to the magnitude of the expected output; 0 if equal.
  double relative() const;
};
/// Compares `count` numbers with expected ones. NaN equals NaN.
Difference compare(const void *values, ingot_type type, const void *expected,
                   ingot_type expectedType, uint64_t count);

/// "f32[1,3,224,224]".
std::string shapeText(ingot_type type, const std::vector<int64_t> &dims);

} // namespace ingot::run
