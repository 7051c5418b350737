// Deflate, after RFC 1951: blocks that are stored, or coded by Huffman codes that are fixed or sent
// along.
#include "runtime-lib/run/Inflate.h"
#include <algorithm>
#include <cstring>
#include <vector>

namespace ingot::run {
namespace {

constexpr int kMaxBits = 15;  // longest code
constexpr int kFastBits = 10; // codes up to here are found by one look into a table
constexpr size_t kWindow = 32768;

/// A canonical Huffman code: symbols sorted by code length, then by number (RFC 1951, 3.2.2).
struct Code {
  uint16_t fast[1 << kFastBits];
  uint8_t fastLength[1 << kFastBits];
  uint16_t count[kMaxBits + 1];
  uint16_t symbols[288];

  /// False if the lengths name more codes than there are.
  bool build(const uint8_t *lengths, int number) {
    std::fill(std::begin(count), std::end(count), 0);
    std::fill(std::begin(fastLength), std::end(fastLength), 0);
    for (int i = 0; i < number; ++i)
      ++count[lengths[i]];
    count[0] = 0;
    uint16_t place[kMaxBits + 2] = {}, first[kMaxBits + 2] = {};
    int left = 1;
    for (int length = 1; length <= kMaxBits; ++length) {
      left = left * 2 - count[length];
      if (left < 0)
        return false;
      place[length + 1] = uint16_t(place[length] + count[length]);
      first[length + 1] = uint16_t((first[length] + count[length]) << 1);
    }
    for (int symbol = 0; symbol < number; ++symbol) {
      int length = lengths[symbol];
      if (!length)
        continue;
      symbols[place[length]++] = uint16_t(symbol);
      uint32_t code = first[length]++, reversed = 0;
      if (length > kFastBits)
        continue;
      // Codes come with their highest bit first; the table is indexed by the bits as they come.
      for (int bit = 0; bit < length; ++bit)
        reversed |= (code >> bit & 1) << (length - 1 - bit);
      for (uint32_t index = reversed; index < (1u << kFastBits); index += 1u << length) {
        fast[index] = uint16_t(symbol);
        fastLength[index] = uint8_t(length);
      }
    }
    return true;
  }
};

class Inflater {
public:
  Inflater(const std::function<size_t(uint8_t *, size_t)> &read,
           const std::function<bool(const uint8_t *, size_t)> &sink)
      : read(read), sink(sink), in(16384), out(2 * kWindow) {}

  Inflated run() {
    bool last = false;
    while (!last && !failed && !stopped) {
      last = bits(1);
      switch (bits(2)) {
      case 0:
        stored();
        break;
      case 1:
        fixedCodes();
        coded();
        break;
      case 2:
        if (sentCodes())
          coded();
        break;
      default:
        failed = true;
      }
    }
    if (!failed && !stopped)
      flush(used);
    return failed ? Inflated::damaged : stopped ? Inflated::stopped : Inflated::done;
  }

private:
  /// Makes at least `number` (<= 15) bits available, as zeros after the stream's end; `missing`
  /// counts those.
  void fill(int number) {
    while (held < number) {
      if (inAt == inEnd) {
        inEnd = read(in.data(), in.size());
        inAt = 0;
      }
      if (inAt < inEnd)
        hold |= uint32_t(in[inAt++]) << held;
      else
        missing += 8;
      held += 8;
    }
  }
  void drop(int number) {
    hold >>= number;
    held -= number;
    failed |= missing > held; // bits that are not in the stream have been used
  }
  uint32_t bits(int number) {
    fill(number);
    uint32_t value = hold & ((1u << number) - 1);
    drop(number);
    return value;
  }
  int symbol(const Code &code) {
    fill(kMaxBits);
    uint32_t index = hold & ((1u << kFastBits) - 1);
    if (int length = code.fastLength[index]) {
      drop(length);
      return code.fast[index];
    }
    int value = 0, first = 0, place = 0;
    for (int length = 1; length <= kMaxBits; ++length) {
      value |= int(hold >> (length - 1) & 1);
      if (value - first < code.count[length]) {
        drop(length);
        return code.symbols[place + value - first];
      }
      place += code.count[length];
      first = (first + code.count[length]) << 1;
      value <<= 1;
    }
    failed = true;
    return 256;
  }

  void flush(size_t size) {
    if (size && !sink(out.data(), size))
      stopped = true;
    std::memmove(out.data(), out.data() + size, used - size);
    used -= size;
    produced += size;
  }
  void put(uint8_t byte) {
    if (used == out.size())
      flush(kWindow); // the younger half stays: distances reach back that far
    out[used++] = byte;
  }

  void stored() {
    drop(held % 8);
    uint32_t size = bits(8);
    size |= bits(8) << 8;
    uint32_t inverse = bits(8);
    inverse |= bits(8) << 8;
    failed |= (size ^ inverse) != 0xffff;
    for (; size && !failed && !stopped; --size)
      put(uint8_t(bits(8)));
  }

  void fixedCodes() {
    uint8_t lengths[288];
    for (int i = 0; i < 288; ++i)
      lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    literals.build(lengths, 288);
    std::fill(lengths, lengths + 30, 5);
    distances.build(lengths, 30);
  }

  bool sentCodes() {
    static const uint8_t order[19] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                      11, 4,  12, 3, 13, 2, 14, 1, 15};
    int numLiterals = int(bits(5)) + 257, numDistances = int(bits(5)) + 1,
        numLengths = int(bits(4)) + 4;
    uint8_t lengths[320] = {};
    for (int i = 0; i < numLengths; ++i)
      lengths[order[i]] = uint8_t(bits(3));
    failed |= numLiterals > 286 || numDistances > 30 || !literals.build(lengths, 19);
    std::fill(std::begin(lengths), std::end(lengths), 0);
    for (int i = 0; i < numLiterals + numDistances && !failed;) {
      int length = symbol(literals), repeat = 1;
      if (length == 16) {
        failed |= i == 0;
        length = i ? lengths[i - 1] : 0;
        repeat = 3 + int(bits(2));
      } else if (length >= 17) {
        repeat = length == 17 ? 3 + int(bits(3)) : 11 + int(bits(7));
        length = 0;
      }
      failed |= i + repeat > numLiterals + numDistances;
      for (; repeat && !failed; --repeat)
        lengths[i++] = uint8_t(length);
    }
    failed |= !literals.build(lengths, numLiterals) ||
              !distances.build(lengths + numLiterals, numDistances);
    return !failed;
  }

  void coded() {
    static const uint16_t lengthBase[29] = {3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
                                            15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
                                            67, 83, 99, 115, 131, 163, 195, 227, 258};
    static const uint8_t lengthExtra[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                            2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
    static const uint16_t distanceBase[30] = {
        1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
        193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
    while (!failed && !stopped) {
      int value = symbol(literals);
      if (value < 256) {
        put(uint8_t(value));
        continue;
      }
      if (value == 256)
        return;
      value -= 257;
      if (value >= 29) {
        failed = true;
        return;
      }
      size_t length = lengthBase[value] + bits(lengthExtra[value]);
      int code = symbol(distances);
      if (code >= 30) {
        failed = true;
        return;
      }
      size_t distance = distanceBase[code] + bits(code < 4 ? 0 : code / 2 - 1);
      if (distance > used + produced || failed) {
        failed = true;
        return;
      }
      for (; length; --length) {
        if (used == out.size())
          flush(kWindow);
        out[used] = out[used - distance];
        ++used;
      }
    }
  }

  const std::function<size_t(uint8_t *, size_t)> &read;
  const std::function<bool(const uint8_t *, size_t)> &sink;
  std::vector<uint8_t> in, out;
  size_t inAt = 0, inEnd = 0, used = 0;
  uint64_t produced = 0; // bytes that have left `out`
  uint32_t hold = 0;
  int held = 0, missing = 0;
  bool failed = false, stopped = false;
  Code literals = {}, distances = {};
};

} // namespace

Inflated inflate(const std::function<size_t(uint8_t *, size_t)> &read,
                 const std::function<bool(const uint8_t *, size_t)> &sink) {
  return Inflater(read, sink).run();
}

uint32_t crc32(uint32_t crc, const void *bytes, uint64_t size) {
  uint32_t table[256];
  for (uint32_t i = 0; i < 256; ++i) {
    table[i] = i;
    for (int bit = 0; bit < 8; ++bit)
      table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
  }
  crc = ~crc;
  for (uint64_t i = 0; i < size; ++i)
    crc = crc >> 8 ^ table[(crc ^ static_cast<const uint8_t *>(bytes)[i]) & 255];
  return ~crc;
}

} // namespace ingot::run
