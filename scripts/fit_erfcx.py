"""Fits exp(z^2) erfc(z) = P(z) / Q(z) from z = 1 on for core/math.hpp: python3 scripts/fit_erfcx.py (needs mpmath).

The ratio meets the function at Chebyshev nodes of t = (z - k) / (z + k). Q is then rounded to the number format, and P
fitted again and rounded coefficient by coefficient, each time with the remaining ones making up for the rounding. All
coefficients come out positive, so neither polynomial cancels when it is evaluated.
"""
import struct
from mpmath import cos, erfc, exp, log, lu_solve, matrix, mp, mpf, nstr, pi

mp.dps = 50


def nodes(count, k, last):
    bottom, top = (1 - k) / (1 + k), (last - k) / (last + k)
    for i in range(count):
        t = cos(pi * (2 * i + 1) / (2 * count)) * (top - bottom) / 2 + (top + bottom) / 2
        yield k * (1 + t) / (1 - t)


def evaluate(coefficients, z):
    return sum(c * z**i for i, c in enumerate(coefficients))


def fit(name, form, degree, k, last):
    def f(z):
        return exp(z * z) * erfc(z)

    def rounded(c):
        return mpf(struct.unpack(form, struct.pack(form, float(c)))[0])

    points = list(nodes(2 * degree, k, last))
    system = matrix([[z**j / f(z) for j in range(degree)] + [-(z**j) for j in range(1, degree + 1)] for z in points])
    q = [mpf(1)] + [rounded(c) for c in lu_solve(system, matrix([1] * len(points)))[degree:]]

    points = list(nodes(8 * degree, k, last))
    p = []
    while len(p) < degree:
        goal = matrix([1 - evaluate(p, z) / (f(z) * evaluate(q, z)) for z in points])
        system = matrix([[z**j / (f(z) * evaluate(q, z)) for j in range(len(p), degree)] for z in points])
        p.append(rounded(lu_solve(system, goal)[0]))  # least squares

    error = max(abs(evaluate(p, z) / evaluate(q, z) / f(z) - 1) for z in nodes(1000, k, last))
    print(f"{name}: relative error 2^{nstr(log(error, 2), 4)}")
    for label, c in (("numerator", p), ("denominator", q)):
        print(f"  {label}: " + ", ".join(nstr(x, 9 if form == "f" else 17) for x in c))


fit("float", "f", 4, mpf("1.5"), mpf("10.5"))
fit("double", "d", 10, mpf("2.5"), mpf("27.5"))
