// What a row of the operator table sees of a node: its inputs as values, its attributes, and ways
// to fail.
#pragma once

#include "compiler/importers/common/GraphBuilder.h"
#include "compiler/importers/common/UnsupportedOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

// Protobuf's classes by name alone, so that a plug-in's row needs neither them nor Protobuf.
namespace onnx {
class AttributeProto;
class GraphProto;
class NodeProto;
class TensorProto;
} // namespace onnx

namespace ingot::onnximport {

/// The element type of TensorProto.DataType `type`, or null when tensors of it are not supported.
mlir::Type elementType(mlir::MLIRContext *context, int32_t type);
/// Its name in the format ("COMPLEX64"), or "element type N".
std::string dataTypeName(int32_t type);

/// What OnnxNode asks of the importer.
class NodeHost {
public:
  virtual ~NodeHost() = default;
  /// A constant from a tensor; null after an error.
  virtual mlir::Value importTensor(const onnx::TensorProto &tensor) = 0;
  /// Imports a sub-graph at the insertion point, its inputs bound to `arguments` (null: the result
  /// of a node that is not supported), reading values around it by name. `tag` is put before its
  /// nodes' names. Failure after an error; null values when it holds nodes that are not supported.
  virtual mlir::FailureOr<llvm::SmallVector<mlir::Value>>
  importSubgraph(const onnx::GraphProto &graph, llvm::ArrayRef<mlir::Value> arguments = {},
                 llvm::StringRef tag = {}) = 0;
  /// The shape that the model declares for a value of its main graph, if all its extents are fixed.
  virtual std::optional<Ints> declaredShape(llvm::StringRef value) const = 0;
  /// Whether a value is an output of the model, and no node reads it.
  virtual bool isOnlyReturned(llvm::StringRef value) const = 0;
  /// Whether a value of the main graph is neither read nor returned.
  virtual bool isUnused(llvm::StringRef value) const = 0;
  /// Whether the model is imported at several sizes, and must have one graph at all of them.
  virtual bool isSampled() const = 0;
  /// Notes that extent `dim` of an output of the model is what `count` (i64, one element) is in the
  /// run, at most what its type says. Null after an error.
  virtual mlir::LogicalResult returnCounted(llvm::StringRef value, int64_t dim,
                                            mlir::Value count) = 0;
};

//===--- lists: sequences and optionals
//-----------------------------------------------------------------------------===//
//
// A sequence is known at import: its tensors are the operands of a cast to a tuple, which only the
// operators on sequences see, and nothing of it is left afterwards. An optional that holds
// something is that thing; an empty one is a value of type none.

/// Whether a value is a sequence or an empty optional: no tensor.
inline bool isList(mlir::Value value) {
  return value && !llvm::isa<mlir::RankedTensorType>(value.getType());
}
/// The tensors of a sequence; nothing for another value.
std::optional<llvm::SmallVector<mlir::Value>> sequenceElements(mlir::Value value);
mlir::Value makeSequence(GraphBuilder &b, llvm::ArrayRef<mlir::Value> elements);

class OnnxNode {
public:
  OnnxNode(NodeHost &host, GraphBuilder &builder, const onnx::NodeProto &proto, std::string name,
           int64_t version, llvm::ArrayRef<mlir::Value> inputs,
           llvm::StringMap<const onnx::AttributeProto *> attributes, UnsupportedOps &collector);

  GraphBuilder &b;
  NodeHost &host;

  llvm::StringRef op() const;
  llvm::StringRef name() const { return nodeName; }
  /// The imported version of the operator set that the node belongs to.
  int64_t version() const { return opset; }

  //===--- inputs
  //-------------------------------------------------------------------------------------------------===//

  size_t numInputs() const { return inputs.size(); }
  llvm::ArrayRef<mlir::Value> allInputs() const { return inputs; }
  /// Input `i`; an error and null when the node does not have it.
  mlir::Value in(size_t i);
  /// Input `i`, or null when it is absent.
  mlir::Value opt(size_t i) const { return i < inputs.size() ? inputs[i] : mlir::Value(); }
  /// The integers of an input that must be known at import; else the node is reported as not
  /// supported.
  std::optional<Ints> constantInts(size_t i, llvm::StringRef what);
  /// The only integer of an optional input that must be known at import; `otherwise` when absent.
  std::optional<int64_t> constantInt(size_t i, llvm::StringRef what, int64_t otherwise);
  /// The same for numbers.
  std::optional<llvm::SmallVector<double>> constantDoubles(size_t i, llvm::StringRef what);

  //===--- attributes (each marks its attribute as understood)
  //----------------------------------------------------===//

  bool has(llvm::StringRef name) const { return attributes.count(name); }
  int64_t intAttr(llvm::StringRef name, int64_t otherwise);
  double floatAttr(llvm::StringRef name, double otherwise);
  std::string stringAttr(llvm::StringRef name, llvm::StringRef otherwise);
  std::optional<Ints> intsAttr(llvm::StringRef name);
  std::optional<llvm::SmallVector<double>> floatsAttr(llvm::StringRef name);
  std::optional<llvm::SmallVector<std::string>> stringsAttr(llvm::StringRef name);
  const onnx::TensorProto *tensorAttr(llvm::StringRef name);
  const onnx::GraphProto *graphAttr(llvm::StringRef name);
  /// An attribute that does not change what inference computes.
  void ignoreAttr(llvm::StringRef name) { understood.insert(name); }
  /// The attributes that no call above asked for.
  std::vector<std::string> unknownAttrs() const;

  //===--- results
  //------------------------------------------------------------------------------------------------===//

  size_t numOutputs() const { return outputs.size(); }
  /// Whether output `i` has a name.
  bool wants(size_t i) const;
  /// Whether somebody reads output `i`, as far as that is known.
  bool isUsed(size_t i) const;
  /// Sets output 0, or outputs from 0 on. Failure when a value is null.
  mlir::LogicalResult set(mlir::Value value) { return set(llvm::ArrayRef<mlir::Value>(value)); }
  mlir::LogicalResult set(llvm::ArrayRef<mlir::Value> values);
  mlir::LogicalResult setOutput(size_t i, mlir::Value value);
  llvm::ArrayRef<mlir::Value> results() const { return outputs; }
  /// The shape that the model declares for output `i`: what an operator whose result's extents
  /// depend on data goes by. Without one `most`, where it is given, for an output that no node
  /// reads: who runs the program sees what is padding. Else nothing (and a report).
  std::optional<Ints> declaredShape(size_t i, int64_t rank, std::optional<Ints> most = {});
  /// The same without a report.
  std::optional<Ints> knownShape(size_t i, int64_t rank, std::optional<Ints> most = {}) const;

  /// Whether output `i` is one of the model, and no node reads it.
  bool isOnlyReturned(size_t i) const;
  /// Sets output `i`, which must be only returned, to the first `count` (i64, one element) parts of
  /// `value` along `dim`; the caller of the program sees that extent. What is left over is not
  /// seen.
  mlir::LogicalResult setCounted(size_t i, mlir::Value value, int64_t dim, mlir::Value count);

  /// Reports the node as not supported: `what` in parentheses after its operator, `reason` what
  /// would be.
  mlir::LogicalResult unsupported(const llvm::Twine &what, const llvm::Twine &reason = {});
  /// The same for something that must be known at import, and is `value`: says how to give it.
  mlir::LogicalResult unsupportedAtRunTime(const llvm::Twine &what, mlir::Value value);
  bool isUnsupported() const { return reported; }
  /// Runs `build`, which may fail without a trace: then false, and nothing of it is left.
  /// `shows`: its errors are shown none the less.
  bool attempt(llvm::function_ref<mlir::LogicalResult()> build, bool shows = false);
  /// An error in the model at this node.
  mlir::LogicalResult error(const llvm::Twine &message);

private:
  /// The attribute, if it is of `type` (an AttributeProto.AttributeType); an error when it is not.
  const onnx::AttributeProto *find(llvm::StringRef name, int type);

  const onnx::NodeProto &proto;
  std::string nodeName;
  int64_t opset;
  llvm::ArrayRef<mlir::Value> inputs;
  llvm::StringMap<const onnx::AttributeProto *> attributes;
  llvm::StringSet<> understood;
  UnsupportedOps &collector;
  llvm::SmallVector<mlir::Value> outputs;
  bool reported = false;
};

} // namespace ingot::onnximport
