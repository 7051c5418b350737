/* Two sessions of one program in two threads, each with threads of its own; outputs must be equal. For ThreadSanitizer. */
#include <ingot/runtime.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ingot_program *program;
static ingot_tensor_info in, out;

static void *work(void *workers) {
  ingot_session_options options = {.struct_size = sizeof(options), .threads = *(uint32_t *)workers};
  ingot_session *session;
  if (ingot_session_create(program, &options, &session, NULL)) exit(3);
  ingot_tensor input = {aligned_alloc(64, (in.max_bytes / 64 + 1) * 64), in.max_bytes, NULL, 0};
  ingot_tensor output = {aligned_alloc(64, (out.max_bytes / 64 + 1) * 64), out.max_bytes, NULL, 0};
  memset(input.data, 0, in.max_bytes);
  ingot_session_bind_input(session, 0, 0, &input), ingot_session_bind_output(session, 0, 0, &output);
  for (int i = 0; i < 5; ++i)
    if (ingot_session_run(session, 0)) fprintf(stderr, "%s\n", ingot_session_error(session)), exit(4);
  ingot_session_destroy(session);
  free(input.data);
  return output.data;
}

int main(int argc, char **argv) {
  uint32_t workers[2] = {1, 3};
  pthread_t threads[2];
  void *results[2];
  if (argc != 2 || ingot_program_open_file(argv[1], NULL, &program, NULL)) return 2;
  if (ingot_program_input(program, 0, 0, &in) || ingot_program_output(program, 0, 0, &out)) return 2;
  for (int i = 0; i < 2; ++i) pthread_create(&threads[i], NULL, work, &workers[i]);
  for (int i = 0; i < 2; ++i) pthread_join(threads[i], &results[i]);
  int differ = memcmp(results[0], results[1], out.max_bytes);
  ingot_program_close(program);
  free(results[0]), free(results[1]);
  if (differ) fprintf(stderr, "the sessions' outputs differ\n");
  return differ ? 1 : 0;
}
