// Loops of model formats, as loops at run time.
//
// Every format has its own loop (ONNX Loop and Scan, torch's while_loop, scan and map, TFLite
// WHILE); here they are one: values carried from trip to trip, perhaps a bound on the trips,
// perhaps a condition, tensors that each trip takes a slice of and tensors that each trip gives a
// slice of. buildLoop makes one `scf.while` of it (docs/control-flow.md).
#pragma once

#include "compiler/importers/common/GraphBuilder.h"
#include "compiler/importers/common/UnsupportedOps.h"
#include "mlir/IR/Diagnostics.h"
#include <functional>

namespace ingot {

/// Trips of one loop that is imported once a trip: what is more would not compile in reasonable
/// time.
constexpr int64_t kMaxUnrolledTrips = 1 << 14;
/// Nodes that a loop of a known trip count may become when it is imported once a trip. So short a
/// loop gains by it: what its counter decides folds, kernels fuse across trips, and the program is
/// hardly longer than with a loop. A longer one becomes a loop if its body allows.
constexpr int64_t kMaxUnrolledNodes = 1024;

/// A loop before it is built. Callbacks import a part of the model at the insertion point: failure
/// after an error, null values for what is reported as not supported.
struct LoopSpec {
  using Values = llvm::SmallVector<mlir::Value>;

  /// Values before the first trip, and what messages call them.
  Values carried;
  llvm::SmallVector<std::string> names;
  /// The most trips, an integer of one element; null: no bound.
  mlir::Value bound;
  /// A tensor whose slice `i` along `axis`, or the i-th from the end, trip `i` sees.
  struct Input {
    mlir::Value value;
    int64_t axis = 0;
    bool reverse = false;
  };
  llvm::SmallVector<Input> inputs;
  /// Where slices that trips give go: a tensor of `rows` slices, zeros where no trip wrote. Trip
  /// `i` writes slice `i`, or the i-th from the end, along `axis` of the result. Slices after the
  /// last row are dropped.
  struct Output {
    int64_t rows = 0;
    int64_t axis = 0;
    bool reverse = false;
  };
  /// Places for the slices that a trip gave; `endsByBound`: every run does as many trips as the
  /// bound says. Null: there are none. Failure after an error or a report.
  std::function<mlir::FailureOr<llvm::SmallVector<Output>>(llvm::ArrayRef<mlir::Value> slices,
                                                           bool endsByBound)>
      outputs;
  /// Whether another trip follows, one bool, from the carried values; null: always. With
  /// `carriesCondition` it is the first carried value.
  std::function<mlir::FailureOr<mlir::Value>(llvm::ArrayRef<mlir::Value> carried)> condition;
  bool carriesCondition = false;
  /// One trip: its number (i64, rank 0), the carried values and the slices of `inputs` give the
  /// next carried values and then slices for `outputs`.
  std::function<mlir::FailureOr<Values>(mlir::Value trip, llvm::ArrayRef<mlir::Value> carried,
                                        llvm::ArrayRef<mlir::Value> slices)>
      body;
};

/// What a loop gives: the carried values after the last trip, then the collected slices.
struct BuiltLoop {
  LoopSpec::Values results;
  /// Not empty: the loop cannot be one at run time, for this reason, and nothing was built.
  std::string refusal;
  /// Whether a part of it is reported as not supported, and nothing was built.
  bool isReported = false;
};

/// Builds `scf.while` at the insertion point, at the current node's location. A carried value that
/// no trip changes is read from outside instead. Failure after an error.
mlir::FailureOr<BuiltLoop> buildLoop(GraphBuilder &b, LoopSpec spec);

/// Builds something that may turn out not to be possible: errors until `keep` are not shown, and
/// without it what was built and reported is taken back. What it builds is put at the end of a
/// block.
class Attempt {
public:
  /// `shows`: errors are shown none the less, as where nothing else is left to try.
  Attempt(GraphBuilder &b, UnsupportedOps &reported, bool shows = false);
  ~Attempt();
  Attempt(const Attempt &) = delete;
  Attempt &operator=(const Attempt &) = delete;

  void keep() { isKept = true; }

private:
  GraphBuilder &b;
  UnsupportedOps &reported;
  UnsupportedOps before;
  mlir::Block *block;
  mlir::Operation *last; ///< of `block` before; null: it was empty
  mlir::Location location;
  std::optional<mlir::ScopedDiagnosticHandler> handler;
  bool isKept = false;
};

} // namespace ingot
