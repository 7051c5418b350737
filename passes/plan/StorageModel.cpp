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
    uint64_t end = ref.getOffset().constant().value_or(0) + ref.getType().getBytes();
    objects[object].bytes = std::max(objects[object].bytes, end);
  });
  steps = stepsOf(entry);
  for (const PlanStep &step : steps) {
    Access &access = accesses.emplace_back();
    for (Value value : step.reads())
      access.reads.push_back(operandFor(value));
    for (Value value : step.writes())
      access.writes.push_back(operandFor(value));
    if (auto launch = dyn_cast<plan::LaunchOp>(step.op))
      access.inPlace = symbols.lookup<plan::KernelOp>(launch.getKernel()).getInPlace();
  }
  findLives();
}

void StorageModel::findLives() {
  for (auto [time, access] : llvm::enumerate(accesses)) {
    for (const auto *operands : {&access.reads, &access.writes})
      for (const Operand &operand : *operands) {
        Object &object = objects[operand.object];
        if (object.first == ~0u)
          object.first = time;
        object.last = time;
        // A head lies before its steps, and may be missing yet.
        std::vector<unsigned> &touches = object.touches;
        for (std::optional<unsigned> at = time; at; at = steps[*at].head)
          if (auto place = llvm::lower_bound(touches, *at); place == touches.end() || *place != *at)
            touches.insert(place, *at);
      }
  }
  alive.assign(spaces.size(), AliveBytes(steps.size()));
  for (const Object &object : objects)
    if (object.first != ~0u)
      countLife(object, object.first, object.last, 1);
}

void StorageModel::countLife(const Object &object, unsigned first, unsigned last, int64_t times) {
  if (object.kind != Kind::Alloc)
    return;
  auto [begin, end] = lifeOf(steps, first, last);
  alive[object.space].add(
      begin, end, times * int64_t(llvm::alignTo(object.bytes, spaceAlignments[object.space])));
}

unsigned StorageModel::objectFor(Value root) {
  auto [it, added] = objectOf.try_emplace(root, objects.size());
  if (!added)
    return it->second;
  auto type = cast<plan::BufferType>(root.getType());
  unsigned space = llvm::find(spaces, type.getSpace()) - spaces.begin();
  auto ref = root.getDefiningOp<plan::RefOp>();
  if (!ref) {
    objects.push_back({Kind::Alloc, root, type.getBytes(), space, type.size()});
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
  objects.push_back({kindOf(ref.getKind()), root, type.getBytes(), space, type.size()});
  return it->second;
}

StorageModel::Operand StorageModel::operandFor(Value buffer) {
  auto type = cast<plan::BufferType>(buffer.getType());
  auto [root, offset] = plan::originOf(buffer);
  unsigned index = objectFor(root->getResult(0));
  Object &object = objects[index];
  object.whole &= offset == DimExpr(0) && type.size() == object.size;
  object.dynamic |= !offset.isConstant() || !type.getExpression().empty();
  return {index, uint64_t(offset.constant().value_or(0)), type.getBytes()};
}

StorageModel::Place StorageModel::resolve(const Operand &operand) {
  unsigned root = operand.object;
  uint64_t offset = 0;
  for (; objects[root].parent; root = *objects[root].parent)
    offset += objects[root].parentOffset;
  // Merges are never taken back: who asks again finds the root in one step.
  Place place{root, operand.offset + offset, operand.bytes};
  for (unsigned at = operand.object; at != root;) {
    Object &object = objects[at];
    at = *object.parent;
    object.parent = root;
    uint64_t own = object.parentOffset;
    object.parentOffset = offset;
    offset -= own;
  }
  return place;
}

StorageModel::Place StorageModel::placeOf(Value buffer) { return resolve(operandFor(buffer)); }

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

/// The bytes [begin, begin + bytes), counted from 0. Those outside of the contents are of the value
/// `outside`.
Contents read(const Contents &contents, int64_t begin, uint64_t bytes, uint32_t outside) {
  Contents result;
  int64_t end = begin + int64_t(bytes), size = contents.empty() ? 0 : contents.back().end;
  if (begin < 0)
    append(result, {0, uint64_t(std::min(end, int64_t(0)) - begin), outside, 0});
  for (const Piece &piece : contents) {
    int64_t low = std::max(int64_t(piece.begin), begin), high = std::min(int64_t(piece.end), end);
    if (low < high)
      append(result,
             {uint64_t(low - begin), uint64_t(high - begin), piece.token, piece.shift + begin});
  }
  if (end > size)
    append(result, {uint64_t(std::max(size, begin) - begin), bytes, outside, 0});
  return result;
}

/// Writes the values from `begin` on, where they lie within the contents.
void write(Contents &contents, int64_t begin, const Contents &values) {
  if (values.empty() || contents.empty())
    return;
  int64_t end = begin + int64_t(values.back().end), size = contents.back().end;
  Contents result;
  for (const Piece &piece : contents)
    if (int64_t(piece.begin) < begin)
      append(result, {piece.begin, uint64_t(std::min(int64_t(piece.end), begin)), piece.token,
                      piece.shift});
  for (const Piece &piece : values) {
    int64_t low = std::max(int64_t(piece.begin) + begin, int64_t(0));
    int64_t high = std::min(int64_t(piece.end) + begin, size);
    if (low < high)
      append(result, {uint64_t(low), uint64_t(high), piece.token, piece.shift - begin});
  }
  for (const Piece &piece : contents)
    if (int64_t(piece.end) > end)
      append(result,
             {uint64_t(std::max(int64_t(piece.begin), end)), piece.end, piece.token, piece.shift});
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
/// of `parent`. Only the bytes that would be shared are looked at, and only where both are alive:
/// before that, what the one object holds counts as one value, and after it, nothing is left to see
/// once both hold the same.
class StorageModel::Replay {
public:
  Replay(StorageModel &model, unsigned child, unsigned parent, uint64_t offset)
      : model(model), child(child), parent(parent), offset(offset) {}

  bool run() {
    const Object &a = model.objects[child], &b = model.objects[parent];
    if (a.touches.empty() || b.touches.empty())
      return true;
    unsigned begin = std::max(a.touches.front(), b.touches.front());
    bool childIsOld = a.touches.front() < begin, parentIsOld = b.touches.front() < begin;
    if (childIsOld && (b.kind == Kind::Input || b.kind == Kind::Constant))
      return false; // what wrote the child would have written the parent
    auto initial = [&](const Object &object, bool isOld) {
      bool undefined = !isOld && (object.kind == Kind::Alloc || object.kind == Kind::Output);
      return Contents{{0, a.bytes, undefined ? 0 : nextToken++, 0}};
    };
    State state;
    state.child = initial(a, childIsOld);
    state.parent = initial(b, parentIsOld);
    state.merged = childIsOld ? state.child : state.parent;
    for (unsigned i = nextTouch(begin); i != model.steps.size(); i = nextTouch(i)) {
      if (!runStep(i, state))
        return false;
      i = afterStep(i);
      if (i > a.touches.back() && holds(state.parent, state.merged))
        return true;
      if (i > b.touches.back() && b.kind == Kind::Alloc && holds(state.child, state.merged))
        return true;
    }
    return (b.kind != Kind::Output && b.kind != Kind::Variable) ||
           holds(state.parent, state.merged);
  }

private:
  /// What the shared bytes hold: the child, its place in the parent, and both as one.
  struct State {
    Contents child, parent, merged;
  };
  /// An operand in one of the two objects, where it lies at least partly in the shared bytes.
  struct Touched {
    bool inChild;
    int64_t begin; ///< counted from the first shared byte
    uint64_t bytes;
  };

  std::optional<Touched> touched(const Operand &operand) {
    Place place = model.resolve(operand);
    if (!place.bytes || (place.object != child && place.object != parent))
      return std::nullopt;
    if (place.object == child)
      return Touched{true, int64_t(place.offset), place.bytes};
    uint64_t end = offset + model.objects[child].bytes;
    if (place.offset >= end || place.offset + place.bytes <= offset)
      return std::nullopt;
    return Touched{false, int64_t(place.offset - offset), place.bytes};
  }

  /// The next step, at or after this one, that touches an object or holds one that does.
  unsigned nextTouch(unsigned from) const {
    unsigned next = model.steps.size();
    for (unsigned object : {child, parent}) {
      ArrayRef<unsigned> touches = model.objects[object].touches;
      if (auto place = llvm::lower_bound(touches, from); place != touches.end())
        next = std::min(next, *place);
    }
    return next;
  }

  unsigned afterStep(unsigned i) const {
    return model.steps[i].isHead() ? model.steps[i].end : i + 1;
  }

  /// Runs a launch, a copy, or a branch or loop with all that lies in it.
  bool runStep(unsigned i, State &state) {
    const PlanStep &step = model.steps[i];
    ++model.replayedSteps;
    if (!touch(i, state))
      return false;
    if (step.kind == PlanStep::Loop)
      return runLoop(i, state);
    if (step.kind != PlanStep::Branch)
      return true;
    State other = state;
    if (!run(i + 1, step.second, state) || !run(step.second, step.end, other))
      return false;
    join(i, state, other);
    return true;
  }

  /// Whatever number of trips: before a trip the bytes hold what all trips so far may have left,
  /// until another one adds nothing to that. Every join tells apart more bytes, so that this ends.
  bool runLoop(unsigned i, State &state) {
    const PlanStep &loop = model.steps[i];
    for (;;) {
      State atHead = state;
      if (!run(i + 1, loop.second + 1, state))
        return false;
      State atExit = state;
      if (!run(loop.second + 1, loop.end, state))
        return false;
      join(i, state, atHead);
      if (sameUpToNames(state, atHead)) {
        state = std::move(atExit);
        return true;
      }
    }
  }

  bool run(unsigned begin, unsigned end, State &state) {
    for (unsigned i = nextTouch(begin); i < end; i = nextTouch(afterStep(i)))
      if (!runStep(i, state))
        return false;
    return true;
  }

  /// What a step itself reads and writes.
  bool touch(unsigned index, State &state) {
    const Access &step = model.accesses[index];
    SmallVector<std::optional<Touched>, 4> reads, writes;
    bool any = false;
    for (auto [from, to] : {std::pair(&step.reads, &reads), {&step.writes, &writes}})
      for (const Operand &operand : *from) {
        to->push_back(touched(operand));
        any |= to->back().has_value();
      }
    if (!any)
      return true;
    bool isCopy = model.steps[index].kind == PlanStep::Copy;
    auto shareBytes = [](const Touched &a, const Touched &b) {
      return a.begin < b.begin + int64_t(b.bytes) && b.begin < a.begin + int64_t(a.bytes);
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
        if (!allowed || write->begin != read->begin || write->bytes != read->bytes)
          return false;
      }
      for (const auto &other : ArrayRef(writes).drop_front(i + 1))
        if (other && shareBytes(*write, *other))
          return false;
    }
    // A copy within the shared bytes may move what nobody reads; anything else must find what it
    // found before.
    auto isInside = [&](const Touched &operand) {
      return operand.begin >= 0 && operand.begin + operand.bytes <= model.objects[child].bytes;
    };
    bool within = isCopy && writes.front() && isInside(*writes.front());
    Contents before, after;
    for (const auto &operand : reads)
      if (operand) {
        uint32_t outside = nextToken++;
        before = read(operand->inChild ? state.child : state.parent, operand->begin, operand->bytes,
                      outside);
        after = read(state.merged, operand->begin, operand->bytes, outside);
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
      bool ontoItself = isCopy && reads.front() && reads.front()->begin == operand->begin;
      if (readOnly && !ontoItself)
        return false;
      write(operand->inChild ? state.child : state.parent, operand->begin, before);
      write(state.merged, operand->begin, after);
    }
    return true;
  }

  /// Where the paths of a branch or loop meet: bytes that hold different values on the two hold a
  /// value of that place, the same one wherever the same two values meet.
  void join(unsigned head, State &state, const State &other) {
    join(head, state.child, other.child);
    join(head, state.parent, other.parent);
    join(head, state.merged, other.merged);
  }

  void join(unsigned head, Contents &a, const Contents &b) {
    Contents result;
    forEachStretch(a, b, [&](uint64_t begin, uint64_t end, const Piece &x, const Piece &y) {
      if (x.token == y.token && (x.shift == y.shift || !x.token))
        return append(result, {begin, end, x.token, x.shift});
      int64_t shift = x.token ? x.shift : y.shift;
      int64_t distance = x.token && y.token ? y.shift - x.shift : 0;
      auto [it, added] = joined.try_emplace({head, x.token, y.token, distance}, nextToken);
      nextToken += added;
      append(result, {begin, end, it->second, shift});
    });
    a = std::move(result);
  }

  /// Whether equal bytes are equal in both states, whatever the values are called.
  static bool sameUpToNames(const State &a, const State &b) {
    std::map<uint32_t, std::pair<uint32_t, int64_t>> toB, toA;
    bool same = true;
    for (auto [x, y] :
         {std::pair(&a.child, &b.child), {&a.parent, &b.parent}, {&a.merged, &b.merged}})
      forEachStretch(*x, *y, [&](uint64_t, uint64_t, const Piece &p, const Piece &q) {
        same &= !p.token == !q.token;
        if (!p.token || !q.token)
          return;
        int64_t distance = q.shift - p.shift;
        same &= toB.try_emplace(p.token, q.token, distance).first->second ==
                std::pair(q.token, distance);
        same &= toA.try_emplace(q.token, p.token, distance).first->second ==
                std::pair(p.token, distance);
      });
    return same;
  }

  StorageModel &model;
  unsigned child, parent;
  uint64_t offset;
  uint32_t nextToken = 1;
  std::map<std::tuple<unsigned, uint32_t, uint32_t, int64_t>, uint32_t> joined;
};

//===-- merging
//---------------------------------------------------------------------------------------------------===//

bool StorageModel::mayMerge(unsigned child, unsigned parent, uint64_t offset) {
  const Object &a = objects[child], &b = objects[parent];
  if ((a.dynamic || b.dynamic) && (offset || a.size != b.size || !a.whole || !b.whole))
    return false;
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
    uint64_t distance = parent->offset - child->offset;
    const Object &inner = objects[child->object], &outer = objects[parent->object];
    AliveBytes &bytes = alive[inner.space]; // of the space of both
    int64_t peak = bytes.peak();
    unsigned first = std::min(inner.first, outer.first), last = std::max(inner.last, outer.last);
    if (inner.first != ~0u)
      countLife(inner, inner.first, inner.last, -1);
    if (outer.first != ~0u)
      countLife(outer, outer.first, outer.last, -1);
    if (first != ~0u)
      countLife(outer, first, last, 1);
    if (!keepPeak || bytes.peak() <= peak) {
      merge(child->object, parent->object, distance);
      return true;
    }
    if (first != ~0u)
      countLife(outer, first, last, -1);
    if (outer.first != ~0u)
      countLife(outer, outer.first, outer.last, 1);
    if (inner.first != ~0u)
      countLife(inner, inner.first, inner.last, 1);
  }
  return false;
}

void StorageModel::merge(unsigned child, unsigned parent, uint64_t offset) {
  Object &inner = objects[child], &outer = objects[parent];
  inner.parent = parent;
  inner.parentOffset = offset;
  outer.first = std::min(outer.first, inner.first);
  outer.last = std::max(outer.last, inner.last);
  // The shorter list goes into the longer one, so that a step moves seldom however many merges
  // there are.
  std::vector<unsigned> &most = outer.touches, few = std::move(inner.touches);
  if (most.size() < few.size())
    std::swap(most, few);
  for (unsigned step : few)
    if (auto place = llvm::lower_bound(most, step); place == most.end() || *place != step)
      most.insert(place, step);
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
  for (auto [step, access] : llvm::zip_equal(steps, accesses))
    if (step.kind == PlanStep::Copy) {
      Place from = resolve(access.reads[0]), to = resolve(access.writes[0]);
      const Object &object = objects[from.object];
      if (from.object == to.object && from.offset == to.offset && (!object.dynamic || object.whole))
        step.op->erase();
    }
}
