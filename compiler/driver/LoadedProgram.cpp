// See LoadedProgram.h.
#include "compiler/driver/LoadedProgram.h"
#include "runtime-lib/run/Arrays.h"
#include "runtime-lib/run/Values.h"
#include "llvm/ADT/STLExtras.h"
#include <cstring>

using namespace mlir;
using namespace ingot;

LoadedProgram::~LoadedProgram() {
  ingot_session_destroy(session);
  ingot_program_close(program);
}

llvm::Error LoadedProgram::open(const std::string &path) {
  ingot_error error;
  if (ingot_program_open_file(path.c_str(), nullptr, &program, &error))
    return llvm::createStringError(error.text);
  return llvm::Error::success();
}

/// The program's type of elements below a byte, which it packs and the evaluator does not;
/// otherwise INGOT_NONE.
static ingot_type packedType(Type element) {
  if (isa<Float4E2M1FNType>(element))
    return INGOT_F4E2M1FN;
  if (element.isInteger(4))
    return element.isUnsignedInteger() ? INGOT_U4 : INGOT_I4;
  if (element.isInteger(2))
    return element.isUnsignedInteger() ? INGOT_U2 : INGOT_I2;
  return INGOT_NONE;
}

static uint64_t packedBytes(RankedTensorType type, ingot_type packed) {
  return (type.getNumElements() * ingot_type_bits(packed) + 7) / 8;
}

llvm::Expected<std::vector<TensorValue>> LoadedProgram::run(ArrayRef<TensorValue> inputs,
                                                            ArrayRef<Type> results) {
  ingot_session_options options{sizeof options, /*threads=*/1, nullptr, 0, nullptr, 0};
  ingot_error error;
  if (!session && ingot_session_create(program, &options, &session, &error))
    return llvm::createStringError(error.text);
  auto fail = [&] { return llvm::createStringError(ingot_session_error(session)); };

  std::vector<run::AlignedBytes> buffers; // the runtime asks for aligned memory
  auto take = [&](uint64_t bytes) {
    buffers.push_back(run::allocateAligned(std::max<uint64_t>(bytes, 1)));
    return buffers.back().get();
  };
  for (auto [i, input] : llvm::enumerate(inputs)) {
    ingot_type packed = packedType(input.type.getElementType());
    uint64_t bytes = packed ? packedBytes(input.type, packed) : input.raw().size();
    uint8_t *data = take(bytes);
    if (packed)
      run::packBits(reinterpret_cast<const uint8_t *>(input.raw().data()),
                    input.type.getNumElements(), packed, data);
    else
      std::memcpy(data, input.raw().data(), bytes);
    ArrayRef<int64_t> shape = input.type.getShape();
    ingot_tensor tensor{data, bytes, shape.data(), static_cast<uint32_t>(shape.size())};
    if (ingot_session_bind_input(session, 0, i, &tensor))
      return fail();
  }
  std::vector<std::pair<uint8_t *, uint64_t>> outputs;
  for (auto [i, type] : llvm::enumerate(results)) {
    auto bytes = tensorBytes(cast<RankedTensorType>(type));
    if (!bytes)
      return bytes.takeError();
    if (ingot_type packed = packedType(cast<RankedTensorType>(type).getElementType()))
      *bytes = packedBytes(cast<RankedTensorType>(type), packed);
    outputs.push_back({take(*bytes), *bytes});
    ingot_tensor tensor{outputs.back().first, *bytes, nullptr, 0};
    if (ingot_session_bind_output(session, 0, i, &tensor))
      return fail();
  }
  if (ingot_session_run(session, 0))
    return fail();
  std::vector<TensorValue> values;
  for (auto [i, output] : llvm::enumerate(outputs)) {
    // The run may have counted what an output holds.
    int64_t dims[INGOT_MAX_RANK];
    uint32_t rank = 0;
    if (ingot_session_output_dims(session, 0, i, dims, &rank))
      return fail();
    auto tensor = RankedTensorType::get(ArrayRef(dims, rank),
                                        cast<RankedTensorType>(results[i]).getElementType());
    if (auto bytes = tensorBytes(tensor); bytes && !packedType(tensor.getElementType()))
      output.second = *bytes;
    else if (!bytes)
      llvm::consumeError(bytes.takeError());
    std::vector<char> data(output.first, output.first + output.second);
    if (ingot_type packed = packedType(tensor.getElementType())) {
      data.resize(tensor.getNumElements());
      run::unpackBits(output.first, tensor.getNumElements(), packed,
                      reinterpret_cast<uint8_t *>(data.data()));
    }
    values.emplace_back(tensor, std::move(data));
  }
  return values;
}
