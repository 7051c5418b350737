// Buffers as comma-separated text: MiniMalloc's format, with columns of our own beside it.
#pragma once
#include "passes/planner/Planner.h"
#include <string_view>

namespace ingot::planner {

/// Reads a table whose first line names its columns, in any order:
///   id,lower,upper,size   name, first use, last use (exclusive), bytes: needed in every row
///   alignment             bytes, a power of two; 1 where empty
///   offset                fixed offset in bytes; free where empty
///   space                 number of the memory space; 0 where empty
///   alias,alias_offset    id of the buffer it lies in, and bytes from that one's start
/// Any bytes are fine as input: errors name the line and what was expected there.
/// Returns false and sets `error` when the text is not such a table.
bool readCsv(std::string_view text, Problem &problem, std::string &error);

/// Writes the table, with the columns that are used; with a plan, `offset` holds every buffer's
/// place.
std::string writeCsv(const Problem &problem, const Plan *plan = nullptr);

} // namespace ingot::planner
