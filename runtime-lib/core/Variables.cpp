// The state of a session: variables put back, read and written.
#include "runtime-lib/core/Error.h"
#include "runtime-lib/core/Program.h"
#include <string.h>

using namespace ingot;

namespace {

/// Copies the bytes of a variable `from` the caller's memory, or else `to` it.
ingot_status transfer(ingot_session *session, uint32_t index, const void *from, void *to,
                      ingot_error *error) {
  const ingot_program *program = session->program;
  const fmt::Variable *variable = program->plan->variables()->Get(index);
  const Memory &memory = session->memories[count(program->plan->arenas()) + index];
  if (memory.buffer) {
    const Device &device = program->devices[deviceOfSpace(program, variable->space())];
    ingot_device_range range = {memory.buffer, 0, variable->size()};
    return from ? device.driver->write(device.device, range, from, error)
                : device.driver->read(device.device, to, range, error);
  }
  if (memory.host && variable->size())
    memcpy(from ? memory.host : to, from ? from : memory.host, size_t(variable->size()));
  return INGOT_OK;
}

ingot_status access(ingot_session *session, uint32_t index, const void *from, void *to,
                    uint64_t bytes) {
  clear(&session->error);
  if (index >= ingot_program_num_variables(session->program) ||
      bytes != session->program->plan->variables()->Get(index)->size())
    return fail(&session->error, INGOT_ERROR_ARGUMENT, "no variable %u of %llu bytes", index,
                bytes);
  return transfer(session, index, from, to, &session->error);
}

} // namespace

ingot_status ingot::resetVariables(ingot_session *session, ingot_error *error) {
  const ingot_program *program = session->program;
  const fmt::Plan *plan = program->plan;
  for (uint32_t i = 0; i < count(plan->variables()); ++i) {
    const fmt::Variable *variable = plan->variables()->Get(i);
    const Memory &memory = session->memories[count(plan->arenas()) + i];
    ingot_status status = INGOT_OK;
    if (variable->initial() >= 0) {
      const fmt::Constant *initial = plan->constants()->Get(uint32_t(variable->initial()));
      status = transfer(session, i, constantData(program, initial), nullptr, error);
    } else if (memory.buffer) {
      const Device &device = program->devices[deviceOfSpace(program, variable->space())];
      static const uint8_t zeros[64] = {};
      for (uint64_t at = 0; at < variable->size() && !status; at += sizeof(zeros)) {
        uint64_t left = variable->size() - at;
        status = device.driver->write(
            device.device, {memory.buffer, at, left < sizeof(zeros) ? left : sizeof(zeros)}, zeros,
            error);
      }
    } else if (memory.host && variable->size()) {
      memset(memory.host, 0, size_t(variable->size()));
    }
    if (status)
      return status;
  }
  return INGOT_OK;
}

ingot_status ingot_session_reset(ingot_session *session) {
  clear(&session->error);
  return resetVariables(session, &session->error);
}

uint32_t ingot_program_num_variables(const ingot_program *program) {
  return count(program->plan->variables());
}

ingot_status ingot_session_read_variable(ingot_session *session, uint32_t index, void *values,
                                         uint64_t bytes) {
  return access(session, index, nullptr, values, bytes);
}

ingot_status ingot_session_write_variable(ingot_session *session, uint32_t index,
                                          const void *values, uint64_t bytes) {
  return access(session, index, values, nullptr, bytes);
}
