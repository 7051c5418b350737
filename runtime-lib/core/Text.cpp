// Error texts: bounded, always terminated.
#include "runtime-lib/core/Text.h"

namespace ingot {

Text &Text::operator<<(const char *text) {
  if (!error || !text)
    return *this;
  while (*text && used + 1 < sizeof(error->text))
    error->text[used++] = *text++;
  error->text[used] = 0;
  return *this;
}

Text &Text::operator<<(uint64_t number) {
  char digits[21];
  char *p = digits + 20;
  *p = 0;
  do {
    *--p = char('0' + number % 10);
    number /= 10;
  } while (number);
  return *this << p;
}

Text &Text::operator<<(int64_t number) {
  if (number >= 0)
    return *this << uint64_t(number);
  return *this << "-" << (~uint64_t(number) + 1);
}

} // namespace ingot
