// The interface of a target: five questions (claim, layout, select, lower, serialize) and the
// registry.
#pragma once

#include "ir/graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/Error.h"
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ingot {

/// Whether a target takes an op, and why not.
struct Claim {
  bool accepted = false;
  double cost = 0;    ///< estimated seconds
  std::string reason; ///< when not accepted: words for the fallback report
  static Claim yes(double cost = 0) { return {true, cost, ""}; }
  static Claim no(std::string why) { return {false, 0, std::move(why)}; }
};

/// Code of one or more kernels, ready for the program file.
struct Segment {
  std::string kind; ///< "code" (flat position-independent image), "spirv", "ptx", "data" …
  std::vector<char> bytes;
  uint64_t alignment = 16384;
};

/// One compiled kernel: where it lies and what it needs at run time.
struct CompiledKernel {
  std::string name;
  unsigned segment = 0;       ///< index into the target's segments
  uint64_t entry = 0;         ///< byte offset in the segment (for SPIR-V: unused)
  DimExpr tiles = 1;          ///< independent pieces of work; the runtime splits [0, tiles)
  unsigned dims = 0;          ///< dynamic extents d0, d1, … that the kernel is called with
  uint64_t workerScratch = 0; ///< bytes of scratch per worker
  uint64_t launchScratch = 0; ///< bytes of scratch shared by all workers of one launch
  uint64_t flops = 0, bytes = 0;
  std::string symbol;                  ///< devices: name of the entry point in the binary
  std::array<uint32_t, 3> workgroup{}; ///< devices: threads per workgroup
  std::array<uint32_t, 3> grid{};      ///< devices: workgroups of a launch (`tiles` is for the CPU)
};

/// What `lower` and `serialize` produce for all kernels of one target.
struct CompiledCode {
  std::vector<Segment> segments;
  std::vector<CompiledKernel> kernels;
};

class Target;

/// A target and the code of its kernels: what codegen hands to plan and emit, one per target of the
/// command line.
struct CompiledTarget {
  const Target *target = nullptr;
  const CompiledCode *code = nullptr;
};

class Target {
public:
  virtual ~Target() = default;

  /// The full target string, for example "x86-64-v3".
  virtual std::string name() const = 0;
  /// Who runs its kernels: "cpu" is built into the runtime, others are drivers registered with it
  /// ("vulkan", …).
  virtual std::string driver() const { return "cpu"; }
  /// Architecture that the runtime checks at open: "x86_64", "aarch64", "thumb", "riscv64",
  /// "wasm32"; empty for devices.
  virtual std::string arch() const { return ""; }
  /// Memory space its buffers live in; "host" is shared by all CPU targets.
  virtual std::string memorySpace() const { return "host"; }
  /// Features that a machine must have to run the code, LLVM's names ("avx2", "fma", …).
  virtual std::vector<std::string> requiredFeatures() const { return {}; }
  /// Alignment of buffers in bytes.
  virtual uint64_t bufferAlignment() const { return 64; }

  /// Claim: does this target take the graph op `op`?
  virtual Claim claim(mlir::Operation *op) const = 0;
  /// Layout: does it want spatial ops with channels last?
  virtual bool wantsChannelsLast() const { return true; }
  /// Select: writes `strategy`, `tiles` and `in_place` into the kernel's #ingot.kernel and packs
  /// weights by rewriting the launches' constant operands (recipes). Runs once per distinct kernel,
  /// before `lower`.
  virtual mlir::LogicalResult select(mlir::func::FuncOp kernel) const = 0;
  /// Lower and serialize all kernels of this target in `module` to segments. May use several
  /// threads.
  virtual llvm::FailureOr<CompiledCode>
  compile(mlir::ModuleOp module, llvm::ArrayRef<mlir::func::FuncOp> kernels, unsigned threads,
          std::function<void(unsigned done, unsigned total)> progress) const = 0;
};

/// Creates targets by their string ("host", "x86-64-v3", "x86-64-v4+avx512vnni", "vulkan", …).
class TargetRegistry {
public:
  using Factory = std::function<llvm::Expected<std::unique_ptr<Target>>(llvm::StringRef spec)>;
  struct Entry {
    std::string name;        ///< family or exact name, shown by `ingot targets`
    std::string description; ///< one line
    std::function<bool(llvm::StringRef spec)> matches;
    Factory create;
  };
  void add(Entry entry) { entries.push_back(std::move(entry)); }
  llvm::ArrayRef<Entry> list() const { return entries; }
  /// Error: no entry matches (the message lists what there is).
  llvm::Expected<std::unique_ptr<Target>> create(llvm::StringRef spec) const;

private:
  std::vector<Entry> entries;
};

/// The targets that come with Ingot.
void registerCpuTargets(TargetRegistry &registry);
void registerVulkanTarget(TargetRegistry &registry);

} // namespace ingot
