// See LoadedProgram.h.
#include "compiler/driver/LoadedProgram.h"
#include "runtime-lib/run/Arrays.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include <cstring>

using namespace mlir;
using namespace ingot;

LoadedProgram::~LoadedProgram() { ingot_program_close(program); }

llvm::Error LoadedProgram::open(const std::string &path) {
  ingot_error error;
  if (ingot_program_open_file(path.c_str(), nullptr, &program, &error))
    return llvm::createStringError(error.text);
  return llvm::Error::success();
}

llvm::Expected<std::vector<TensorValue>>
LoadedProgram::run(ArrayRef<TensorValue> inputs, ArrayRef<Type> results, unsigned threads) {
  ingot_session_options options{sizeof options, threads, nullptr, 0};
  ingot_session *session = nullptr;
  ingot_error error;
  if (ingot_session_create(program, &options, &session, &error))
    return llvm::createStringError(error.text);
  llvm::scope_exit destroy([&] { ingot_session_destroy(session); });
  auto fail = [&] { return llvm::createStringError(ingot_session_error(session)); };

  std::vector<run::AlignedBytes> buffers; // the runtime asks for aligned memory
  auto take = [&](uint64_t bytes) {
    buffers.push_back(run::allocateAligned(std::max<uint64_t>(bytes, 1)));
    return buffers.back().get();
  };
  for (auto [i, input] : llvm::enumerate(inputs)) {
    uint8_t *data = take(input.raw().size());
    std::memcpy(data, input.raw().data(), input.raw().size());
    ingot_tensor tensor{data, input.raw().size(), nullptr, 0};
    if (ingot_session_bind_input(session, 0, i, &tensor))
      return fail();
  }
  std::vector<std::pair<uint8_t *, uint64_t>> outputs;
  for (auto [i, type] : llvm::enumerate(results)) {
    auto bytes = tensorBytes(cast<RankedTensorType>(type));
    if (!bytes)
      return bytes.takeError();
    outputs.push_back({take(*bytes), *bytes});
    ingot_tensor tensor{outputs.back().first, *bytes, nullptr, 0};
    if (ingot_session_bind_output(session, 0, i, &tensor))
      return fail();
  }
  if (ingot_session_run(session, 0))
    return fail();
  std::vector<TensorValue> values;
  for (auto [output, type] : llvm::zip(outputs, results))
    values.emplace_back(cast<RankedTensorType>(type),
                        std::vector<char>(output.first, output.first + output.second));
  return values;
}
