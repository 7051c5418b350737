// The variables of a session in NPZ files: what `--load-state` and `--save-state` read and write.
#pragma once

#include "ingot/runtime.h"
#include "runtime-lib/run/Arrays.h"

namespace ingot::run {

class State {
public:
  /// Reads arrays named as variables of the program; those the file lacks begin as they always do.
  /// Error: an array that is none of them, or does not fit.
  bool read(const ingot_program *program, const std::string &path, std::string &error);
  /// Puts the session into this state; without `read`, into its first one.
  bool set(ingot_session *session, std::string &error) const;
  /// Writes what the session's variables hold now.
  static bool write(ingot_session *session, const ingot_program *program, const std::string &path,
                    std::string &error);

private:
  struct Variable {
    uint32_t index;
    AlignedBytes values{nullptr, nullptr};
    uint64_t bytes;
  };
  std::vector<Variable> variables;
};

} // namespace ingot::run
