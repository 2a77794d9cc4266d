// Loops over rows: every sum runs in ascending order, a chain a column or a row.
#include <evengrad/core/kernels/table.hpp>
#include <evengrad/core/kernels/transpose.hpp>
#include <evengrad/core/math.hpp>

namespace evengrad::kernels {
inline namespace EVENGRAD_ISA {
namespace {

// Calls body(index, load, store) on whole vectors, then once on what is left over.
template <Real S, class Body>
void for_each_vector(Index count, Body body) {
  using L = Lanes<S>;
  Index i = 0;
  for (; i + L::size <= count; i += L::size) {
    body(i, [](const S* p) { return L::load(p); }, [](L v, S* p) { v.store(p); });
  }
  if (const Index rest = count - i; rest > 0) {
    body(i, [rest](const S* p) { return L::load(p, rest); }, [rest](L v, S* p) { v.store(p, rest); });
  }
}

template <Real S>
void multiply(const S* a, const S* b, S* out, Index count, bool accumulate) {
  if (accumulate) {
    for_each_vector<S>(count, [=](Index i, auto load, auto store) {
      store(flushed(fma(load(a + i), load(b + i), load(out + i))), out + i);
    });
  } else {
    for_each_vector<S>(count,
                       [=](Index i, auto load, auto store) { store(flushed(load(a + i) * load(b + i)), out + i); });
  }
}

// out[c] = (from zero or from what is there) + sum over r of term(r, c, load, store). A few rows at a time, so that the
// sums are fetched rarely and rows are read along.
template <Real S, class Term>
void sum_columns(Index rows, Index cols, S* out, bool accumulate, Term term) {
  constexpr Index at_a_time = 8;
  for (Index begin = 0; begin == 0 || begin < rows; begin += at_a_time) {
    const Index end = rows - begin < at_a_time ? rows : begin + at_a_time;
    for_each_vector<S>(cols, [=](Index c, auto load, auto store) {
      Lanes<S> sum = begin > 0 || accumulate ? load(out + c) : Lanes<S>(0.0);
      for (Index r = begin; r < end; ++r) sum += term(r, c, load, store);
      store(end == rows ? flushed(sum) : sum, out + c);
    });
  }
}

template <Real S>
void column_sums(View<const S> in, S* out, bool accumulate) {
  sum_columns<S>(in.rows, in.cols, out, accumulate,
                 [=](Index r, Index c, auto load, auto) { return load(in.data + r * in.stride + c); });
}

template <Real S>
void multiply_and_sum(View<const S> a, const S* b, S* out, S* sums, bool accumulate) {
  sum_columns<S>(a.rows, a.cols, sums, accumulate, [=](Index r, Index c, auto load, auto store) {
    const Index i = r * a.stride + c;
    const Lanes<S> product = flushed(load(a.data + i) * load(b + i));
    store(product, out + i);
    return product;
  });
}

template <Real S>
void flush(S* numbers, Index count) {
  for_each_vector<S>(count, [=](Index i, auto load, auto store) { store(flushed(load(numbers + i)), numbers + i); });
}

// softmax_rows() of up to a vector's rows with up to as many columns: a row a lane, so that few classes fill vectors too.
// Each row goes through the same steps as alone. A row at a time, 128 rows of 3 classes took 3 (AVX2) to 6 times as long.
template <Real S>
void softmax_block(View<const S> z, S* p, double* log_sum) {
  using L = Lanes<S>;
  using D = Lanes<double>;
  S columns[L::size * L::size];
  const auto column = [&](Index c) { return columns + c * L::size; };
  transpose_to(z.data, z.stride, z.rows, z.cols, columns, L::size);
  L largest = L::load(column(0), z.rows);
  for (Index c = 1; c < z.cols; ++c) {
    const L v = L::load(column(c), z.rows);
    largest = where(v > largest, v, largest);
  }
  double sum[L::size] = {}, logs[L::size] = {};
  for (Index c = 0; c < z.cols; ++c) {
    exp(L::load(column(c), z.rows) - largest).store(column(c));
    for (Index r = 0; r < L::size; ++r) sum[r] += static_cast<double>(column(c)[r]);
  }
  S scale[L::size];
  for (Index r = 0; r < L::size; ++r) scale[r] = static_cast<S>(1.0 / sum[r]);
  for (Index r = 0; r < L::size; r += D::size) log(D::load(sum + r)).store(logs + r);
  for (Index r = 0; r < z.rows; ++r) log_sum[r] = static_cast<double>(largest[r]) + logs[r];
  for (Index c = 0; c < z.cols; ++c) (L::load(column(c)) * L::load(scale)).store(column(c));
  transpose_to<S>(columns, L::size, z.cols, z.rows, p, z.cols);
}

template <Real S>
void softmax_rows(View<const S> z, S* p, double* log_sum) {
  using L = Lanes<S>;
  if (z.cols <= L::size) {
    for (Index r = 0; r < z.rows; r += L::size) {
      const Index rows = z.rows - r < L::size ? z.rows - r : L::size;
      softmax_block<S>({z.data + r * z.stride, rows, z.cols, z.stride}, p + r * z.cols, log_sum + r);
    }
    return;
  }
  for (Index r = 0; r < z.rows; ++r) {
    const S* row = z.data + r * z.stride;
    S largest = row[0];
    for (Index c = 1; c < z.cols; ++c) largest = row[c] > largest ? row[c] : largest;
    const L shift(static_cast<double>(largest));
    S* out = p + r * z.cols;
    for_each_vector<S>(z.cols, [=](Index c, auto load, auto store) { store(exp(load(row + c) - shift), out + c); });
    double sum = 0;
    for (Index c = 0; c < z.cols; ++c) sum += static_cast<double>(out[c]);
    const L scale(1.0 / sum);
    for_each_vector<S>(z.cols, [=](Index c, auto load, auto store) { store(load(out + c) * scale, out + c); });
    log_sum[r] = static_cast<double>(largest) + log(Lanes<double>(sum))[0];
  }
}

}  // namespace

template <Real S>
void add_elementwise(Table<S>& table) {
  table.multiply = multiply<S>;
  table.column_sums = column_sums<S>;
  table.multiply_and_sum = multiply_and_sum<S>;
  table.flush = flush<S>;
  table.softmax_rows = softmax_rows<S>;
}

template void add_elementwise<float>(Table<float>&);
template void add_elementwise<double>(Table<double>&);

}  // inline namespace EVENGRAD_ISA
}  // namespace evengrad::kernels
