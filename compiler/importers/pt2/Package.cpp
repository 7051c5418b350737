// Opens `.pt2` packages: the archive of torch 2.8 and later, and the flat zip before it.
#include "compiler/importers/pt2/Package.h"

#include "ir/graph/WeightStore.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"
#include <cstring>

using namespace mlir;

namespace ingot::pt2 {

namespace {
constexpr uint64_t kMaxJson = uint64_t(1) << 26;
constexpr int64_t kLastSchema = 8;
constexpr uint64_t kMaxPickle = uint64_t(1) << 24;
constexpr uint64_t kMaxRecord = uint64_t(1) << 40;
constexpr size_t kMaxRank = 64;
constexpr size_t kMaxParts = 8; // of a tensor subclass, and levels of them

llvm::Error failure(const llvm::Twine &text) { return llvm::createStringError(text); }

Type storageElement(MLIRContext *context, llvm::StringRef type) {
  int64_t number = llvm::StringSwitch<int64_t>(type)
                       .Cases({"ByteStorage", "uint8"}, 1)
                       .Cases({"CharStorage", "int8"}, 2)
                       .Cases({"ShortStorage", "int16"}, 3)
                       .Cases({"IntStorage", "int32"}, 4)
                       .Cases({"LongStorage", "int64"}, 5)
                       .Cases({"HalfStorage", "float16"}, 6)
                       .Cases({"FloatStorage", "float32"}, 7)
                       .Cases({"DoubleStorage", "float64"}, 8)
                       .Cases({"BoolStorage", "bool"}, 12)
                       .Cases({"BFloat16Storage", "bfloat16"}, 13)
                       .Case("uint16", 28)
                       .Case("float8_e4m3fn", 29)
                       .Case("float8_e5m2", 30)
                       .Case("float8_e4m3fnuz", 31)
                       .Case("float8_e5m2fnuz", 32)
                       .Case("uint32", 34)
                       .Case("uint64", 35)
                       .Default(0);
  return scalarType(context, number);
}

/// A list of concrete integers, from `[{"as_int": 3}, …]` or bare numbers.
std::optional<llvm::SmallVector<int64_t>> concreteInts(const Json *list) {
  llvm::SmallVector<int64_t> result;
  if (!list || !list->isArray() || list->items.size() > kMaxRank)
    return std::nullopt;
  for (const Json &element : list->items) {
    auto value = element.isObject() ? asInteger(field(&element, "as_int")) : asInteger(&element);
    if (!value)
      return std::nullopt;
    result.push_back(*value);
  }
  return result;
}

} // namespace

llvm::Expected<std::unique_ptr<Package>> Package::open(MLIRContext *context, llvm::StringRef path,
                                                       llvm::StringRef model) {
  std::unique_ptr<Package> package(new Package);
  package->context = context;
  package->path = path.str();
  WeightStore &store = weightsOf(context);
  llvm::Expected<int64_t> source = store.addFile(path);
  if (!source)
    return source.takeError();
  package->outer.source = *source;
  auto archive = Archive::open(store.getSource(*source).buffer->getBuffer());
  if (!archive)
    return failure(llvm::sys::path::filename(path) + ": " + llvm::toString(archive.takeError()));
  package->outer.archive = std::move(*archive);

  // The root folder is not the file's name: it is what the file was called when it was saved.
  std::string &root = package->outer.root;
  bool exported = false, compiled = false, script = false, flat = false;
  for (const Archive::Member &member : package->outer.archive->members()) {
    llvm::StringRef name = member.name;
    if (name == "archive_format" || name.ends_with("/archive_format")) {
      auto content = package->outer.archive->read(member, 64);
      if (content && (*content)->getBuffer().trim() == "pt2") {
        exported = true;
        root = name.drop_back(strlen("archive_format")).str();
      } else if (!content) {
        return content.takeError();
      }
    }
    compiled |= name.contains("/data/aotinductor/");
    script |= name.ends_with("/data.pkl") || name == "data.pkl";
    flat |= name == "serialized_exported_program.json";
  }
  llvm::Error error =
      exported ? package->openExported(model)
      : flat   ? package->openFlat()
      : script ? failure("is a checkpoint or TorchScript file of torch.save; export the model with "
                         "torch.export.export and torch.export.save")
               : failure("is a zip archive, but no package of torch.export.save");
  if (error) {
    std::string text = llvm::toString(std::move(error));
    if (exported && compiled && !package->program().isObject())
      text = "is an AOTInductor package: it holds compiled code, no model; save the exported "
             "program with "
             "torch.export.save instead";
    return failure(llvm::sys::path::filename(path) + ": " + text);
  }
  return std::move(package);
}

/// Names of the models in an archive, in its order.
static std::vector<std::string> modelsOf(const Archive &archive, const std::string &root) {
  std::vector<std::string> models;
  for (const Archive::Member &member : archive.members()) {
    llvm::StringRef name = member.name;
    if (name.consume_front(root) && name.consume_front("models/") && name.consume_back(".json"))
      models.push_back(name.str());
  }
  return models;
}

std::vector<std::string> pt2ModelNames(llvm::StringRef bytes) {
  auto archive = Archive::open(bytes);
  if (!archive) { // whoever opens it says why
    llvm::consumeError(archive.takeError());
    return {};
  }
  for (const Archive::Member &member : (*archive)->members()) {
    llvm::StringRef name = member.name;
    if (name.consume_back("archive_format"))
      return modelsOf(**archive, name.str());
  }
  return {};
}

llvm::Error Package::openExported(llvm::StringRef chosen) {
  const std::string &root = outer.root;
  Archive &archive = *outer.archive;
  auto small = [&](llvm::StringRef name) -> std::string {
    const Archive::Member *member = archive.find(root + name.str());
    if (!member)
      return "";
    auto content = archive.read(*member, 64);
    if (content)
      return (*content)->getBuffer().trim().str();
    llvm::consumeError(content.takeError());
    return "?";
  };
  std::string version = small("archive_version"), order = small("byteorder");
  if (!version.empty() && version != "0")
    return failure("has archive version " + version + ", expected 0");
  if (!order.empty() && order != "little")
    return failure("stores its tensors in byte order '" + order + "', expected little");

  std::vector<std::string> models = modelsOf(archive, root);
  if (models.empty())
    return failure("holds no models/*.json: the archive is incomplete");
  if (chosen.empty() ? models.size() > 1 : !llvm::is_contained(models, chosen))
    return failure("holds the models " + llvm::join(models, ", ") +
                   (chosen.empty() ? ", expected one" : ", and none called '" + chosen + "'"));
  const std::string model = chosen.empty() ? models.front() : chosen.str();
  if (llvm::Error error = readProgram(*archive.find(root + "models/" + model + ".json")))
    return error;
  samples = archive.find(root + "data/sample_inputs/" + model + ".pt");
  for (bool constant : {false, true}) {
    std::string folder = root + "data/" + (constant ? "constants/" : "weights/");
    auto &table = constant ? constants : weights;
    std::string config =
        folder + model + (constant ? "_constants_config.json" : "_weights_config.json");
    if (archive.find(config)) {
      if (llvm::Error error = readConfig(folder, config, table))
        return error;
    } else if (const Archive::Member *pickled = archive.find(folder + model + ".pt")) {
      if (pickled->size > 0)
        if (llvm::Error error = readPickledTable(*pickled, table))
          return error;
    }
  }
  return llvm::Error::success();
}

llvm::Error Package::openFlat() {
  Archive &archive = *outer.archive;
  if (llvm::Error error = readProgram(*archive.find("serialized_exported_program.json")))
    return error;
  auto first = [&](std::initializer_list<const char *> names) -> const Archive::Member * {
    for (const char *name : names)
      if (const Archive::Member *member = archive.find(name))
        return member;
    return nullptr;
  };
  samples = first({"serialized_example_inputs.pt"});
  if (auto *member = first({"serialized_state_dict.pt", "serialized_state_dict.json"});
      member && member->size)
    if (llvm::Error error = readPickledTable(*member, weights))
      return error;
  if (auto *member = first({"serialized_constants.pt", "serialized_constants.json"});
      member && member->size)
    if (llvm::Error error = readPickledTable(*member, constants))
      return error;
  return llvm::Error::success();
}

llvm::Error Package::readProgram(const Archive::Member &member) {
  auto content = outer.archive->read(member, kMaxJson);
  if (!content)
    return content.takeError();
  if (llvm::Error error = document.parse((*content)->getBuffer()))
    return failure("member '" + member.name + "' " + llvm::toString(std::move(error)));
  if (!field(field(&program(), "graph_module"), "graph"))
    return failure("member '" + member.name + "' holds no graph");
  // The oldest files have a bare number. A new major version may mean anything.
  const Json *version = field(&program(), "schema_version");
  int64_t major = asInteger(field(version, "major")).value_or(asInteger(version).value_or(0));
  if (major > kLastSchema)
    return failure("was saved with schema version " + llvm::Twine(major) + ", expected at most " +
                   llvm::Twine(kLastSchema));
  return llvm::Error::success();
}

llvm::Error Package::readConfig(llvm::StringRef folder, llvm::StringRef file,
                                llvm::StringMap<StoredTensor> &table) {
  auto content = outer.archive->read(*outer.archive->find(file), kMaxJson);
  if (!content)
    return content.takeError();
  JsonDocument config;
  if (llvm::Error error = config.parse((*content)->getBuffer()))
    return failure("member '" + file + "' " + llvm::toString(std::move(error)));
  const Json *entries = field(config.root(), "config");
  if (!entries || !entries->isObject())
    return failure("member '" + file + "' holds no table");
  for (auto [name, entry] : llvm::zip(entries->names, entries->items)) {
    StoredTensor tensor;
    auto record = asText(field(&entry, "path_name"));
    if (!record || record->contains('/') || *record == "..")
      return failure("weight '" + name + "' names no member of the archive");
    tensor.record = (folder + *record).str();
    const Json *meta = field(&entry, "tensor_meta");
    auto dtype = asInteger(field(meta, "dtype"));
    auto sizes = concreteInts(field(meta, "sizes")), strides = concreteInts(field(meta, "strides"));
    const Json *offset = field(meta, "storage_offset");
    auto elementOffset =
        offset && offset->isObject() ? asInteger(field(offset, "as_int")) : asInteger(offset);
    const Archive::Member *member = outer.archive->find(tensor.record);
    if (asBool(field(&entry, "use_pickle")).value_or(false)) {
      auto read = member ? readPickled(*member)
                         : failure("the archive has no member '" + tensor.record + "'");
      if (read)
        tensor = std::move(*read);
      else
        tensor.problem = "is stored as a Python object that is not supported (" +
                         llvm::toString(read.takeError()) +
                         "); call run_decompositions() before saving";
    } else if (!meta) {
      tensor.problem = "is no tensor";
    } else if (!sizes || !strides || sizes->size() != strides->size() || !dtype) {
      return failure("weight '" + name + "' has no shape");
    } else if (!(tensor.element = scalarType(context, *dtype))) {
      tensor.problem = "has scalar type " + std::to_string(*dtype) + ", which is not supported";
    } else if (!member) {
      tensor.problem = "is missing: the archive has no member '" + tensor.record + "'";
    } else {
      tensor.sizes = *sizes;
      tensor.strides = *strides;
      tensor.elementOffset = elementOffset.value_or(0);
      tensor.bytes = member->size;
    }
    table[name] = std::move(tensor);
  }
  return llvm::Error::success();
}

llvm::Error Package::readRecord(Part &part, const Archive::Member &member, StoredTensor &tensor) {
  WeightStore &store = weightsOf(context);
  tensor.bytes = member.size;
  if (member.stored) {
    auto offset = part.archive->offsetOf(member);
    if (!offset)
      return offset.takeError();
    tensor.source = part.source;
    tensor.offset = part.base + *offset;
    return llvm::Error::success();
  }
  std::string key =
      std::to_string(part.source) + ":" + std::to_string(part.base) + ":" + member.name;
  auto found = inflated.find(key);
  if (found == inflated.end()) {
    // The package may have been imported before, at other sizes of its dims.
    std::string place = store.getSource(part.source).path + "!" + member.name +
                        (part.base ? "@" + std::to_string(part.base) : "");
    std::optional<int64_t> source;
    for (size_t i = 0; i < store.getNumSources() && !source; ++i)
      if (store.getSource(i).path == place)
        source = i;
    if (!source) {
      auto content = part.archive->read(member, kMaxRecord);
      if (!content)
        return content.takeError();
      source = store.addBuffer(place, std::move(*content));
    }
    found = inflated.try_emplace(key, *source, member.size).first;
  }
  tensor.source = found->second.first;
  tensor.offset = 0;
  return llvm::Error::success();
}

llvm::Expected<std::pair<Package::Part, std::unique_ptr<Pickle>>>
Package::openNested(const Archive::Member &member) {
  StoredTensor place;
  if (llvm::Error error = readRecord(outer, member, place))
    return std::move(error);
  Part part;
  part.source = place.source;
  part.base = place.offset;
  llvm::StringRef bytes = weightsOf(context).getSource(place.source).buffer->getBuffer();
  auto archive = Archive::open(bytes.substr(place.offset, place.bytes));
  if (!archive)
    return failure("member '" + member.name + "': " + llvm::toString(archive.takeError()));
  part.archive = std::move(*archive);
  for (const Archive::Member &inner : part.archive->members()) {
    llvm::StringRef name = inner.name;
    if (!name.ends_with("data.pkl"))
      continue;
    part.root = name.drop_back(strlen("data.pkl")).str();
    auto content = part.archive->read(inner, kMaxPickle);
    if (!content)
      return content.takeError();
    auto pickle = Pickle::read((*content)->getBuffer());
    if (!pickle)
      return failure("member '" + member.name + "': " + llvm::toString(pickle.takeError()));
    return std::pair(std::move(part), std::move(*pickle));
  }
  return failure("member '" + member.name + "' holds no data.pkl");
}

llvm::Expected<StoredTensor> Package::pickledTensor(Part &part, const PickleValue &value) {
  StoredTensor tensor;
  const PickleValue &storage = *value.items[0];
  auto ints = [](const PickleValue &tuple, llvm::SmallVector<int64_t> &out) {
    for (const PickleValue *item : tuple.items)
      out.push_back(item->kind == PickleValue::Integer ? item->integer : -1);
    return out.size() <= kMaxRank;
  };
  if (!ints(*value.items[1], tensor.sizes) || !ints(*value.items[2], tensor.strides) ||
      tensor.sizes.size() != tensor.strides.size())
    return failure("a stored tensor has no shape");
  tensor.elementOffset = value.integer;
  tensor.element = storageElement(context, value.type.empty() ? storage.type : value.type);
  if (!tensor.element) {
    tensor.problem = "has storage type " + storage.type + ", which is not supported";
    return tensor;
  }
  tensor.record = std::to_string(part.source) + ":" + std::to_string(part.base) + ":" + part.root +
                  "data/" + storage.text;
  const Archive::Member *member = part.archive->find(part.root + "data/" + storage.text);
  if (!member) {
    tensor.problem = "is missing: the archive has no member 'data/" + storage.text + "'";
    return tensor;
  }
  if (llvm::Error error = readRecord(part, *member, tensor))
    return std::move(error);
  return tensor;
}

llvm::Expected<StoredTensor> Package::pickledParts(Part &part, const PickleValue &value,
                                                   unsigned depth) {
  if (value.kind == PickleValue::Tensor)
    return pickledTensor(part, value);
  StoredTensor tensor;
  if (value.kind != PickleValue::Subclass || depth > kMaxParts)
    return failure("it is no tensor");
  tensor.problem = "is a " + value.text + " of torchao, which only its own operators read";
  for (size_t i = 0; i + 1 < value.items.size() && i < 2 * kMaxParts; i += 2) {
    const PickleValue &key = *value.items[i], &inner = *value.items[i + 1];
    if (key.kind != PickleValue::Text ||
        (inner.kind != PickleValue::Tensor && inner.kind != PickleValue::Subclass))
      continue; // an option
    auto read = pickledParts(part, inner, depth + 1);
    if (!read)
      return read.takeError();
    read->attribute = key.text;
    tensor.parts.push_back(std::move(*read));
  }
  return tensor;
}

llvm::Expected<StoredTensor> Package::readPickled(const Archive::Member &member) {
  auto nested = openNested(member);
  if (!nested)
    return nested.takeError();
  return pickledParts(nested->first, *nested->second->root(), 0);
}

llvm::Error Package::readPickledTable(const Archive::Member &member,
                                      llvm::StringMap<StoredTensor> &table) {
  auto nested = openNested(member);
  if (!nested)
    return nested.takeError();
  const PickleValue *root = nested->second->root();
  if (root->kind != PickleValue::Dict)
    return failure("member '" + member.name + "' holds no table of tensors");
  for (size_t i = 0; i + 1 < root->items.size(); i += 2) {
    const PickleValue &key = *root->items[i], &value = *root->items[i + 1];
    if (key.kind != PickleValue::Text)
      return failure("member '" + member.name + "' has a key that is no text");
    StoredTensor tensor;
    tensor.problem = "is no tensor";
    if (value.kind == PickleValue::Tensor) {
      auto read = pickledTensor(nested->first, value);
      if (!read)
        return read.takeError();
      tensor = std::move(*read);
    }
    table[key.text] = std::move(tensor);
  }
  return llvm::Error::success();
}

const StoredTensor *Package::find(llvm::StringRef name, bool constant) const {
  for (bool second : {constant, !constant}) {
    const auto &table = second ? constants : weights;
    auto found = table.find(name);
    if (found != table.end())
      return &found->second;
  }
  return nullptr;
}

llvm::Expected<std::vector<StoredTensor>> Package::sampleInputs() {
  if (!samples || samples->size == 0)
    return failure(llvm::sys::path::filename(path) + ": holds no sample inputs");
  auto nested = openNested(*samples);
  if (!nested)
    return nested.takeError();
  // (args, kwargs), containers flattened in order; at most 16 levels.
  std::vector<StoredTensor> result;
  auto walk = [&](auto &self, const PickleValue &value, unsigned depth) -> llvm::Error {
    if (depth > 16 || result.size() > 65536)
      return failure("the sample inputs are nested too deep");
    switch (value.kind) {
    case PickleValue::Tuple:
    case PickleValue::List:
      for (const PickleValue *item : value.items)
        if (llvm::Error error = self(self, *item, depth + 1))
          return error;
      return llvm::Error::success();
    case PickleValue::Dict:
      for (size_t i = 1; i < value.items.size(); i += 2)
        if (llvm::Error error = self(self, *value.items[i], depth + 1))
          return error;
      return llvm::Error::success();
    case PickleValue::Tensor: {
      auto tensor = pickledTensor(nested->first, value);
      if (!tensor)
        return tensor.takeError();
      result.push_back(std::move(*tensor));
      return llvm::Error::success();
    }
    default:
      result.emplace_back();
      return llvm::Error::success();
    }
  };
  if (llvm::Error error = walk(walk, *nested->second->root(), 0))
    return std::move(error);
  return result;
}

llvm::Expected<Attribute> Package::constantOf(const StoredTensor &stored, llvm::StringRef name) {
  auto bad = [&](const llvm::Twine &text) { return failure("weight '" + name + "' " + text); };
  if (!stored.problem.empty())
    return bad(stored.problem);
  StoredTensor tensor = stored;
  WeightStore &store = weightsOf(context);
  if (tensor.source < 0) {
    const Archive::Member *member = outer.archive->find(tensor.record);
    if (!member)
      return bad("is missing");
    if (llvm::Error error = readRecord(outer, *member, tensor))
      return std::move(error);
  }
  // The whole extent must lie in the record.
  uint64_t width = storedElementBytes(tensor.element);
  int64_t count = 1, last = tensor.elementOffset;
  bool sane = tensor.elementOffset >= 0, empty = llvm::is_contained(tensor.sizes, 0);
  for (auto [size, stride] : llvm::zip(tensor.sizes, tensor.strides)) {
    int64_t reach;
    sane = sane && size >= 0 && stride >= 0 && (empty || !llvm::MulOverflow(count, size, count)) &&
           (empty ||
            (!llvm::MulOverflow(size - 1, stride, reach) && !llvm::AddOverflow(last, reach, last)));
  }
  if (!sane || count > (int64_t(1) << 40))
    return bad("has an impossible shape");
  RankedTensorType type = RankedTensorType::get(tensor.sizes, tensor.element);
  if (empty)
    return store.makeConstant(context, name, type, {});
  if (tensor.bytes == 0)
    return bad("is not in the archive: it was saved without weights");
  if ((uint64_t)last >= tensor.bytes / width)
    return bad("needs " + llvm::Twine((uint64_t(last) + 1) * width) + " bytes of member '" +
               tensor.record + "', which has " + llvm::Twine(tensor.bytes));

  // Elements without gaps, in the order of their strides: a weight that points there, transposed
  // where needed. Extents of 1 keep their place, their stride means nothing.
  llvm::SmallVector<int64_t> order(tensor.sizes.size()), sorted;
  for (size_t i = 0; i < order.size(); ++i)
    if (order[i] = i; tensor.sizes[i] != 1)
      sorted.push_back(i);
  llvm::sort(sorted, [&](int64_t a, int64_t b) {
    return tensor.strides[a] != tensor.strides[b] ? tensor.strides[a] > tensor.strides[b] : a < b;
  });
  for (size_t i = 0, next = 0; i < order.size(); ++i)
    if (tensor.sizes[i] != 1)
      order[i] = sorted[next++];
  bool dense = true;
  int64_t expected = 1;
  for (int64_t dim : llvm::reverse(order)) {
    dense &= tensor.sizes[dim] == 1 || tensor.strides[dim] == expected;
    expected *= tensor.sizes[dim];
  }
  uint64_t begin = tensor.offset + tensor.elementOffset * width;
  if (dense) {
    llvm::SmallVector<int64_t> shape, inverse(order.size());
    for (auto [position, dim] : llvm::enumerate(order)) {
      shape.push_back(tensor.sizes[dim]);
      inverse[dim] = position;
    }
    RankedTensorType raw = RankedTensorType::get(shape, tensor.element);
    WeightAttr weight = store.addWeight(context, name, tensor.source, begin, raw);
    if (llvm::is_sorted(order))
      return weight;
    auto step = StepAttr::get(context, StepKind::Transpose, inverse, Attribute());
    return Attribute(WeightAttr::get(context, weight.getName(), weight.getSource(),
                                     weight.getOffset(), weight.getBytes(), weight.getHash(), raw,
                                     {step}));
  }
  if (count * width > (uint64_t(1) << 32))
    return bad("is an expanded view of more than 4 GiB");
  std::vector<char> bytes(count * width);
  const char *from = store.getSource(tensor.source).buffer->getBufferStart() + begin;
  llvm::SmallVector<int64_t> index(tensor.sizes.size(), 0);
  for (int64_t i = 0; i < count; ++i) {
    int64_t offset = 0;
    for (size_t dim = 0; dim < index.size(); ++dim)
      offset += index[dim] * tensor.strides[dim];
    std::memcpy(bytes.data() + i * width, from + offset * width, width);
    for (size_t dim = index.size(); dim-- > 0;) {
      if (++index[dim] < tensor.sizes[dim])
        break;
      index[dim] = 0;
    }
  }
  return store.makeConstant(context, name, type, std::move(bytes));
}

} // namespace ingot::pt2
