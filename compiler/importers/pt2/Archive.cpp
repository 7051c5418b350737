// Reads zip archives from memory through minizip.
#include "compiler/importers/pt2/Archive.h"

#include <algorithm>
#include <cstring>
#include <minizip/unzip.h>

namespace ingot::pt2 {

/// What minizip reads from: a position in a block of memory.
struct Archive::Stream {
  llvm::StringRef bytes;
  uint64_t position = 0;

  static void *open(void *opaque, const void *, int) { return opaque; }
  static unsigned long read(void *, void *self, void *to, unsigned long count) {
    auto *stream = static_cast<Stream *>(self);
    uint64_t left = stream->bytes.size() - stream->position;
    count = std::min<uint64_t>(count, left);
    std::memcpy(to, stream->bytes.data() + stream->position, count);
    stream->position += count;
    return count;
  }
  static unsigned long write(void *, void *, const void *, unsigned long) { return 0; }
  static ZPOS64_T tell(void *, void *self) { return static_cast<Stream *>(self)->position; }
  static long seek(void *, void *self, ZPOS64_T offset, int origin) {
    auto *stream = static_cast<Stream *>(self);
    uint64_t base = origin == ZLIB_FILEFUNC_SEEK_CUR   ? stream->position
                    : origin == ZLIB_FILEFUNC_SEEK_END ? stream->bytes.size()
                                                       : 0;
    uint64_t target = base + offset; // wraps for a negative offset, as it should
    if (target > stream->bytes.size())
      return -1;
    stream->position = target;
    return 0;
  }
  static int close(void *, void *) { return 0; }
  static int error(void *, void *) { return 0; }
};

namespace {

constexpr uint64_t kMaxMembers = 1 << 20;
constexpr uint64_t kMaxName = 4096;
/// Deflate shrinks by at most this factor.
constexpr uint64_t kMaxRatio = 1032;

/// Whether a member's name stays inside the archive.
bool isSafe(llvm::StringRef name) {
  if (name.empty() || name.starts_with("/") || name.contains('\\') || name.contains('\0'))
    return false;
  while (!name.empty()) {
    auto [part, rest] = name.split('/');
    if (part == ".." || part == ".")
      return false;
    name = rest;
  }
  return true;
}

} // namespace

/// Whether the record that ends an archive is there as a whole: minizip takes one that is cut.
/// (APPNOTE 4.3.16: 22 bytes, the last two the length of a comment that ends the file; members may
/// be archives of their own.)
static bool hasWholeEnd(llvm::StringRef bytes) {
  size_t at = bytes.rfind(llvm::StringRef("PK\5\6", 4));
  constexpr size_t kRecord = 22;
  if (at == llvm::StringRef::npos || bytes.size() - at < kRecord)
    return false;
  auto byte = [&](size_t i) { return static_cast<unsigned char>(bytes[at + i]); };
  return bytes.size() - at - kRecord == byte(20) + 256u * byte(21);
}

llvm::Expected<std::unique_ptr<Archive>> Archive::open(llvm::StringRef bytes) {
  std::unique_ptr<Archive> archive(new Archive);
  archive->stream = std::make_unique<Stream>();
  archive->stream->bytes = bytes;
  zlib_filefunc64_def functions = {Stream::open,  Stream::read,         Stream::write,
                                   Stream::tell,  Stream::seek,         Stream::close,
                                   Stream::error, archive->stream.get()};
  archive->zip = unzOpen2_64("archive", &functions);
  if (!archive->zip || !hasWholeEnd(bytes))
    return llvm::createStringError("no zip archive, or a truncated one: its directory is missing");
  if (llvm::Error error = archive->readDirectory())
    return std::move(error);
  return std::move(archive);
}

Archive::~Archive() {
  if (zip)
    unzClose(zip);
}

llvm::Error Archive::readDirectory() {
  unz_global_info64 global;
  if (unzGetGlobalInfo64(zip, &global) != UNZ_OK || global.number_entry > kMaxMembers)
    return llvm::createStringError("the archive's directory is damaged");
  std::string name;
  for (int status = unzGoToFirstFile(zip); status != UNZ_END_OF_LIST_OF_FILE;
       status = unzGoToNextFile(zip)) {
    unz_file_info64 info;
    if (status != UNZ_OK ||
        unzGetCurrentFileInfo64(zip, &info, nullptr, 0, nullptr, 0, nullptr, 0) != UNZ_OK ||
        info.size_filename > kMaxName)
      return llvm::createStringError("the archive's directory is damaged");
    name.assign(info.size_filename + 1, '\0');
    if (unzGetCurrentFileInfo64(zip, &info, name.data(), name.size(), nullptr, 0, nullptr, 0) !=
        UNZ_OK)
      return llvm::createStringError("the archive's directory is damaged");
    name.resize(info.size_filename);
    if (!isSafe(name))
      return llvm::createStringError("the archive holds a member with the unsafe name '" + name +
                                     "'");
    if (name.back() == '/')
      continue;
    if (info.flag & 1)
      return llvm::createStringError("member '" + name + "' is encrypted");
    if (info.compression_method != 0 && info.compression_method != 8)
      return llvm::createStringError("member '" + name + "' is compressed by method " +
                                     llvm::Twine(info.compression_method) +
                                     ", expected stored or deflated");
    uint64_t archiveSize = stream->bytes.size();
    bool stored = info.compression_method == 0;
    if (info.compressed_size > archiveSize ||
        (stored && info.uncompressed_size != info.compressed_size) ||
        info.uncompressed_size > (info.compressed_size + 64) * kMaxRatio)
      return llvm::createStringError("member '" + name + "' says it has " +
                                     llvm::Twine(info.uncompressed_size) +
                                     " bytes, more than the archive can hold");
    unz64_file_pos position;
    if (unzGetFilePos64(zip, &position) != UNZ_OK)
      return llvm::createStringError("the archive's directory is damaged");
    if (!index.try_emplace(name, list.size()).second)
      return llvm::createStringError("the archive holds member '" + name + "' twice");
    list.push_back({name, info.uncompressed_size, stored, position.pos_in_zip_directory,
                    position.num_of_file});
  }
  return llvm::Error::success();
}

const Archive::Member *Archive::find(llvm::StringRef name) const {
  auto found = index.find(name);
  return found == index.end() ? nullptr : &list[found->second];
}

llvm::Error Archive::openMember(const Member &member) {
  unz64_file_pos position = {member.directoryPos, member.number};
  if (unzGoToFilePos64(zip, &position) != UNZ_OK || unzOpenCurrentFile(zip) != UNZ_OK)
    return llvm::createStringError("member '" + member.name + "' of the archive is damaged");
  return llvm::Error::success();
}

llvm::Expected<uint64_t> Archive::offsetOf(const Member &member) {
  if (!member.stored)
    return llvm::createStringError("member '" + member.name + "' is compressed");
  if (llvm::Error error = openMember(member))
    return std::move(error);
  uint64_t offset = unzGetCurrentFileZStreamPos64(zip), total = stream->bytes.size();
  unzCloseCurrentFile(zip);
  if (offset > total || member.size > total - offset)
    return llvm::createStringError("member '" + member.name +
                                   "' reaches beyond the end of the archive");
  return offset;
}

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> Archive::read(const Member &member,
                                                                  uint64_t limit) {
  if (member.size > limit)
    return llvm::createStringError("member '" + member.name + "' has " + llvm::Twine(member.size) +
                                   " bytes, more than the limit of " + llvm::Twine(limit));
  if (llvm::Error error = openMember(member))
    return std::move(error);
  auto buffer = llvm::WritableMemoryBuffer::getNewUninitMemBuffer(member.size, member.name);
  uint64_t done = 0;
  while (buffer && done < member.size) {
    auto chunk = (unsigned)std::min<uint64_t>(member.size - done, 1 << 30);
    int count = unzReadCurrentFile(zip, buffer->getBufferStart() + done, chunk);
    if (count <= 0)
      break;
    done += count;
  }
  // Closing reports a wrong CRC once all was read.
  bool intact = unzCloseCurrentFile(zip) == UNZ_OK;
  if (!buffer || done != member.size || !intact)
    return llvm::createStringError("member '" + member.name + "' of the archive is damaged");
  return std::move(buffer);
}

} // namespace ingot::pt2
