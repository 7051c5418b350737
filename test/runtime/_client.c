/* A client of the installed runtime: runs PROGRAM on the raw bytes of INPUT, from its file and from memory. */
#include <ingot/runtime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END)) exit(2);
  *size = ftell(file), rewind(file);
  char *bytes = aligned_alloc(64, (*size / 64 + 1) * 64);
  return fread(bytes, 1, *size, file) == *size ? bytes : NULL;
}
static char *run(ingot_program *program, ingot_tensor input, uint64_t *bytes) {
  ingot_session *session;
  ingot_tensor_info out;
  if (ingot_session_create(program, NULL, &session, NULL) || ingot_program_output(program, 0, 0, &out)) exit(3);
  ingot_tensor output = {aligned_alloc(64, (out.max_bytes / 64 + 1) * 64), *bytes = out.max_bytes, NULL, 0};
  ingot_session_bind_input(session, 0, 0, &input), ingot_session_bind_output(session, 0, 0, &output);
  if (ingot_session_run(session, 0)) fprintf(stderr, "%s\n", ingot_session_error(session)), exit(4);
  return ingot_session_destroy(session), ingot_program_close(program), output.data;
}
int main(int argc, char **argv) {
  ingot_program *program; size_t size, bytes, room;
  char *input = argc == 3 ? read_file(argv[2], &size) : NULL, *memory = read_file(argv[1], &bytes);
  if (ingot_program_open_file(argv[1], NULL, &program, NULL)) return 5;
  char *first = run(program, (ingot_tensor){input, size, NULL, 0}, &room);
  if (ingot_program_open_memory(memory, bytes, NULL, &program, NULL)) return 6;
  return memcmp(first, run(program, (ingot_tensor){input, size, NULL, 0}, &room), room) || !fwrite(first, room, 1, stdout);
}
