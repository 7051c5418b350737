// Checked access to JSON.
#include "compiler/importers/pt2/Json.h"

#include <cmath>
#include <limits>
#include <rapidjson/error/en.h>

namespace ingot::pt2 {

namespace {

constexpr unsigned kMaxNesting = 256;

/// Whether brackets nest no deeper than allowed; text in quotes does not count.
bool isShallow(llvm::StringRef text) {
  unsigned depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (quoted) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxNesting)
        return false;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return true;
}

} // namespace

llvm::Error parseJson(rapidjson::Document &document, llvm::StringRef text) {
  if (!isShallow(text))
    return llvm::createStringError("is nested more than " + llvm::Twine(kMaxNesting) + " deep");
  constexpr unsigned flags =
      rapidjson::kParseNanAndInfFlag | rapidjson::kParseFullPrecisionFlag | rapidjson::kParseIterativeFlag;
  document.Parse<flags>(text.data(), text.size());
  if (document.HasParseError())
    return llvm::createStringError(llvm::Twine("is no JSON at byte ") + llvm::Twine(document.GetErrorOffset()) + ": " +
                                   rapidjson::GetParseError_En(document.GetParseError()));
  return llvm::Error::success();
}

const Json *field(const Json *value, const char *name) {
  if (!value || !value->IsObject())
    return nullptr;
  auto found = value->FindMember(name);
  return found == value->MemberEnd() || found->value.IsNull() ? nullptr : &found->value;
}

std::optional<llvm::StringRef> asText(const Json *value) {
  if (!value || !value->IsString())
    return std::nullopt;
  return llvm::StringRef(value->GetString(), value->GetStringLength());
}

std::optional<int64_t> asInteger(const Json *value) {
  if (!value || !value->IsInt64())
    return std::nullopt;
  return value->GetInt64();
}

std::optional<double> asNumber(const Json *value) {
  if (!value)
    return std::nullopt;
  if (value->IsNumber())
    return value->GetDouble();
  auto text = asText(value);
  if (text == "NaN")
    return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity")
    return std::numeric_limits<double>::infinity();
  if (text == "-Infinity")
    return -std::numeric_limits<double>::infinity();
  return std::nullopt;
}

std::optional<bool> asBool(const Json *value) {
  if (!value || !value->IsBool())
    return std::nullopt;
  return value->GetBool();
}

Tagged asUnion(const Json *value) {
  if (!value || !value->IsObject())
    return {};
  if (auto tag = asText(field(value, "$type")))
    return {*tag, field(value, "$value")};
  for (const auto &member : value->GetObject())
    if (!member.value.IsNull())
      return {llvm::StringRef(member.name.GetString(), member.name.GetStringLength()), &member.value};
  return {};
}

} // namespace ingot::pt2
