/* A client of the installed runtime: runs a program from a file and from memory and compares the two. */
#include <ingot/runtime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run(ingot_program *program, void *in, uint64_t in_size, void *out, uint64_t out_size) {
  ingot_session *session;
  ingot_tensor input = {in, in_size, NULL, 0}, output = {out, out_size, NULL, 0};
  if (ingot_session_create(program, NULL, &session, NULL)) return 1;
  int failed = ingot_session_bind_input(session, 0, 0, &input) || ingot_session_bind_output(session, 0, 0, &output) ||
               ingot_session_run(session, 0);
  if (failed) fprintf(stderr, "error: %s\n", ingot_session_error(session));
  ingot_session_destroy(session);
  ingot_program_close(program);
  return failed;
}

int main(int argc, char **argv) {
  ingot_error error;
  ingot_program *file, *memory;
  ingot_tensor_info in, out;
  FILE *stream = argc == 2 ? fopen(argv[1], "rb") : NULL;
  if (!stream || ingot_program_open_file(argv[1], NULL, &file, &error)) return 1;
  ingot_program_input(file, 0, 0, &in);
  ingot_program_output(file, 0, 0, &out);
  void *input = calloc(1, in.max_bytes), *first = calloc(1, out.max_bytes), *second = malloc(out.max_bytes);
  memset(second, 1, out.max_bytes);
  static char bytes[64 << 20];
  size_t size = fread(bytes, 1, sizeof(bytes), stream);
  if (run(file, input, in.max_bytes, first, out.max_bytes)) return 2;
  if (ingot_program_open_memory(bytes, size, NULL, &memory, &error)) return 3;
  if (run(memory, input, in.max_bytes, second, out.max_bytes)) return 4;
  return memcmp(first, second, out.max_bytes) ? 5 : 0;
}
