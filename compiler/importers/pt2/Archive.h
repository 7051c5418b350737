// Reads zip archives from memory, by their central directory.
//
// The bytes are not trusted: names that leave the archive, duplicates, encrypted members, methods
// other than stored and deflated, and sizes that no deflate stream can reach are refused.
#pragma once

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"

namespace ingot::pt2 {

class Archive {
public:
  struct Member {
    std::string name;
    uint64_t size = 0;   ///< uncompressed
    bool stored = false; ///< not compressed: its bytes lie in the archive as they are
    uint64_t directoryPos = 0, number = 0; ///< where minizip finds it
  };

  /// Opens the archive that `bytes` are; they must outlive it. Error: no zip archive, or one that
  /// is refused.
  static llvm::Expected<std::unique_ptr<Archive>> open(llvm::StringRef bytes);
  ~Archive();

  /// Members in the order of the directory, folders left out.
  llvm::ArrayRef<Member> members() const { return list; }
  /// The member of this full name, or null.
  const Member *find(llvm::StringRef name) const;

  /// Where a stored member's bytes begin in the archive. Error: it is compressed or reaches beyond
  /// the archive.
  llvm::Expected<uint64_t> offsetOf(const Member &member);
  /// A member's bytes, inflated and checked against their CRC. Error: above `limit` bytes, or
  /// damaged.
  llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> read(const Member &member, uint64_t limit);

private:
  struct Stream;
  Archive() = default;
  llvm::Error readDirectory();
  llvm::Error openMember(const Member &member);

  std::unique_ptr<Stream> stream;
  void *zip = nullptr;
  std::vector<Member> list;
  llvm::StringMap<size_t> index;
};

} // namespace ingot::pt2
