// Builds JSON trees from RapidJSON's events, and reads them.
#include "compiler/importers/pt2/Json.h"

#include <cmath>
#include <limits>
#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>

namespace ingot::pt2 {

namespace {

constexpr size_t kMaxNesting = 256;
/// Objects with more fields get an index.
constexpr size_t kFewFields = 16;

/// RapidJSON's handler: puts each value into the container that is open. Strings point into the
/// parsed buffer.
class TreeBuilder : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, TreeBuilder> {
public:
  explicit TreeBuilder(Json &root) : root(root) {}
  bool tooDeep = false;

  bool Null() { return add(); }
  bool Bool(bool value) { return addInteger(Json::Kind::Bool, value); }
  bool Int(int value) { return addInteger(Json::Kind::Integer, value); }
  bool Uint(unsigned value) { return addInteger(Json::Kind::Integer, value); }
  bool Int64(int64_t value) { return addInteger(Json::Kind::Integer, value); }
  bool Uint64(uint64_t value) {
    return value <= (uint64_t)INT64_MAX ? addInteger(Json::Kind::Integer, (int64_t)value)
                                        : Double((double)value);
  }
  bool Double(double value) {
    Json *slot = add();
    slot->kind = Json::Kind::Real;
    slot->real = value;
    return true;
  }
  bool String(const char *text, rapidjson::SizeType length, bool) {
    Json *slot = add();
    slot->kind = Json::Kind::Text;
    slot->text = llvm::StringRef(text, length);
    return true;
  }
  bool Key(const char *text, rapidjson::SizeType length, bool) {
    open.back()->names.push_back(llvm::StringRef(text, length));
    return true;
  }
  bool StartObject() { return start(Json::Kind::Object); }
  bool StartArray() { return start(Json::Kind::Array); }
  bool EndObject(rapidjson::SizeType) {
    Json &object = *open.back();
    if (object.names.size() > kFewFields) {
      object.index = std::make_unique<llvm::StringMap<unsigned>>();
      for (unsigned i = 0; i < object.names.size(); ++i)
        object.index->try_emplace(object.names[i], i);
    }
    return end();
  }
  bool EndArray(rapidjson::SizeType) { return end(); }

private:
  Json *add() {
    if (open.empty())
      return &root;
    open.back()->items.emplace_back();
    return &open.back()->items.back();
  }
  bool addInteger(Json::Kind kind, int64_t value) {
    Json *slot = add();
    slot->kind = kind;
    slot->integer = value;
    return true;
  }
  bool start(Json::Kind kind) {
    tooDeep = open.size() >= kMaxNesting;
    if (tooDeep)
      return false;
    Json *slot = add();
    slot->kind = kind;
    open.push_back(slot);
    return true;
  }
  bool end() {
    open.pop_back();
    return true;
  }

  Json &root;
  std::vector<Json *> open; // only the last one grows, so the others do not move
};

} // namespace

llvm::Error JsonDocument::parse(llvm::StringRef text) {
  buffer.assign(text.begin(), text.end());
  buffer.push_back('\0');
  value = Json();
  TreeBuilder builder(value);
  rapidjson::InsituStringStream stream(buffer.data());
  rapidjson::Reader reader;
  constexpr unsigned flags = rapidjson::kParseInsituFlag | rapidjson::kParseNanAndInfFlag |
                             rapidjson::kParseFullPrecisionFlag | rapidjson::kParseIterativeFlag;
  rapidjson::ParseResult result = reader.Parse<flags>(stream, builder);
  if (builder.tooDeep)
    return llvm::createStringError("is nested more than " + llvm::Twine(kMaxNesting) + " deep");
  if (result.IsError())
    return llvm::createStringError("is no JSON at byte " + llvm::Twine(result.Offset()) + ": " +
                                   rapidjson::GetParseError_En(result.Code()));
  return llvm::Error::success();
}

const Json *field(const Json *value, llvm::StringRef name) {
  if (!value || !value->isObject())
    return nullptr;
  size_t at = value->names.size();
  if (value->index) {
    auto found = value->index->find(name);
    at = found == value->index->end() ? at : found->second;
  } else {
    for (size_t i = 0; i < value->names.size() && at == value->names.size(); ++i)
      if (value->names[i] == name)
        at = i;
  }
  return at < value->items.size() && !value->items[at].isNull() ? &value->items[at] : nullptr;
}

std::optional<llvm::StringRef> asText(const Json *value) {
  if (!value || !value->isText())
    return std::nullopt;
  return value->text;
}

std::optional<int64_t> asInteger(const Json *value) {
  if (!value || value->kind != Json::Kind::Integer)
    return std::nullopt;
  return value->integer;
}

std::optional<double> asNumber(const Json *value) {
  if (!value)
    return std::nullopt;
  if (value->kind == Json::Kind::Integer)
    return (double)value->integer;
  if (value->kind == Json::Kind::Real)
    return value->real;
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
  if (!value || value->kind != Json::Kind::Bool)
    return std::nullopt;
  return value->integer != 0;
}

Tagged asUnion(const Json *value) {
  if (!value || !value->isObject())
    return {};
  if (auto tag = asText(field(value, "$type")))
    return {*tag, field(value, "$value")};
  for (size_t i = 0; i < value->names.size() && i < value->items.size(); ++i)
    if (!value->items[i].isNull())
      return {value->names[i], &value->items[i]};
  return {};
}

} // namespace ingot::pt2
