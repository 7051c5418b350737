// Reads the JSON of a `.pt2` archive without trusting it: every access checks the type.
#pragma once

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <rapidjson/document.h>

namespace ingot::pt2 {

using Json = rapidjson::Value;

/// Parses text: integers are exact to 64 bits, NaN and Infinity are numbers, nesting is at most 256 deep. Error: no JSON.
llvm::Error parseJson(rapidjson::Document &document, llvm::StringRef text);

/// The field of an object, or null when `value` is null, no object, has no such field, or the field is null.
const Json *field(const Json *value, const char *name);
/// A value as text, integer, number ("NaN", "Infinity" and "-Infinity" as text too), truth; nothing when it is none.
std::optional<llvm::StringRef> asText(const Json *value);
std::optional<int64_t> asInteger(const Json *value);
std::optional<double> asNumber(const Json *value);
std::optional<bool> asBool(const Json *value);

/// A union of the schema: an object with one tag that is not null (older files list every tag). The tag is empty when there
/// is none.
struct Tagged {
  llvm::StringRef tag;
  const Json *value = nullptr;
};
Tagged asUnion(const Json *value);

/// Calls `body` with each element of an array; does nothing when `value` is none.
template <class Body> void forEachElement(const Json *value, Body body) {
  if (value && value->IsArray())
    for (const Json &element : value->GetArray())
      body(&element);
}

} // namespace ingot::pt2
