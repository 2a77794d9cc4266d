#include <evengrad/core/image_ops.hpp>

#include <evengrad/core/error.hpp>
#include <evengrad/core/kernels/kernels.hpp>

#include <algorithm>
#include <cstring>

namespace evengrad {

namespace {

// Below this many multiply-adds one thread works alone.
constexpr Index work_for_threads = 4'000'000;
// Numbers of the patches that are held at a time: they stay in the second-level cache.
constexpr Index tile_numbers = 32 * 1024;
// The parts of a batch that a weight's gradient is summed in. Not the number of threads: sums must not depend on it.
constexpr Index most_chunks = 8;

// Images are independent: a thread takes a share of them.
template <class Body>
void each_image(ThreadPool& pool, const Shape& shape, Body body) {
  const int pieces = shape.size() >= work_for_threads / 16 ? pool.threads() : 1;
  pool.run(pieces, [&](int i) {
    const Part part = part_of(shape.blocks, i, pieces);
    for (Index image = part.begin; image < part.end; ++image) body(image);
  });
}

// Inline: runs are too short for a call of memcpy.
template <Real S>
void copy_run(const S* from, Index count, S* to) {
  constexpr Index chunk = 8;
  Index i = 0;
  for (; i + chunk <= count; i += chunk) std::memcpy(to + i, from + i, chunk * sizeof(S));
  if (count & 4) std::memcpy(to + i, from + i, 4 * sizeof(S)), i += 4;
  if (count & 2) std::memcpy(to + i, from + i, 2 * sizeof(S)), i += 2;
  if (count & 1) to[i] = from[i];
}

void require_image(std::string_view op, const Shape& shape) {
  if (shape.is_image()) return;
  throw ShapeError(text("[", op, "] input is ", shape, ": expected images, (batch, height x width, channels)"));
}

// ---- convolution ----------------------------------------------------------------------------------------------------

// A convolution in numbers. A patch is what one window covers of one group's channels, pixel after pixel; a line is one
// row of pixels of one output. With as many groups as channels and outputs (depthwise) all channels lie in one patch
// and are multiplied one by one.
struct Geometry {
  Geometry(const Shape& in, const Shape& out, const Window& moving, Index parts)
      : height(in.height),
        width(in.width),
        channels(in.cols),
        lines_each(out.height),
        wide(out.width),
        outputs(out.cols),
        window(moving),
        taps(moving.size * moving.size),
        depthwise(parts > 1 && parts == in.cols && parts == out.cols),
        groups(depthwise ? 1 : parts),
        depth(in.cols / groups),
        images(in.blocks) {
    tile = std::max<Index>(1, tile_numbers / (wide * patch()));
  }

  Index lines() const { return images * lines_each; }
  Index patch() const { return taps * depth; }
  Index filters() const { return outputs / groups; }  // of each group
  Index work() const { return lines() * wide * outputs * (depthwise ? taps : patch()); }
  Index weights() const { return depthwise ? patch() : outputs * patch(); }

  // Calls use(to, from), for each number of a weight: its place with the taps before the channels, and in OIHW.
  template <class Use>
  void each_weight(Use use) const {
    const Index deep = depthwise ? 1 : depth;
    for (Index o = 0, from = 0; o < outputs; ++o) {
      for (Index c = 0; c < deep; ++c) {
        for (Index t = 0; t < taps; ++t) use(depthwise ? t * outputs + o : (o * taps + t) * depth + c, from++);
      }
    }
  }

  // Calls use(at, from, count) for each run of numbers of the patches of a line, in their order: at counts from the
  // first patch's begin, from is where the run begins in the images, or -1 for zeros outside.
  template <class Use>
  void each_run(Index line, Index group, Use use) const {
    const Index image = line / lines_each, top = line % lines_each * window.stride - window.before, size = window.size;
    for (Index o = 0, at = 0; o < wide; ++o) {
      const Index left = o * window.stride - window.before;
      const Index first = std::clamp<Index>(-left, 0, size), last = std::clamp(width - left, first, size);
      for (Index y = top; y < top + size; ++y, at += size * depth) {
        if (y < 0 || y >= height) {
          use(at, Index{-1}, size * depth);
          continue;
        }
        const Index from = ((image * height + y) * width + left) * channels + group * depth;
        if (first > 0) use(at, Index{-1}, first * depth);
        if (groups == 1) {
          use(at + first * depth, from + first * channels, (last - first) * depth);
        } else {
          for (Index x = first; x < last; ++x) use(at + x * depth, from + x * channels, depth);
        }
        if (last < size) use(at + last * depth, Index{-1}, (size - last) * depth);
      }
    }
  }

  Index height, width, channels;  // of an input
  Index lines_each, wide, outputs;
  Window window;
  Index taps;
  bool depthwise;
  Index groups, depth;  // channels of a patch
  Index images;
  Index tile;  // lines whose patches are held at a time
};

// The patches of some lines, (lines * wide, patch).
template <Real S>
void gather(const Geometry& g, const S* x, Part lines, Index group, S* patches) {
  for (Index line = lines.begin; line < lines.end; ++line, patches += g.wide * g.patch()) {
    g.each_run(line, group, [&](Index at, Index from, Index count) {
      if (from >= 0) {
        copy_run(x + from, count, patches + at);
      } else {
        std::fill_n(patches + at, count, S(0));
      }
    });
  }
}

// Adds numbers of patches where gather() took them.
template <Real S>
void scatter(const Geometry& g, const S* patches, Part lines, Index group, S* x) {
  for (Index line = lines.begin; line < lines.end; ++line, patches += g.wide * g.patch()) {
    g.each_run(line, group, [&](Index at, Index from, Index count) {
      if (from < 0) return;
      for (Index i = 0; i < count; ++i) x[from + i] += patches[at + i];
    });
  }
}

// Calls use(pixel, weight, input) with the first numbers of `channels` output, weight and input numbers that belong
// together, for each tap of a line of a depthwise convolution.
template <class Use>
void each_tap(const Geometry& g, Index line, Use use) {
  g.each_run(line, 0, [&](Index at, Index from, Index count) {
    if (from < 0) return;
    const Index pixel = line * g.wide + at / g.patch(), tap = at % g.patch();
    for (Index i = 0; i < count; i += g.channels) use(pixel * g.channels, tap + i, from + i);
  });
}

// The weight with its taps before its channels.
template <Real S>
const S* by_tap(const Geometry& g, const S* weight, Arena& arena) {
  S* turned = arena.allocate<S>(static_cast<std::size_t>(g.weights()));
  g.each_weight([&](Index to, Index from) { turned[to] = weight[from]; });
  return turned;
}

// The right factors of all groups, (patch, filters) each, or transposed.
template <Real S>
const kernels::Panels<S>* pack_groups(const Geometry& g, const S* weight, bool transposed, Arena& arena) {
  const auto& kernel = kernels::kernels<S>();
  const Index k = transposed ? g.filters() : g.patch(), n = transposed ? g.patch() : g.filters();
  auto* panels = arena.allocate<kernels::Panels<S>>(static_cast<std::size_t>(g.groups));
  for (Index group = 0; group < g.groups; ++group) {
    const S* from = weight + group * g.filters() * g.patch();
    const kernels::Right<S> right{from, transposed ? g.patch() : 1, transposed ? 1 : g.patch()};
    S* room = arena.allocate<S>(static_cast<std::size_t>(kernel.packed_size(k, n)));
    panels[group] = kernel.pack(right, g.tile * g.wide, k, n, room);
  }
  return panels;
}

}  // namespace

template <Real S>
void Convolve<S>::forward(Forward<S>& step) {
  const auto& kernel = kernels::kernels<S>();
  const Geometry g(step.shape(0), step.shape(), window, groups);
  const S* x = step.input(0).data();
  const S* bias = has_bias ? step.input(2).data() : nullptr;
  S* y = step.output().data();
  const bool activated = !f->is_identity();
  S* d = activated && step.recording() ? step.keep(step.shape().size()) : nullptr;
  S* z = step.keep_pre_activation() ? step.keep(step.shape().size()) : nullptr;

  Arena& arena = step.arena();
  const Arena::Mark mark = arena.mark();
  const S* weight = by_tap(g, step.input(1).data(), arena);
  const kernels::Panels<S>* panels = g.depthwise ? nullptr : pack_groups(g, weight, false, arena);
  const int pieces = g.work() >= work_for_threads ? step.pool().threads() : 1;
  const Index held = g.depthwise ? 0 : g.tile * g.wide * g.patch();
  S* room = arena.allocate<S>(static_cast<std::size_t>(pieces * held));
  step.pool().run(pieces, [&](int i) {
    const Part mine = part_of(g.lines(), i, pieces);
    S* patches = room + i * held;
    for (Index line = mine.begin; line < mine.end; line += g.tile) {
      const Part lines{line, std::min(mine.end, line + g.tile)};
      const Index first = line * g.wide * g.outputs, rows = lines.size() * g.wide;
      if (g.depthwise) {
        for (Index r = 0; r < rows; ++r) {
          if (bias) {
            std::copy_n(bias, g.outputs, y + first + r * g.outputs);
          } else {
            std::fill_n(y + first + r * g.outputs, g.outputs, S(0));
          }
        }
        for (Index l = lines.begin; l < lines.end; ++l) {
          each_tap(g, l, [&](Index to, Index w, Index from) {
            for (Index c = 0; c < g.channels; ++c) y[to + c] += x[from + c] * weight[w + c];
          });
        }
      }
      for (Index group = 0; group < g.groups && !g.depthwise; ++group) {
        gather(g, x, lines, group, patches);
        kernel.product({patches, g.patch(), 1}, g.patch(), panels[group],
                       {bias ? bias + group * g.filters() : nullptr, false},
                       {y + first + group * g.filters(), rows, g.filters(), g.outputs});
      }
      const Index count = rows * g.outputs;
      if (z) std::copy_n(y + first, count, z + first);
      if (activated) f->apply(y + first, y + first, d ? d + first : nullptr, count);
    }
  });
  arena.release(mark);
  derivative = d;
  step.set_activation_derivative(d);
  step.set_pre_activation(z, f->kinks());
}

template <Real S>
void Convolve<S>::pull(Pull<S>& step) const {
  const auto& kernel = kernels::kernels<S>();
  const Geometry g(step.shape(0), step.shape(), window, groups);
  const bool wants_input = step.wants(0), wants_weight = step.wants(1), wants_bias = has_bias && step.wants(2);
  const S* x = step.input(0).data();
  const S* given = step.gradient().data();
  const Target<S> dx = wants_input ? step.target(0) : Target<S>{};

  Arena& arena = step.arena();
  const S* weight = by_tap(g, step.input(1).data(), arena);
  const kernels::Panels<S>* panels = wants_input && !g.depthwise ? pack_groups(g, weight, true, arena) : nullptr;
  // Each chunk of images sums the gradients of weight and bias for itself, in the order of its images.
  const bool large = g.work() >= work_for_threads;
  const Index chunks = large ? std::min(g.images, most_chunks) : 1;
  const Index sum = g.weights() + g.outputs;
  S* sums = step.scratch(chunks * sum);
  std::fill_n(sums, chunks * sum, S(0));
  const int pieces = std::min(large ? step.pool().threads() : 1, static_cast<int>(chunks));
  const Index most_rows = g.tile * g.wide, held = g.depthwise ? 0 : most_rows * g.patch();
  const Index packed = g.depthwise ? 0 : kernel.packed_size(most_rows, g.patch());
  const Index room_each = most_rows * g.outputs + held + packed;
  S* room = step.scratch(pieces * room_each);
  const auto work = [&](Index chunk, S* gz_room) {
    S* patches = gz_room + most_rows * g.outputs;
    S* dw = sums + chunk * sum;
    S* db = dw + g.weights();
    const Part images = part_of(g.images, static_cast<int>(chunk), static_cast<int>(chunks));
    const Index image = g.height * g.width * g.channels;
    if (wants_input && !dx.accumulate) std::fill_n(dx.data + images.begin * image, images.size() * image, S(0));
    const Index end = images.end * g.lines_each;
    for (Index line = images.begin * g.lines_each; line < end; line += g.tile) {
      const Part lines{line, std::min(end, line + g.tile)};
      const Index first = line * g.wide * g.outputs, rows = lines.size() * g.wide;
      const kernels::View<const S> gradient{given + first, rows, g.outputs, g.outputs};
      const S* gz = derivative ? gz_room : given + first;  // dL/dz
      if (derivative) {
        kernel.multiply_and_sum(gradient, derivative + first, gz_room, db, true);
      } else if (wants_bias) {
        kernel.column_sums(gradient, db, true);
      }
      if (g.depthwise) {
        for (Index l = lines.begin; l < lines.end; ++l) {
          each_tap(g, l, [&](Index at, Index w, Index from) {
            const S* of_output = gz + at - first;
            for (Index c = 0; c < g.channels && wants_weight; ++c) dw[w + c] += of_output[c] * x[from + c];
            for (Index c = 0; c < g.channels && wants_input; ++c) dx.data[from + c] += of_output[c] * weight[w + c];
          });
        }
      }
      for (Index group = 0; group < g.groups && !g.depthwise; ++group) {
        const S* of_group = gz + group * g.filters();
        if (wants_weight) {  // dW (O, patch) += gz^T patches
          gather(g, x, lines, group, patches);
          const kernels::Panels<S> right =
              kernel.pack({patches, g.patch(), 1}, g.filters(), rows, g.patch(), patches + held);
          kernel.product({of_group, 1, g.outputs}, rows, right, {nullptr, true},
                         {dw + group * g.filters() * g.patch(), g.filters(), g.patch(), g.patch()});
        }
        if (wants_input) {  // of the patches: gz W
          kernel.product({of_group, g.outputs, 1}, g.filters(), panels[group], {nullptr, false},
                         {patches, rows, g.patch(), g.patch()});
          scatter(g, patches, lines, group, dx.data);
        }
      }
    }
  };
  step.pool().run(pieces, [&](int i) {
    for (Index chunk = i; chunk < chunks; chunk += pieces) work(chunk, room + i * room_each);
  });

  for (Index chunk = 1; chunk < chunks; ++chunk) {
    for (Index i = 0; i < sum; ++i) sums[i] += sums[chunk * sum + i];
  }
  kernel.flush(sums, sum);
  if (wants_weight) {
    const Target<S> to = step.target(1);
    g.each_weight([&](Index from, Index at) { to.data[at] = to.accumulate ? to.data[at] + sums[from] : sums[from]; });
  }
  if (wants_bias) step.add(2, ConstMap<S>(sums + g.weights(), 1, g.outputs));
}

Shape windowed(std::string_view op, const Shape& image, const Window& window, Index channels) {
  require_image(op, image);
  const Index high = window.steps(image.height), wide = window.steps(image.width);
  if (high < 1 || wide < 1) {
    throw ShapeError(
        text("[", op, "] input is ", image, ": smaller than a window of ", window.size, " x ", window.size));
  }
  return Shape::image(image.blocks, high, wide, channels);
}

template <Real S>
Var<S> convolve(const Var<S>& x, const Var<S>& weight, const Var<S>& bias, const Window& window, Index groups,
                const Activation& f) {
  const Shape in = x.shape(), w = weight.shape();
  const Index outputs = w.matrix_rows();
  const Shape out = windowed("convolve", in, window, outputs);
  if (groups < 1 || in.cols % groups != 0 || outputs % groups != 0) {
    throw ShapeError(
        text("[convolve] ", in.cols, " channels and ", outputs, " outputs cannot be split into ", groups, " groups"));
  }
  const Index patch = in.cols / groups * window.size * window.size;
  if (w.cols != patch) {
    throw ShapeError(text("[convolve] input is ", in, ", weight is ", w, ": expected ", patch, " columns, ",
                          in.cols / groups, " channels of ", window.size, " x ", window.size));
  }
  if (bias && bias.shape() != Shape{1, outputs}) {
    throw ShapeError(text("[convolve] weight is ", w, ", bias is ", bias.shape(), ": expected ", Shape{1, outputs}));
  }
  const Convolve<S> op{window, groups, &f, static_cast<bool>(bias)};
  return bias ? x.tape().record(op, out, {x, weight, bias}) : x.tape().record(op, out, {x, weight});
}

// ---- pools ----------------------------------------------------------------------------------------------------------

namespace {

// Calls use(to, pixel) for each pixel of each window of an image: numbers of pixels, in the output and in the image.
template <class Use>
void each_pixel(const Shape& in, const Shape& out, const Window& window, Use use) {
  for (Index oy = 0, to = 0; oy < out.height; ++oy) {
    for (Index ox = 0; ox < out.width; ++ox, ++to) {
      for (Index y = oy * window.stride; y < oy * window.stride + window.size; ++y) {
        for (Index x = ox * window.stride; x < ox * window.stride + window.size; ++x) use(to, y * in.width + x);
      }
    }
  }
}

// Sets an image's gradient to 0 unless something is there already.
template <Real S>
S* begin_image(const Target<S>& to, Index image, Index size) {
  S* at = to.data + image * size;
  if (!to.accumulate) std::fill_n(at, size, S(0));
  return at;
}

Shape pooled(std::string_view op, const Shape& image, const Window& window) {
  if (window.around != 0) throw ShapeError(text("[", op, "] a window with zeros around an image is not supported"));
  return windowed(op, image, window, image.cols);
}

}  // namespace

template <Real S>
void MaximumOfWindows<S>::forward(Forward<S>& step) {
  const Shape in = step.shape(0), out = step.shape();
  const Index cols = in.cols;
  auto* places = step.template keep<std::int32_t>(out.size());
  each_image(step.pool(), in, [&](Index image) {
    const S* x = step.input(0).data() + image * in.rows * cols;
    S* y = step.output().data() + image * out.rows * cols;
    std::int32_t* place = places + image * out.rows * cols;
    Index begun = -1;
    each_pixel(in, out, window, [&](Index to, Index pixel) {
      for (Index c = 0; c < cols; ++c) {
        const S value = x[pixel * cols + c];
        const Index i = to * cols + c;
        if (to == begun && !(value > y[i]) && value == value) continue;
        y[i] = value;
        place[i] = static_cast<std::int32_t>(pixel);
      }
      begun = to;
    });
  });
  where = places;
}

template <Real S>
void MaximumOfWindows<S>::pull(Pull<S>& step) const {
  const Shape in = step.shape(0), out = step.shape();
  const Target<S> target = step.target(0);
  each_image(step.pool(), in, [&](Index image) {
    S* to = begin_image(target, image, in.rows * in.cols);
    const Index begin = image * out.rows * out.cols;
    const S* g = step.gradient().data() + begin;
    for (Index i = 0; i < out.rows * out.cols; ++i) to[where[begin + i] * in.cols + i % in.cols] += g[i];
  });
}

template <Real S>
Var<S> max_pool(const Var<S>& x, const Window& window) {
  return x.tape().record(MaximumOfWindows<S>{window}, pooled("max_pool", x.shape(), window), {x});
}

template <Real S>
void MeanOfWindows<S>::forward(Forward<S>& step) {
  const Shape in = step.shape(0), out = step.shape();
  const S share = static_cast<S>(1.0 / static_cast<double>(window.size * window.size));
  each_image(step.pool(), in, [&](Index image) {
    const S* x = step.input(0).data() + image * in.rows * in.cols;
    S* y = step.output().data() + image * out.rows * in.cols;
    std::fill_n(y, out.rows * in.cols, S(0));
    each_pixel(in, out, window, [&](Index to, Index pixel) {
      for (Index c = 0; c < in.cols; ++c) y[to * in.cols + c] += x[pixel * in.cols + c];
    });
    for (Index i = 0; i < out.rows * in.cols; ++i) y[i] *= share;
  });
}

template <Real S>
void MeanOfWindows<S>::pull(Pull<S>& step) const {
  const Shape in = step.shape(0), out = step.shape();
  const S share = static_cast<S>(1.0 / static_cast<double>(window.size * window.size));
  const Target<S> target = step.target(0);
  each_image(step.pool(), in, [&](Index image) {
    S* dx = begin_image(target, image, in.rows * in.cols);
    const S* g = step.gradient().data() + image * out.rows * in.cols;
    each_pixel(in, out, window, [&](Index to, Index pixel) {
      for (Index c = 0; c < in.cols; ++c) dx[pixel * in.cols + c] += share * g[to * in.cols + c];
    });
  });
}

template <Real S>
Var<S> average_pool(const Var<S>& x, const Window& window) {
  return x.tape().record(MeanOfWindows<S>{window}, pooled("average_pool", x.shape(), window), {x});
}

// ---- the others -----------------------------------------------------------------------------------------------------

template <Real S>
void RepeatPixels<S>::forward(Forward<S>& step) {
  const Shape in = step.shape(0), out = step.shape();
  each_image(step.pool(), out, [&](Index image) {
    const S* x = step.input(0).data() + image * in.rows * in.cols;
    S* y = step.output().data() + image * out.rows * in.cols;
    each_pixel(out, in, {factor, factor},
               [&](Index from, Index pixel) { std::copy_n(x + from * in.cols, in.cols, y + pixel * in.cols); });
  });
}

template <Real S>
void RepeatPixels<S>::pull(Pull<S>& step) const {
  const Shape in = step.shape(0), out = step.shape();
  const Target<S> target = step.target(0);
  each_image(step.pool(), out, [&](Index image) {
    S* dx = begin_image(target, image, in.rows * in.cols);
    const S* g = step.gradient().data() + image * out.rows * in.cols;
    each_pixel(out, in, {factor, factor}, [&](Index to, Index pixel) {
      for (Index c = 0; c < in.cols; ++c) dx[to * in.cols + c] += g[pixel * in.cols + c];
    });
  });
}

Shape upsampled(const Shape& image, Index factor) {
  constexpr Index most = 1 << 14;
  require_image("upsample", image);
  if (factor < 1 || factor * std::max(image.height, image.width) > most) {
    throw ShapeError(text("[upsample] input is ", image, ", the factor is ", factor,
                          ": expected at least 1, and at most ", most, " x ", most, " pixels"));
  }
  return Shape::image(image.blocks, factor * image.height, factor * image.width, image.cols);
}

template <Real S>
Var<S> upsample(const Var<S>& x, Index factor) {
  return x.tape().record(RepeatPixels<S>{factor}, upsampled(x.shape(), factor), {x});
}

template <Real S>
void Concatenate<S>::forward(Forward<S>& step) {
  step.output().leftCols(step.shape(0).cols) = step.input(0);
  step.output().rightCols(step.shape(1).cols) = step.input(1);
}

template <Real S>
void Concatenate<S>::pull(Pull<S>& step) const {
  step.add(0, step.gradient().leftCols(step.shape(0).cols));
  step.add(1, step.gradient().rightCols(step.shape(1).cols));
}

template <Real S>
Var<S> concat(const Var<S>& a, const Var<S>& b) {
  const Shape left = a.shape(), right = b.shape();
  if (left.with_cols(right.cols) != right) {
    throw ShapeError(
        text("[concat] the left one is ", left, ", the right one ", right, ": expected the same but for the columns"));
  }
  return a.tape().record(Concatenate<S>{}, left.with_cols(left.cols + right.cols), {a, b});
}

template <Real S>
void MeanOfRows<S>::forward(Forward<S>& step) {
  const Shape in = step.shape(0);
  for (Index block = 0; block < in.blocks; ++block) {
    const Index rows = in.length(block);
    S* to = step.output().data() + block * in.cols;
    kernels::kernels<S>().column_sums({step.input(0).data() + block * in.rows * in.cols, rows, in.cols, in.cols}, to,
                                      false);
    const S share = static_cast<S>(1.0 / static_cast<double>(rows));
    for (Index c = 0; c < in.cols; ++c) to[c] *= share;
  }
}

template <Real S>
void MeanOfRows<S>::pull(Pull<S>& step) const {
  const Shape in = step.shape(0);
  const Target<S> target = step.target(0);
  for (Index block = 0; block < in.blocks; ++block) {
    S* to = begin_image(target, block, in.rows * in.cols);
    const S* g = step.gradient().data() + block * in.cols;
    const S share = static_cast<S>(1.0 / static_cast<double>(in.length(block)));
    for (Index r = 0; r < in.length(block); ++r) {
      for (Index c = 0; c < in.cols; ++c) to[r * in.cols + c] += share * g[c];
    }
  }
}

template <Real S>
Var<S> mean_of_rows(const Var<S>& x) {
  return x.tape().record(MeanOfRows<S>{}, {x.shape().blocks, x.shape().cols}, {x});
}

template <Real S>
void ChannelsFirst<S>::forward(Forward<S>& step) {
  const Shape in = step.shape(0);
  for (Index block = 0, at = 0; block < in.blocks; ++block, at += in.rows * in.cols) {
    kernels::kernels<S>().transpose({step.input(0).data() + at, in.rows, in.cols, in.cols}, step.output().data() + at,
                                    in.rows);
  }
}

template <Real S>
void ChannelsFirst<S>::pull(Pull<S>& step) const {
  const Shape in = step.shape(0);
  S* turned = step.scratch(in.size());
  for (Index block = 0, at = 0; block < in.blocks; ++block, at += in.rows * in.cols) {
    kernels::kernels<S>().transpose({step.gradient().data() + at, in.cols, in.rows, in.rows}, turned + at, in.cols);
  }
  step.add(0, ConstMap<S>(turned, in.matrix_rows(), in.cols));
}

template <Real S>
Var<S> flatten(const Var<S>& x) {
  const Shape in = x.shape(), out{in.blocks, in.rows * in.cols};
  if (in.lengths) {
    throw ShapeError(text("[flatten] input is ", in, ", sequences of several lengths: expected one length"));
  }
  if (!in.is_image() || in.cols == 1 || in.rows == 1) return x.tape().reshape(x, out);
  return x.tape().record(ChannelsFirst<S>{}, out, {x});
}

#define EVENGRAD_INSTANTIATE(S)                                                                                   \
  template struct Convolve<S>;                                                                                    \
  template struct MaximumOfWindows<S>;                                                                            \
  template struct MeanOfWindows<S>;                                                                               \
  template struct RepeatPixels<S>;                                                                                \
  template struct Concatenate<S>;                                                                                 \
  template struct MeanOfRows<S>;                                                                                  \
  template struct ChannelsFirst<S>;                                                                               \
  template Var<S> convolve(const Var<S>&, const Var<S>&, const Var<S>&, const Window&, Index, const Activation&); \
  template Var<S> max_pool(const Var<S>&, const Window&);                                                         \
  template Var<S> average_pool(const Var<S>&, const Window&);                                                     \
  template Var<S> upsample(const Var<S>&, Index);                                                                 \
  template Var<S> concat(const Var<S>&, const Var<S>&);                                                           \
  template Var<S> mean_of_rows(const Var<S>&);                                                                    \
  template Var<S> flatten(const Var<S>&);
EVENGRAD_INSTANTIATE(float)
EVENGRAD_INSTANTIATE(double)
#undef EVENGRAD_INSTANTIATE

}  // namespace evengrad
