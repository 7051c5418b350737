// Reads the pickles that torch.save writes for tensors, without ever calling anything.
//
// An allow-list of opcodes and constructors builds an inert tree; everything else is refused by
// name.
#pragma once

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <deque>
#include <string>

namespace ingot::pt2 {

struct PickleValue {
  enum Kind {
    None,
    Bool,
    Integer,
    Real,
    Text,
    Tuple,
    List,
    Dict,
    Global,
    Storage,
    Tensor,
    Subclass, ///< a tensor made of others: `items` are its attributes
    Object,   ///< an option of a subclass, of no interest
    Mark
  };
  Kind kind = None;
  int64_t integer = 0; ///< Bool, Integer; Storage: its element count; Tensor: offset in elements
  double real = 0;
  /// Text; Global as "module name"; Storage: the key of its member; Subclass: its class.
  std::string text;
  /// Storage: its class (`FloatStorage`, `UntypedStorage`). Tensor: its dtype when it has one of
  /// its own (`uint16`).
  std::string type;
  /// Tuple, List; Dict, Subclass: keys and values in turn; Tensor: [storage, sizes (Tuple), strides
  /// (Tuple)].
  std::vector<PickleValue *> items;
};

/// A pickle's values; `root` is its result. Values may refer to each other in circles: walk them by
/// a known layout only.
class Pickle {
public:
  /// Error: an opcode, a constructor or a nesting that is not allowed; the message names it.
  static llvm::Expected<std::unique_ptr<Pickle>> read(llvm::StringRef bytes);
  const PickleValue *root() const { return result; }

private:
  friend class PickleReader;
  std::deque<PickleValue> values;
  PickleValue *result = nullptr;
};

} // namespace ingot::pt2
