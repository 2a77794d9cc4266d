#include <evengrad/activations/kernels/program.hpp>

#include <evengrad/core/kernels/isa.hpp>
#include <evengrad/core/math.hpp>

namespace evengrad::kernels {
inline namespace EVENGRAD_ISA {

/// Blocks of `count` numbers, a multiple of the vector's size; no derivatives where `slope` is null.
template <Real S>
struct Registers {
  S* const* value;
  S* const* slope;
  Index count;
};

/// A register's block, or the same number everywhere. T is Lanes or Dual<Lanes>. Its pointers are read once an
/// instruction: the compiler must assume that a store changes the tables they come from.
template <class T>
struct Stream;

template <Real S>
struct Stream<Lanes<S>> {
  S* value;
  Stream(const Registers<S>& r, int reg) : value(r.value[reg]) {}
  Lanes<S> load(Index i) const { return Lanes<S>::load(value + i); }
  void store(Index i, Lanes<S> v) const { v.store(value + i); }
};

template <Real S>
struct Stream<Dual<Lanes<S>>> {
  S *value, *slope;
  Stream(const Registers<S>& r, int reg) : value(r.value[reg]), slope(r.slope[reg]) {}
  Dual<Lanes<S>> load(Index i) const { return {Lanes<S>::load(value + i), Lanes<S>::load(slope + i)}; }
  void store(Index i, const Dual<Lanes<S>>& v) const {
    v.value.store(value + i);
    v.derivative.store(slope + i);
  }
};

/// One instruction over a block.
template <class T, Real S>
struct Runner {
  const Registers<S>& r;
  const Instruction& in;

  template <class F>
  void store_each(F f) const {
    const Stream<T> out(r, in.out);
    const Index count = r.count;
    for (Index i = 0; i < count; i += Lanes<S>::size) out.store(i, f(i));
  }
  Stream<T> stream(const Operand& operand) const { return Stream<T>(r, operand.reg); }

  template <class F>
  void unary(F f) const {
    store_each([f, a = stream(in.a)](Index i) { return f(a.load(i)); });
  }
  /// A number as operand stays one: its derivative costs nothing.
  template <class F>
  void binary(F f) const {
    const double scale = in.scale;
    if (in.a.reg < 0) {
      store_each([f, scale, a = in.a.number, b = stream(in.b)](Index i) { return f(a, b.load(i)) * scale; });
    } else if (in.b.reg < 0) {
      store_each([f, scale, a = stream(in.a), b = in.b.number](Index i) { return f(a.load(i), b) * scale; });
    } else {
      store_each([f, scale, a = stream(in.a), b = stream(in.b)](Index i) { return f(a.load(i), b.load(i)) * scale; });
    }
  }
  /// x times something else: the slope of x is neither read nor multiplied.
  void times_x(const Operand& other) const {
    const double scale = in.scale;
    store_each([scale, x = Stream<Lanes<S>>(r, input_register), g = stream(other)](Index i) {
      const Lanes<S> a = x.load(i);
      const T b = g.load(i);
      if constexpr (std::is_same_v<T, Lanes<S>>)
        return a * b * scale;
      else
        return T{a * b.value, fma(a, b.derivative, b.value)} * scale;
    });
  }
  template <class F>
  void select(F condition) const {
    constexpr Index width = Lanes<S>::size;
    // Numbers are spread over a vector that is read again and again: a step of 0 instead of a code path for each case.
    alignas(64) S spread[4][width], zeros[width] = {};
    struct Source {
      const S *value, *slope;
      Index step;
      Lanes<S> load() const { return Lanes<S>::load(value); }
      Dual<Lanes<S>> load_dual() const { return {Lanes<S>::load(value), Lanes<S>::load(slope)}; }
      void advance() {
        value += step;
        slope += step;
      }
    };
    const auto source = [&](const Operand& operand, S* space) -> Source {
      if (operand.reg >= 0) {
        const S* value = r.value[operand.reg];
        return {value, r.slope ? r.slope[operand.reg] : value, width};
      }
      Lanes<S>(operand.number).store(space);
      return {space, zeros, 0};
    };
    Source left = source(in.a, spread[0]), right = source(in.b, spread[1]);
    Source yes = source(in.c, spread[2]), no = source(in.d, spread[3]);
    store_each([=](Index) mutable {
      const Mask<S> mask = condition(left.load(), right.load());
      const auto result = [&] {
        if constexpr (std::is_same_v<T, Lanes<S>>)
          return where(mask, yes.load(), no.load());
        else
          return where(mask, yes.load_dual(), no.load_dual());
      }();
      left.advance();
      right.advance();
      yes.advance();
      no.advance();
      return result;
    });
  }

  void call() const {
    const FormulaKernel<S> kernel = [this] {
      if constexpr (sizeof(S) == sizeof(float))
        return in.kernels.f32;
      else
        return in.kernels.f64;
    }();
    if constexpr (std::is_same_v<T, Lanes<S>>) {
      kernel(in.formula, r.value[in.a.reg], r.value[in.out], nullptr, r.count);
    } else {
      kernel(in.formula, r.value[in.a.reg], r.value[in.out], r.slope[in.out], r.count);
      if (in.unit_slope) return;
      for (Index i = 0; i < r.count; i += Lanes<S>::size) {
        using L = Lanes<S>;
        (L::load(r.slope[in.out] + i) * L::load(r.slope[in.a.reg] + i)).store(r.slope[in.out] + i);
      }
    }
  }

  void operator()() const {
    switch (in.op) {
      case Op::constant:
        return store_each([&](Index) { return T(in.a.number); });
      case Op::x:
        return unary([](const T& a) { return a; });
      case Op::negate:
        return unary([](const T& a) { return -a; });
      case Op::add:
        return binary([](const auto& a, const auto& b) { return a + b; });
      case Op::subtract:
        return binary([](const auto& a, const auto& b) { return a - b; });
      case Op::multiply:
        if (in.a.reg == input_register && in.b.reg > input_register) return times_x(in.b);
        if (in.b.reg == input_register && in.a.reg > input_register) return times_x(in.a);
        return binary([](const auto& a, const auto& b) { return a * b; });
      case Op::divide:
        return binary([](const auto& a, const auto& b) { return a / b; });
      case Op::minimum:
        return binary([](const auto& a, const auto& b) { return min(a, b); });
      case Op::maximum:
        return binary([](const auto& a, const auto& b) { return max(a, b); });
      case Op::power:
        return binary([](const auto& a, const auto& b) { return pow(a, b); });
      case Op::power_int:
        return unary([n = in.n](const T& a) { return pow(a, n); });
      case Op::less:
        return select([](const auto& a, const auto& b) { return a < b; });
      case Op::less_equal:
        return select([](const auto& a, const auto& b) { return a <= b; });
      case Op::equal:
        return select([](const auto& a, const auto& b) { return a == b; });
      case Op::call:
        return call();
#define EVENGRAD_FUNCTION_CASE(name) \
  case Op::name##_:                  \
    return unary([](const T& a) { return name(a); });
        EVENGRAD_FORMULA_FUNCTIONS(EVENGRAD_FUNCTION_CASE)
#undef EVENGRAD_FUNCTION_CASE
    }
  }
};

template <class T, Real S>
void run(const Program& program, const Registers<S>& registers) {
  for (int i = 0; i < program.length; ++i) {
    const Instruction& in = program.code[i];
    if (in.value_only)
      Runner<Lanes<S>, S>{registers, in}();
    else
      Runner<T, S>{registers, in}();
  }
}

void run_values(const Program& program, double* const* values, Index count) {
  run<Lanes<double>, double>(program, {values, nullptr, count});
}

/// The slope of x.
template <Real S, Index count>
struct Ones {
  alignas(64) S numbers[count];
  Ones() {
    for (S& number : numbers) number = S(1);
  }
};

/// FormulaKernel of programs. Registers are scratch on the stack: the more of them, the shorter the blocks.
template <Real S>
void run_program(const void* formula, const S* z, S* value, S* derivative, Index count) {
  constexpr Index most = 2048 / sizeof(S), least = 16, scratch = 2 * most_registers * least;
  static const Ones<S, most> ones;
  constexpr Index width = Lanes<S>::size;
  static_assert(least % width == 0);
  const Program& program = *static_cast<const Program*>(formula);
  alignas(64) S numbers[scratch];
  S *values[most_registers], *slopes[most_registers];
  Index block = most;
  while (2 * program.registers * block > scratch) block /= 2;
  for (int r = 2; r < program.registers; ++r) {
    values[r] = numbers + 2 * r * block;
    slopes[r] = values[r] + block;
  }
  slopes[input_register] = const_cast<S*>(ones.numbers);  // code only reads it
  const auto run_block = [&](S* from, S* to, S* slope, Index n) {
    values[input_register] = from;
    values[output_register] = to;
    slopes[output_register] = slope;
    if (slope)
      run<Dual<Lanes<S>>, S>(program, {values, slopes, n});
    else
      run<Lanes<S>, S>(program, {values, slopes, n});
  };

  const Index whole = count - count % width;
  for (Index i = 0; i < whole; i += block) {
    const Index n = whole - i < block ? whole - i : block;
    run_block(const_cast<S*>(z) + i, value + i, derivative ? derivative + i : nullptr, n);  // code only reads x
  }
  if (const Index rest = count - whole; rest > 0) {
    S from[width], to[width], slope[width];
    Lanes<S>::load(z + whole, rest).store(from);
    run_block(from, to, derivative ? slope : nullptr, width);
    Lanes<S>::load(to).store(value + whole, rest);
    if (derivative) Lanes<S>::load(slope).store(derivative + whole, rest);
  }
}

}  // namespace EVENGRAD_ISA

const ProgramKernels& EVENGRAD_ISA_NAME(programs)() {
  static constexpr ProgramKernels kernels{{run_program<float>, run_program<double>}, run_values};
  return kernels;
}

}  // namespace evengrad::kernels
