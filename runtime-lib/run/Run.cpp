// Running a program for the tools: match arrays with the signature, run, compare, report.
#include "runtime-lib/run/Run.h"
#ifdef INGOT_HAVE_VULKAN
#include "ingot/vulkan.h"
#endif
#include "runtime-lib/run/Report.h"
#include "runtime-lib/run/State.h"
#include "runtime-lib/run/Values.h"
#include <cinttypes>
#include <climits>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <time.h>

namespace ingot::run {
namespace {

double nowMs() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return double(time.tv_sec) * 1e3 + double(time.tv_nsec) / 1e6;
}

/// One input or output and its memory.
struct Bound {
  ingot_tensor_info info;
  std::vector<int64_t> dims;
  AlignedBytes values{nullptr, nullptr};
  uint64_t bytes = 0;
};

std::string dimsText(const std::vector<int64_t> &dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); ++i)
    text += (i ? ", " : "") + std::to_string(dims[i]);
  return text + "]";
}

/// "in3" or "out3" → 3; -1 otherwise.
int positionOf(const std::string &name, const char *prefix) {
  size_t size = strlen(prefix);
  if (name.size() <= size || name.size() > size + 6 || name.compare(0, size, prefix) != 0)
    return -1;
  int position = 0;
  for (size_t i = size; i < name.size(); ++i) {
    if (name[i] < '0' || name[i] > '9')
      return -1;
    position = position * 10 + (name[i] - '0');
  }
  return position;
}

std::string namesOf(const std::vector<Bound> &all) {
  std::string text;
  for (size_t i = 0; i < all.size() && i < 8; ++i)
    text += (i ? ", " : "") + std::string(all[i].info.name);
  return all.size() > 8 ? text + ", …" : text;
}

/// Which of `all` an array is for: by the model's name, then by position. -1: none.
int match(const std::vector<Bound> &all, const std::string &name, int position,
          const char *prefix) {
  for (size_t i = 0; i < all.size(); ++i)
    if (name == all[i].info.name)
      return int(i);
  int index = positionOf(name, prefix);
  if (index < 0)
    index = position;
  return index < int(all.size()) ? index : -1;
}

/// What one invocation works on; its parts close themselves.
class Runner {
public:
  explicit Runner(const Options &options) : options(options) {}
  ~Runner() {
    ingot_session_destroy(session);
    ingot_program_close(program);
  }
  int run();

private:
  int fail(const std::string &message) {
    fprintf(stderr, "error: %s\n", message.c_str());
    return kUserError;
  }
  bool load(std::string &error);
  bool chooseEntry(std::string &error);
  bool readInputs(std::string &error);
  bool takeInput(const std::string &name, int position, ElementKind element,
                 const std::vector<int64_t> &dims, uint64_t bytes, int &index, std::string &error);
  bool chooseDims(std::vector<int64_t> &named, std::string &error);
  bool drawInputs(std::string &error);
  bool bindAll(std::string &error);
  bool runOnce(double &ms, std::string &error);
  bool checkExpected(std::string &error);
  bool writeOutputs(std::string &error);

  const Options &options;
  ingot_program *program = nullptr;
  ingot_session *session = nullptr;
  uint32_t entry = 0;
  std::vector<Bound> inputs, outputs;
  std::vector<bool> given;
  State state;
  Report report;
};

bool Runner::load(std::string &error) {
  ingot_error problem = {};
  double start = nowMs();
  std::vector<const ingot_driver *> drivers = options.drivers;
#ifdef INGOT_HAVE_VULKAN
  drivers.push_back(ingot_vulkan_driver());
#endif
  ingot_open_options open = {sizeof(open), drivers.data(), drivers.size(), 0};
  ingot_session_options create = {sizeof(create), options.threads, nullptr, 0, nullptr, 0};
  if (ingot_program_open_file(options.program.c_str(), &open, &program, &problem) ||
      ingot_session_create(program, &create, &session, &problem)) {
    error = problem.text;
    return false;
  }
  report.loadMs = nowMs() - start;
  size_t slash = options.program.rfind('/');
  report.program = slash == std::string::npos ? options.program : options.program.substr(slash + 1);
  report.target = ingot_program_target(program);
  report.threads = options.threads;
  return true;
}

bool Runner::chooseEntry(std::string &error) {
  uint32_t count = ingot_program_num_entries(program);
  int32_t found = options.entry.empty()
                      ? (count == 1 ? 0 : ingot_program_find_entry(program, "forward"))
                      : ingot_program_find_entry(program, options.entry.c_str());
  if (found < 0) {
    error = options.entry.empty() ? "the program has several entries"
                                  : "the program has no entry '" + options.entry + "'";
    error += "\nhint: --entry= one of ";
    for (uint32_t i = 0; i < count && i < 16; ++i)
      error += (i ? ", " : "") + std::string(ingot_program_entry_name(program, i));
    return false;
  }
  entry = uint32_t(found);
  inputs.resize(ingot_program_num_inputs(program, entry));
  outputs.resize(ingot_program_num_outputs(program, entry));
  for (uint32_t i = 0; i < inputs.size(); ++i)
    ingot_program_input(program, entry, i, &inputs[i].info);
  for (uint32_t i = 0; i < outputs.size(); ++i)
    ingot_program_output(program, entry, i, &outputs[i].info);
  given.assign(inputs.size(), false);
  return true;
}

/// Finds the input an array is for and checks its type and size. index = -1: the array is to be
/// ignored.
bool Runner::takeInput(const std::string &name, int position, ElementKind element,
                       const std::vector<int64_t> &dims, uint64_t bytes, int &index,
                       std::string &error) {
  index = match(inputs, name, position, "in");
  if (index < 0) {
    // One file can serve --inputs and --expect.
    if (positionOf(name, "out") >= 0 || match(outputs, name, -1, "out") >= 0)
      return true;
    error = options.inputs + " holds '" + name +
            "', which is no input of the program\nhint: its inputs are " + namesOf(inputs) +
            ", also accepted as in0, in1, …";
    return false;
  }
  Bound &input = inputs[size_t(index)];
  if (given[size_t(index)]) {
    error = options.inputs + " holds input '" + input.info.name + "' twice";
    return false;
  }
  given[size_t(index)] = true;
  ElementKind wanted = elementKindOf(input.info.type);
  bool raw = element.kind == 'V' && element.size == wanted.size;
  // Booleans are often stored as bytes.
  bool booleans = input.info.type == INGOT_I1 && element == ElementKind{'u', 1};
  bool bytesForSub = wanted.kind == 'V' && wanted.size == 1 &&
                     (element.kind == 'i' || element.kind == 'u') && element.size == 1;
  if (!(element == wanted) && !raw && !booleans && !bytesForSub) {
    ingot_type type = typeOf(element);
    error = std::string("input '") + input.info.name + "' has elements of type " +
            (type ? std::string(ingot_type_name(type)) : "V" + std::to_string(element.size)) +
            ", but the program takes " + ingot_type_name(input.info.type);
    return false;
  }
  input.dims = dims;
  input.bytes = bytes;
  // Checked here because the runtime's own check comes after the values have been read.
  bool fits = dims.size() == input.info.rank;
  for (size_t i = 0; fits && i < dims.size(); ++i)
    fits = dims[i] >= input.info.dims[i].lo && dims[i] <= input.info.dims[i].hi;
  if (fits)
    return true;
  ingot_tensor tensor = {nullptr, 0, dims.data(), uint32_t(dims.size())};
  if (dims.size() > INGOT_MAX_RANK ||
      ingot_session_bind_input(session, entry, uint32_t(index), &tensor) == INGOT_OK)
    error = std::string("input '") + input.info.name + "' has shape " + dimsText(dims) +
            ", which the program does not take";
  else
    error = ingot_session_error(session);
  return false;
}

bool Runner::readInputs(std::string &error) {
  std::string extension =
      options.inputs.size() > 4 ? options.inputs.substr(options.inputs.size() - 4) : "";
  if (extension == ".pt2") {
    std::vector<Sample> samples;
    if (!options.readSamples) {
      error = "sample inputs of a .pt2 archive are read by `ingot run`, not by this tool\n"
              "hint: use `ingot run`, or give the inputs as an NPZ file";
      return false;
    }
    if (!options.readSamples(options.inputs, ingot_program_entry_name(program, entry), samples,
                             error))
      return false;
    for (size_t i = 0; i < samples.size(); ++i) {
      int index;
      if (!takeInput(samples[i].name, int(i), samples[i].element, samples[i].dims, samples[i].bytes,
                     index, error))
        return false;
      if (index < 0)
        continue;
      inputs[size_t(index)].values = std::move(samples[i].values);
      Bound &input = inputs[size_t(index)];
      if (!toProgram(input.values, input.dims, input.info, input.bytes, error))
        return false;
    }
  } else {
    ArrayFile file;
    if (!file.open(options.inputs, "input", error))
      return false;
    for (const ArrayEntry &array : file.arrays()) {
      int index;
      if (!takeInput(array.name, array.position, array.element, array.dims, array.bytes, index,
                     error))
        return false;
      if (index < 0)
        continue;
      Bound &input = inputs[size_t(index)];
      if (!file.load(array, input.values, error) ||
          !toProgram(input.values, input.dims, input.info, input.bytes, error))
        return false;
    }
  }
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!given[i]) {
      error = options.inputs + " lacks input '" + inputs[i].info.name + "'";
      return false;
    }
  return true;
}

/// Values for the entry's named dims: what --dim says, their upper bounds otherwise.
bool Runner::chooseDims(std::vector<int64_t> &named, std::string &error) {
  std::vector<ingot_dim> dims(ingot_program_num_dims(program, entry));
  for (uint32_t i = 0; i < dims.size(); ++i) {
    ingot_program_dim(program, entry, i, &dims[i]);
    named.push_back(dims[i].hi);
  }
  for (const std::string &text : options.dims) {
    size_t equals = text.find('=');
    std::string name = text.substr(0, equals);
    char *end = nullptr;
    long long value =
        equals == std::string::npos ? 0 : strtoll(text.c_str() + equals + 1, &end, 10);
    if (!end || *end || end == text.c_str() + equals + 1) {
      error = "--dim takes NAME=N, not '" + text + "'";
      return false;
    }
    size_t found = 0;
    while (found < dims.size() && name != dims[found].name)
      ++found;
    if (found == dims.size()) {
      error = "the program has no dim '" + name + "'\nhint: its dims are ";
      for (size_t i = 0; i < dims.size(); ++i)
        error += (i ? ", " : "") + std::string(dims[i].name);
      if (dims.empty())
        error = "the program has no dims to choose: all its shapes are fixed";
      return false;
    }
    named[found] = value;
  }
  for (size_t i = 0; i < dims.size(); ++i)
    report.inputText += ", " + std::string(dims[i].name) + "=" + std::to_string(named[i]);
  return true;
}

/// Random inputs at the chosen extents.
bool Runner::drawInputs(std::string &error) {
  std::vector<int64_t> named;
  report.inputText = "random input seed " + std::to_string(options.seed);
  if (!chooseDims(named, error))
    return false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    Bound &input = inputs[i];
    int64_t dims[INGOT_MAX_RANK];
    uint32_t rank = 0;
    if (ingot_session_input_dims(session, entry, uint32_t(i), named.data(), dims, &rank)) {
      error = ingot_session_error(session);
      return false;
    }
    input.dims.assign(dims, dims + rank);
    input.bytes = bytesOf(input.dims, input.info.type);
    input.values = allocateAligned(input.bytes);
    if (input.values)
      fillRandom(input.values.get(), elementsOf(input.dims), input.info, options.seed + i);
  }
  for (size_t i = 0; i < named.size(); ++i) {
    uint32_t index, element;
    if (!ingot_program_dim_value(program, entry, uint32_t(i), &index, &element))
      continue;
    Bound &input = inputs[index];
    uint32_t size = ingot_type_bits(input.info.type) / 8;
    if (input.values && (uint64_t(element) + 1) * size <= input.bytes)
      std::memcpy(input.values.get() + uint64_t(element) * size, &named[i], size);
  }
  if (inputs.empty())
    report.inputText.clear();
  return true;
}

bool Runner::bindAll(std::string &error) {
  for (uint32_t i = 0; i < inputs.size(); ++i) {
    Bound &input = inputs[i];
    ingot_tensor tensor = {input.values.get(), input.bytes, input.dims.data(),
                           uint32_t(input.dims.size())};
    if (!input.values || ingot_session_bind_input(session, entry, i, &tensor)) {
      error = input.values ? ingot_session_error(session) : "no memory for the inputs";
      return false;
    }
  }
  for (uint32_t i = 0; i < outputs.size(); ++i) {
    Bound &output = outputs[i];
    int64_t dims[INGOT_MAX_RANK];
    uint32_t rank = 0;
    if (ingot_session_output_dims(session, entry, i, dims, &rank)) {
      error = ingot_session_error(session);
      return false;
    }
    output.dims.assign(dims, dims + rank);
    output.bytes = bytesOf(output.dims, output.info.type);
    output.values = allocateAligned(output.bytes);
    ingot_tensor tensor = {output.values.get(), output.bytes, nullptr, 0};
    if (!output.values || ingot_session_bind_output(session, entry, i, &tensor)) {
      error = output.values ? ingot_session_error(session) : "no memory for the outputs";
      return false;
    }
  }
  return true;
}

bool Runner::runOnce(double &ms, std::string &error) {
  double start = nowMs();
  ingot_status status = ingot_session_run(session, entry);
  ms = nowMs() - start;
  // The run may have counted what an output holds.
  for (uint32_t i = 0; i < outputs.size() && !status; ++i) {
    uint32_t rank = 0;
    outputs[i].dims.resize(INGOT_MAX_RANK);
    status = ingot_session_output_dims(session, entry, i, outputs[i].dims.data(), &rank);
    outputs[i].dims.resize(rank);
    outputs[i].bytes = bytesOf(outputs[i].dims, outputs[i].info.type);
  }
  if (status)
    error = ingot_session_error(session);
  return !status;
}

bool Runner::checkExpected(std::string &error) {
  ArrayFile file;
  if (!file.open(options.expect, "output", error))
    return false;
  report.compared = true;
  std::vector<bool> seen(outputs.size(), false);
  std::string mismatches;
  for (const ArrayEntry &array : file.arrays()) {
    int index = match(outputs, array.name, array.position, "out");
    if (index < 0) {
      // One file can serve --inputs and --expect.
      if (positionOf(array.name, "in") >= 0 || match(inputs, array.name, -1, "in") >= 0)
        continue;
      error = options.expect + " holds '" + array.name +
              "', which is no output of the program\nhint: its outputs are " + namesOf(outputs) +
              ", also accepted as out0, out1, …";
      return false;
    }
    Bound &output = outputs[size_t(index)];
    seen[size_t(index)] = true;
    if (array.dims != output.dims) {
      error = std::string("output '") + output.info.name + "' has shape " + dimsText(output.dims) +
              ", but " + options.expect + " expects " + dimsText(array.dims);
      return false;
    }
    ingot_type type = typeOf(array.element);
    AlignedBytes values{nullptr, nullptr};
    if (!file.load(array, values, error))
      return false;
    if (!type && ingot_type_bits(output.info.type) / 8 == array.element.size)
      type = output.info.type; // raw bytes are read by the signature's type
    if (!type && ingot_type_bits(output.info.type) < 8 && array.element.size == 1) {
      AlignedBytes packed = allocateAligned(output.bytes);
      packBits(values.get(), elementsOf(output.dims), output.info.type, packed.get());
      values = std::move(packed);
      type = output.info.type;
    }
    bool complex = output.info.type == INGOT_C64 || output.info.type == INGOT_C128;
    if (!type || complex != (type == INGOT_C64 || type == INGOT_C128)) {
      error = std::string("output '") + output.info.name + "' is " +
              ingot_type_name(output.info.type) + ", but " + options.expect + " has another type";
      return false;
    }
    Difference apart = compare(output.values.get(), output.info.type, values.get(), type,
                               numbersIn(elementsOf(output.dims), output.info.type));
    if (apart.maxAbs > report.maxAbs)
      report.maxAbs = apart.maxAbs;
    if (apart.relative() > report.maxRel || report.worstOutput.empty()) {
      report.maxRel = std::fmax(report.maxRel, apart.relative());
      report.worstOutput = output.info.name;
    }
    if (!(apart.maxAbs <= options.atol + options.rtol * apart.magnitude)) {
      report.ok = false;
      char text[512];
      snprintf(text, sizeof(text),
               "output '%s' is off by %.3g (%.3g of the largest magnitude) at element %" PRIu64
               ": %.9g, expected %.9g\n",
               output.info.name, apart.maxAbs, apart.relative(), apart.at,
               valueAt(output.values.get(), output.info.type, apart.at),
               valueAt(values.get(), type, apart.at));
      if (mismatches.size() < 2000)
        mismatches += text;
    }
  }
  for (size_t i = 0; i < outputs.size(); ++i)
    if (!seen[i]) {
      error = options.expect + " lacks output '" + outputs[i].info.name + "'";
      return false;
    }
  if (!report.ok) {
    char text[128];
    snprintf(text, sizeof(text), "hint: --rtol=%.2g would accept it", report.maxRel);
    error =
        mismatches + (std::isinf(report.maxRel)
                          ? "hint: NaN, infinity or an output of zeros is where it should not be"
                          : text);
  }
  return true;
}

bool Runner::writeOutputs(std::string &error) {
  std::vector<OutputArray> arrays;
  std::vector<AlignedBytes> unpacked;
  for (const Bound &output : outputs) {
    arrays.push_back(
        arrayOf(output.info, output.dims, output.values.get(), output.bytes, unpacked));
  }
  return writeNpz(options.outputs, arrays, error);
}

int Runner::run() {
  std::string error;
  if (!load(error) || !chooseEntry(error))
    return fail(error);
  if (!options.inputs.empty() && !options.dims.empty())
    return fail("--dim is for random inputs: those of --inputs have their shapes");
  if (options.inputs.empty() ? !drawInputs(error) : !readInputs(error))
    return fail(error);
  if (!options.loadState.empty() &&
      (!state.read(program, options.loadState, error) || !state.set(session, error)))
    return fail(error);
  double ms;
  if (!bindAll(error) || !runOnce(ms, error))
    return fail(error);
  report.firstMs = ms;
  report.arenaBytes = ingot_session_arena_bytes(session, entry);
  // State moves on with every run: what is compared and written is the first.
  if (!options.expect.empty() && !checkExpected(error))
    return fail(error);
  std::string mismatch = error;
  if (!options.outputs.empty() && !writeOutputs(error))
    return fail(error);
  if (!options.saveState.empty() && !State::write(session, program, options.saveState, error))
    return fail(error);
  Profile profile;
  bool profiled = options.profile || !options.profileFile.empty();
  if (profiled) {
    profile.steps.resize(ingot_program_num_steps(program, entry));
    for (const Bound &input : inputs)
      profile.atBounds &= input.bytes == input.info.max_bytes;
    ingot_session_set_profile(session, Profile::record, &profile);
  }
  if (options.repeat <= 1 && !profiled)
    report.runMs.push_back(ms);
  else
    for (unsigned i = 0; i < options.repeat; ++i) {
      if (!state.set(session, error) || !runOnce(ms, error))
        return fail(error);
      report.runMs.push_back(ms);
    }
  report.finish();
  std::string text = options.json ? reportJson(report) : reportText(report);
  if (options.profile && !options.json)
    text += profileText(program, entry, profile, report.runMs.size());
  fputs(text.c_str(), stdout);
  if (!options.profileFile.empty()) {
    FileWriter writer;
    std::string json = profileJson(program, entry, profile, report.runMs.size());
    if (!writer.open(options.profileFile, error) ||
        !writer.write(json.data(), json.size(), error) || !writer.commit(error))
      return fail(error);
  }
  return report.ok ? int(kDone) : fail(mismatch);
}

} // namespace

int runProgram(const Options &options) { return Runner(options).run(); }

} // namespace ingot::run
