// The order in which the nodes of an ONNX graph are imported.
#pragma once

#include "compiler/importers/onnx/onnx.pb.h"
#include "llvm/ADT/SmallVector.h"

namespace ingot::onnximport {

/// `nodes` such that each comes after those whose outputs it (or a sub-graph of it) reads,
/// otherwise as in the file. ONNX wants files sorted (IR spec, "Graphs"), but many are not, and
/// other readers take them. Nodes of a cycle come last, as they stand.
llvm::SmallVector<const onnx::NodeProto *>
inOrder(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes);

} // namespace ingot::onnximport
