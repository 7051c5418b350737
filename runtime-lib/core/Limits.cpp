// Limits on dims: a session made for smaller inputs than the program needs less of its arenas.
//
// The compiler gives an arena a size that depends on dims only when that never shrinks as one of
// them grows, so that the limits themselves are the worst case. Every call is checked all the same.
#include "runtime-lib/core/Program.h"
#include <string.h>

using namespace ingot;

namespace {

/// Checks that every limit names a dim that can be so small.
ingot_status checkLimits(const ingot_program *program, const ingot_session_options *options,
                         ingot_error *error) {
  for (uint32_t i = 0; i < options->num_limits; ++i) {
    const ingot_dim_limit &limit = options->limits[i];
    bool known = false;
    for (uint32_t e = 0; e < program->numEntries; ++e)
      for (uint32_t k = 0; k < program->entries[e].numNames; ++k) {
        ingot_dim dim;
        ingot_program_dim(program, e, k, &dim);
        if (!equal(dim.name, limit.name))
          continue;
        known = true;
        if (limit.hi < dim.lo)
          return fail(error, INGOT_ERROR_ARGUMENT,
                      "dim '%s' cannot be limited to %d: the program was compiled for %d..%d",
                      limit.name, limit.hi, dim.lo, dim.hi);
      }
    if (!known)
      return fail(error, INGOT_ERROR_ARGUMENT, "the program has no dim '%s' to limit", limit.name);
  }
  return INGOT_OK;
}

} // namespace

int64_t ingot::dimLimit(const ingot_program *program, const fmt::NamedDim &dim,
                        const ingot_session_options *options) {
  int64_t limit = dim.max();
  const char *name = program->root->dim_names()->Get(dim.name())->c_str();
  for (uint32_t i = 0; i < numLimits(options); ++i)
    if (equal(options->limits[i].name, name) && options->limits[i].hi < limit)
      limit = options->limits[i].hi;
  return limit;
}

ingot_status ingot::openLimits(const ingot_program *program, const ingot_session_options *options,
                               Limits &limits, ingot_error *error) {
  limits = {nullptr, 0};
  if (!numLimits(options))
    return INGOT_OK;
  if (ingot_status status = checkLimits(program, options, error))
    return status;
  uint32_t numArenas = count(program->plan->arenas());
  limits.blockSize = (uint64_t(numArenas) + program->numValues + program->numNames) * 8;
  limits.arenas = static_cast<uint64_t *>(
      program->host.allocate(program->host.context, size_t(limits.blockSize), 8));
  if (!limits.arenas)
    return fail(error, INGOT_ERROR_MEMORY, "no memory to apply limits");
  memset(limits.arenas, 0, size_t(limits.blockSize));
  int64_t *values = reinterpret_cast<int64_t *>(limits.arenas + numArenas);
  int64_t *named = values + program->numValues;
  for (uint32_t e = 0; e < program->numEntries; ++e) {
    const EntryState &entry = program->entries[e];
    for (uint32_t k = 0; k < entry.numNames; ++k)
      named[k] = dimLimit(program, entry.names[k], options);
    uint32_t good = applyRows(entry, nullptr, named, values);
    for (uint32_t a = 0; a < numArenas; ++a) {
      uint64_t most = program->plan->arenas()->Get(a)->size();
      if (entry.arenaSizes) {
        most = uint64_t(entry.arenaSizes[a].value());
        int32_t row = entry.arenaSizes[a].expr();
        // A negative size is a huge one here.
        if (row >= 0 && uint32_t(row) < good && uint64_t(values[row]) < most)
          most = uint64_t(values[row]);
      }
      if (most > limits.arenas[a])
        limits.arenas[a] = most;
    }
  }
  return INGOT_OK;
}

void ingot::closeLimits(const ingot_program *program, Limits &limits) {
  if (limits.arenas && program->host.release)
    program->host.release(program->host.context, limits.arenas, size_t(limits.blockSize));
}
