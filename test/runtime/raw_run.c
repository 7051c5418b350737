/* Runs a program with the C API alone: what a device needs, and how other architectures are tested.
 *
 *   raw-run PROGRAM THREADS IN0.raw … -- OUT0.raw …
 *
 * A .raw file is one line of text, the rank and the extents, then the elements in row-major order.
 * It is cross-compiled and run under an emulator by the model tests (test/harness/models.py). */
#include "ingot/runtime.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *what, const char *why) {
  fprintf(stderr, "error: %s: %s\n", what, why);
  return 1;
}

/* Room for `bytes`, aligned as any program may ask. */
static void *room(size_t bytes) { return aligned_alloc(64, (bytes + 127) / 64 * 64); }

static int readRaw(const char *path, int64_t *dims, ingot_tensor *tensor) {
  FILE *file = fopen(path, "rb");
  if (!file)
    return fail(path, "cannot be read");
  unsigned rank = 0;
  int good = fscanf(file, "%u", &rank) == 1 && rank <= INGOT_MAX_RANK;
  for (unsigned i = 0; good && i < rank; ++i) {
    long long extent = 0;
    good = fscanf(file, "%lld", &extent) == 1;
    dims[i] = extent;
  }
  good = good && fgetc(file) == '\n';
  long start = ftell(file);
  good = good && fseek(file, 0, SEEK_END) == 0;
  tensor->bytes = good ? (uint64_t)(ftell(file) - start) : 0;
  tensor->data = room(tensor->bytes);
  good = good && fseek(file, start, SEEK_SET) == 0 &&
         fread(tensor->data, 1, tensor->bytes, file) == tensor->bytes;
  tensor->dims = dims;
  tensor->rank = rank;
  fclose(file);
  return good ? 0 : fail(path, "is not a .raw file");
}

static int writeRaw(const char *path, const int64_t *dims, uint32_t rank, const void *data,
                    size_t bytes) {
  FILE *file = fopen(path, "wb");
  if (!file)
    return fail(path, "cannot be written");
  fprintf(file, "%u", rank);
  for (uint32_t i = 0; i < rank; ++i)
    fprintf(file, " %lld", (long long)dims[i]);
  fputc('\n', file);
  size_t written = fwrite(data, 1, bytes, file);
  return fclose(file) || written != bytes ? fail(path, "cannot be written") : 0;
}

int main(int argc, char **argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: raw-run PROGRAM THREADS IN.raw... -- OUT.raw...\n");
    return 2;
  }
  ingot_error error;
  ingot_program *program;
  ingot_session *session;
  ingot_session_options options = {sizeof options, (uint32_t)atoi(argv[2]), NULL, 0};
  if (ingot_program_open_file(argv[1], NULL, &program, &error) ||
      ingot_session_create(program, &options, &session, &error))
    return fail(argv[1], error.text);
  int argument = 3;
  uint32_t inputs = ingot_program_num_inputs(program, 0);
  uint32_t outputs = ingot_program_num_outputs(program, 0);
  for (uint32_t i = 0; i < inputs; ++i, ++argument) {
    int64_t dims[INGOT_MAX_RANK];
    ingot_tensor tensor;
    if (argument >= argc || !strcmp(argv[argument], "--"))
      return fail(argv[1], "has more inputs than were given");
    if (readRaw(argv[argument], dims, &tensor))
      return 1;
    if (ingot_session_bind_input(session, 0, i, &tensor))
      return fail(argv[argument], ingot_session_error(session));
  }
  if (argument >= argc || strcmp(argv[argument], "--") || argc - argument - 1 != (int)outputs)
    return fail(argv[1], "has another number of inputs or outputs than were given");
  ingot_tensor *bound = calloc(outputs + 1, sizeof *bound);
  ingot_tensor_info info;
  for (uint32_t i = 0; i < outputs; ++i) {
    if (ingot_program_output(program, 0, i, &info))
      return fail(argv[1], "has an output it does not describe");
    bound[i].bytes = info.max_bytes;
    bound[i].data = room(info.max_bytes);
    if (ingot_session_bind_output(session, 0, i, &bound[i]))
      return fail(info.name, ingot_session_error(session));
  }
  if (ingot_session_run(session, 0))
    return fail(argv[1], ingot_session_error(session));
  for (uint32_t i = 0; i < outputs; ++i) {
    int64_t dims[INGOT_MAX_RANK];
    uint32_t rank = 0;
    ingot_program_output(program, 0, i, &info);
    if (ingot_session_output_dims(session, 0, i, dims, &rank))
      return fail(info.name, ingot_session_error(session));
    uint64_t bits = ingot_type_bits(info.type);
    for (uint32_t k = 0; k < rank; ++k)
      bits *= (uint64_t)dims[k];
    if (writeRaw(argv[argument + 1 + i], dims, rank, bound[i].data, (bits + 7) / 8))
      return 1;
  }
  ingot_session_destroy(session);
  ingot_program_close(program);
  return 0;
}
