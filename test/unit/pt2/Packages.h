// Small `.pt2` packages, written byte by byte so that anything in them can be wrong.
#pragma once

#include <cstdint>
#include <string>
#include <zlib.h>

namespace ingot::test {

/// A zip archive written byte by byte, so that anything in it can be wrong.
struct Zip {
  std::string bytes, directory;
  unsigned count = 0;

  static std::string little(uint64_t value, unsigned width) {
    return std::string(reinterpret_cast<const char *>(&value), width);
  }
  void add(const std::string &name, const std::string &content, uint32_t claimed = 0,
           uint16_t method = 0, uint16_t flags = 0) {
    uint32_t size = claimed ? claimed : (uint32_t)content.size();
    uint32_t crc =
        (uint32_t)crc32(0, reinterpret_cast<const Bytef *>(content.data()), (uInt)content.size());
    std::string common = little(20, 2) + little(flags, 2) + little(method, 2) + little(0, 4) +
                         little(crc, 4) + little(method ? content.size() : size, 4) +
                         little(size, 4) + little(name.size(), 2);
    directory += "PK\x01\x02" + little(20, 2) + common + little(0, 2) + little(0, 2) +
                 little(0, 4) + little(0, 4) + little(bytes.size(), 4) + name;
    bytes += "PK\x03\x04" + common + little(0, 2) + name + content;
    ++count;
  }
  std::string finish() const {
    return bytes + directory + "PK\x05\x06" + little(0, 4) + little(count, 2) + little(count, 2) +
           little(directory.size(), 4) + little(bytes.size(), 4) + little(0, 2);
  }
};

inline const char *const kTensor =
    R"({"dtype":7,"sizes":[{"as_int":2}],"requires_grad":false,"device":{"type":"cpu","index":null},)"
    R"("strides":[{"as_int":1}],"storage_offset":{"as_int":0},"layout":7})";

/// A model that multiplies its input by a weight; parts can be replaced, also `graph`, its whole
/// JSON.
struct Model {
  std::string nodes =
      R"([{"target":"torch.ops.aten.mul.Tensor","inputs":[{"name":"self","arg":{"as_tensor":{"name":"x"}}},)"
      R"({"name":"other","arg":{"as_tensor":{"name":"p_w"}}}],"outputs":[{"as_tensor":{"name":"mul"}}],)"
      R"("metadata":{"nn_module_stack":"L__self__,,m.Net;L__self__scale,scale,m.Scale"},"name":"mul"}])";
  std::string xMeta = kTensor, weightMeta = kTensor, outMeta = kTensor;
  std::string path = "weight_0", output = "mul";
  std::string weight = std::string(8, '\0'); // two f32
  std::string graph;

  std::string json() const {
    return R"({"graph_module":{"graph":{"inputs":[{"as_tensor":{"name":"p_w"}},{"as_tensor":{"name":"x"}}],"outputs":)"
           R"([{"as_tensor":{"name":")" +
           output + R"("}}],"nodes":)" + nodes + R"(,"tensor_values":{"x":)" + xMeta +
           R"(,"p_w":)" + kTensor + R"(,"mul":)" + outMeta +
           R"(},"sym_int_values":{},"sym_bool_values":{}},"signature":{"input_specs":[)"
           R"({"parameter":{"arg":{"name":"p_w"},"parameter_name":"scale.w"}},{"user_input":{"arg":{"as_tensor":{"name":"x"}}}}],)"
           R"("output_specs":[{"user_output":{"arg":{"as_tensor":{"name":")" +
           output +
           R"("}}}}]},"module_call_graph":[]},)"
           R"("range_constraints":{"s7":{"min_val":2,"max_val":16}},"schema_version":{"major":8,"minor":20}})";
  }
  Zip zip() const {
    Zip zip;
    zip.add("m/archive_format", "pt2");
    zip.add("m/data/weights/weight_0", weight);
    zip.add("m/data/weights/model_weights_config.json",
            R"({"config":{"scale.w":{"path_name":")" + path +
                R"(","is_param":true,"use_pickle":false,"tensor_meta":)" + weightMeta + "}}}");
    zip.add("m/data/constants/model_constants_config.json", R"({"config":{}})");
    zip.add("m/models/model.json", graph.empty() ? json() : graph);
    return zip;
  }
};

} // namespace ingot::test
