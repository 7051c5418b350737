// Limits on dims: a session made for smaller inputs than the program needs less of its arenas.
//
// Bounds of an arena's size follow from those of the dims by interval arithmetic on the expression
// table, which may overestimate but never miss a call.
#include "runtime-lib/core/Program.h"
#include <string.h>

using namespace ingot;

namespace {

/// All values of a row; low > high: not known.
struct Interval {
  int64_t low, high;
};
constexpr Interval kUnknown = {0, -1};

bool equal(const char *a, const char *b) {
  while (*a && *a == *b)
    ++a, ++b;
  return *a == *b;
}

Interval applyRows(fmt::ExprOp op, Interval a, Interval b) {
  bool divides =
      op == fmt::ExprOp::floor_div || op == fmt::ExprOp::ceil_div || op == fmt::ExprOp::mod;
  if (divides && b.low < 1)
    b.low = 1; // a call that divides by less is an error
  if (a.low > a.high || b.low > b.high)
    return kUnknown;
  if (op == fmt::ExprOp::mod)
    return {0, b.high - 1};
  // Every other operation is monotonic in each operand: the extremes lie at the corners.
  Interval result = {INT64_MAX, INT64_MIN};
  for (int corner = 0; corner < 4; ++corner) {
    int64_t value;
    if (!applyRow(op, corner & 1 ? a.high : a.low, corner & 2 ? b.high : b.low, value))
      return kUnknown;
    result.low = value < result.low ? value : result.low;
    result.high = value > result.high ? value : result.high;
  }
  return result;
}

/// Fills `rows` with the bounds of an entry's expressions.
void boundRows(const ingot_program *program, const fmt::Entry *entry,
               const ingot_session_options *options, Interval *rows) {
  for (uint32_t i = 0; i < count(entry->expressions()); ++i) {
    const fmt::Expr *expr = entry->expressions()->Get(i);
    if (expr->op() == fmt::ExprOp::constant) {
      rows[i] = {expr->value(), expr->value()};
    } else if (expr->op() == fmt::ExprOp::input_dim) {
      const fmt::SigDim *dim =
          entry->inputs()->Get(uint32_t(expr->a()))->dims()->Get(uint32_t(expr->b()));
      rows[i] = {dim->min(), dim->max()};
    } else {
      rows[i] = applyRows(expr->op(), rows[expr->a()], rows[expr->b()]);
    }
    for (uint32_t k = 0; k < count(entry->dims()); ++k)
      if (entry->dims()->Get(k)->expr() == i)
        rows[i] = {entry->dims()->Get(k)->min(),
                   dimLimit(program, entry->dims()->Get(k), options)};
  }
}

} // namespace

int64_t ingot::dimLimit(const ingot_program *program, const fmt::NamedDim *dim,
                        const ingot_session_options *options) {
  int64_t limit = dim->max();
  const char *name = program->root->dim_names()->Get(dim->name())->c_str();
  for (uint32_t i = 0; i < numLimits(options); ++i)
    if (equal(options->limits[i].name, name) && options->limits[i].hi < limit)
      limit = options->limits[i].hi;
  return limit;
}

ingot_status ingot::openLimits(const ingot_program *program, const ingot_session_options *options,
                               Limits &limits, ingot_error *error) {
  memset(&limits, 0, sizeof(limits));
  if (!numLimits(options))
    return INGOT_OK;
  const fmt::Plan *plan = program->plan;
  for (uint32_t i = 0; i < options->num_limits; ++i) {
    bool known = false;
    for (uint32_t e = 0; e < program->numEntries; ++e) {
      const fmt::Entry *entry = program->entries[e].entry;
      for (uint32_t k = 0; k < count(entry->dims()); ++k) {
        const fmt::NamedDim *dim = entry->dims()->Get(k);
        const char *name = program->root->dim_names()->Get(dim->name())->c_str();
        if (!equal(name, options->limits[i].name))
          continue;
        known = true;
        if (options->limits[i].hi < dim->min())
          return fail(error, INGOT_ERROR_ARGUMENT,
                      "dim '%s' cannot be limited to %d: the program was compiled for %d..%d", name,
                      options->limits[i].hi, dim->min(), dim->max());
      }
    }
    if (!known)
      return fail(error, INGOT_ERROR_ARGUMENT, "the program has no dim '%s' to limit",
                  options->limits[i].name);
  }
  uint32_t numArenas = count(plan->arenas()), numRows = 1;
  for (uint32_t e = 0; e < program->numEntries; ++e)
    if (program->entries[e].numValues > numRows)
      numRows = program->entries[e].numValues;
  limits.blockSize = numArenas * sizeof(uint64_t) + numRows * sizeof(Interval);
  limits.arenas = static_cast<uint64_t *>(
      program->host.allocate(program->host.context, size_t(limits.blockSize), 16));
  if (!limits.arenas)
    return fail(error, INGOT_ERROR_MEMORY, "no memory to apply limits");
  memset(limits.arenas, 0, size_t(limits.blockSize));
  Interval *rows = reinterpret_cast<Interval *>(limits.arenas + numArenas);
  for (uint32_t e = 0; e < program->numEntries; ++e) {
    const fmt::Entry *entry = program->entries[e].entry;
    boundRows(program, entry, options, rows);
    for (uint32_t a = 0; a < numArenas; ++a) {
      uint64_t most = plan->arenas()->Get(a)->size();
      if (count(entry->arena_sizes())) {
        const fmt::Extent *size = entry->arena_sizes()->Get(a);
        most = uint64_t(size->value());
        if (size->expr() >= 0) {
          Interval bytes = rows[size->expr()];
          if (bytes.low <= bytes.high && bytes.high >= 0 && uint64_t(bytes.high) < most)
            most = uint64_t(bytes.high);
        }
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
  limits.arenas = nullptr;
}
