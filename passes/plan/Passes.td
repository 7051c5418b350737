// Passes of phase 8: from launches on values to a schedule over memory.
#ifndef INGOT_PASSES_PLAN_TD
#define INGOT_PASSES_PLAN_TD

include "mlir/Pass/PassBase.td"

def OrderLaunches : Pass<"order-launches", "::mlir::ModuleOp"> {
  let summary = "orders launches so that fewer bytes are alive at once";
  let description = [{
    A beam search over topological orders. The source's order stays unless another one has a smaller peak; reads and
    updates of variables stay in their order among themselves.
    ```mlir
    %a = ingot.launch @grow(%x) : (tensor<4xf32>) -> tensor<400xf32>
    %b = ingot.launch @grow(%y) : (tensor<4xf32>) -> tensor<400xf32>
    %c = ingot.launch @shrink(%a) : (tensor<400xf32>) -> tensor<4xf32>
    %d = ingot.launch @shrink(%b) : (tensor<400xf32>) -> tensor<4xf32>
    // becomes: %a, %c, %b, %d
    ```
  }];
  let options = [Option<"width", "width", "unsigned", "8", "states that the search keeps at every step">];
  let statistics = [Statistic<"reordered", "reordered", "functions with another order than the source's">];
}

def SinkCarried : Pass<"sink-carried", "::mlir::ModuleOp"> {
  let summary = "computes what a trip of a loop hands on after what reads the value it replaces";
  let description = [{
    The next value of a counter can take the old one's memory when nobody reads the old one any more. Launches whose
    results only the end of the trip reads go there, each behind those that read what it replaces.
    ```mlir
    ^bb0(%i: tensor<i64>, %y: tensor<6xf32>):
      %next = ingot.launch @add_i64(%i) : (tensor<i64>) -> tensor<i64>
      %put = ingot.launch @scatter(%y, %i) : (tensor<6xf32>, tensor<i64>) -> tensor<6xf32>
      scf.yield %next, %put : tensor<i64>, tensor<6xf32>
    // becomes: %put, %next
    ```
  }];
}

def ConvertToPlan : Pass<"convert-to-plan", "::mlir::ModuleOp"> {
  let summary = "turns functions of launches into plan entries, with a buffer for every value and every copy";
  let description = [{
    Nothing is clever here: each value gets memory of its own, and whatever moves elements (reshape, slice, concat,
    transfer, variable_read, variable_update, return, the results of scf.if, what scf.while carries) is a copy. Later passes take away the copies
    that are provably not needed. Kernel functions become `plan.kernel` records; without compiled code (under `ingot opt`)
    the records name a placeholder segment.
    ```mlir
    func.func @f(%a: tensor<4xf32>) -> tensor<4xf32> {
      %0 = ingot.launch @relu_f32(%a) : (tensor<4xf32>) -> tensor<4xf32>
      return %0 : tensor<4xf32>
    }
    // becomes
    plan.entry @f(in0 : tensor<4xf32>) -> (out0 : tensor<4xf32>) {
      %in = plan.ref input 0 + 0 : !plan.buffer<16, "host">
      %out = plan.ref output 0 + 0 : !plan.buffer<16, "host">
      %0 = plan.alloc : !plan.buffer<16, "host">
      plan.launch @relu_f32 reads %in : … writes %0 : … tiles 1
      plan.copy %0 to %out : …
    }
    ```
  }];
  let dependentDialects = ["::ingot::plan::PlanDialect"];
}

def ElideCopies : Pass<"elide-copies", "::mlir::ModuleOp"> {
  let summary = "takes away copies that cost no memory to do without";
  let description = [{
    A copy goes when both sides can be the same bytes (StorageModel.h proves it): a reshape, an output that its launch can
    write directly, an input, constant or variable that can be read or updated in place. Copies between a part and a
    whole of working memory stay for `place-parts`.
    ```mlir
    %0 = plan.alloc : !plan.buffer<16, "host">
    plan.launch @relu_f32 reads %in : … writes %0 : …
    plan.copy %0 to %out : …
    // becomes
    plan.launch @relu_f32 reads %in : … writes %out : …
    ```
  }];
  let statistics = [Statistic<"elided", "elided", "copies taken away">];
  let dependentDialects = ["::ingot::plan::PlanDialect"];
}

def LaunchInPlace : Pass<"launch-in-place", "::mlir::ModuleOp"> {
  let summary = "lets launches overwrite operands that nobody reads any more";
  let description = [{
    Tries the kernel's `in_place` pairs in order.
    ```mlir
    plan.launch @relu_f32 reads %0 : … writes %1 : …
    // becomes
    plan.launch @relu_f32 reads %0 : … writes %0 : …
    ```
  }];
  let statistics = [Statistic<"inPlace", "in-place", "results that overwrite an operand">];
  let dependentDialects = ["::ingot::plan::PlanDialect"];
}

def PlaceParts : Pass<"place-parts", "::mlir::ModuleOp"> {
  let summary = "lets parts share memory with their whole, unless that raises the peak";
  let description = [{
    What a slice reads stays in its source; what a concat joins is written into its place from the start. As either can
    keep a large buffer alive for longer, a copy stays where taking it away would raise the most bytes alive at once.
    ```mlir
    %c = plan.alloc : !plan.buffer<32, "host">
    plan.launch @a writes %0 : …
    %p = plan.range %c + 0 : …
    plan.copy %0 to %p : …
    // becomes
    plan.launch @a writes %p : …
    ```
  }];
  let statistics = [Statistic<"elided", "elided", "copies taken away">];
  let dependentDialects = ["::ingot::plan::PlanDialect"];
}

def AllocateArenas : Pass<"allocate-arenas", "::mlir::ModuleOp"> {
  let summary = "gives every plan.alloc its place in the arena of its space";
  let description = [{
    Lifetimes go from the first to the last step that touches a buffer; the planner library places them, all entries
    sharing the arena of a space. Ranges are folded into the references.
    ```mlir
    %0 = plan.alloc : !plan.buffer<4096, "host">
    // becomes
    plan.arena @arena in @host size 4096 alignment 64 lower_bound 4096 peak "conv1"
    %0 = plan.ref arena @arena + 0 : !plan.buffer<4096, "host">
    ```
    Sizes that depend on dims are placed at their bounds. In an entry that has some, every buffer becomes a `plan.place`
    behind those that lie below it while it is alive: as these shrink, it moves down.
    ```mlir
    %0 = plan.alloc : !plan.buffer<4096, "host", "512*batch">
    %1 = plan.alloc : !plan.buffer<64, "host">
    // becomes
    %0 = plan.place @arena at 0 -> !plan.buffer<4096, "host", "512*batch">
    %1 = plan.place @arena at 4096 behind %0 : !plan.buffer<4096, "host", "512*batch"> -> !plan.buffer<64, "host">
    ```
  }];
  let options = [Option<"searchSteps", "search-steps", "int64_t", "100000000",
                        "work to spend on a better placement where the greedy orders leave a gap">];
  let dependentDialects = ["::ingot::plan::PlanDialect"];
}

def VerifyPlan : Pass<"verify-plan", "::mlir::ModuleOp"> {
  let summary = "states what holds after the plan phase";
  let description = [{
    Only ops of the `plan` dialect are left, no `plan.alloc`, and `plan.range` only of a `plan.place`; every step carries the name of a
    source layer; nothing writes an input or a constant; outputs of a launch overlap its inputs only in place; every
    output of an entry is written on each path.
  }];
}

#endif
