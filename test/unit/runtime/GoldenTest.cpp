// Old programs stay loadable: one file per format version lies in test/golden and is opened and, on
// its own kind of machine, run. INGOT_WRITE_GOLDEN=PATH writes the file of the present version.
#include "test/unit/runtime/TestProgram.h"
#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>

using namespace ingot;
using namespace ingot::test;

namespace {

/// Runs the golden file of a format version, which scales x twice by 2x + 3 (and may have
/// a second input that holds the rows of x); INGOT_WRITE_GOLDEN replaces the file of the newest
/// version first.
void runGolden(int version, const TestProgram &program, std::vector<int64_t> shape) {
  int64_t rows = shape[0];
  std::string path = INGOT_TEST_DIR "/golden/format-" + std::to_string(version) + ".ingot";
  const char *write = std::getenv("INGOT_WRITE_GOLDEN");
  if (write && version == int(kFormatVersion)) {
    std::vector<uint8_t> bytes = program.build();
    FILE *file = fopen(write, "wb");
    ASSERT_TRUE(file && fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size() &&
                fclose(file) == 0);
  }
  if (std::string(hostArch()) != "x86_64")
    GTEST_SKIP() << "the golden program holds x86-64 code";
  ingot_program *opened;
  ingot_session *session;
  ingot_error error;
  ASSERT_EQ(ingot_program_open_file(path.c_str(), nullptr, &opened, &error), INGOT_OK)
      << error.text;
  ASSERT_EQ(ingot_session_create(opened, nullptr, &session, &error), INGOT_OK) << error.text;
  std::vector<float> x(size_t(shape[0] * shape[1])), y(x.size());
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = float(i);
  ingot_tensor in = {x.data(), x.size() * 4, shape.data(), 2},
               out = {y.data(), y.size() * 4, nullptr, 0};
  ASSERT_EQ(ingot_session_bind_input(session, 0, 0, &in), INGOT_OK) << ingot_session_error(session);
  ingot_tensor n = {&rows, sizeof(rows), nullptr, 0};
  if (ingot_program_num_inputs(opened, 0) > 1)
    ASSERT_EQ(ingot_session_bind_input(session, 0, 1, &n), INGOT_OK);
  ASSERT_EQ(ingot_session_bind_output(session, 0, 0, &out), INGOT_OK);
  ASSERT_EQ(ingot_session_run(session, 0), INGOT_OK) << ingot_session_error(session);
  for (size_t i = 0; i < x.size(); ++i)
    EXPECT_EQ(y[i], x[i] * 4 + 9);
  ingot_session_destroy(session);
  ingot_program_close(opened);
}

TEST(Golden, Format1) { runGolden(1, scaleProgram(), {4, 16}); }

TEST(Golden, Format2) {
  runGolden(2, placedProgram(), {5, 4});
  runGolden(2, placedProgram(), {16, 4});
}

TEST(Golden, Format4) {
  runGolden(4, valueProgram(), {5, 4});
  runGolden(4, valueProgram(), {16, 4});
}

} // namespace
