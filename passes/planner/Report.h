// A plan for people and for programs: text with a map, and JSON.
#pragma once
#include "passes/planner/Planner.h"

namespace ingot::planner {

/// Bytes with a unit: 1.81 MiB, 588 KiB, 128 B.
std::string formatBytes(int64_t bytes);

/// Per space: bytes, lower bound, gap, peak, method; with `map` also a picture of the space,
/// address upwards and time to the right, and the largest buffers by letter.
std::string reportText(const Problem &problem, const Plan &plan, bool map);

/// One object: {"spaces": [{"space", "bytes", "lower_bound", "gap", "peak_time", "buffers",
/// "sum_of_sizes", "method", "steps"}], "buffers": [{"name", "offset", "size", "space"}]}.
std::string reportJson(const Problem &problem, const Plan &plan);

/// The picture of one space alone, at most `columns` wide and `rows` high.
std::string asciiMap(const Problem &problem, const Plan &plan, int64_t space, int columns,
                     int rows);

} // namespace ingot::planner
