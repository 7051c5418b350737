// JSON as a tree that is read without trusting it: every access checks the kind of value.
#pragma once

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <optional>
#include <vector>

namespace ingot::pt2 {

/// One JSON value.
struct Json {
  enum class Kind : uint8_t { Null, Bool, Integer, Real, Text, Array, Object };
  Kind kind = Kind::Null;
  union {
    int64_t integer = 0; ///< Bool, Integer
    double real;
  };
  llvm::StringRef text;
  std::vector<Json> items;                          ///< Array: the elements; Object: the values
  std::vector<llvm::StringRef> names;               ///< Object: the names of the values
  std::unique_ptr<llvm::StringMap<unsigned>> index; ///< of names, for objects with many

  bool isNull() const { return kind == Kind::Null; }
  bool isText() const { return kind == Kind::Text; }
  bool isArray() const { return kind == Kind::Array; }
  bool isObject() const { return kind == Kind::Object; }
};

/// A parsed text, which its values point into.
class JsonDocument {
public:
  /// Integers are exact to 64 bits, NaN and Infinity are numbers, nesting is at most 256 deep.
  /// Error: no JSON; the message continues a sentence ("is no JSON at byte 3: …").
  llvm::Error parse(llvm::StringRef text);
  const Json *root() const { return &value; }

private:
  std::vector<char> buffer;
  Json value;
};

/// The field of an object, or null when `value` is null, no object, has no such field, or the field
/// is null.
const Json *field(const Json *value, llvm::StringRef name);
/// A value as text, integer, number ("NaN", "Infinity" and "-Infinity" as text too), truth; nothing
/// when it is none.
std::optional<llvm::StringRef> asText(const Json *value);
std::optional<int64_t> asInteger(const Json *value);
std::optional<double> asNumber(const Json *value);
std::optional<bool> asBool(const Json *value);

/// A union of the schema: an object with one tag that is not null (older files list every tag). The
/// tag is empty when there is none.
struct Tagged {
  llvm::StringRef tag;
  const Json *value = nullptr;
};
Tagged asUnion(const Json *value);

/// Calls `body` with each element of an array; does nothing when `value` is none.
template <class Body> void forEachElement(const Json *value, Body body) {
  if (value && value->isArray())
    for (const Json &element : value->items)
      body(&element);
}

} // namespace ingot::pt2
