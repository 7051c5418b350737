// A pickle machine without calls: protocol 2, the opcodes of torch.save.
#include "compiler/importers/pt2/Pickle.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include <cstring>

namespace ingot::pt2 {

namespace {
constexpr size_t kMaxValues = size_t(1) << 22;
} // namespace

class PickleReader {
public:
  PickleReader(llvm::StringRef bytes, Pickle &pickle) : bytes(bytes), pickle(pickle) {}

  llvm::Error run() {
    while (true) {
      auto opcode = byte();
      if (!opcode)
        break;
      if (*opcode == '.') {
        pickle.result = pop();
        if (!pickle.result && message.empty())
          message = "ends without a value";
        break;
      }
      if (!step(*opcode))
        break;
    }
    if (message.empty() && !pickle.result)
      message = "is truncated";
    return message.empty() ? llvm::Error::success()
                           : llvm::createStringError("the pickle " + message);
  }

private:
  bool fail(const llvm::Twine &text) {
    if (message.empty())
      message = text.str();
    return false;
  }
  std::optional<uint8_t> byte() {
    if (bytes.empty()) {
      fail("is truncated");
      return std::nullopt;
    }
    uint8_t value = bytes.front();
    bytes = bytes.drop_front();
    return value;
  }
  std::optional<llvm::StringRef> take(uint64_t count) {
    if (count > bytes.size()) {
      fail("is truncated");
      return std::nullopt;
    }
    llvm::StringRef result = bytes.take_front(count);
    bytes = bytes.drop_front(count);
    return result;
  }
  /// A little-endian integer of `count` bytes, zero-extended.
  std::optional<uint64_t> little(unsigned count) {
    auto raw = take(count);
    if (!raw)
      return std::nullopt;
    uint64_t value = 0;
    std::memcpy(&value, raw->data(), count);
    return value;
  }
  std::optional<llvm::StringRef> line() {
    size_t end = bytes.find('\n');
    if (end == llvm::StringRef::npos) {
      fail("is truncated");
      return std::nullopt;
    }
    llvm::StringRef result = bytes.take_front(end);
    bytes = bytes.drop_front(end + 1);
    return result;
  }

  PickleValue *make(PickleValue::Kind kind) {
    if (pickle.values.size() >= kMaxValues) {
      fail("holds too many values");
      return nullptr;
    }
    pickle.values.emplace_back();
    pickle.values.back().kind = kind;
    return &pickle.values.back();
  }
  bool push(PickleValue *value) {
    if (!value)
      return false;
    stack.push_back(value);
    return true;
  }
  bool pushInteger(int64_t integer, PickleValue::Kind kind = PickleValue::Integer) {
    PickleValue *value = make(kind);
    if (value)
      value->integer = integer;
    return push(value);
  }
  bool pushText(std::optional<llvm::StringRef> text) {
    PickleValue *value = text ? make(PickleValue::Text) : nullptr;
    if (value)
      value->text = text->str();
    return push(value);
  }
  PickleValue *pop() {
    if (stack.empty()) {
      fail("takes more values than it made");
      return nullptr;
    }
    return stack.pop_back_val();
  }
  /// The values above the last mark, which is removed.
  std::optional<std::vector<PickleValue *>> popToMark() {
    std::vector<PickleValue *> items;
    while (!stack.empty()) {
      PickleValue *value = stack.pop_back_val();
      if (value->kind == PickleValue::Mark) {
        std::reverse(items.begin(), items.end());
        return items;
      }
      items.push_back(value);
    }
    fail("has no mark where one is needed");
    return std::nullopt;
  }
  bool pushTuple(std::optional<std::vector<PickleValue *>> items) {
    PickleValue *value = items ? make(PickleValue::Tuple) : nullptr;
    if (value)
      value->items = std::move(*items);
    return push(value);
  }
  bool pushTuple(unsigned count) {
    std::vector<PickleValue *> items(count);
    for (unsigned i = count; i-- > 0;)
      if (!(items[i] = pop()))
        return false;
    return pushTuple(std::optional(std::move(items)));
  }
  bool append(PickleValue::Kind kind, std::optional<std::vector<PickleValue *>> items) {
    PickleValue *target = items ? pop() : nullptr;
    if (!target)
      return false;
    if (target->kind != kind || (kind == PickleValue::Dict && items->size() % 2))
      return fail("adds items to what is no container");
    // No container can be made larger than the input: each item was a value on the stack.
    target->items.insert(target->items.end(), items->begin(), items->end());
    if ((added += items->size()) > kMaxValues)
      return fail("holds too many values");
    return push(target);
  }
  bool remember(std::optional<uint64_t> slot) {
    if (!slot || stack.empty())
      return fail("remembers a value that it did not make");
    memo[*slot] = stack.back();
    return true;
  }
  bool recall(std::optional<uint64_t> slot) {
    auto found = slot ? memo.find(*slot) : memo.end();
    return found == memo.end() ? fail("recalls a value that it did not remember")
                               : push(found->second);
  }
  bool global() {
    auto module = line(), name = line();
    PickleValue *value = module && name ? make(PickleValue::Global) : nullptr;
    if (value)
      value->text = (*module + " " + *name).str();
    return push(value);
  }
  /// ('storage', class, key, device, count)
  bool persistentId() {
    PickleValue *id = pop();
    if (!id)
      return false;
    if (id->kind != PickleValue::Tuple || id->items.size() != 5 ||
        id->items[0]->text != "storage" || id->items[1]->kind != PickleValue::Global ||
        id->items[2]->kind != PickleValue::Text || id->items[4]->kind != PickleValue::Integer)
      return fail("refers to something that is no tensor storage");
    PickleValue *storage = make(PickleValue::Storage);
    if (!storage)
      return false;
    storage->type = llvm::StringRef(id->items[1]->text).rsplit(' ').second.str();
    storage->text = id->items[2]->text;
    storage->integer = id->items[4]->integer;
    if (!llvm::all_of(storage->text, llvm::isDigit))
      return fail("names a storage '" + llvm::Twine(storage->text) + "', expected digits");
    return push(storage);
  }
  bool construct() {
    PickleValue *arguments = pop(), *callee = pop();
    if (!arguments || !callee)
      return false;
    if (callee->kind != PickleValue::Global || arguments->kind != PickleValue::Tuple)
      return fail("calls something that is no known constructor");
    llvm::StringRef name = callee->text;
    auto &items = arguments->items;
    if (name == "collections OrderedDict" && items.empty())
      return push(make(PickleValue::Dict));
    if (name == "torch Size" && items.size() == 1)
      return push(items[0]);
    if (name == "torch device" || name == "torch.serialization _get_layout")
      return push(make(PickleValue::None));
    // Enums and option classes of torchao, which only its own code needs.
    if (name.starts_with("torchao."))
      return push(make(PickleValue::Object));
    if (name == "torch._tensor _rebuild_from_type_v2" && items.size() == 4)
      return subclass(*items[0], *items[1], items[2], *items[3]);
    if ((name == "torch._utils _rebuild_parameter" ||
         name == "torch._utils _rebuild_parameter_with_state") &&
        !items.empty())
      return push(items[0]);
    bool v3 = name == "torch._utils _rebuild_tensor_v3";
    if ((name == "torch._utils _rebuild_tensor_v2" || v3) && items.size() >= (v3 ? 7 : 6)) {
      if (items[0]->kind != PickleValue::Storage || items[1]->kind != PickleValue::Integer ||
          items[2]->kind != PickleValue::Tuple || items[3]->kind != PickleValue::Tuple ||
          (v3 && items[6]->kind != PickleValue::Global))
        return fail("rebuilds a tensor from wrong arguments");
      PickleValue *tensor = make(PickleValue::Tensor);
      if (!tensor)
        return false;
      tensor->integer = items[1]->integer;
      tensor->items = {items[0], items[2], items[3]};
      if (v3)
        tensor->type = llvm::StringRef(items[6]->text).rsplit(' ').second.str();
      return push(tensor);
    }
    return fail("constructs '" + name + "', which is not allowed");
  }

  /// A tensor of a class of its own: made of the tensors in its state, or a plain one.
  bool subclass(PickleValue &builder, const PickleValue &type, PickleValue *arguments,
                const PickleValue &state) {
    if (builder.kind != PickleValue::Global || type.kind != PickleValue::Global)
      return fail("rebuilds a tensor from wrong arguments");
    if (builder.text != "torch._utils _rebuild_wrapper_subclass") {
      if (!llvm::StringRef(builder.text).starts_with("torch._utils _rebuild_"))
        return fail("constructs '" + builder.text + "', which is not allowed");
      return push(&builder) && push(arguments) && construct();
    }
    PickleValue *value = state.kind == PickleValue::Dict ? make(PickleValue::Subclass) : nullptr;
    if (!value)
      return fail("rebuilds a tensor from wrong arguments");
    value->text = llvm::StringRef(type.text).rsplit(' ').second.str();
    value->items = state.items;
    if ((added += state.items.size()) > kMaxValues)
      return fail("holds too many values");
    return push(value);
  }

  bool step(uint8_t opcode) {
    switch (opcode) {
    case 0x80:
      return byte().has_value();
    case '(':
      return push(make(PickleValue::Mark));
    case 't':
      return pushTuple(popToMark());
    case 0x85:
    case 0x86:
    case 0x87:
      return pushTuple(opcode - 0x84);
    case ')':
      return push(make(PickleValue::Tuple));
    case '}':
      return push(make(PickleValue::Dict));
    case ']':
    case 0x8f:
      return push(make(PickleValue::List));
    case 'N':
      return push(make(PickleValue::None));
    case 0x88:
    case 0x89:
      return pushInteger(opcode == 0x88, PickleValue::Bool);
    case 'K':
    case 'M':
    case 'J': {
      auto value = little(opcode == 'K' ? 1 : opcode == 'M' ? 2 : 4);
      return value && pushInteger(opcode == 'J' ? (int32_t)*value : (int64_t)*value);
    }
    case 0x8a: {
      auto count = byte();
      if (count && *count > 8)
        return fail("holds an integer of more than 64 bits");
      auto value = count ? little(*count) : std::nullopt;
      if (!value)
        return false;
      unsigned unused = *count ? 64 - 8 * *count : 0;
      return pushInteger((int64_t)(*value << unused) >> unused);
    }
    case 'G': {
      auto raw = little(8);
      PickleValue *value = raw ? make(PickleValue::Real) : nullptr;
      if (value) {
        uint64_t bits = __builtin_bswap64(*raw);
        std::memcpy(&value->real, &bits, 8);
      }
      return push(value);
    }
    case 'X':
    case 'U': {
      auto count = little(opcode == 'X' ? 4 : 1);
      return count && pushText(take(*count));
    }
    case 's': {
      PickleValue *value = pop(), *key = pop();
      return value && key && append(PickleValue::Dict, std::vector<PickleValue *>{key, value});
    }
    case 'u':
      return append(PickleValue::Dict, popToMark());
    case 'a': {
      PickleValue *value = pop();
      return value && append(PickleValue::List, std::vector<PickleValue *>{value});
    }
    case 'e':
      return append(PickleValue::List, popToMark());
    case 'q':
    case 'r':
      return remember(little(opcode == 'q' ? 1 : 4));
    case 'h':
    case 'j':
      return recall(little(opcode == 'h' ? 1 : 4));
    case 'c':
      return global();
    case 'Q':
      return persistentId();
    case 'R':
    case 0x81:
      return construct();
    case 'b': { // state of an OrderedDict (its metadata) or of an option, of no interest
      PickleValue *state = pop();
      if (!state || stack.empty() ||
          (stack.back()->kind != PickleValue::Dict && stack.back()->kind != PickleValue::Object))
        return fail("sets the state of what is no dict");
      return true;
    }
    default:
      return fail("holds opcode " + llvm::Twine((unsigned)opcode) + ", which is not allowed");
    }
  }

  llvm::StringRef bytes;
  Pickle &pickle;
  llvm::SmallVector<PickleValue *> stack;
  llvm::DenseMap<uint64_t, PickleValue *> memo;
  size_t added = 0;
  std::string message;
};

llvm::Expected<std::unique_ptr<Pickle>> Pickle::read(llvm::StringRef bytes) {
  auto pickle = std::make_unique<Pickle>();
  if (llvm::Error error = PickleReader(bytes, *pickle).run())
    return std::move(error);
  return std::move(pickle);
}

} // namespace ingot::pt2
