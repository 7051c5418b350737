// See State.h.
#include "runtime-lib/run/State.h"
#include "runtime-lib/run/Values.h"

namespace ingot::run {

namespace {

std::vector<int64_t> dimsOf(const ingot_tensor_info &info) {
  std::vector<int64_t> dims;
  for (uint32_t i = 0; i < info.rank; ++i)
    dims.push_back(info.dims[i].hi);
  return dims;
}

} // namespace

bool State::read(const ingot_program *program, const std::string &path, std::string &error) {
  ArrayFile file;
  if (!file.open(path, "variable", error))
    return false;
  uint32_t count = ingot_program_num_variables(program);
  for (const ArrayEntry &array : file.arrays()) {
    Variable variable = {0, {nullptr, nullptr}, 0};
    ingot_tensor_info info = {};
    std::string names;
    for (; variable.index < count; ++variable.index) {
      ingot_program_variable(program, variable.index, &info);
      if (array.name == info.name)
        break;
      if (variable.index < 8)
        names += (names.empty() ? "" : ", ") + std::string(info.name);
    }
    if (variable.index == count) {
      error = path + " holds '" + array.name + "', which is no variable of the program" +
              (count ? "\nhint: its variables are " + names + (count > 8 ? ", …" : "")
                     : "\nhint: it has none");
      return false;
    }
    if (array.dims != dimsOf(info) || !(array.element == elementKindOf(info.type))) {
      error = path + ": '" + array.name + "' does not fit the variable, which is " +
              shapeText(info.type, dimsOf(info));
      return false;
    }
    variable.bytes = array.bytes;
    if (!file.load(array, variable.values, error) ||
        !toProgram(variable.values, array.dims, info, variable.bytes, error))
      return false;
    variables.push_back(std::move(variable));
  }
  return true;
}

bool State::set(ingot_session *session, std::string &error) const {
  ingot_status status = ingot_session_reset(session);
  for (const Variable &variable : variables)
    if (!status)
      status = ingot_session_write_variable(session, variable.index, variable.values.get(),
                                            variable.bytes);
  if (status)
    error = ingot_session_error(session);
  return !status;
}

bool State::write(ingot_session *session, const ingot_program *program, const std::string &path,
                  std::string &error) {
  std::vector<OutputArray> arrays;
  std::vector<AlignedBytes> kept;
  for (uint32_t i = 0; i < ingot_program_num_variables(program); ++i) {
    ingot_tensor_info info = {};
    ingot_program_variable(program, i, &info);
    AlignedBytes values = allocateAligned(info.max_bytes);
    if (!values || ingot_session_read_variable(session, i, values.get(), info.max_bytes)) {
      error = values ? ingot_session_error(session) : "no memory for the variables";
      return false;
    }
    arrays.push_back(arrayOf(info, dimsOf(info), values.get(), info.max_bytes, kept));
    kept.push_back(std::move(values));
  }
  return writeNpz(path, arrays, error);
}

} // namespace ingot::run
