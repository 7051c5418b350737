// Writes error texts without a library: `return fail(error, INGOT_ERROR_FORMAT, "kernel %u",
// uint64_t(3));`
#pragma once

#include "ingot/runtime.h"

namespace ingot {

/// Sets status and text; returns the status. The format knows %s (const char *), %u (uint64_t), %d
/// (int64_t) and %%; numbers are always passed as 64 bits. `error` may be null.
ingot_status fail(ingot_error *error, ingot_status status, const char *format, ...);
/// Adds to the text.
void append(ingot_error *error, const char *format, ...);
/// No error, no text.
inline void clear(ingot_error *error) {
  if (!error)
    return;
  error->status = INGOT_OK;
  error->text[0] = 0;
}

} // namespace ingot
