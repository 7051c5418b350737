// Old programs stay loadable: one file per format version lies in test/golden and is opened and, on
// its own kind of machine, run. INGOT_WRITE_GOLDEN=PATH writes the file of the present version.
#include "test/unit/runtime/TestProgram.h"
#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>

using namespace ingot;
using namespace ingot::test;

namespace {

TEST(Golden, Format1) {
  if (const char *path = std::getenv("INGOT_WRITE_GOLDEN")) {
    std::vector<uint8_t> bytes = scaleProgram().build();
    FILE *file = fopen(path, "wb");
    ASSERT_TRUE(file && fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size() &&
                fclose(file) == 0);
  }
  if (std::string(hostArch()) != "x86_64")
    GTEST_SKIP() << "the golden program holds x86-64 code";
  ingot_program *program;
  ingot_session *session;
  ingot_error error;
  ASSERT_EQ(
      ingot_program_open_file(INGOT_TEST_DIR "/golden/format-1.ingot", nullptr, &program, &error),
      INGOT_OK)
      << error.text;
  ASSERT_EQ(ingot_session_create(program, nullptr, &session, &error), INGOT_OK) << error.text;
  float x[64], y[64];
  for (int i = 0; i < 64; ++i)
    x[i] = float(i);
  ingot_tensor in = {x, sizeof(x), nullptr, 0}, out = {y, sizeof(y), nullptr, 0};
  ASSERT_EQ(ingot_session_bind_input(session, 0, 0, &in), INGOT_OK);
  ASSERT_EQ(ingot_session_bind_output(session, 0, 0, &out), INGOT_OK);
  ASSERT_EQ(ingot_session_run(session, 0), INGOT_OK) << ingot_session_error(session);
  for (int i = 0; i < 64; ++i)
    EXPECT_EQ(y[i], x[i] * 4 + 9);
  ingot_session_destroy(session);
  ingot_program_close(program);
}

} // namespace
