// SHA-256 with x86's SHA extension.
#include "ir/graph/Sha256.h"

#include "llvm/TargetParser/Host.h"
#include <cstring>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace ingot;

#if defined(__x86_64__)

/// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
alignas(16) static constexpr uint32_t kRounds[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static bool hasInstructions() {
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  return features.lookup("sha") && features.lookup("sse4.1");
}

/// Adds `count` blocks of 64 bytes to the state.
__attribute__((target("sha,sse4.1"))) static void addBlocks(uint32_t *state, const uint8_t *data,
                                                            size_t count) {
  const __m128i bigEndian = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
  // The instructions want the state as (a b e f) and (c d g h), first letter on top.
  __m128i abef = _mm_set_epi32(state[0], state[1], state[4], state[5]);
  __m128i cdgh = _mm_set_epi32(state[2], state[3], state[6], state[7]);
  for (; count; --count, data += 64) {
    __m128i abefBefore = abef, cdghBefore = cdgh;
    __m128i words[4]; // the last 16 words of the message schedule
#pragma unroll
    for (int i = 0; i < 16; ++i) {
      __m128i &next = words[i % 4];
      if (i < 4) {
        next = _mm_loadu_si128(reinterpret_cast<const __m128i *>(data) + i);
        next = _mm_shuffle_epi8(next, bigEndian);
      } else {
        __m128i sum = _mm_sha256msg1_epu32(next, words[(i + 1) % 4]);
        sum = _mm_add_epi32(sum, _mm_alignr_epi8(words[(i + 3) % 4], words[(i + 2) % 4], 4));
        next = _mm_sha256msg2_epu32(sum, words[(i + 3) % 4]);
      }
      __m128i rounds = _mm_load_si128(reinterpret_cast<const __m128i *>(kRounds) + i);
      __m128i both = _mm_add_epi32(next, rounds);
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, both);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_unpackhi_epi64(both, both));
    }
    abef = _mm_add_epi32(abef, abefBefore);
    cdgh = _mm_add_epi32(cdgh, cdghBefore);
  }
  alignas(16) uint32_t abefLanes[4], cdghLanes[4];
  _mm_store_si128(reinterpret_cast<__m128i *>(abefLanes), abef);
  _mm_store_si128(reinterpret_cast<__m128i *>(cdghLanes), cdgh);
  for (int i = 0; i < 2; ++i) {
    state[i] = abefLanes[3 - i];
    state[4 + i] = abefLanes[1 - i];
    state[2 + i] = cdghLanes[3 - i];
    state[6 + i] = cdghLanes[1 - i];
  }
}

#else

static bool hasInstructions() { return false; }
static void addBlocks(uint32_t *, const uint8_t *, size_t) {}

#endif

Sha256::Sha256()
    : native(hasInstructions()), state{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19} {}

void Sha256::update(llvm::ArrayRef<uint8_t> bytes) {
  if (!native)
    return portable.update(bytes);
  size_t filled = size % block.size();
  size += bytes.size();
  if (filled) {
    size_t taken = std::min(block.size() - filled, bytes.size());
    memcpy(block.data() + filled, bytes.data(), taken);
    bytes = bytes.drop_front(taken);
    if (filled + taken < block.size())
      return;
    addBlocks(state.data(), block.data(), 1);
  }
  addBlocks(state.data(), bytes.data(), bytes.size() / block.size());
  llvm::ArrayRef<uint8_t> rest = bytes.take_back(bytes.size() % block.size());
  if (!rest.empty())
    memcpy(block.data(), rest.data(), rest.size());
}

std::array<uint8_t, 32> Sha256::final() {
  if (!native)
    return portable.final();
  // A one bit, zeros, and the number of bits in the last 8 bytes of a block.
  uint64_t bits = size * 8;
  std::array<uint8_t, 72> end{0x80};
  size_t zeros = (block.size() + 55 - size % block.size()) % block.size();
  for (size_t i = 0; i < 8; ++i)
    end[1 + zeros + i] = uint8_t(bits >> (56 - 8 * i));
  update(llvm::ArrayRef(end).take_front(zeros + 9));
  std::array<uint8_t, 32> digest;
  for (size_t i = 0; i < digest.size(); ++i)
    digest[i] = uint8_t(state[i / 4] >> (24 - 8 * (i % 4)));
  return digest;
}

std::array<uint8_t, 32> Sha256::hash(llvm::StringRef bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.final();
}
