// What a model file says of itself: its signature and its operators, without compiling it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace ingot {

struct ModelDescription {
  /// An input or output; an open dim is its name.
  struct Tensor {
    std::string name, type; ///< type: "f32", "i64", …
    std::vector<std::variant<int64_t, std::string>> dims;
  };
  std::string format; ///< "ONNX, opset 17", "torch.export", "TFLite, version 3"
  std::vector<Tensor> inputs, outputs;
  std::map<std::string, unsigned> operators; ///< source operator → count
};

} // namespace ingot
