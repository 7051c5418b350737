// The memory of one plan entry while copies are taken away: which buffers share bytes, and proof
// that they may.
//
// Every plan.alloc, input, output, constant and variable is an object. Merging puts an alloc inside
// another object at an offset. A merge is legal when a replay of the steps that touch the two
// reads, at every point, the same values from the shared bytes as it did from the separate ones,
// and leaves the same values in outputs and variables. Where sizes depend on dims only wholes of
// equal size are merged: what holds for them at the bounds holds for every size. The replay knows
// values by where they were written, byte by byte, so that parts, repeated writes, branches and
// loops need no rules of their own: a loop is replayed until another trip tells nothing new.
#pragma once

#include "passes/plan/AliveBytes.h"
#include "passes/plan/Steps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"

namespace ingot {

class StorageModel {
public:
  enum class Kind { Alloc, Input, Output, Constant, Variable };
  /// Bytes of an object that is not merged into another.
  struct Place {
    unsigned object = 0;
    uint64_t offset = 0, bytes = 0;
  };

  /// `symbols` is the module's table.
  StorageModel(plan::EntryOp entry, mlir::SymbolTable &symbols);

  Place placeOf(mlir::Value buffer);
  Kind kindOf(const Place &place) const { return objects[place.object].kind; }
  uint64_t bytesOf(const Place &place) const { return objects[place.object].bytes; }

  /// Makes `a` and `b` (of equal size) the same bytes, by merging an alloc that one of them is part
  /// of into the other's object. With `keepPeak`, only when the most bytes alive at once do not
  /// grow in any space. Returns false, and changes nothing, when that is not legal.
  bool tryMerge(const Place &a, const Place &b, bool keepPeak);

  /// Steps that the proofs ran so far: the work of all merges that were tried.
  uint64_t getReplayedSteps() const { return replayedSteps; }

  /// Writes the merges into the IR: merged allocs become ranges, copies onto themselves go.
  void rewrite();

private:
  struct Object {
    Kind kind;
    mlir::Value value; ///< of the plan.alloc or a plan.ref at offset 0
    uint64_t bytes;    ///< at the bounds of the dims
    unsigned space;
    DimExpr size = int64_t(bytes);
    bool dynamic = !size.isConstant(); ///< it or a part of it depends on dims
    bool whole = true;                 ///< nothing touches a part of it
    std::optional<unsigned> parent = std::nullopt;
    uint64_t parentOffset = 0;
    /// Of it and what is merged into it: the steps that touch it, and the heads of the branches
    /// and loops around those, ascending; and the first and the last of the steps.
    std::vector<unsigned> touches = {};
    unsigned first = ~0u, last = 0;
  };
  struct Operand {
    unsigned object;
    uint64_t offset, bytes;
  };
  /// The bytes that a step reads and writes.
  struct Access {
    llvm::SmallVector<Operand, 4> reads, writes;
    llvm::ArrayRef<int64_t> inPlace;
  };
  class Replay;

  void findLives();
  unsigned objectFor(mlir::Value root);
  Operand operandFor(mlir::Value buffer);
  Place resolve(const Operand &operand);
  bool mayMerge(unsigned child, unsigned parent, uint64_t offset);
  void merge(unsigned child, unsigned parent, uint64_t offset);
  /// Counts the object's bytes, `times` times, in its life. Only allocs that are touched count.
  void countLife(const Object &object, unsigned first, unsigned last, int64_t times);

  plan::EntryOp entry;
  std::vector<Object> objects;
  std::vector<PlanStep> steps;
  std::vector<Access> accesses; ///< of the steps
  llvm::DenseMap<mlir::Value, unsigned> objectOf;
  llvm::DenseMap<mlir::Attribute, unsigned> externalObjects; ///< (kind, symbol or index) → object
  llvm::SmallVector<llvm::StringRef> spaces;
  llvm::SmallVector<uint64_t> spaceAlignments;
  std::vector<AliveBytes> alive; ///< by space
  uint64_t replayedSteps = 0;
};

} // namespace ingot
