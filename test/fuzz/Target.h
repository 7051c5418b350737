// What the fuzz targets share: readers take files, so the bytes go into a folder of the process's
// own, removed at its end.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace ingot::test {

inline std::string temporaryFolder() {
  struct Folder {
    std::string path;
    Folder() {
      std::string name = (std::filesystem::temp_directory_path() / "ingot-fuzz-XXXXXX").string();
      path = mkdtemp(name.data()) ? name : std::string();
    }
    ~Folder() {
      std::error_code error;
      if (!path.empty())
        std::filesystem::remove_all(path, error);
    }
  };
  static const Folder folder;
  return folder.path;
}

inline bool writeFile(const std::string &path, const void *data, size_t size) {
  FILE *file = std::fopen(path.c_str(), "wb");
  if (!file)
    return false;
  bool whole = std::fwrite(data, 1, size, file) == size;
  return std::fclose(file) == 0 && whole;
}

} // namespace ingot::test
