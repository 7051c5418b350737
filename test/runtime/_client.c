/* A client of the installed runtime: runs a program from a file, then from memory, and compares the outputs. */
#include <ingot/runtime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run(ingot_program *program, void **result, uint64_t *size) {
  ingot_session *session;
  ingot_tensor_info in, out;
  if (ingot_program_input(program, 0, 0, &in) || ingot_program_output(program, 0, 0, &out)) return 1;
  ingot_tensor input = {calloc(1, in.max_bytes), in.max_bytes, NULL, 0};
  ingot_tensor output = {malloc(out.max_bytes), out.max_bytes, NULL, 0};
  if (ingot_session_create(program, NULL, &session, NULL)) return 1;
  int failed = ingot_session_bind_input(session, 0, 0, &input) || ingot_session_bind_output(session, 0, 0, &output) ||
               ingot_session_run(session, 0);
  if (failed) fprintf(stderr, "error: %s\n", ingot_session_error(session));
  ingot_session_destroy(session);
  ingot_program_close(program);
  *result = output.data, *size = output.bytes;
  return failed;
}

int main(int argc, char **argv) {
  static char bytes[64 << 20];
  ingot_program *program;
  ingot_error error;
  void *first, *second;
  uint64_t size;
  if (argc != 2 || ingot_program_open_file(argv[1], NULL, &program, &error) || run(program, &first, &size)) return 1;
  size_t length = fread(bytes, 1, sizeof(bytes), fopen(argv[1], "rb"));
  if (ingot_program_open_memory(bytes, length, NULL, &program, &error) || run(program, &second, &size)) return 2;
  return memcmp(first, second, size) ? 3 : 0;
}
