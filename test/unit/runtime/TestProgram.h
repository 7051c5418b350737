// Builds program files for the runtime's tests: a native description that a test can change
// anywhere, and a writer.
#pragma once

#include "ingot/core.h"
#include "runtime-lib/core/FileHeader.h"
#include "runtime-lib/host/CpuFeatures.h"
#include "runtime-lib/schema/program_generated.h"
#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

extern "C" const uint8_t ingot_test_kernels_host[], ingot_test_kernels_host_end[];
extern "C" const uint8_t ingot_test_kernels_aarch64[], ingot_test_kernels_aarch64_end[];

namespace ingot::test {

/// A program to be: the records as flatc's object API holds them, and the segments' bytes.
struct TestProgram {
  fmt::ProgramT program;
  std::vector<std::vector<uint8_t>> segmentBytes;
  bool rightHashes = true; // else the hashes in the records are kept as they are

  fmt::PlanT &plan() { return *program.plans[0]; }
  fmt::EntryT &entry(size_t i = 0) { return *plan().entries[i]; }

  /// The file: header, FlatBuffer, segments. Segment records without offset get one.
  std::vector<uint8_t> build() const;
};

/// File bytes at a 64-byte boundary, as open_memory wants them.
struct Image {
  explicit Image(const std::vector<uint8_t> &bytes)
      : size(bytes.size()),
        data(static_cast<uint8_t *>(std::aligned_alloc(64, (size + 64) / 64 * 64)), &std::free) {
    std::copy(bytes.begin(), bytes.end(), data.get());
  }
  size_t size;
  std::unique_ptr<uint8_t, void (*)(void *)> data;
};

enum KernelOffset : uint64_t { kScale = 0, kAccumulate = 0x400, kCount = 0x800, kScratch = 0xc00 };

fmt::Sha256 hashOf(const std::vector<uint8_t> &bytes);
std::unique_ptr<fmt::TensorT> tensor(const char *name, fmt::ElementType type,
                                     std::vector<fmt::SigDim> dims);
inline fmt::SigDim fixedDim(int64_t extent) { return {extent, extent, -1, -1}; }
inline fmt::Extent fixed(int64_t value) { return {value, -1, 0}; }
inline fmt::Extent computed(int32_t expr, int64_t bound) { return {bound, expr, 0}; }
std::unique_ptr<fmt::InstructionT> launch(uint32_t kernel, std::vector<fmt::BufferRef> buffers,
                                          fmt::Extent tiles, std::vector<fmt::Extent> dims = {});
std::unique_ptr<fmt::InstructionT> copy(fmt::BufferRef dst, fmt::BufferRef src, fmt::Extent bytes);
std::unique_ptr<fmt::InstructionT> jump(fmt::Op op, uint32_t target,
                                        std::vector<fmt::BufferRef> buffers = {});
/// Adds a kernel of the flat image; returns its index.
uint32_t addKernel(fmt::PlanT &plan, const char *name, KernelOffset entry, uint32_t buffers,
                   uint32_t dims = 0);

/// One CPU target, code and weights segments, empty plan with one arena of 4096 bytes and an entry
/// "main".
TestProgram emptyProgram();
/// y[64] = x[64] * 2 + 3 through an arena: two launches of `scale`.
TestProgram scaleProgram();
/// Dynamic: x[batch, 4] with batch 1..16, y the same shape; one launch with batch * 4 tiles.
TestProgram dynamicProgram();
/// Like dynamicProgram through two buffers of the arena, the second behind the first: places, sizes
/// and the arena's size depend on batch.
TestProgram placedProgram();
/// `placedProgram` whose batch is not taken from the extent of x: it is what the input "n" holds.
TestProgram valueProgram();
/// y = x [16, 4], of which a caller sees the rows that the input "n" says, through a variable.
TestProgram countedProgram();
/// A variable: y = sum of all x so far. Entry "half" shares it and halves nothing: it only reads.
TestProgram stateProgram();
/// Loop: counts to limit (input i32), result in y (i32).
TestProgram loopProgram();

} // namespace ingot::test
