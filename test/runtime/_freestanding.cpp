// The core without any library: no C library, no start files. Runs the golden program in a static
// block of memory and exits 0, or with the number of the step that failed. Proves that the core
// needs four functions and nothing else, and that a run allocates nothing: `allocate` is the only
// way to memory, and it is counted.
#include "ingot/core.h"

extern "C" {
void *memcpy(void *to, const void *from, size_t size) {
  for (size_t i = 0; i < size; ++i)
    static_cast<volatile char *>(to)[i] = static_cast<const char *>(from)[i];
  return to;
}
void *memset(void *to, int value, size_t size) {
  for (size_t i = 0; i < size; ++i)
    static_cast<volatile char *>(to)[i] = char(value);
  return to;
}
int memcmp(const void *a, const void *b, size_t size) {
  for (size_t i = 0; i < size; ++i)
    if (int apart = static_cast<const uint8_t *>(a)[i] - static_cast<const uint8_t *>(b)[i])
      return apart;
  return 0;
}
int strncmp(const char *a, const char *b, size_t size) {
  for (size_t i = 0; i < size; ++i)
    if (a[i] != b[i] || !a[i])
      return uint8_t(a[i]) - uint8_t(b[i]);
  return 0;
}
}

// The program as firmware has it: in the image, executable where it lies.
__asm__(".section .text\n.balign 16384\nprogram_bytes:\n.incbin \"" GOLDEN
        "\"\nprogram_end:\n.text\n");
extern "C" const uint8_t program_bytes[], program_end[];

namespace {

alignas(64) uint8_t memory[1 << 16];
size_t used;
int allocations;

void *allocate(void *, size_t bytes, size_t alignment) {
  ++allocations;
  used = (used + alignment - 1) & ~(alignment - 1);
  void *result = memory + used;
  used += bytes;
  return used <= sizeof(memory) ? result : nullptr;
}

[[noreturn]] void exitWith(long code) {
  for (;;)
    __asm__ volatile("syscall" : : "a"(60), "D"(code) : "rcx", "r11", "memory");
}

float x[64], y[64];

int test() {
  ingot_host host = {};
  host.arch = "x86_64";
  host.allocate = allocate;
  ingot_program *program;
  ingot_session *session;
  if (ingot_core_open(program_bytes, uint64_t(program_end - program_bytes), &host, nullptr,
                      &program, nullptr))
    return 1;
  if (ingot_session_create(program, nullptr, &session, nullptr))
    return 2;
  int before = allocations;
  for (int i = 0; i < 64; ++i)
    x[i] = float(i);
  ingot_tensor in = {x, sizeof(x), nullptr, 0}, out = {y, sizeof(y), nullptr, 0};
  if (ingot_session_bind_input(session, 0, 0, &in) ||
      ingot_session_bind_output(session, 0, 0, &out))
    return 3;
  for (int repeat = 0; repeat < 3; ++repeat)
    if (ingot_session_run(session, 0))
      return 4;
  for (int i = 0; i < 64; ++i)
    if (y[i] != x[i] * 4 + 9)
      return 5;
  if (allocations != before)
    return 6;
  ingot_session_destroy(session);
  ingot_program_close(program);
  return 0;
}

} // namespace

extern "C" [[noreturn]] void _start() {
  __asm__ volatile("and $-64, %rsp");
  exitWith(test());
}
