// See NodeOrder.h.
#include "compiler/importers/onnx/NodeOrder.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include <functional>
#include <queue>

using namespace llvm;

namespace ingot::onnximport {

/// Calls `read` with every name that `node` reads, also those that its sub-graphs read and do not
/// define themselves. Protobuf bounds the depth.
static void eachRead(const onnx::NodeProto &node, function_ref<void(StringRef)> read) {
  for (const std::string &input : node.input())
    read(input);
  auto graph = [&](const onnx::GraphProto &graph) {
    StringSet<> own;
    for (const onnx::ValueInfoProto &input : graph.input())
      own.insert(input.name());
    for (const onnx::TensorProto &tensor : graph.initializer())
      own.insert(tensor.name());
    for (const onnx::NodeProto &inner : graph.node())
      for (const std::string &output : inner.output())
        own.insert(output);
    auto captured = [&](StringRef name) {
      if (!own.contains(name))
        read(name);
    };
    for (const onnx::NodeProto &inner : graph.node())
      eachRead(inner, captured);
    for (const onnx::ValueInfoProto &output : graph.output())
      captured(output.name()); // a branch may return a value of the outer graph
  };
  for (const onnx::AttributeProto &attribute : node.attribute()) {
    if (attribute.has_g())
      graph(attribute.g());
    for (const onnx::GraphProto &each : attribute.graphs())
      graph(each);
  }
}

SmallVector<const onnx::NodeProto *>
inOrder(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes) {
  StringMap<int> producers;
  for (int i = 0; i < nodes.size(); ++i)
    for (const std::string &output : nodes[i].output())
      if (!output.empty())
        producers.try_emplace(output, i);
  std::vector<SmallVector<int, 2>> readers(nodes.size());
  std::vector<int> waits(nodes.size(), 0);
  bool sorted = true;
  for (int i = 0; i < nodes.size(); ++i)
    eachRead(nodes[i], [&](StringRef name) {
      auto producer = producers.find(name);
      if (producer == producers.end())
        return;
      readers[producer->second].push_back(i);
      ++waits[i];
      sorted &= producer->second < i;
    });
  SmallVector<const onnx::NodeProto *> order;
  if (sorted) {
    for (const onnx::NodeProto &node : nodes)
      order.push_back(&node);
    return order;
  }
  std::priority_queue<int, std::vector<int>, std::greater<int>> ready; // the first in the file
  for (int i = 0; i < nodes.size(); ++i)
    if (waits[i] == 0)
      ready.push(i);
  while (!ready.empty()) {
    int next = ready.top();
    ready.pop();
    order.push_back(&nodes[next]);
    for (int reader : readers[next])
      if (--waits[reader] == 0)
        ready.push(reader);
  }
  for (int i = 0; i < nodes.size(); ++i)
    if (waits[i] > 0)
      order.push_back(&nodes[i]);
  return order;
}

} // namespace ingot::onnximport
