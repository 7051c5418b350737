// Builds the FlatBuffer of a program from a planned module, and lays out its segments.
#pragma once

#include "compiler/emit/Emit.h"
#include "compiler/emit/ExpressionTable.h"
#include "ir/plan/Plan.h"
#include "runtime-lib/schema/program_generated.h"
#include "llvm/ADT/StringMap.h"

namespace ingot {

/// A piece of the data segment: a constant's bytes at an offset.
struct PlacedConstant {
  mlir::Attribute value; ///< dense or weight
  mlir::RankedTensorType type;
  uint64_t offset = 0, bytes = 0;
  std::string name; ///< for messages
};

/// A code or binary segment: where its bytes are, and where they go.
struct PlacedSegment {
  llvm::ArrayRef<char> bytes;
  uint64_t offset = 0; ///< from the start of the segments
};

class ProgramBuilder {
public:
  ProgramBuilder(mlir::ModuleOp module, llvm::ArrayRef<CompiledTarget> targets,
                 const EmitOptions &options)
      : module(module), targets(targets), options(options), bounds(dimBounds(module)) {}

  /// Fills everything but the data segment's hash. Error: the plan names code that is not there, or
  /// uses what the format cannot say.
  llvm::Error build(EmitReport &report);
  /// The lowest format version that can say it.
  uint32_t formatVersion() const;
  /// The FlatBuffer. Its size does not depend on the data segment's hash.
  flatbuffers::DetachedBuffer serialize(llvm::ArrayRef<uint8_t> dataHash) const;

  llvm::ArrayRef<PlacedSegment> getSegments() const { return segments; }
  llvm::ArrayRef<PlacedConstant> getConstants() const { return constants; }
  uint64_t getDataOffset() const {
    return dataOffset;
  } ///< of the data segment, from the start of the segments
  uint64_t getDataBytes() const { return dataBytes; }

private:
  void addProvenance();
  llvm::Error addTargetsAndSegments();
  void addKernels();
  llvm::Error addMemory(EmitReport &report);
  llvm::Error addEntry(plan::EntryOp entry);
  llvm::Error describe(mlir::RankedTensorType type, const llvm::Twine &what,
                       fmt::ElementType &element, std::vector<fmt::SigDim> &dims,
                       ExpressionTable &table);
  void addSteps(mlir::Block &block, fmt::EntryT &entry, ExpressionTable &table);
  void addBuffers(mlir::ValueRange buffers, fmt::InstructionT &step, ExpressionTable &table);
  void addArenaSizes(plan::EntryOp op, fmt::EntryT &entry, ExpressionTable &table);
  void placeBuffers(plan::EntryOp op, ExpressionTable &table);
  uint64_t borderBytes(bool isInput, uint32_t index) const;
  uint32_t dimName(llvm::StringRef name);
  std::vector<uint32_t> layersOf(llvm::ArrayRef<llvm::StringRef> names);
  uint32_t indexOf(llvm::StringRef symbol) const { return indices.lookup(symbol); }

  mlir::ModuleOp module;
  llvm::ArrayRef<CompiledTarget> targets;
  const EmitOptions &options;
  DimBounds bounds;
  mutable fmt::ProgramT program;
  fmt::PlanT *plan = nullptr;
  const fmt::EntryT *current = nullptr; ///< the entry under construction; its signature is there
  llvm::SmallVector<PlacedSegment> segments;
  llvm::SmallVector<PlacedConstant> constants;
  uint64_t dataOffset = 0, dataBytes = 0;
  llvm::StringMap<uint32_t> indices;  ///< symbol → index in its table
  llvm::StringMap<uint32_t> layers;   ///< name → index in Program.layers
  llvm::StringMap<uint32_t> dimNames; ///< name → index in Program.dim_names
  llvm::DenseMap<mlir::Operation *, ExpressionTable::Term> offsets; ///< of the entry's places
};

} // namespace ingot
