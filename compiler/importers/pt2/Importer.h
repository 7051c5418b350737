// Turns the graph of an exported program into graph ops, functionalised: values instead of tensors
// that change.
//
// Torch's tensors share storage: views see what is written through other views. Here every tensor
// is a storage, whose current value is a graph value, and a chain of views on it. Writing to a view
// puts the new part back into the storage's value; a view that is read after its storage changed is
// computed again.
#pragma once

#include "compiler/importers/common/GivenDims.h"
#include "compiler/importers/common/GraphBuilder.h"
#include "compiler/importers/common/LoopBuilder.h"
#include "compiler/importers/common/UnsupportedOps.h"
#include "compiler/importers/pt2/OpTable.h"
#include "compiler/importers/pt2/Package.h"
#include "compiler/importers/pt2/Symbols.h"
#include "compiler/pipeline/Options.h"
#include <functional>
#include <set>

namespace ingot::pt2 {

/// A step from a tensor to a view of it.
struct ViewStep {
  /// The view's value from its base's value.
  std::function<mlir::Value(GraphBuilder &, mlir::Value)> apply;
  /// The base's new value, from its value and the view's new value. Empty when a view of this kind
  /// cannot be written.
  std::function<mlir::Value(GraphBuilder &, mlir::Value, mlir::Value)> put;
};

/// Elements that tensors share.
struct Storage {
  mlir::Value value;
  uint64_t version = 0;
  /// Set when the storage belongs to a stored tensor: what identifies its record, and the variable
  /// that holds its state.
  std::string record, variable;
  bool isInput = false;
};

/// A tensor of the source program.
struct Tensor {
  std::shared_ptr<Storage> storage;
  std::vector<ViewStep> views;
  mlir::Value cached;
  uint64_t version = 0;
  /// Complex elements: pairs of real ones (real part first) along one more dim, the last.
  bool isComplex = false;
  /// A stored tensor subclass: only its parts can be read.
  const StoredTensor *subclass = nullptr;
};

/// The names of one graph: the program's, or an inlined sub-graph's.
struct Scope {
  const Json *graph = nullptr;
  llvm::StringMap<Tensor> tensors;
};

class Importer {
public:
  Importer(mlir::MLIRContext *context, const Options &options, Package &package,
           const OpTable &table, OpenDims *open = nullptr)
      : b(context), options(options), package(package), table(table), open(open) {}

  /// Imports the program. `mutated` names the records of stored tensors that the program changes;
  /// records found to change that are not in it are added, and then the result must be thrown away
  /// and the import repeated. `missing` as for importPt2.
  mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> run(std::set<std::string> &mutated,
                                                         UnsupportedOps *missing);

private:
  friend class Node;
  using Outputs = llvm::SmallVector<mlir::Value>;

  mlir::LogicalResult bindDims();
  mlir::LogicalResult bindInputs();
  mlir::LogicalResult bindStored(llvm::StringRef name, llvm::StringRef storedName, bool constant);
  /// The stored tensor as one of the program; none (without storage) when it cannot be read.
  mlir::FailureOr<Tensor> storedTensor(const StoredTensor &tensor, llvm::StringRef storedName);
  mlir::LogicalResult importNodes(Scope &scope, unsigned depth);
  mlir::LogicalResult importNode(Scope &scope, const Json &json, unsigned depth);
  /// Imports a node that has sub-graphs (`hop`: its kind). Nothing when it is reported as
  /// unsupported.
  std::optional<mlir::LogicalResult> importHigherOrder(Node &node, llvm::StringRef hop,
                                                       unsigned depth);
  /// Imports a sub-graph in place: `operands` are its inputs (without storage: symbolic numbers),
  /// `results` its outputs.
  mlir::LogicalResult importGraph(const Json *graph, llvm::ArrayRef<Tensor> operands,
                                  llvm::SmallVectorImpl<Tensor> &results, unsigned depth);
  /// Makes tensors the node's results.
  mlir::LogicalResult setResults(Node &node, llvm::ArrayRef<Tensor> results);
  std::optional<mlir::LogicalResult> importBranches(Node &node, llvm::ArrayRef<const Json *> graphs,
                                                    llvm::ArrayRef<Tensor> operands,
                                                    unsigned depth);
  std::optional<mlir::LogicalResult> importWhile(Node &node, llvm::ArrayRef<const Json *> graphs,
                                                 llvm::ArrayRef<Tensor> carried,
                                                 llvm::ArrayRef<Tensor> others, unsigned depth);
  /// The values of a loop that is imported once a trip, at most `most` times. Failure where that
  /// does not show when it ends; then errors say nothing.
  mlir::FailureOr<llvm::SmallVector<mlir::Value>> unrollWhile(llvm::ArrayRef<const Json *> graphs,
                                                              llvm::SmallVector<mlir::Value> values,
                                                              llvm::ArrayRef<Tensor> others,
                                                              int64_t most, unsigned depth);
  std::optional<mlir::LogicalResult> whileAtRunTime(Node &node, llvm::ArrayRef<const Json *> graphs,
                                                    llvm::ArrayRef<mlir::Value> carried,
                                                    llvm::ArrayRef<Tensor> others, unsigned depth);
  /// scan, and map_impl, which carries nothing.
  std::optional<mlir::LogicalResult> importScan(Node &node, const Json *graph,
                                                llvm::ArrayRef<Tensor> carried,
                                                llvm::ArrayRef<Tensor> scanned,
                                                llvm::ArrayRef<Tensor> others, unsigned depth);
  std::optional<mlir::LogicalResult> unrollScan(Node &node, const Json *graph,
                                                llvm::SmallVector<mlir::Value> carried,
                                                llvm::ArrayRef<mlir::Value> sequences,
                                                llvm::ArrayRef<Tensor> others, unsigned depth);
  /// One trip of a loop: the results of a sub-graph whose inputs are `values` and `others`. Null
  /// values where a node of it is reported as unsupported.
  mlir::FailureOr<llvm::SmallVector<mlir::Value>> importBody(const Json *graph,
                                                             llvm::ArrayRef<mlir::Value> values,
                                                             llvm::ArrayRef<Tensor> others,
                                                             unsigned depth);
  /// Makes a loop's results the node's. Nothing when the loop is reported as unsupported.
  std::optional<mlir::LogicalResult> setLoopResults(Node &node,
                                                    const mlir::FailureOr<BuiltLoop> &built);
  mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> finish();

  /// The tensor's current value.
  mlir::Value read(Tensor &tensor);
  /// Gives a tensor, and all that share its storage, a new value. Failure after an error when it
  /// cannot be written.
  mlir::LogicalResult write(Tensor &tensor, mlir::Value value);
  Tensor fresh(mlir::Value value);

  /// The type that the file records for a value; null (after an error) when there is none. Complex
  /// elements are pairs of real ones along a last dim.
  mlir::RankedTensorType recordedType(const Scope &scope, llvm::StringRef name);
  bool isComplex(const Scope &scope, llvm::StringRef name);
  std::optional<int64_t> size(const Json *symInt);
  /// The value of a symbolic integer, boolean or float by name.
  std::optional<Number> symbolic(const Scope &scope, llvm::StringRef name);
  bool symbolicOutput(const Scope &scope, llvm::StringRef name);
  /// The name of the layer and node that ops of a node stand for.
  std::string layerName(const Json &node) const;

  GraphBuilder b;
  const Options &options;
  Package &package;
  const OpTable &table;
  OpenDims *open;
  UnsupportedOps unsupported;
  Scope root;
  llvm::StringMap<int64_t> symbols;
  llvm::StringMap<std::shared_ptr<Storage>> stored; // by record and geometry
  llvm::StringMap<std::string> geometries;          // of a record's first tensor
  std::vector<std::pair<std::string, std::shared_ptr<Storage>>> states;
  llvm::StringMap<std::string>
      problems; // of stored tensors and results that cannot be read, by the graph's name
  std::set<std::string> *mutated = nullptr;
  int64_t nodeCount = 0;
  /// Inside a region of torch.autocast: operands have the type of the recorded result.
  bool autocast = false;
};

/// One node of the program while it is imported: its arguments by their names in the operator's
/// schema, and its results.
///
/// Arguments that the file leaves out have the schema's default, which the caller names. A missing
/// or wrong argument is an error at the node; the functions then give null, zero or an empty list.
class Node {
public:
  Node(Importer &importer, Scope &scope, const Json &json);

  GraphBuilder &b;
  /// The target without `torch.ops.` and, for aten, `aten.`: `conv2d.default`.
  std::string op;

  bool has(llvm::StringRef name) const { return argument(name).value != nullptr; }
  /// A tensor; a number in a tensor's place is a rank-0 tensor of the category's default type.
  mlir::Value tensor(llvm::StringRef name);
  /// The same, cast to the element type of the first result: what torch promotes operands to.
  mlir::Value operand(llvm::StringRef name) {
    mlir::Type type = element();
    return type ? b.cast(tensor(name), type) : mlir::Value();
  }
  /// The same, null without an error when the argument is absent or None.
  mlir::Value optional(llvm::StringRef name);
  /// A list of tensors; absent ones are null.
  llvm::SmallVector<mlir::Value> tensors(llvm::StringRef name);
  int64_t integer(llvm::StringRef name, std::optional<int64_t> missing = std::nullopt);
  std::optional<int64_t> optionalInteger(llvm::StringRef name);
  Ints ints(llvm::StringRef name, std::optional<Ints> missing = std::nullopt);
  double number(llvm::StringRef name, std::optional<double> missing = std::nullopt);
  llvm::SmallVector<double> numbers(llvm::StringRef name);
  bool flag(llvm::StringRef name, bool missing = false);
  std::string text(llvm::StringRef name, llvm::StringRef missing = "");
  /// A scalar type; null when absent.
  mlir::Type dtype(llvm::StringRef name);
  /// Whether an argument is a bare number rather than a tensor, and whether that number is a float
  /// or a bool.
  bool isNumber(llvm::StringRef name) const;
  bool isFloatNumber(llvm::StringRef name) const;
  bool isBoolNumber(llvm::StringRef name) const;
  /// Whether a tensor argument is complex (see Tensor::isComplex).
  bool isComplex(llvm::StringRef name);
  /// Whether any tensor among the arguments or results is complex.
  bool hasComplex();

  size_t numResults() const { return outputs.size(); }
  /// The recorded type of a result.
  mlir::RankedTensorType type(unsigned result = 0);
  mlir::Type element(unsigned result = 0) {
    auto recorded = type(result);
    return recorded ? recorded.getElementType() : mlir::Type();
  }

  /// Sets a result to a new value.
  void result(mlir::Value value, unsigned index = 0);
  void results(llvm::ArrayRef<mlir::Value> values);
  /// Sets a result to a view of the tensor argument `base`.
  void view(llvm::StringRef base, ViewStep step, unsigned index = 0);
  /// Sets a result to the tensor argument itself.
  void alias(llvm::StringRef base, unsigned index = 0);
  /// Sets a result to a part of the tensor subclass `whole`: the tensor that is its attribute.
  void part(llvm::StringRef whole, llvm::StringRef attribute, unsigned index = 0);
  /// Whether the recorded strides of a tensor argument say that its elements lie without gaps, in
  /// order.
  bool isContiguous(llvm::StringRef name);
  /// Whether torch can view the tensor argument under `shape` without copying (by its recorded
  /// strides).
  bool canView(llvm::StringRef name, llvm::ArrayRef<int64_t> shape);

  /// Says that this node cannot be imported. It is reported with all others at the end.
  void unsupported(llvm::StringRef reason, llvm::StringRef detail = "");
  mlir::InFlightDiagnostic error() const { return b.error(); }
  bool failed = false;

private:
  friend class Importer;
  Tagged argument(llvm::StringRef name) const;
  Tensor *find(llvm::StringRef name);
  mlir::Value wrong(llvm::StringRef name, llvm::StringRef expected);
  std::optional<Number> numberOf(Tagged value);
  /// Inside a region of torch.autocast, a float operand in the type of the recorded result.
  mlir::Value autocast(mlir::Value value);
  std::optional<Ints> strides(llvm::StringRef tensorName);

  Importer &importer;
  Scope &scope;
  const Json &json;
  llvm::SmallVector<llvm::StringRef> outputs; // names; empty for None
  llvm::SmallVector<Tensor> produced;
  bool isUnsupported = false;
};

} // namespace ingot::pt2
