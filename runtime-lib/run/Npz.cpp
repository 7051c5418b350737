// NPZ: a zip archive of .npy members, stored or deflated (PKWARE APPNOTE 6.3, NumPy's format
// version 1 to 3).
#include "runtime-lib/run/Arrays.h"
#include "runtime-lib/run/Inflate.h"
#include <algorithm>
#include <cstring>

namespace ingot::run {
namespace {

constexpr uint64_t kMaxMembers = 65536;
constexpr uint64_t kMaxDirectory = 64u << 20;
constexpr uint32_t kMaxNpyHeader = 65536;

uint32_t le16(const uint8_t *p) { return p[0] | uint32_t(p[1]) << 8; }
uint32_t le32(const uint8_t *p) { return le16(p) | le16(p + 2) << 16; }
uint64_t le64(const uint8_t *p) { return le32(p) | uint64_t(le32(p + 4)) << 32; }

bool damaged(const std::string &path, const char *what, std::string &error) {
  error = path + " is damaged: " + what;
  return false;
}

/// Where the archive's directory lies.
struct Directory {
  uint64_t offset, size, members;
};

bool findDirectory(const File &file, Directory &directory, std::string &error) {
  constexpr size_t kRecord = 22;
  size_t window = size_t(std::min<uint64_t>(file.size(), 65535 + kRecord));
  if (window < kRecord)
    return damaged(file.path(), "it is too short for an NPZ archive", error);
  std::vector<uint8_t> tail(window);
  uint64_t start = file.size() - window;
  if (!file.read(start, tail.data(), window, error))
    return false;
  size_t at = window - kRecord;
  while (le32(&tail[at]) != 0x06054b50)
    if (at-- == 0)
      return damaged(file.path(), "it has no zip directory, so it is no NPZ archive", error);
  directory = {le32(&tail[at + 16]), le32(&tail[at + 12]), le16(&tail[at + 10])};
  // Zip64: a locator right before the record tells where the wide record lies.
  if (start + at >= 20 && (directory.offset == UINT32_MAX || directory.size == UINT32_MAX ||
                           directory.members == 65535)) {
    uint8_t locator[20], record[56];
    if (!file.read(start + at - 20, locator, sizeof(locator), error))
      return false;
    if (le32(locator) == 0x07064b50) {
      if (!file.read(le64(locator + 8), record, sizeof(record), error))
        return false;
      if (le32(record) != 0x06064b50)
        return damaged(file.path(), "its zip64 directory is not where it should be", error);
      directory = {le64(record + 48), le64(record + 40), le64(record + 32)};
    }
  }
  if (directory.size > kMaxDirectory || directory.members > kMaxMembers)
    return damaged(file.path(), "its directory is absurdly large", error);
  if (directory.size > file.size() || directory.offset > file.size() - directory.size)
    return damaged(file.path(), "its directory lies beyond its end", error);
  return true;
}

/// Unpacks a deflated member from the file piece by piece. `sink` gets the bytes and says whether
/// to go on.
bool inflateMember(const File &file, const ArrayEntry &entry,
                   const std::function<bool(const uint8_t *, size_t)> &sink, std::string &error) {
  uint64_t left = entry.storedBytes, at = entry.offset;
  bool ok = true;
  auto read = [&](uint8_t *to, size_t size) -> size_t {
    size = size_t(std::min<uint64_t>(left, size));
    ok = ok && file.read(at, to, size, error);
    at += size;
    left -= size;
    return ok ? size : 0;
  };
  Inflated outcome = inflate(read, sink);
  if (ok && outcome == Inflated::damaged)
    return damaged(file.path(), ("member '" + entry.name + "' cannot be unpacked").c_str(), error);
  return ok;
}

/// Reads the value after "'key':" of a .npy header; an empty string if it is not there.
std::string headerValue(const std::string &header, const std::string &key) {
  size_t at = header.find("'" + key + "'");
  if (at == std::string::npos)
    return "";
  at = header.find(':', at);
  if (at == std::string::npos)
    return "";
  at = header.find_first_not_of(' ', at + 1);
  if (at == std::string::npos)
    return "";
  char close = header[at] == '(' ? ')' : header[at] == '\'' ? '\'' : ',';
  size_t end = header.find(close, at + 1);
  return end == std::string::npos ? "" : header.substr(at, end - at + (close != ','));
}

bool parseElement(const std::string &descr, ElementKind &element) {
  // '<f4', '|b1', '|V2', …; big-endian only where there is nothing to swap.
  if (descr.size() < 5 || descr.front() != '\'' || descr.back() != '\'')
    return false;
  char order = descr[1];
  element.kind = descr[2];
  element.size = 0;
  for (size_t i = 3; i + 1 < descr.size(); ++i) {
    if (descr[i] < '0' || descr[i] > '9' || element.size > 99)
      return false;
    element.size = element.size * 10 + uint32_t(descr[i] - '0');
  }
  if (order != '<' && order != '|' && order != '=' && !(order == '>' && element.size == 1))
    return false;
  switch (element.kind) {
  case 'f':
    return element.size == 2 || element.size == 4 || element.size == 8;
  case 'i':
  case 'u':
    return element.size == 1 || element.size == 2 || element.size == 4 || element.size == 8;
  case 'b':
    return element.size == 1;
  case 'c':
    return element.size == 8 || element.size == 16;
  case 'V':
    return element.size >= 1 && element.size <= 16;
  default:
    return false;
  }
}

bool parseShape(const std::string &shape, std::vector<int64_t> &dims) {
  if (shape.size() < 2 || shape.front() != '(' || shape.back() != ')')
    return false;
  int64_t number = -1;
  for (size_t i = 1; i < shape.size(); ++i) {
    char c = shape[i];
    if (c >= '0' && c <= '9') {
      if (number > INT64_MAX / 10 - 10)
        return false;
      number = (number < 0 ? 0 : number) * 10 + (c - '0');
    } else if (c == ',' || c == ')') {
      if (number >= 0)
        dims.push_back(number);
      number = -1;
    } else if (c != ' ' && c != 'L') {
      return false;
    }
    if (dims.size() > 32)
      return false;
  }
  return true;
}

/// Parses the start of a .npy member; fills element, dims, bytes and headerBytes.
bool parseNpyHeader(const std::string &path, const std::vector<uint8_t> &start, uint64_t unpacked,
                    ArrayEntry &entry, std::string &error) {
  auto bad = [&](const std::string &what) {
    error = path + ": array '" + entry.name + "' " + what;
    return false;
  };
  if (start.size() < 12 || std::memcmp(start.data(), "\x93NUMPY", 6) != 0 || start[6] < 1 ||
      start[6] > 3)
    return bad("is not in NumPy's format");
  uint32_t prefix = start[6] == 1 ? 10 : 12;
  uint32_t length = start[6] == 1 ? le16(&start[8]) : le32(&start[8]);
  if (length > kMaxNpyHeader || start.size() < prefix + length)
    return bad("has a damaged header");
  std::string header(reinterpret_cast<const char *>(start.data()) + prefix, length);
  std::string descr = headerValue(header, "descr"), order = headerValue(header, "fortran_order");
  if (!parseElement(descr, entry.element))
    return bad("has elements of type " + (descr.empty() ? "unknown" : descr) +
               "; numbers in little-endian order are expected");
  if (!parseShape(headerValue(header, "shape"), entry.dims))
    return bad("has a damaged shape");
  entry.fortran = order.rfind("True", 0) == 0;
  entry.headerBytes = prefix + length;
  uint64_t elements = 1;
  bool overflow = false;
  for (int64_t dim : entry.dims)
    overflow |= __builtin_mul_overflow(elements, uint64_t(dim), &elements);
  if (std::find(entry.dims.begin(), entry.dims.end(), 0) != entry.dims.end())
    elements = 0, overflow = false;
  overflow |= __builtin_mul_overflow(elements, uint64_t(entry.element.size), &entry.bytes);
  if (overflow || entry.bytes != unpacked - entry.headerBytes)
    return bad("has a shape that does not fit its size in the archive");
  return true;
}

} // namespace

AlignedBytes allocateAligned(uint64_t bytes) {
  void *memory = nullptr;
  if (bytes > SIZE_MAX / 2 || posix_memalign(&memory, 64, size_t(bytes ? bytes : 1)) != 0)
    memory = nullptr;
  return AlignedBytes(static_cast<uint8_t *>(memory), &std::free);
}

const ArrayEntry *ArrayFile::find(const std::string &name) const {
  for (const ArrayEntry &entry : entries)
    if (entry.name == name)
      return &entry;
  return nullptr;
}

bool ArrayFile::openNpz(std::string &error) {
  Directory directory;
  if (!findDirectory(file, directory, error))
    return false;
  std::vector<uint8_t> records(size_t(directory.size));
  if (!file.read(directory.offset, records.data(), records.size(), error))
    return false;
  size_t at = 0;
  for (uint64_t i = 0; i < directory.members; ++i) {
    if (records.size() - at < 46 || le32(&records[at]) != 0x02014b50)
      return damaged(file.path(), "its directory ends too early", error);
    const uint8_t *record = &records[at];
    uint32_t flags = le16(record + 8), method = le16(record + 10);
    size_t nameSize = le16(record + 28), extraSize = le16(record + 30),
           commentSize = le16(record + 32);
    if (records.size() - at - 46 < nameSize + extraSize + commentSize)
      return damaged(file.path(), "its directory ends too early", error);
    std::string member(reinterpret_cast<const char *>(record) + 46, nameSize);
    ArrayEntry entry;
    entry.crc = le32(record + 16);
    entry.storedBytes = le32(record + 20);
    uint64_t unpacked = le32(record + 24);
    uint64_t header = le32(record + 42);
    // Zip64 sizes stand in the extra field, in this order, for each 32-bit field that is all ones.
    const uint8_t *extra = record + 46 + nameSize, *extraEnd = extra + extraSize;
    while (extraEnd - extra >= 4) {
      size_t size = le16(extra + 2);
      const uint8_t *value = extra + 4;
      if (size_t(extraEnd - value) < size)
        break;
      if (le16(extra) == 1)
        for (uint64_t *field : {&unpacked, &entry.storedBytes, &header})
          if (*field == UINT32_MAX && size >= 8) {
            *field = le64(value);
            value += 8;
            size -= 8;
          }
      extra += 4 + le16(extra + 2);
    }
    at += 46 + nameSize + extraSize + commentSize;
    if (!member.empty() && member.back() == '/')
      continue;
    if (flags & 1)
      return damaged(file.path(), ("member '" + member + "' is encrypted").c_str(), error);
    if (method != 0 && method != 8)
      return damaged(file.path(),
                     ("member '" + member + "' is packed by an unknown method").c_str(), error);
    entry.deflated = method == 8;
    uint8_t local[30];
    if (!file.read(header, local, sizeof(local), error))
      return false;
    if (le32(local) != 0x04034b50)
      return damaged(file.path(),
                     ("member '" + member + "' is not where the directory says").c_str(), error);
    entry.offset = header + sizeof(local) + le16(local + 26) + le16(local + 28);
    if (entry.storedBytes > file.size() || entry.offset > file.size() - entry.storedBytes ||
        (!entry.deflated && unpacked != entry.storedBytes))
      return damaged(file.path(), ("member '" + member + "' does not fit the file").c_str(), error);
    if (!addMember(member, std::move(entry), unpacked, error))
      return false;
  }
  return true;
}

bool ArrayFile::addMember(const std::string &member, ArrayEntry entry, uint64_t unpacked,
                          std::string &error) {
  entry.name = member;
  if (member.size() > 4 && member.compare(member.size() - 4, 4, ".npy") == 0)
    entry.name.resize(member.size() - 4);
  if (find(entry.name))
    return damaged(file.path(), ("it has two arrays '" + entry.name + "'").c_str(), error);
  // The member's start, enough for its header.
  std::vector<uint8_t> start;
  size_t wanted = size_t(std::min<uint64_t>(unpacked, 12 + kMaxNpyHeader));
  if (entry.deflated) {
    if (!inflateMember(
            file, entry,
            [&](const uint8_t *bytes, size_t size) {
              start.insert(start.end(), bytes, bytes + std::min(size, wanted - start.size()));
              return start.size() < wanted && start.size() < 1024;
            },
            error))
      return false;
  } else {
    start.resize(std::min<size_t>(wanted, 1024));
    if (!file.read(entry.offset, start.data(), start.size(), error))
      return false;
    if (start.size() >= 12) {
      size_t header = start[6] == 1 ? 10 + le16(&start[8]) : 12 + size_t(le32(&start[8]));
      if (header > start.size() && header <= wanted) {
        start.resize(header);
        if (!file.read(entry.offset, start.data(), start.size(), error))
          return false;
      }
    }
  }
  if (!parseNpyHeader(file.path(), start, unpacked, entry, error))
    return false;
  entries.push_back(std::move(entry));
  return true;
}

bool ArrayFile::load(const ArrayEntry &entry, AlignedBytes &values, std::string &error) const {
  // What a stored array claims is bounded by the file; a deflated one grows at most 1032-fold
  // (zlib's bound).
  if (entry.deflated && entry.bytes / 1032 > entry.storedBytes)
    return damaged(file.path(), ("array '" + entry.name + "' claims an absurd size").c_str(),
                   error);
  values = allocateAligned(entry.bytes);
  if (!values) {
    error =
        "no memory for the " + std::to_string(entry.bytes) + " bytes of array '" + entry.name + "'";
    return false;
  }
  if (!entry.inlineValues.empty() || !entry.bytes) {
    std::copy(entry.inlineValues.begin(), entry.inlineValues.end(), values.get());
  } else if (!entry.path.empty()) {
    File tensor;
    if (!tensor.open(entry.path, error) ||
        !tensor.read(entry.offset, values.get(), size_t(entry.bytes), error))
      return false;
  } else if (entry.deflated) {
    uint64_t skip = entry.headerBytes, at = 0;
    uint32_t crc = 0;
    bool tooLong = false;
    if (!inflateMember(
            file, entry,
            [&](const uint8_t *bytes, size_t size) {
              crc = crc32(crc, bytes, size);
              size_t skipped = size_t(std::min<uint64_t>(skip, size));
              skip -= skipped;
              bytes += skipped;
              size -= skipped;
              tooLong = size > entry.bytes - at;
              if (tooLong)
                return false;
              std::copy(bytes, bytes + size, values.get() + at);
              at += size;
              return true;
            },
            error))
      return false;
    if (tooLong || at != entry.bytes || crc != entry.crc)
      return damaged(file.path(),
                     ("array '" + entry.name + "' is not what its checksum says").c_str(), error);
  } else {
    std::vector<uint8_t> header(entry.headerBytes);
    if (!file.read(entry.offset, header.data(), header.size(), error) ||
        !file.read(entry.offset + entry.headerBytes, values.get(), size_t(entry.bytes), error))
      return false;
    uint32_t crc = crc32(crc32(0, header.data(), header.size()), values.get(), entry.bytes);
    if (crc != entry.crc)
      return damaged(file.path(),
                     ("array '" + entry.name + "' is not what its checksum says").c_str(), error);
  }
  if (!entry.fortran || entry.dims.size() < 2 || !entry.bytes)
    return true;
  // Column-major on disk: put each element where row-major order wants it.
  AlignedBytes turned = allocateAligned(entry.bytes);
  if (!turned) {
    error = "no memory for array '" + entry.name + "'";
    return false;
  }
  size_t rank = entry.dims.size(), size = entry.element.size;
  std::vector<int64_t> index(rank, 0);
  std::vector<uint64_t> strides(rank, size);
  for (size_t i = 1; i < rank; ++i)
    strides[i] = strides[i - 1] * uint64_t(entry.dims[i - 1]);
  for (uint64_t at = 0; at < entry.bytes; at += size) {
    uint64_t from = 0;
    for (size_t i = 0; i < rank; ++i)
      from += uint64_t(index[i]) * strides[i];
    std::memcpy(turned.get() + at, values.get() + from, size);
    for (size_t i = rank; i-- > 0 && ++index[i] == entry.dims[i];)
      index[i] = 0;
  }
  values = std::move(turned);
  return true;
}

namespace {

void put(std::string &to, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i)
    to.push_back(char(value >> (8 * i)));
}

std::string npyHeader(const OutputArray &array) {
  std::string dict = "{'descr': '";
  dict += array.element.size == 1 || array.element.kind == 'V' ? '|' : '<';
  dict += array.element.kind + std::to_string(array.element.size) +
          "', 'fortran_order': False, 'shape': (";
  for (int64_t dim : array.dims)
    dict += std::to_string(dim) + (array.dims.size() == 1 ? "," : ", ");
  if (array.dims.size() > 1)
    dict.resize(dict.size() - 2);
  dict += "), }";
  // The values start at a multiple of 64 within the member.
  size_t total = (10 + dict.size() + 1 + 63) / 64 * 64;
  dict.resize(total - 10 - 1, ' ');
  dict += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  put(header, dict.size(), 2);
  return header + dict;
}

} // namespace

bool writeNpz(const std::string &path, const std::vector<OutputArray> &arrays, std::string &error) {
  FileWriter writer;
  if (!writer.open(path, error))
    return false;
  std::string directory;
  uint64_t at = 0;
  for (const OutputArray &array : arrays) {
    std::string header = npyHeader(array), member = array.name + ".npy";
    uint64_t size = header.size() + array.bytes;
    if (at + size > UINT32_MAX - (1u << 20) || arrays.size() > 65534 || member.size() > 65535) {
      error = "cannot write " + path + ": outputs of 4 GiB and more do not fit one NPZ file";
      return false;
    }
    uint32_t crc = crc32(crc32(0, header.data(), header.size()), array.values, array.bytes);
    std::string common;
    put(common, 20, 2);         // version needed
    put(common, 1u << 11, 2);   // names are UTF-8
    put(common, 0, 2);          // stored
    put(common, 0, 2);          // 00:00
    put(common, 1 << 5 | 1, 2); // 1980-01-01
    put(common, crc, 4);
    put(common, size, 4);
    put(common, size, 4);
    put(common, member.size(), 2);
    put(common, 0, 2); // no extra field
    std::string local;
    put(local, 0x04034b50, 4);
    local += common + member;
    put(directory, 0x02014b50, 4);
    put(directory, 20, 2);
    directory += common;
    put(directory, 0, 2 + 2 + 2); // comment, disk, internal attributes
    put(directory, 0, 4);         // external attributes
    put(directory, at, 4);
    directory += member;
    local += header;
    if (!writer.write(local.data(), local.size(), error) ||
        !writer.write(array.values, size_t(array.bytes), error))
      return false;
    at += local.size() + array.bytes;
  }
  std::string end;
  put(end, 0x06054b50, 4);
  put(end, 0, 4);
  put(end, arrays.size(), 2);
  put(end, arrays.size(), 2);
  put(end, directory.size(), 4);
  put(end, at, 4);
  put(end, 0, 2);
  return writer.write(directory.data(), directory.size(), error) &&
         writer.write(end.data(), end.size(), error) && writer.commit(error);
}

} // namespace ingot::run
