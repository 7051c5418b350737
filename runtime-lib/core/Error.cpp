// Error texts: bounded, always terminated.
#include "runtime-lib/core/Error.h"
#include <stdarg.h>
#include <stdint.h>

namespace ingot {
namespace {

void write(ingot_error *error, size_t used, const char *format, va_list arguments) {
  auto put = [&](char c) {
    if (used + 1 < sizeof(error->text))
      error->text[used++] = c;
  };
  for (; *format; ++format) {
    if (*format != '%') {
      put(*format);
      continue;
    }
    char kind = *++format;
    char digits[21];
    const char *text = "%";
    if (kind == 's') {
      text = va_arg(arguments, const char *);
    } else if (kind != '%') {
      uint64_t number = va_arg(arguments, uint64_t);
      if (kind == 'd' && int64_t(number) < 0) {
        put('-');
        number = ~number + 1;
      }
      char *digit = digits + 20;
      *digit = 0;
      do
        *--digit = char('0' + number % 10);
      while (number /= 10);
      text = digit;
    }
    while (text && *text)
      put(*text++);
  }
  error->text[used] = 0;
}

} // namespace

ingot_status fail(ingot_error *error, ingot_status status, const char *format, ...) {
  if (!error)
    return status;
  error->status = status;
  va_list arguments;
  va_start(arguments, format);
  write(error, 0, format, arguments);
  va_end(arguments);
  return status;
}

void append(ingot_error *error, const char *format, ...) {
  if (!error)
    return;
  size_t used = 0;
  while (error->text[used])
    ++used;
  va_list arguments;
  va_start(arguments, format);
  write(error, used, format, arguments);
  va_end(arguments);
}

} // namespace ingot
