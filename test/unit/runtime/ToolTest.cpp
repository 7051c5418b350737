// ingot-run from outside: exit codes, messages, NPZ in and out, JSON.
#include "runtime-lib/run/Arrays.h"
#include "test/unit/runtime/TestProgram.h"
#include <cstdio>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace ingot;
using namespace ingot::test;
using namespace ingot::run;
using testing::HasSubstr;

namespace {

struct Outcome {
  int code;
  std::string text; // stdout and stderr
};

class Tool : public testing::Test {
protected:
  void SetUp() override {
    folder = testing::TempDir() + "/tool-" + std::to_string(getpid());
    mkdir(folder.c_str(), 0777);
    x.resize(64);
    y.resize(64);
    for (size_t i = 0; i < 64; ++i) {
      x[i] = float(i) / 8;
      y[i] = (x[i] * 2 + 3) * 2 + 3;
    }
  }
  void TearDown() override {
    std::string command = "rm -rf '" + folder + "'";
    EXPECT_EQ(system(command.c_str()), 0);
  }
  std::string program(const TestProgram &test) {
    std::vector<uint8_t> bytes = test.build();
    FileWriter writer;
    std::string error, path = folder + "/p.ingot";
    EXPECT_TRUE(writer.open(path, error) && writer.write(bytes.data(), bytes.size(), error) &&
                writer.commit(error));
    return path;
  }
  std::string npz(const char *name, const std::vector<OutputArray> &arrays) {
    std::string error, path = folder + "/" + name;
    EXPECT_TRUE(writeNpz(path, arrays, error)) << error;
    return path;
  }
  OutputArray xs(const char *name) { return {name, {'f', 4}, {4, 16}, x.data(), 256}; }
  OutputArray ys(const char *name) { return {name, {'f', 4}, {64}, y.data(), 256}; }
  Outcome run(const std::string &arguments) {
    return start(std::string(INGOT_BUILD_DIR) + "/bin/ingot-run " + arguments);
  }
  Outcome start(std::string command) {
    command += " 2>&1";
    FILE *pipe = popen(command.c_str(), "r");
    std::string text;
    char piece[4096];
    while (size_t size = fread(piece, 1, sizeof(piece), pipe))
      text.append(piece, size);
    int status = pclose(pipe);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128, text};
  }
  std::string folder;
  std::vector<float> x, y;
};

TEST_F(Tool, RunsComparesAndWrites) {
  std::string model = program(scaleProgram());
  std::string both = npz("both.npz", {xs("x"), ys("out0")});
  Outcome done = run(model + " --inputs=" + both + " --expect=" + both + " --outputs=" + folder +
                     "/o.npz --json");
  EXPECT_EQ(done.code, 0) << done.text;
  EXPECT_THAT(done.text, HasSubstr("\"max_rel_err\": 0, \"ok\": true"));
  EXPECT_THAT(done.text, HasSubstr("\"runs\": 1, \"threads\": 1, \"arena_bytes\": 4096"));
  ArrayFile file;
  std::string error;
  ASSERT_TRUE(file.open(folder + "/o.npz", "output", error)) << error;
  AlignedBytes values{nullptr, nullptr};
  ASSERT_TRUE(file.find("y") && file.load(*file.find("y"), values, error)) << error;
  EXPECT_EQ(std::memcmp(values.get(), y.data(), 256), 0);
}

TEST_F(Tool, TellsAMismatch) {
  std::string model = program(scaleProgram());
  y[7] += 1;
  std::string both = npz("both.npz", {xs("in0"), ys("y")});
  Outcome done = run(model + " --inputs=" + both + " --expect=" + both);
  EXPECT_EQ(done.code, 1);
  EXPECT_THAT(done.text, HasSubstr("error: output 'y' is off by 1 ("));
  EXPECT_THAT(done.text, HasSubstr("at element 7: 12.5, expected 13.5"));
  EXPECT_EQ(run(model + " --inputs=" + both + " --expect=" + both + " --atol=1").code, 0);
  EXPECT_EQ(run(model + " --inputs=" + both + " --expect=" + both + " --rtol=0.5").code, 0);
}

TEST_F(Tool, NamesWhatIsWrongWithTheInputs) {
  std::string model = program(scaleProgram());
  auto expectError = [&](const std::vector<OutputArray> &arrays, const char *message) {
    Outcome done = run(model + " --inputs=" + npz("bad.npz", arrays));
    EXPECT_EQ(done.code, 1);
    EXPECT_THAT(done.text, HasSubstr(message));
    EXPECT_LE(std::count(done.text.begin(), done.text.end(), '\n'), 10);
  };
  expectError({xs("x"), xs("z")},
              "holds 'z', which is no input of the program\nhint: its inputs are x");
  expectError({xs("x"), xs("in0")}, "holds input 'x' twice");
  expectError({ys("out0")}, "lacks input 'x'");
  expectError({ys("x")}, "error: input 'x' has shape [64], but must have rank 2");
  std::vector<double> wide(64);
  expectError({{"x", {'f', 8}, {4, 16}, wide.data(), 512}},
              "input 'x' has elements of type f64, but the program takes f32");
  Outcome done = run(model + " --inputs=" + folder + "/none.npz");
  EXPECT_EQ(done.code, 1);
  EXPECT_THAT(done.text, HasSubstr("No such file"));
  done = run(model + " --inputs=a.pt2");
  EXPECT_THAT(done.text, HasSubstr("use `ingot run`"));
  done = run(model + " --outputs=" + folder + "/no/such/o.npz");
  EXPECT_EQ(done.code, 1);
  EXPECT_THAT(done.text, HasSubstr("cannot write"));
  EXPECT_EQ(run(model + " --threads=0").code, 2);
  EXPECT_EQ(run(model + " --nonsense").code, 2);
  EXPECT_EQ(run("").code, 2);
  EXPECT_EQ(run(model + " --entry=other").code, 1);
}

TEST_F(Tool, DrawsRandomInputsAndProfiles) {
  std::string model = program(scaleProgram());
  Outcome done = run(model + " --repeat=5 --profile=" + folder + "/p.json --threads=2");
  EXPECT_EQ(done.code, 0) << done.text;
  EXPECT_THAT(done.text, HasSubstr("(5 runs, 2 threads, random input seed 1; load "));
  EXPECT_THAT(done.text, HasSubstr("scale_f32"));
  EXPECT_THAT(done.text, HasSubstr("first second"));
  struct stat info;
  EXPECT_EQ(stat((folder + "/p.json").c_str(), &info), 0);
  EXPECT_THAT(run(model + " --profile").text, HasSubstr("GFLOP/s"));
}

TEST_F(Tool, ComparesTheFirstRunOfAStatefulProgram) {
  std::string model = program(stateProgram());
  float one = 1, sum = 101;
  std::string both = npz("b.npz", {{"x", {'f', 4}, {}, &one, 4}, {"y", {'f', 4}, {}, &sum, 4}});
  Outcome done = run(model + " --entry=main --repeat=7 --inputs=" + both + " --expect=" + both);
  EXPECT_EQ(done.code, 0) << done.text;
  done = run(model);
  EXPECT_EQ(done.code, 1);
  EXPECT_THAT(done.text, HasSubstr("several entries\nhint: --entry= one of main, total"));
}

TEST_F(Tool, RunsOnAArch64) {
  std::string runner = std::string(INGOT_BUILD_DIR) + "/bin/ingot-run-aarch64";
  if (access(runner.c_str(), X_OK) != 0 || start("qemu-aarch64 --version").code != 0)
    GTEST_SKIP() << "no qemu-aarch64, or no C library for AArch64 to build ingot-run with";
  TestProgram test = scaleProgram();
  test.program.targets[0]->arch = "aarch64";
  test.program.targets[0]->features = {"neon"};
  test.segmentBytes[0].assign(ingot_test_kernels_aarch64, ingot_test_kernels_aarch64_end);
  std::string model = program(test), both = npz("both.npz", {xs("x"), ys("out0")});
  for (const char *threads : {"1", "3"}) {
    Outcome done = start("qemu-aarch64 " + runner + " " + model + " --inputs=" + both +
                         " --expect=" + both + " --json --threads=" + threads);
    EXPECT_EQ(done.code, 0) << done.text;
    EXPECT_THAT(done.text, HasSubstr("\"ok\": true"));
  }
  EXPECT_THAT(run(model).text,
              HasSubstr("is compiled for test-cpu (aarch64), but this machine is "));
  test.program.targets[0]->features = {"neon", "sve9"};
  Outcome refused = start("qemu-aarch64 " + runner + " " + program(test));
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.text, HasSubstr("this machine's CPU has no sve9"));
}

} // namespace
