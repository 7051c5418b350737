// CPU feature detection: cpuid and xgetbv on x86-64, the kernel's hardware capabilities on AArch64.
#include "runtime-lib/host/CpuFeatures.h"
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace ingot {
namespace {

struct FeatureRow {
  const char *name;
  uint8_t leaf; // x86: index into the words read below; AArch64: 0 = AT_HWCAP, 1 = AT_HWCAP2
  uint8_t bit;
  uint8_t
      state; // x86: 0 none, 1 AVX, 2 AVX-512, 3 AMX state must be enabled by the operating system
};

#if defined(__x86_64__)
// Words: 0 = leaf 1 ecx, 1 = leaf 1 edx, 2 = leaf 7.0 ebx, 3 = 7.0 ecx, 4 = 7.0 edx, 5 = 7.1 eax, 6
// = 0x80000001 ecx, 7 = 7.1 edx. Bits from Intel's and AMD's manuals (CPUID).
constexpr FeatureRow kFeatures[] = {
    {"sse", 1, 25, 0},          {"sse2", 1, 26, 0},         {"fxsr", 1, 24, 0},
    {"cmov", 1, 15, 0},         {"cx8", 1, 8, 0},           {"mmx", 1, 23, 0},
    {"sse3", 0, 0, 0},          {"pclmul", 0, 1, 0},        {"ssse3", 0, 9, 0},
    {"fma", 0, 12, 1},          {"cx16", 0, 13, 0},         {"sse4.1", 0, 19, 0},
    {"sse4.2", 0, 20, 0},       {"movbe", 0, 22, 0},        {"popcnt", 0, 23, 0},
    {"aes", 0, 25, 0},          {"xsave", 0, 26, 0},        {"avx", 0, 28, 1},
    {"f16c", 0, 29, 1},         {"bmi", 2, 3, 0},           {"avx2", 2, 5, 1},
    {"bmi2", 2, 8, 0},          {"avx512f", 2, 16, 2},      {"avx512dq", 2, 17, 2},
    {"avx512ifma", 2, 21, 2},   {"avx512cd", 2, 28, 2},     {"avx512bw", 2, 30, 2},
    {"avx512vl", 2, 31, 2},     {"avx512vbmi", 3, 1, 2},    {"avx512vbmi2", 3, 6, 2},
    {"gfni", 3, 8, 0},          {"vaes", 3, 9, 1},          {"vpclmulqdq", 3, 10, 1},
    {"avx512vnni", 3, 11, 2},   {"avx512bitalg", 3, 12, 2}, {"avx512vpopcntdq", 3, 14, 2},
    {"avx512fp16", 4, 23, 2},   {"amx-bf16", 4, 22, 3},     {"amx-tile", 4, 24, 3},
    {"amx-int8", 4, 25, 3},     {"avxvnni", 5, 4, 1},       {"avx512bf16", 5, 5, 2},
    {"avxifma", 5, 23, 1},      {"avxvnniint8", 7, 4, 1},   {"avxneconvert", 7, 5, 1},
    {"avxvnniint16", 7, 10, 1}, {"sahf", 6, 0, 0},          {"lzcnt", 6, 5, 0},
    {"sse4a", 6, 6, 0},         {"64bit", 1, 0, 0},         {"x87", 1, 0, 0},
    {"crc32", 0, 20, 0}};
#elif defined(__aarch64__)
// Bits of AT_HWCAP and AT_HWCAP2 as Linux defines them for AArch64.
constexpr FeatureRow kFeatures[] = {
    {"fp-armv8", 0, 0, 0}, {"neon", 0, 1, 0},       {"aes", 0, 3, 0},       {"sha2", 0, 6, 0},
    {"crc", 0, 7, 0},      {"lse", 0, 8, 0},        {"fullfp16", 0, 10, 0}, {"rdm", 0, 12, 0},
    {"jsconv", 0, 13, 0},  {"complxnum", 0, 14, 0}, {"rcpc", 0, 15, 0},     {"dotprod", 0, 20, 0},
    {"sve", 0, 22, 0},     {"fp16fml", 0, 23, 0},   {"sve2", 1, 1, 0},      {"i8mm", 1, 13, 0},
    {"bf16", 1, 14, 0},    {"sme", 1, 23, 0}};
#else
constexpr FeatureRow kFeatures[] = {{"", 0, 0, 0}};
#endif
constexpr unsigned kNumFeatures = sizeof(kFeatures) / sizeof(kFeatures[0]);
static_assert(kNumFeatures <= 64, "one bit per feature");

#if defined(__x86_64__)
uint64_t enabledStates() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  __get_cpuid(1, &eax, &ebx, &ecx, &edx);
  if (!(ecx & (1u << 27))) // OSXSAVE
    return 0;
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}
#endif

} // namespace

const char *hostArch() {
#if defined(__x86_64__)
  return "x86_64";
#elif defined(__aarch64__)
  return "aarch64";
#elif defined(__riscv) && __riscv_xlen == 64
  return "riscv64";
#else
  return "unknown";
#endif
}

CpuFeatures detectCpuFeatures() {
  CpuFeatures features;
#if defined(__x86_64__)
  unsigned words[8] = {}, eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx)) {
    words[0] = ecx;
    words[1] = edx;
  }
  unsigned subleaves = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
    subleaves = eax;
    words[2] = ebx;
    words[3] = ecx;
    words[4] = edx;
  }
  if (subleaves >= 1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx)) {
    words[5] = eax;
    words[7] = edx;
  }
  if (__get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx))
    words[6] = ecx;
  uint64_t states = enabledStates();
  constexpr uint64_t kNeeded[4] = {0, 0x6, 0xe6, 0x60000};
  for (unsigned i = 0; i < kNumFeatures; ++i) {
    uint64_t needed = kNeeded[kFeatures[i].state];
    if ((words[kFeatures[i].leaf] >> kFeatures[i].bit & 1) && (states & needed) == needed)
      features.bits |= uint64_t(1) << i;
  }
#elif defined(__aarch64__) && defined(__linux__)
  unsigned long words[2] = {getauxval(AT_HWCAP), getauxval(AT_HWCAP2)};
  for (unsigned i = 0; i < kNumFeatures; ++i)
    if (words[kFeatures[i].leaf] >> kFeatures[i].bit & 1)
      features.bits |= uint64_t(1) << i;
#endif
  return features;
}

int hasCpuFeature(CpuFeatures features, const char *name) {
  for (unsigned i = 0; i < kNumFeatures; ++i)
    if (std::strcmp(kFeatures[i].name, name) == 0)
      return features.bits >> i & 1;
  return -1;
}

const char *cpuFeatureName(unsigned index) {
  return index < kNumFeatures ? kFeatures[index].name : nullptr;
}

} // namespace ingot
