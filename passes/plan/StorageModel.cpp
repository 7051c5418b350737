// Objects of an entry's memory, their merging, and the replay that proves a merge.
#include "passes/plan/StorageModel.h"

#include "mlir/IR/Builders.h"
#include <map>

using namespace mlir;
using namespace ingot;
using plan::BufferKind;

//===-- objects and steps
//-----------------------------------------------------------------------------------------===//

StorageModel::StorageModel(plan::EntryOp entry, SymbolTable &symbols) : entry(entry) {
  for (auto space : cast<ModuleOp>(symbols.getOp()).getOps<plan::SpaceOp>()) {
    spaces.push_back(space.getSymName());
    spaceAlignments.push_back(space.getAlignment());
  }
  // References to the same memory are one object, as large as the largest of them: a symbol's or a
  // signature's size.
  entry.walk([&](plan::RefOp ref) {
    unsigned object = objectFor(ref);
    if (ref.getOffset() + ref.getType().getBytes() > objects[object].bytes)
      objects[object].bytes = ref.getOffset() + ref.getType().getBytes();
  });
  addSteps(entry.getBody().front(), symbols);
}

unsigned StorageModel::objectFor(Value root) {
  auto [it, added] = objectOf.try_emplace(root, objects.size());
  if (!added)
    return it->second;
  auto type = cast<plan::BufferType>(root.getType());
  unsigned space = llvm::find(spaces, type.getSpace()) - spaces.begin();
  auto ref = root.getDefiningOp<plan::RefOp>();
  if (!ref) {
    objects.push_back({Kind::Alloc, root, type.getBytes(), space, {}, 0});
    return it->second;
  }
  Builder builder(root.getContext());
  Attribute what = ref.getSymbolAttr() ? Attribute(ref.getSymbolAttr()) : ref.getIndexAttr();
  auto key = builder.getArrayAttr({builder.getI64IntegerAttr(int64_t(ref.getKind())), what});
  auto [known, isNew] = externalObjects.try_emplace(key, objects.size());
  if (!isNew)
    return it->second = known->second;
  auto kindOf = [](BufferKind kind) {
    switch (kind) {
    case BufferKind::Constant:
      return Kind::Constant;
    case BufferKind::Input:
      return Kind::Input;
    case BufferKind::Output:
      return Kind::Output;
    case BufferKind::Variable:
      return Kind::Variable;
    case BufferKind::Arena:
      break;
    }
    llvm_unreachable("arenas are made after the last merge");
  };
  objects.push_back({kindOf(ref.getKind()), root, type.getBytes(), space, {}, 0});
  return it->second;
}

StorageModel::Operand StorageModel::operandFor(Value buffer) {
  uint64_t offset = 0, bytes = cast<plan::BufferType>(buffer.getType()).getBytes();
  while (auto range = buffer.getDefiningOp<plan::RangeOp>()) {
    offset += range.getOffset();
    buffer = range.getSource();
  }
  if (auto ref = buffer.getDefiningOp<plan::RefOp>())
    offset += ref.getOffset();
  return {objectFor(buffer), offset, bytes};
}

void StorageModel::addSteps(Block &block, SymbolTable &symbols) {
  for (Operation &op : block) {
    if (!isa<plan::LaunchOp, plan::CopyOp, plan::IfOp>(op))
      continue;
    unsigned index = steps.size();
    steps.emplace_back().op = &op;
    auto add = [&](SmallVector<Operand, 4> &list, ValueRange values) {
      for (Value value : values)
        list.push_back(operandFor(value));
    };
    if (auto launch = dyn_cast<plan::LaunchOp>(op)) {
      add(steps[index].reads, launch.getInputs());
      add(steps[index].writes, launch.getOutputs());
      steps[index].inPlace = symbols.lookup<plan::KernelOp>(launch.getKernel()).getInPlace();
    } else if (auto copy = dyn_cast<plan::CopyOp>(op)) {
      add(steps[index].reads, copy.getSource());
      add(steps[index].writes, copy.getDestination());
    } else {
      auto branch = cast<plan::IfOp>(op);
      add(steps[index].reads, branch.getCondition());
      addSteps(branch.getThenRegion().front(), symbols);
      steps[index].elseBegin = steps.size();
      addSteps(branch.getElseRegion().front(), symbols);
      steps[index].end = steps.size();
    }
  }
}

StorageModel::Place StorageModel::resolve(const Operand &operand) const {
  Place place{operand.object, operand.offset, operand.bytes};
  while (objects[place.object].parent) {
    place.offset += objects[place.object].parentOffset;
    place.object = *objects[place.object].parent;
  }
  return place;
}

StorageModel::Place StorageModel::placeOf(Value buffer) { return resolve(operandFor(buffer)); }

SmallVector<uint64_t> StorageModel::peaks() const {
  // Every object lives from the first to the last step that touches it or what is merged into it.
  SmallVector<std::pair<unsigned, unsigned>> lives(objects.size(), {~0u, 0});
  for (auto [time, step] : llvm::enumerate(steps))
    for (const auto *operands : {&step.reads, &step.writes})
      for (const Operand &operand : *operands) {
        auto &[first, last] = lives[resolve(operand).object];
        first = std::min<unsigned>(first, time);
        last = std::max<unsigned>(last, time);
      }
  SmallVector<uint64_t> peaks(spaces.size());
  std::vector<SmallVector<int64_t>> changes(spaces.size(), SmallVector<int64_t>(steps.size() + 1));
  for (auto [object, life] : llvm::zip_equal(objects, lives))
    if (object.kind == Kind::Alloc && !object.parent && life.first != ~0u) {
      int64_t bytes = llvm::alignTo(object.bytes, spaceAlignments[object.space]);
      changes[object.space][life.first] += bytes;
      changes[object.space][life.second + 1] -= bytes;
    }
  for (auto [space, list] : llvm::enumerate(changes)) {
    int64_t alive = 0;
    for (int64_t change : list) {
      alive += change;
      peaks[space] = std::max<uint64_t>(peaks[space], alive);
    }
  }
  return peaks;
}

//===-- replay
//----------------------------------------------------------------------------------------------------===//

namespace {

/// Bytes [begin, end) of an object hold bytes [begin + shift, end + shift) of the value `token`.
/// Token 0 is undefined.
struct Piece {
  uint64_t begin, end;
  uint32_t token;
  int64_t shift;
};

/// What an object holds: pieces in order, without gaps.
using Contents = SmallVector<Piece, 4>;

void append(Contents &contents, Piece piece) {
  if (piece.begin == piece.end)
    return;
  if (!contents.empty() && contents.back().end == piece.begin &&
      contents.back().token == piece.token &&
      (contents.back().shift == piece.shift || !piece.token))
    contents.back().end = piece.end;
  else
    contents.push_back(piece);
}

/// The bytes [offset, offset + bytes), counted from 0.
Contents read(const Contents &contents, uint64_t offset, uint64_t bytes) {
  Contents result;
  for (const Piece &piece : contents) {
    uint64_t begin = std::max(piece.begin, offset), end = std::min(piece.end, offset + bytes);
    if (begin < end)
      append(result, {begin - offset, end - offset, piece.token, piece.shift + int64_t(offset)});
  }
  return result;
}

void write(Contents &contents, uint64_t offset, const Contents &values) {
  if (values.empty())
    return;
  uint64_t end = offset + values.back().end;
  Contents result;
  for (const Piece &piece : contents)
    if (piece.begin < offset)
      append(result, {piece.begin, std::min(piece.end, offset), piece.token, piece.shift});
  for (const Piece &piece : values)
    append(result,
           {piece.begin + offset, piece.end + offset, piece.token, piece.shift - int64_t(offset)});
  for (const Piece &piece : contents)
    if (piece.end > end)
      append(result, {std::max(piece.begin, end), piece.end, piece.token, piece.shift});
  contents = std::move(result);
}

/// Calls `visit` with the two pieces that hold each stretch of bytes that `a` and `b` cover.
void forEachStretch(
    const Contents &a, const Contents &b,
    llvm::function_ref<void(uint64_t begin, uint64_t end, const Piece &, const Piece &)> visit) {
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    uint64_t begin = std::max(a[i].begin, b[j].begin), end = std::min(a[i].end, b[j].end);
    if (begin < end)
      visit(begin, end, a[i], b[j]);
    (a[i].end < b[j].end ? i : j)++;
  }
}

/// Whether `actual` holds what `expected` does wherever that is defined.
bool holds(const Contents &expected, const Contents &actual) {
  bool same = true;
  forEachStretch(expected, actual, [&](uint64_t, uint64_t, const Piece &a, const Piece &b) {
    same &= !a.token || (a.token == b.token && a.shift == b.shift);
  });
  return same;
}

} // namespace

/// Runs the steps that touch two objects twice at once: on separate memory, and with `child` inside
/// of `parent`.
class StorageModel::Replay {
public:
  Replay(const StorageModel &model, unsigned child, unsigned parent, uint64_t offset)
      : model(model), child(child), parent(parent), offset(offset) {}

  bool run() {
    State state;
    auto initial = [&](unsigned object) {
      Kind kind = model.objects[object].kind;
      bool undefined = kind == Kind::Alloc || kind == Kind::Output;
      return Contents{{0, model.objects[object].bytes, undefined ? 0 : nextToken++, 0}};
    };
    state.child = initial(child);
    state.merged = state.parent = initial(parent);
    if (!run(0, model.steps.size(), state))
      return false;
    Kind kind = model.objects[parent].kind;
    return (kind != Kind::Output && kind != Kind::Variable) || holds(state.parent, state.merged);
  }

private:
  struct State {
    Contents child, parent, merged;
  };
  /// An operand in one of the two objects: before the merge (object, offset), after it (place in
  /// the parent).
  struct Touched {
    bool inChild;
    uint64_t before, after, bytes;
  };

  std::optional<Touched> touched(const Operand &operand) const {
    Place place = model.resolve(operand);
    if (!place.bytes || (place.object != child && place.object != parent))
      return std::nullopt;
    bool inChild = place.object == child;
    return Touched{inChild, place.offset, place.offset + (inChild ? offset : 0), place.bytes};
  }

  bool runStep(const Step &step, State &state) {
    SmallVector<std::optional<Touched>, 4> reads, writes;
    bool any = false;
    for (auto [from, to] : {std::pair(&step.reads, &reads), {&step.writes, &writes}})
      for (const Operand &operand : *from) {
        to->push_back(touched(operand));
        any |= to->back().has_value();
      }
    if (!any)
      return true;
    bool isCopy = isa<plan::CopyOp>(step.op);
    auto shareBytes = [](const Touched &a, const Touched &b) {
      return a.after < b.after + b.bytes && b.after < a.after + a.bytes;
    };
    for (auto [i, write] : llvm::enumerate(writes)) {
      if (!write)
        continue;
      for (auto [j, read] : llvm::enumerate(reads)) {
        if (!read || !shareBytes(*write, *read))
          continue;
        bool allowed = isCopy;
        for (size_t k = 0; k + 1 < step.inPlace.size(); k += 2)
          allowed |= step.inPlace[k] == int64_t(i) && step.inPlace[k + 1] == int64_t(j);
        if (!allowed || write->after != read->after || write->bytes != read->bytes)
          return false;
      }
      for (const auto &other : ArrayRef(writes).drop_front(i + 1))
        if (other && shareBytes(*write, *other))
          return false;
    }
    // A copy within the two objects may move what nobody reads; anything else must find what it
    // found before.
    bool within = isCopy && writes.front();
    Contents before, after;
    for (const auto &operand : reads)
      if (operand) {
        before =
            read(operand->inChild ? state.child : state.parent, operand->before, operand->bytes);
        after = read(state.merged, operand->after, operand->bytes);
        if (!within && !holds(before, after))
          return false;
      }
    for (const auto &operand : writes) {
      if (!operand)
        continue;
      // A copy moves values (it may move what nobody reads: no check above); anything else makes a
      // new one.
      if (!isCopy || !reads.front())
        before = after = Contents{{0, operand->bytes, nextToken++, 0}};
      Kind kind = model.objects[parent].kind;
      bool readOnly = kind == Kind::Input || kind == Kind::Constant;
      bool ontoItself = isCopy && reads.front() && reads.front()->after == operand->after;
      if (readOnly && !ontoItself)
        return false;
      write(operand->inChild ? state.child : state.parent, operand->before, before);
      write(state.merged, operand->after, after);
    }
    return true;
  }

  bool run(unsigned begin, unsigned end, State &state) {
    for (unsigned i = begin; i < end; ++i) {
      const Step &step = model.steps[i];
      if (!runStep(step, state))
        return false;
      if (!isa<plan::IfOp>(step.op))
        continue;
      State other = state;
      if (!run(i + 1, step.elseBegin, state) || !run(step.elseBegin, step.end, other))
        return false;
      join(i, state.child, other.child);
      join(i, state.parent, other.parent);
      join(i, state.merged, other.merged);
      i = step.end - 1;
    }
    return true;
  }

  /// After a branch: bytes that hold different values on the two paths hold a value of that branch,
  /// the same one wherever the same two values meet.
  void join(unsigned branch, Contents &a, const Contents &b) {
    Contents result;
    forEachStretch(a, b, [&](uint64_t begin, uint64_t end, const Piece &x, const Piece &y) {
      if (x.token == y.token && (x.shift == y.shift || !x.token))
        return append(result, {begin, end, x.token, x.shift});
      int64_t shift = x.token ? x.shift : y.shift;
      int64_t distance = x.token && y.token ? y.shift - x.shift : 0;
      auto [it, added] = joined.try_emplace({branch, x.token, y.token, distance}, nextToken);
      nextToken += added;
      append(result, {begin, end, it->second, shift});
    });
    a = std::move(result);
  }

  const StorageModel &model;
  unsigned child, parent;
  uint64_t offset;
  uint32_t nextToken = 1;
  std::map<std::tuple<unsigned, uint32_t, uint32_t, int64_t>, uint32_t> joined;
};

//===-- merging
//---------------------------------------------------------------------------------------------------===//

bool StorageModel::mayMerge(unsigned child, unsigned parent, uint64_t offset) {
  return objects[child].kind == Kind::Alloc && objects[child].space == objects[parent].space &&
         offset <= objects[parent].bytes &&
         objects[child].bytes <= objects[parent].bytes - offset &&
         // On a device every buffer of a launch is aligned; the host's kernels take any element.
         (objects[child].space == 0 || offset % spaceAlignments[objects[child].space] == 0) &&
         Replay(*this, child, parent, offset).run();
}

bool StorageModel::tryMerge(const Place &a, const Place &b, bool keepPeak) {
  assert(a.bytes == b.bytes && "places are merged as wholes");
  if (a.object == b.object)
    return a.offset == b.offset;
  for (auto [child, parent] : {std::pair(&a, &b), {&b, &a}}) {
    if (parent->offset < child->offset ||
        !mayMerge(child->object, parent->object, parent->offset - child->offset))
      continue;
    SmallVector<uint64_t> before;
    if (keepPeak)
      before = peaks();
    objects[child->object].parent = parent->object;
    objects[child->object].parentOffset = parent->offset - child->offset;
    if (!keepPeak || llvm::all_of(llvm::zip_equal(before, peaks()),
                                  [](auto pair) { return std::get<1>(pair) <= std::get<0>(pair); }))
      return true;
    objects[child->object].parent.reset();
  }
  return false;
}

void StorageModel::rewrite() {
  // What others are merged into must come before them, wherever it was made.
  Block *body = &entry.getBody().front();
  for (const Object &object : llvm::reverse(objects))
    if (Operation *op = object.value.getDefiningOp(); !object.parent && op != &body->front())
      op->moveBefore(body, body->begin());
  OpBuilder builder(entry.getContext());
  for (auto [index, object] : llvm::enumerate(objects)) {
    if (!object.parent)
      continue;
    Place place = resolve({unsigned(index), 0, object.bytes});
    Value range = objects[place.object].value;
    Location loc = object.value.getLoc();
    Type type = object.value.getType();
    builder.setInsertionPoint(object.value.getDefiningOp());
    if (auto ref = range.getDefiningOp<plan::RefOp>()) {
      if (ref.getOffset() != place.offset || ref.getType() != type)
        range = plan::RefOp::create(builder, loc, type, ref.getKind(), ref.getSymbolAttr(),
                                    ref.getIndexAttr(), place.offset);
    } else if (place.offset || range.getType() != type) {
      range = plan::RangeOp::create(builder, loc, type, range, place.offset);
    }
    object.value.replaceAllUsesWith(range);
    object.value.getDefiningOp()->erase();
  }
  for (const Step &step : steps)
    if (isa<plan::CopyOp>(step.op)) {
      Place from = resolve(step.reads[0]), to = resolve(step.writes[0]);
      if (from.object == to.object && from.offset == to.offset)
        step.op->erase();
    }
}
