// Reports as text and JSON.
#include "runtime-lib/run/Report.h"
#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace ingot::run {
namespace {

std::string format(const char *pattern, ...) __attribute__((format(printf, 1, 2)));
std::string format(const char *pattern, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, pattern);
  int size = vsnprintf(text, sizeof(text), pattern, arguments);
  va_end(arguments);
  return std::string(text, size < 0 ? 0 : std::min(size_t(size), sizeof(text) - 1));
}

/// Steps that did something, slowest first.
std::vector<uint32_t> bySlowness(const Profile &profile) {
  std::vector<uint32_t> order;
  for (uint32_t i = 0; i < profile.steps.size(); ++i)
    if (profile.steps[i].calls)
      order.push_back(i);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    uint64_t timeA = profile.steps[a].nanoseconds, timeB = profile.steps[b].nanoseconds;
    return timeA != timeB ? timeA > timeB : a < b;
  });
  return order;
}

double totalNs(const Profile &profile) {
  double total = 0;
  for (const Profile::Step &step : profile.steps)
    total += double(step.nanoseconds);
  return total;
}

/// Milliseconds with three digits that mean something.
std::string milliseconds(double ms) {
  return format(ms < 1 ? "%.4f" : ms < 100 ? "%.2f" : "%.0f", ms);
}

} // namespace

void Report::finish() {
  std::sort(runMs.begin(), runMs.end());
  peakRssKb = run::peakRssKb();
}

double Report::quantile(double q) const {
  if (runMs.empty())
    return 0;
  double at = q * double(runMs.size() - 1);
  size_t low = size_t(at), high = std::min(low + 1, runMs.size() - 1);
  return runMs[low] + (runMs[high] - runMs[low]) * (at - double(low));
}

std::string jsonString(const std::string &text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      result += '\\';
    if (uint8_t(c) < 0x20)
      result += format("\\u%04x", unsigned(uint8_t(c)));
    else
      result += c;
  }
  return result + "\"";
}

std::string jsonNumber(double number) {
  if (std::isnan(number))
    return "null";
  if (std::isinf(number))
    return number > 0 ? "1e999" : "-1e999";
  return format("%.9g", number);
}

std::string reportJson(const Report &report) {
  std::string text = "{\"load_ms\": " + jsonNumber(report.loadMs) +
                     ", \"first_ms\": " + jsonNumber(report.firstMs) +
                     ", \"median_ms\": " + jsonNumber(report.quantile(0.5)) +
                     ", \"min_ms\": " + jsonNumber(report.quantile(0)) +
                     ", \"p90_ms\": " + jsonNumber(report.quantile(0.9)) +
                     ", \"runs\": " + std::to_string(report.runMs.size()) +
                     ", \"threads\": " + std::to_string(report.threads) +
                     ", \"arena_bytes\": " + std::to_string(report.arenaBytes) +
                     ", \"peak_rss_kb\": " + std::to_string(report.peakRssKb) +
                     ", \"target\": " + jsonString(report.target);
  if (report.compared)
    text += ", \"max_abs_err\": " + jsonNumber(report.maxAbs) +
            ", \"max_rel_err\": " + jsonNumber(report.maxRel) +
            ", \"ok\": " + (report.ok ? "true" : "false");
  return text + "}\n";
}

std::string reportText(const Report &report) {
  std::string text = report.program + "  ";
  size_t runs = report.runMs.size();
  if (runs == 1)
    text += milliseconds(report.runMs[0]) + " ms";
  else
    text += "median " + milliseconds(report.quantile(0.5)) + " ms  min " +
            milliseconds(report.quantile(0)) + "  p90 " + milliseconds(report.quantile(0.9));
  text +=
      format("  (%zu run%s, %u thread%s%s%s; load %s ms)\n", runs, runs == 1 ? "" : "s",
             report.threads, report.threads == 1 ? "" : "s", report.inputText.empty() ? "" : ", ",
             report.inputText.c_str(), milliseconds(report.loadMs).c_str());
  if (report.compared && report.ok)
    text += format("as expected: largest error %.2g of the largest magnitude%s%s%s\n",
                   report.maxRel, report.worstOutput.empty() ? "" : " (output '",
                   report.worstOutput.c_str(), report.worstOutput.empty() ? "" : "')");
  return text;
}

void Profile::record(void *context, uint32_t, uint32_t step, uint64_t nanoseconds) {
  Profile *profile = static_cast<Profile *>(context);
  profile->steps[step].nanoseconds += nanoseconds;
  ++profile->steps[step].calls;
}

std::string profileText(const ingot_program *program, uint32_t entry, const Profile &profile,
                        size_t runs) {
  std::string text =
      "    time     %  GFLOP/s    GB/s  kernel                                layers\n";
  double total = totalNs(profile);
  for (uint32_t index : bySlowness(profile)) {
    ingot_step_info step;
    ingot_program_step(program, entry, index, &step);
    double ns = double(profile.steps[index].nanoseconds),
           calls = double(profile.steps[index].calls);
    if (!profile.atBounds)
      step.flops = step.bytes = 0;
    std::string flops = step.flops && ns > 0 ? format("%.1f", double(step.flops) * calls / ns) : "";
    std::string bytes = step.bytes && ns > 0 ? format("%.1f", double(step.bytes) * calls / ns) : "";
    text += format("%8s %5.1f %8s %7s  %-36s ", milliseconds(ns / 1e6 / double(runs)).c_str(),
                   total > 0 ? 100 * ns / total : 0, flops.c_str(), bytes.c_str(), step.kernel);
    for (uint32_t i = 0; i < step.num_layers && i < 8; ++i)
      text += std::string(" ") + ingot_program_step_layer(program, entry, index, i);
    if (step.num_layers > 8)
      text += format(" and %u more", step.num_layers - 8);
    text += '\n';
  }
  text += format("%8s 100.0 ms per run in kernels and copies\n",
                 milliseconds(total / 1e6 / double(runs)).c_str());
  return text;
}

std::string profileJson(const ingot_program *program, uint32_t entry, const Profile &profile,
                        size_t runs) {
  std::string text = "{\"runs\": " + std::to_string(runs) + ", \"steps\": [";
  const char *separator = "\n";
  for (uint32_t index : bySlowness(profile)) {
    ingot_step_info step;
    ingot_program_step(program, entry, index, &step);
    text += separator + ("{\"step\": " + std::to_string(index)) +
            ", \"kernel\": " + jsonString(step.kernel) +
            ", \"target\": " + jsonString(step.target) + ", \"ms_per_run\": " +
            jsonNumber(double(profile.steps[index].nanoseconds) / 1e6 / double(runs)) +
            ", \"calls\": " + std::to_string(profile.steps[index].calls) +
            ", \"flops\": " + std::to_string(step.flops) +
            ", \"bytes\": " + std::to_string(step.bytes) + ", \"layers\": [";
    for (uint32_t i = 0; i < step.num_layers; ++i)
      text += (i ? ", " : "") + jsonString(ingot_program_step_layer(program, entry, index, i));
    text += "]}";
    separator = ",\n";
  }
  return text + "\n]}\n";
}

uint64_t peakRssKb() {
  FILE *status = fopen("/proc/self/status", "r");
  char line[256];
  uint64_t result = 0;
  while (status && fgets(line, sizeof(line), status))
    if (strncmp(line, "VmHWM:", 6) == 0)
      result = strtoull(line + 6, nullptr, 10);
  if (status)
    fclose(status);
  return result;
}

} // namespace ingot::run
