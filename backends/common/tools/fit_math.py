#!/usr/bin/env python3
"""Derives the polynomials of ExpandMath.cpp and writes MathTables.h.

Each is the interpolation at Chebyshev nodes (close to the minimax polynomial) of what remains of a function once its
exact first terms are taken away, computed with 60 digits. Run: fit_math.py > ../MathTables.h
"""
from mpmath import mp, mpf, cos, pi, exp, log, sin, atan, asin, erf, erfc, sinh, sqrt, tan

mp.dps = 60


def fit(g, low, high, degree):
    """Coefficients (lowest first) of the polynomial that equals g at the Chebyshev nodes of [low, high]."""
    low, high, n = mpf(low), mpf(high), degree + 1
    x = [(low + high) / 2 + (high - low) / 2 * cos(pi * (2 * i + 1) / (2 * n)) for i in range(n)]
    table = [g(v) for v in x]  # divided differences
    for j in range(1, n):
        for i in range(n - 1, j - 1, -1):
            table[i] = (table[i] - table[i - 1]) / (x[i] - x[i - j])
    coefficients = [mpf(0)] * n
    coefficients[0] = table[-1]
    for k in range(n - 2, -1, -1):  # Newton form to powers
        for i in range(n - 1, 0, -1):
            coefficients[i] = coefficients[i - 1] - x[k] * coefficients[i]
        coefficients[0] = table[k] - x[k] * coefficients[0]
    return coefficients


def error(g, coefficients, low, high):
    worst = mpf(0)
    for i in range(401):
        x = mpf(low) + (mpf(high) - mpf(low)) * i / 400
        if x == 0:
            continue
        value = mpf(0)
        for c in reversed(coefficients):
            value = value * x + c
        worst = max(worst, abs(value - g(x)))
    return worst


def root(f):
    """A function of x as one of z = x^2."""
    return lambda z: f(sqrt(z))


LN2 = log(mpf(2))
QUARTER = pi / 4
EIGHTH = tan(pi / 8)


def series(f, terms):
    """f, or near 0 the given Taylor terms (cancellation)."""
    def g(x):
        if abs(x) < mpf(10) ** -12:
            return sum(t * x ** i for i, t in enumerate(terms))
        return f(x)
    return g


# name, function, interval, degree for f32, degree for f64, comment
POLYNOMIALS = [
    ("exp", series(lambda r: (exp(r) - 1 - r) / r ** 2, [mpf(1) / 2, mpf(1) / 6]), -LN2 / 2, LN2 / 2, 4, 10,
     "(exp(r) - 1 - r) / r^2 for |r| <= ln(2)/2"),
    ("exp2", series(lambda r: (mpf(2) ** r - 1) / r, [LN2, LN2 ** 2 / 2]), -mpf(1) / 2, mpf(1) / 2, 5, 11,
     "(2^r - 1) / r for |r| <= 1/2"),
    ("log", series(lambda f: (log(1 + f) - f + f * f / 2) / f ** 3, [mpf(1) / 3, -mpf(1) / 4]), sqrt(mpf(1) / 2) - 1,
     sqrt(mpf(2)) - 1, 8, 20, "(log(1+f) - f + f^2/2) / f^3 for 1+f in [sqrt(1/2), sqrt(2)]"),
    ("atanh", series(root(lambda s: (log((1 + s) / (1 - s)) - 2 * s) / s ** 3) , [mpf(2) / 3, mpf(2) / 5]), 0,
     mpf("0.0295"), 3, 8, "(log((1+s)/(1-s)) - 2s) / s^3 in s^2, for |s| <= 0.1716"),
    ("sin", series(root(lambda r: (sin(r) - r) / r ** 3), [-mpf(1) / 6, mpf(1) / 120]), 0, QUARTER ** 2, 3, 6,
     "(sin(r) - r) / r^3 in r^2, for |r| <= pi/4"),
    ("cos", series(root(lambda r: (cos(r) - 1 + r * r / 2) / r ** 4), [mpf(1) / 24, -mpf(1) / 720]), 0, QUARTER ** 2,
     2, 6, "(cos(r) - 1 + r^2/2) / r^4 in r^2, for |r| <= pi/4"),
    ("atan", series(root(lambda x: (atan(x) - x) / x ** 3), [-mpf(1) / 3, mpf(1) / 5]), 0, EIGHTH ** 2, 4, 11,
     "(atan(x) - x) / x^3 in x^2, for |x| <= tan(pi/8)"),
    ("asin", series(root(lambda x: (asin(x) - x) / x ** 3), [mpf(1) / 6, mpf(3) / 40]), 0, mpf(1) / 4, 5, 13,
     "(asin(x) - x) / x^3 in x^2, for |x| <= 1/2"),
    ("sinh", series(root(lambda x: (sinh(x) - x) / x ** 3), [mpf(1) / 6, mpf(1) / 120]), 0, 1, 3, 6,
     "(sinh(x) - x) / x^3 in x^2, for |x| <= 1"),
    ("erfNear", series(root(lambda x: erf(x) / x - 1), [2 / sqrt(pi) - 1, -2 / (3 * sqrt(pi))]), 0, 1, 7, 14,
     "erf(x) / x - 1 in x^2, for |x| <= 1"),
    ("erfFar", lambda t: -log(erfc(t + mpf(5) / 2)), -mpf(3) / 2, mpf(3) / 2, 9, 26,
     "-log(erfc(t + 5/2)), for |t| <= 3/2"),
    ("erfFarther", lambda t: -log(erfc(t + 5)), -mpf(1), mpf(1), 3, 20, "-log(erfc(t + 5)), for |t| <= 1"),
]


def main():
    print("// Polynomials of ExpandMath.cpp, lowest power first. Written by tools/fit_math.py.")
    print("#pragma once\n\nnamespace ingot::tables {\n")
    for name, g, low, high, narrow, wide, comment in POLYNOMIALS:
        for suffix, degree in (("32", narrow), ("64", wide)):
            coefficients = fit(g, low, high, degree)
            worst = error(g, coefficients, low, high)
            print(f"/// {comment}. Largest error {mp.nstr(worst, 2)}.")
            print(f"inline constexpr double {name}{suffix}[] = {{")
            print("    " + ",\n    ".join(float(c).hex() if False else repr(float(c)) for c in coefficients) + "};")
        print()
    print("} // namespace ingot::tables")


main()
