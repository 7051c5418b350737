// Writes error texts without a library: `return Text(error, INGOT_ERROR_FORMAT) << "kernel " << 3;`
#pragma once

#include "ingot/runtime.h"

namespace ingot {

class Text {
public:
  Text(ingot_error *error, ingot_status status) : error(error), status(status) {
    if (error) {
      error->status = status;
      error->text[0] = 0;
    }
  }
  Text &operator<<(const char *text);
  Text &operator<<(uint64_t number);
  Text &operator<<(int64_t number);
  Text &operator<<(uint32_t number) { return *this << uint64_t(number); }
  operator ingot_status() const { return status; }

private:
  ingot_error *error;
  ingot_status status;
  size_t used = 0;
};

} // namespace ingot
