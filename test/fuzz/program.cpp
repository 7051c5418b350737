// libFuzzer target: any bytes given to the reader of programs. The description's hash is set right,
// so that the fuzzer gets past it; nothing of the program is run, because its code would be as
// hostile as its records.
#include "ingot/core.h"
#include "runtime-lib/core/FileHeader.h"
#include <cstdlib>
#include <cstring>
#include <memory>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::unique_ptr<uint8_t, void (*)(void *)> image(
      static_cast<uint8_t *>(std::aligned_alloc(64, (size + 64) / 64 * 64)), &std::free);
  if (size)
    std::memcpy(image.get(), data, size);
  ingot::FileHeader header;
  if (size >= sizeof(header)) {
    std::memcpy(&header, image.get(), sizeof(header));
    header.fileSize = size;
    if (header.schemaOffset <= size && header.schemaSize <= size - header.schemaOffset)
      ingot_sha256(image.get() + header.schemaOffset, header.schemaSize, header.schemaSha256);
    std::memcpy(image.get(), &header, sizeof(header));
  }
  ingot_program *program = nullptr;
  ingot_error error;
  if (ingot_program_open_memory(image.get(), size, nullptr, &program, &error))
    return error.text[0] ? 0 : (std::abort(), 0);
  ingot_session *session = nullptr;
  if (ingot_session_memory_size(program, nullptr) < (1u << 24))
    ingot_session_create(program, nullptr, &session, &error);
  for (uint32_t entry = 0; entry < ingot_program_num_entries(program); ++entry) {
    ingot_tensor_info info;
    for (uint32_t i = 0; i < ingot_program_num_inputs(program, entry); ++i) {
      ingot_program_input(program, entry, i, &info);
      ingot_tensor none = {nullptr, 0, nullptr, 0};
      if (session)
        ingot_session_bind_input(session, entry, i, &none);
    }
    ingot_step_info step;
    for (uint32_t i = 0; i < ingot_program_num_steps(program, entry); ++i)
      ingot_program_step(program, entry, i, &step);
  }
  ingot_session_destroy(session);
  ingot_program_close(program);
  return 0;
}
