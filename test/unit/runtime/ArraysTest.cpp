// Arrays in files: NPZ written and read back, deflated members, TensorProto folders, and damaged
// ones.
#include "runtime-lib/run/Arrays.h"
#include "runtime-lib/run/Inflate.h"
#include "runtime-lib/run/Values.h"
#include <cmath>
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

using namespace ingot;
using namespace ingot::run;
using testing::HasSubstr;

namespace {

std::string folder() {
  static int number = 0;
  std::string path =
      testing::TempDir() + "/arrays-" + std::to_string(getpid()) + "-" + std::to_string(number++);
  mkdir(path.c_str(), 0777);
  return path;
}

void writeFile(const std::string &path, const std::string &bytes) {
  FileWriter writer;
  std::string error;
  ASSERT_TRUE(writer.open(path, error) && writer.write(bytes.data(), bytes.size(), error) &&
              writer.commit(error))
      << error;
}

std::string readFile(const std::string &path) {
  File file;
  std::string error;
  EXPECT_TRUE(file.open(path, error)) << error;
  std::string bytes(file.size(), 0);
  EXPECT_TRUE(file.read(0, bytes.data(), bytes.size(), error)) << error;
  return bytes;
}

void put(std::string &to, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i)
    to.push_back(char(i < 8 ? value >> (8 * i) : 0));
}

std::string npy(const std::string &dict, const std::string &values) {
  std::string result("\x93NUMPY\x01\x00", 8);
  put(result, dict.size(), 2);
  return result + dict + values;
}

/// A zip archive of one deflated member.
std::string deflatedZip(const std::string &name, const std::string &member, uint32_t claimed) {
  std::string packed(member.size() + 1000, 0);
  z_stream stream = {};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(member.data()));
  stream.avail_in = uInt(member.size());
  stream.next_out = reinterpret_cast<Bytef *>(packed.data());
  stream.avail_out = uInt(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  std::string common;
  put(common, 20, 2);
  put(common, 0, 2);
  put(common, 8, 2);
  put(common, 0, 4);
  put(common, run::crc32(0, member.data(), member.size()), 4);
  put(common, packed.size(), 4);
  put(common, claimed, 4);
  put(common, name.size(), 2);
  put(common, 0, 2);
  std::string zip, directory;
  put(zip, 0x04034b50, 4);
  zip += common + name + packed;
  put(directory, 0x02014b50, 4);
  put(directory, 20, 2);
  directory += common;
  put(directory, 0, 10);
  put(directory, 0, 4);
  directory += name;
  uint64_t start = zip.size();
  zip += directory;
  put(zip, 0x06054b50, 4);
  put(zip, 0, 4);
  put(zip, 1, 2);
  put(zip, 1, 2);
  put(zip, directory.size(), 4);
  put(zip, start, 4);
  put(zip, 0, 2);
  return zip;
}

TEST(Npz, RoundTrip) {
  std::string path = folder() + "/a.npz", error;
  std::vector<float> x = {1, 2, 3, 4, 5, 6};
  std::vector<int64_t> n = {-7};
  ASSERT_TRUE(writeNpz(path,
                       {{"x", {'f', 4}, {2, 3}, x.data(), 24},
                        {"n", {'i', 8}, {}, n.data(), 8},
                        {"none", {'f', 8}, {0, 5}, nullptr, 0}},
                       error))
      << error;
  ArrayFile file;
  ASSERT_TRUE(file.open(path, "input", error)) << error;
  ASSERT_EQ(file.arrays().size(), 3u);
  AlignedBytes values{nullptr, nullptr};
  const ArrayEntry *entry = file.find("x");
  ASSERT_TRUE(entry && file.load(*entry, values, error)) << error;
  EXPECT_EQ(entry->dims, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(values.get(), x.data(), 24), 0);
  ASSERT_TRUE(file.load(*file.find("n"), values, error));
  EXPECT_EQ(valueAt(values.get(), INGOT_I64, 0), -7);
  EXPECT_TRUE(file.load(*file.find("none"), values, error)) << error;
}

TEST(Npz, ReadsDeflatedAndColumnMajor) {
  std::string path = folder() + "/a.npz", error, values;
  for (int i = 0; i < 6; ++i)
    put(values, uint64_t(i), 2);
  std::string member = npy("{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }\n", values);
  writeFile(path, deflatedZip("m.npy", member, uint32_t(member.size())));
  ArrayFile file;
  ASSERT_TRUE(file.open(path, "input", error)) << error;
  AlignedBytes loaded{nullptr, nullptr};
  ASSERT_TRUE(file.load(*file.find("m"), loaded, error)) << error;
  std::vector<double> seen;
  for (uint64_t i = 0; i < 6; ++i)
    seen.push_back(valueAt(loaded.get(), INGOT_I16, i));
  EXPECT_THAT(seen, testing::ElementsAre(0, 2, 4, 1, 3, 5));
}

TEST(Inflate, UnpacksWhatZlibPacks) {
  // Every strategy and level of zlib over data of every kind: constant, text-like, random, long
  // matches, empty.
  uint64_t state = 7;
  auto random = [&] {
    return state = state * 6364136223846793005u + 1442695040888963407u, uint32_t(state >> 33);
  };
  for (int kind = 0; kind < 5; ++kind)
    for (size_t size : {size_t(0), size_t(1), size_t(1000), size_t(70000), size_t(300000)}) {
      std::string data(size, 'a');
      for (size_t i = 0; i < size; ++i)
        if (kind == 1)
          data[i] = char('a' + random() % 7);
        else if (kind == 2)
          data[i] = char(random());
        else if (kind == 3)
          data[i] = char(i % 31000 * 7919 % 251);
        else if (kind == 4)
          data[i] = char(std::min(random() % 256, random() % 256)); // skewed: codes of many lengths
      for (int level : {0, 1, 6, 9})
        for (int strategy : {Z_DEFAULT_STRATEGY, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED}) {
          std::string packed(compressBound(uLong(size)) + 64, 0), unpacked;
          z_stream stream = {};
          deflateInit2(&stream, level, Z_DEFLATED, -MAX_WBITS, 8, strategy);
          stream.next_in = reinterpret_cast<Bytef *>(data.data());
          stream.avail_in = uInt(size);
          stream.next_out = reinterpret_cast<Bytef *>(packed.data());
          stream.avail_out = uInt(packed.size());
          ASSERT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
          packed.resize(stream.total_out);
          deflateEnd(&stream);
          size_t at = 0;
          auto read = [&](uint8_t *to, size_t room) {
            size_t piece = std::min({room, packed.size() - at, size_t(1 + random() % 5000)});
            std::memcpy(to, packed.data() + at, piece);
            at += piece;
            return piece;
          };
          auto sink = [&](const uint8_t *bytes, size_t count) {
            unpacked.append(reinterpret_cast<const char *>(bytes), count);
            return true;
          };
          ASSERT_EQ(inflate(read, sink), Inflated::done)
              << kind << " " << size << " " << level << " " << strategy;
          ASSERT_EQ(unpacked, data);
          EXPECT_EQ(run::crc32(0, data.data(), size),
                    uint32_t(::crc32(0, reinterpret_cast<const Bytef *>(data.data()), uInt(size))));
          // Cut short it is damaged, not shorter data.
          packed.resize(packed.size() - 1);
          at = 0;
          unpacked.clear();
          EXPECT_EQ(inflate(read, sink), Inflated::damaged);
        }
    }
}

TEST(Inflate, NoDamagedByteCrashes) {
  uint64_t state = 3;
  auto random = [&] {
    return state = state * 6364136223846793005u + 1442695040888963407u, uint32_t(state >> 33);
  };
  for (int round = 0; round < 20000; ++round) {
    std::string bytes(random() % 200, 0);
    for (char &byte : bytes)
      byte = char(random());
    if (!bytes.empty() && round % 2)
      bytes[0] = char((bytes[0] & ~7) | 5); // a last block with sent codes
    size_t at = 0, total = 0;
    inflate(
        [&](uint8_t *to, size_t room) {
          size_t piece = std::min(room, bytes.size() - at);
          std::memcpy(to, bytes.data() + at, piece);
          at += piece;
          return piece;
        },
        [&](const uint8_t *, size_t size) { return (total += size) < (1u << 20); });
  }
}

TEST(Npz, RefusesBombsAndLies) {
  std::string path = folder() + "/a.npz", error;
  auto refuse = [&](const std::string &zip) {
    writeFile(path, zip);
    ArrayFile file;
    AlignedBytes values{nullptr, nullptr};
    error.clear();
    bool ok = file.open(path, "input", error);
    for (size_t i = 0; ok && i < file.arrays().size(); ++i)
      ok = file.load(file.arrays()[i], values, error);
    EXPECT_FALSE(ok);
    EXPECT_FALSE(error.empty());
    return error;
  };
  std::string dict = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000,), }";
  std::string start = npy(dict, "");
  // A few bytes that claim four gigabytes.
  EXPECT_THAT(refuse(deflatedZip("m.npy", start, uint32_t(start.size() + 4000000000u))),
              HasSubstr("absurd"));
  EXPECT_THAT(
      refuse(deflatedZip(
          "m.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", "12345678"),
          uint32_t(start.size() + 8))),
      HasSubstr("does not fit"));
  EXPECT_THAT(
      refuse(deflatedZip(
          "m.npy", npy("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", "1234"), 73)),
      HasSubstr("little-endian"));
  EXPECT_THAT(
      refuse(deflatedZip(
          "m.npy", npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "1234"), 72)),
      HasSubstr("type"));
  EXPECT_THAT(
      refuse(deflatedZip(
          "m.npy",
          npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", ""),
          92)),
      HasSubstr("shape"));
  refuse("");
  refuse("PK");
  refuse(std::string(100, 'x'));
}

TEST(Npz, NoDamagedByteCrashes) {
  std::string path = folder() + "/a.npz", error;
  std::vector<float> x = {1, 2, 3, 4, 5, 6};
  ASSERT_TRUE(writeNpz(
      path, {{"x", {'f', 4}, {2, 3}, x.data(), 24}, {"y", {'f', 4}, {6}, x.data(), 24}}, error));
  std::string good = readFile(path);
  int refused = 0;
  for (size_t at = 0; at < good.size(); ++at)
    for (int change : {0xff, 0x01, 0x80}) {
      std::string bad = good;
      bad[at] = char(bad[at] ^ change);
      writeFile(path, bad);
      ArrayFile file;
      AlignedBytes values{nullptr, nullptr};
      bool ok = file.open(path, "input", error);
      for (size_t i = 0; ok && i < file.arrays().size(); ++i)
        ok = file.load(file.arrays()[i], values, error);
      refused += !ok;
    }
  // Checksums and structure cover most bytes; times, versions and attributes carry nothing.
  EXPECT_GT(refused, int(good.size()) * 3 / 2);
  for (size_t size = 0; size < good.size(); ++size) {
    writeFile(path, good.substr(0, size));
    ArrayFile file;
    EXPECT_FALSE(file.open(path, "input", error)) << size;
  }
}

TEST(TensorProto, ReadsRawAndTypedData) {
  std::string path = folder(), error;
  // dims = 2 (twice: packed), data_type = FLOAT, raw_data, name = "x"
  writeFile(path + "/input_0.pb",
            std::string("\x0a\x02\x01\x02\x10\x01\x4a\x08\0\0\x80\x3f\0\0\0\x40\x42\x01x", 19));
  // dims = 3, data_type = INT64, int64_data unpacked 1, 2, -1
  writeFile(
      path + "/input_1.pb",
      std::string("\x08\x03\x10\x07\x38\x01\x38\x02\x38\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                  19));
  ArrayFile file;
  ASSERT_TRUE(file.open(path, "input", error)) << error;
  ASSERT_EQ(file.arrays().size(), 2u);
  AlignedBytes values{nullptr, nullptr};
  EXPECT_EQ(file.arrays()[0].name, "x");
  EXPECT_EQ(file.arrays()[0].dims, (std::vector<int64_t>{1, 2}));
  ASSERT_TRUE(file.load(file.arrays()[0], values, error)) << error;
  EXPECT_EQ(valueAt(values.get(), INGOT_F32, 1), 2.0);
  EXPECT_EQ(file.arrays()[1].position, 1);
  ASSERT_TRUE(file.load(file.arrays()[1], values, error)) << error;
  EXPECT_EQ(valueAt(values.get(), INGOT_I64, 2), -1);
  ArrayFile outputs;
  EXPECT_FALSE(outputs.open(path, "output", error));
}

TEST(TensorProto, NoDamagedByteCrashes) {
  std::string path = folder(), error;
  std::string good("\x0a\x02\x01\x02\x10\x01\x4a\x08\0\0\x80\x3f\0\0\0\x40\x42\x01x", 19);
  for (size_t at = 0; at < good.size(); ++at)
    for (int value = 0; value < 256; ++value) {
      std::string bad = good;
      bad[at] = char(value);
      writeFile(path + "/input_0.pb", bad);
      ArrayFile file;
      AlignedBytes values{nullptr, nullptr};
      if (file.open(path, "input", error) && !file.arrays().empty())
        file.load(file.arrays()[0], values, error);
    }
  for (size_t size = 1; size < good.size(); ++size) {
    writeFile(path + "/input_0.pb", good.substr(0, size));
    ArrayFile file;
    if (size != 16) // without its name it is whole
      EXPECT_FALSE(file.open(path, "input", error)) << size;
  }
}

TEST(FileWriter, LeavesNothingBehind) {
  std::string path = folder(), error;
  {
    FileWriter writer;
    ASSERT_TRUE(writer.open(path + "/a", error));
    ASSERT_TRUE(writer.write("x", 1, error));
  }
  EXPECT_EQ(rmdir(path.c_str()), 0) << "the folder must be empty";
  FileWriter writer;
  EXPECT_FALSE(writer.open(path + "/no/such/folder", error));
  EXPECT_THAT(error, HasSubstr("cannot write"));
}

TEST(Values, ReadsNarrowFloats) {
  // Values from the format definitions (IEEE 754 binary16, bfloat16, OCP FP8).
  uint16_t halves[] = {0x3c00, 0xc000, 0x7c00, 0x0001};
  EXPECT_EQ(valueAt(halves, INGOT_F16, 0), 1.0);
  EXPECT_EQ(valueAt(halves, INGOT_F16, 1), -2.0);
  EXPECT_EQ(valueAt(halves, INGOT_F16, 2), INFINITY);
  EXPECT_EQ(valueAt(halves, INGOT_F16, 3), std::ldexp(1.0, -24));
  uint16_t brain = 0x4049;
  EXPECT_EQ(valueAt(&brain, INGOT_BF16, 0), 3.140625);
  uint8_t eighths[] = {0x7e, 0x7f, 0x7b, 0x80, 0x38};
  EXPECT_EQ(valueAt(eighths, INGOT_F8E4M3FN, 0), 448.0);
  EXPECT_TRUE(std::isnan(valueAt(eighths, INGOT_F8E4M3FN, 1)));
  EXPECT_EQ(valueAt(eighths, INGOT_F8E5M2, 2), 57344.0);
  EXPECT_TRUE(std::isnan(valueAt(eighths, INGOT_F8E4M3FNUZ, 3)));
  EXPECT_EQ(valueAt(eighths, INGOT_F8E4M3FN, 4), 1.0);
  uint8_t nibbles = 0x9f;
  EXPECT_EQ(valueAt(&nibbles, INGOT_I4, 0), -1);
  EXPECT_EQ(valueAt(&nibbles, INGOT_I4, 1), -7);
  EXPECT_EQ(valueAt(&nibbles, INGOT_U4, 1), 9);
}

TEST(Values, ComparesNaNAndInfinity) {
  float nan = std::numeric_limits<float>::quiet_NaN(), inf = INFINITY;
  float a[] = {1, nan, inf, 2}, b[] = {1, nan, inf, 2.5f};
  Difference apart = compare(a, INGOT_F32, b, INGOT_F32, 4);
  EXPECT_EQ(apart.maxAbs, 0.5);
  EXPECT_EQ(apart.at, 3u);
  EXPECT_EQ(apart.relative(), 0.2);
  float c[] = {1, 0, -inf, 2};
  EXPECT_EQ(compare(c, INGOT_F32, b, INGOT_F32, 2).maxAbs, INFINITY);
  EXPECT_EQ(compare(c + 2, INGOT_F32, b + 2, INGOT_F32, 1).maxAbs, INFINITY);
  float zero[] = {0}, one[] = {1};
  EXPECT_EQ(compare(one, INGOT_F32, zero, INGOT_F32, 1).relative(), INFINITY);
  EXPECT_EQ(compare(zero, INGOT_F32, zero, INGOT_F32, 1).relative(), 0);
}

TEST(Values, DrawsWithinTheRange) {
  ingot_tensor_info info = {};
  info.has_range = 1;
  info.range_min = 3;
  info.range_max = 6;
  for (ingot_type type : {INGOT_I64, INGOT_U8, INGOT_I4, INGOT_F32, INGOT_F16, INGOT_F64}) {
    info.type = type;
    std::vector<uint8_t> values(8 * 1000), again(8 * 1000);
    fillRandom(values.data(), 1000, info, 1);
    fillRandom(again.data(), 1000, info, 1);
    EXPECT_EQ(values, again);
    double low = 100, high = -100;
    for (uint64_t i = 0; i < 1000; ++i) {
      low = std::fmin(low, valueAt(values.data(), type, i));
      high = std::fmax(high, valueAt(values.data(), type, i));
    }
    EXPECT_GE(low, 3) << ingot_type_name(type);
    EXPECT_LE(high, 6) << ingot_type_name(type);
    EXPECT_GT(high - low, 2.5) << ingot_type_name(type);
  }
}

} // namespace
