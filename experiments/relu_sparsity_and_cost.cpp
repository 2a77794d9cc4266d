#include <evengrad/experiments/relu_sparsity_and_cost.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/kernels/kernels.hpp>
#include <evengrad/core/linear_algebra.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/experiments/dead_units.hpp>
#include <evengrad/experiments/timing.hpp>
#include <evengrad/layers/activation_layer.hpp>
#include <evengrad/layers/prelu.hpp>

#include <Eigen/Cholesky>

#include <algorithm>
#include <cmath>

namespace evengrad {

namespace cost {

Matrix<float> skipping_product(const Matrix<float>& a, const Matrix<float>& b) {
  Matrix<float> out = Matrix<float>::Zero(a.rows(), b.cols());
  for (Index r = 0; r < a.rows(); ++r) {
    for (Index k = 0; k < a.cols(); ++k) {
      if (a(r, k) != 0) out.row(r).noalias() += a(r, k) * b.row(k);
    }
  }
  return out;
}

double probe_accuracy(const Matrix<double>& train, const std::vector<std::int32_t>& train_labels,
                      const Matrix<double>& test, const std::vector<std::int32_t>& test_labels) {
  const auto with_constant = [](const Matrix<double>& x) {
    Matrix<double> wider(x.rows(), x.cols() + 1);
    wider << x, Matrix<double>::Ones(x.rows(), 1);
    return wider;
  };
  const Matrix<double> x = with_constant(train);
  Eigen::VectorXd y(x.rows());
  for (Index i = 0; i < y.size(); ++i) y(i) = train_labels[static_cast<std::size_t>(i)] == 1 ? 1 : -1;
  Matrix<double> squares = product(x.transpose(), x);
  squares.diagonal().array() += 1e-6 * static_cast<double>(x.rows());
  const Eigen::VectorXd scores = with_constant(test) * squares.ldlt().solve(x.transpose() * y);
  Index right = 0;
  for (Index i = 0; i < scores.size(); ++i) right += (scores(i) > 0) == (test_labels[static_cast<std::size_t>(i)] == 1);
  return static_cast<double>(right) / static_cast<double>(scores.size());
}

double feed_forward_flop(double s, double d) { return 16 * s * d * d; }
double attention_flop(double s, double d) { return 8 * s * d * d + 4 * s * s * d; }

}  // namespace cost

namespace {

using namespace cost;

constexpr const char* guide = "Activation functions guide";
const std::vector<std::string> timed = {"relu", "leaky_relu", "prelu", "hard_swish", "elu",  "selu",    "sigmoid",
                                        "tanh", "silu",       "gelu",  "gelu_tanh",  "mish", "softplus"};
const std::vector<std::string> plain_loops = {"relu", "sigmoid", "tanh", "gelu"};  // with the C library's functions
const std::vector<std::string> blocks = {"relu", "gelu", "silu", "sigmoid"};
const std::vector<double> zero_shares = {0, 0.5, 0.9};

using Rounds = std::vector<std::vector<double>>;

std::vector<float> normals(Index count, Rng rng) {
  std::vector<float> numbers(static_cast<std::size_t>(count));
  rng.fill_normal(std::span<float>(numbers));
  return numbers;
}

Matrix<float> normal_matrix(Index rows, Index cols, Rng rng) {
  Matrix<float> x(rows, cols);
  rng.fill_normal(std::span<float>(x.data(), static_cast<std::size_t>(x.size())));
  return x;
}

// One number after the other, as a C program would.
void plain_loop(const std::string& f, const std::vector<float>& z, std::vector<float>& out) {
  const auto each = [&](const auto& formula) {
    for (std::size_t i = 0; i < z.size(); ++i) out[i] = formula(z[i]);
  };
  if (f == "relu") each([](float x) { return x > 0 ? x : 0.0f; });
  if (f == "sigmoid") each([](float x) { return 1 / (1 + std::exp(-x)); });
  if (f == "tanh") each([](float x) { return std::tanh(x); });
  if (f == "gelu") each([](float x) { return 0.5f * x * (1 + std::erf(x * 0.70710678f)); });
}

class Run {
 public:
  Run(const ExperimentSettings& settings, const CostPlan& plan)
      : plan_(plan),
        trials_(settings),
        seed_(settings.seed),
        rng_(Rng(settings.seed).split("relu-sparsity-and-cost")) {}

  Report report();

 private:
  void half_is_zero();
  void products();
  void separable();
  void elementwise();
  void feed_forward();
  void attention();

  Claim& add(Claim claim, const Ruling& ruling) {
    claim.verdict = ruling.verdict;
    claim.condition = ruling.condition;
    return report_.claims.emplace_back(std::move(claim));
  }
  std::size_t elementwise_column(const std::string& f, std::size_t size, bool backward) const {
    const auto i = static_cast<std::size_t>(std::find(timed.begin(), timed.end(), f) - timed.begin());
    return (size * timed.size() + i) * 2 + (backward ? 1 : 0);
  }
  Measurement ratio(const std::string& f, const std::string& g, std::size_t size, bool backward) const {
    return time_ratio(elementwise_, elementwise_column(f, size, backward), elementwise_column(g, size, backward));
  }
  std::string size_name(std::size_t size) const {
    return text(in_words(static_cast<double>(plan_.sizes[size]), 7), " numbers");
  }

  const CostPlan plan_;
  Trials trials_;
  const std::uint64_t seed_;
  const Rng rng_;
  Rounds elementwise_, loops_, blocks_;
  Report report_;
};

void Run::half_is_zero() {
  const std::vector<std::vector<double>> starts = trials_.run("starts", plan_.nets, 0.1, [&](int i) {
    const Rng rng = rng_.split("starts").split(static_cast<std::uint64_t>(i));
    auto net = mlp<float>({.inputs = plan_.width,
                           .hidden = std::vector<Index>(static_cast<std::size_t>(plan_.depth), plan_.width),
                           .outputs = 1,
                           .activations = {activation("relu")}});
    net.initialize(initializer("he"), rng.split("net"));
    std::vector<double> zeros;
    for (const UnitShares& layer :
         unit_shares<float>(net, normal_matrix(plan_.inputs, plan_.width, rng.split("inputs")))) {
      zeros.push_back(UnitHistory::mean(layer.zero));
    }
    return zeros;
  });
  const Split<double> data =
      load_data<double>({.name = "spirals", .samples = 640, .noise = 0.2, .test_fraction = 0.2, .seed = seed_});
  const Dataset<float> train = convert<float>(data.train), test = convert<float>(data.test);
  struct Cell {
    std::string optimizer;
    std::vector<double> rates;
  };
  const std::vector<Cell> cells = {{"sgd", {0.03, 0.1, 0.3}}, {"adam", {1e-3, 3e-3, 1e-2}}};
  const auto one = [&](const Cell& cell, double rate, std::uint64_t seed) {
    WatchOptions options{.fit = {}, .every = 8};
    options.fit = {
        .net = {.hidden = std::vector<Index>(static_cast<std::size_t>(plan_.trained_depth), plan_.trained_width),
                .activations = {activation("relu")}},
        .initializer = initializer("he")};
    options.fit.trainer.optimizer = {.name = cell.optimizer, .learning_rate = rate};
    options.fit.trainer.steps = 8 * plan_.epochs;
    return train_watched(trials_, options, train, test, train.inputs, rng_.split("training").split(seed));
  };
  const auto trained = tune_and_train(
      trials_, "training", cells, plan_.nets, 0.2, one, [](const WatchRecord& r) { return r.loss; },
      [](const Cell& cell) { return cell.optimizer; });

  Table table{.name = "zeros",
              .title = "Share of ReLU activations that are exactly 0",
              .columns = {"net", "layer", "at the start", "after training"}};
  Series line{.chart = "Zeros at the start", .name = "relu, he", .x_label = "layer", .y_label = "share of zeros"};
  MeasuredCase worst_start{"", {0.5}}, worst_trained = worst_start;
  const auto farther = [](MeasuredCase& worst, const std::string& name, const Measurement& m) {
    if (std::abs(m.value - 0.5) >= std::abs(worst.measured.value - 0.5)) worst = {name, m};
  };
  for (std::size_t l = 0; l < static_cast<std::size_t>(plan_.depth); ++l) {
    std::vector<double> samples;
    for (const std::vector<double>& zeros : starts) samples.push_back(zeros[l]);
    const Measurement m = mean_interval(samples);
    table.rows.push_back({text("he, ", plan_.depth, " layers"), static_cast<double>(l + 1), m, std::string()});
    line.x.push_back(static_cast<double>(l + 1));
    line.y.push_back(m.value);
    line.low.push_back(*m.low);
    line.high.push_back(*m.high);
    line.theory.push_back(0.5);
    farther(worst_start, text("layer ", l + 1, " of ", plan_.depth, " at the start"), m);
  }
  report_.series.push_back(std::move(line));
  for (const auto& t : trained) {
    for (std::size_t l = 0; l < static_cast<std::size_t>(plan_.trained_depth); ++l) {
      const Measurement before = t.mean([l](const WatchRecord& r) { return r.units.zero.front()[l]; });
      const Measurement after = t.mean([l](const WatchRecord& r) { return r.units.zero.back()[l]; });
      const std::string name = text("trained, ", t.cell.optimizer, " ", in_words(t.rate));
      table.rows.push_back({name, static_cast<double>(l + 1), before, after});
      farther(worst_trained, text("layer ", l + 1, " of ", plan_.trained_depth, " ", name), after);
    }
  }
  report_.tables.push_back(std::move(table));
  std::vector<Case> cases;
  for (const MeasuredCase& c : {worst_start, worst_trained}) {
    cases.push_back({c.name, near(c.measured, 0.5, 0.1), in_words(c.measured)});
  }
  add({.id = "R1",
       .statement = "For typical inputs, roughly 50 % of ReLU neurons output zero.",
       .source = text(guide, ", part 3"),
       .predicted = 0.5,
       .measured = worst_start.measured,
       .tolerance = 0.1,
       .rule =
           text("40 to 60 % of the activations of a layer are zero: confirmed if so in the layer farthest from it at "
                "the start (the numbers given), of ",
                plan_.depth,
                ", and after training on spirals; refuted if in "
                "neither. Weights are as likely as their negatives, which makes it exactly 1/2 at the start."),
       .surprise = near(worst_trained.measured, 0.5, 0.1) == Verdict::refuted
                       ? text("training makes ", in_words(worst_trained.measured),
                              " of the activations zero: ", worst_trained.name)
                       : ""},
      in_all(cases));
}

void Run::products() {
  const Index n = plan_.product;
  const kernels::Table<float>& k = kernels::kernels<float>();
  std::vector<Matrix<float>> lefts;
  const Matrix<float> right = normal_matrix(n, n, rng_.split("right"));
  for (const double share : zero_shares) {
    Matrix<float> left = normal_matrix(plan_.tokens, n, rng_.split("left"));
    Rng rng = rng_.split("zeros");
    for (Index i = 0; i < left.size(); ++i) {
      if (rng.uniform() < share) left.data()[i] = 0;
    }
    lefts.push_back(std::move(left));
  }
  std::vector<float> packed(static_cast<std::size_t>(k.packed_size(n, n)));
  const kernels::Panels<float> panels = k.pack({right.data(), n, 1}, plan_.tokens, n, n, packed.data());
  Matrix<float> out(plan_.tokens, n);
  // All work on one copy, so that it lies in the same place of memory.
  Matrix<float> work = lefts.front();
  std::vector<std::function<void()>> actions;
  for (const Matrix<float>& left : lefts) {
    actions.push_back([&] {
      work = left;
      k.product({work.data(), n, 1}, n, panels, {}, {out.data(), plan_.tokens, n, n});
    });
  }
  for (const Matrix<float>& left : lefts) {
    actions.push_back([&] {
      work = left;
      out = skipping_product(work, right);
    });
  }
  const Rounds rounds = trials_.run_alone("products", plan_.rounds, 0.05,
                                          [&](int) { return shortest_times(actions, plan_.repetitions); });
  Table table{.name = "products_with_zeros",
              .title = text("Time of a product (", plan_.tokens, ", ", n, ") x (", n, ", ", n,
                            ") over that of the dense product without zeros"),
              .columns = {"zeros on the left", "dense product", "product that skips zeros"}};
  std::vector<Case> cases;
  for (std::size_t z = 0; z < zero_shares.size(); ++z) {
    const Measurement dense = time_ratio(rounds, z, 0), skipping = time_ratio(rounds, zero_shares.size() + z, 0);
    table.rows.push_back({zero_shares[z], dense, skipping});
    if (z == 0) continue;
    const double limit = 1 - zero_shares[z] / 2;
    const std::string share = text(in_words(100 * zero_shares[z]), " % zeros");
    cases.push_back({"dense product, " + share, below(dense, limit), in_words(dense.value)});
    cases.push_back({"skipping product, " + share, below(skipping, limit), in_words(skipping.value)});
  }
  report_.tables.push_back(std::move(table));
  const Measurement half = time_ratio(rounds, 1, 0);
  add({.id = "R2",
       .statement = "Sparsity makes computing efficient: multiplying by zero is free.",
       .source = text(guide, ", part 3"),
       .predicted = 1,
       .measured = half,
       .tolerance = 0.05,
       .rule =
           "A product takes at most 1 - z/2 of the dense product's time where a share z of its left factor is zero, "
           "half of what free zeros would save: confirmed if so for z = 0.5 and 0.9, with the dense product and with "
           "one that skips zeros; refuted if in no case. The numbers given are those of the dense product at z = 0.5.",
       .surprise = missed(half, 1, 0.05),
       .timing = true},
      in_all(cases));
}

void Run::separable() {
  struct Code {
    std::string name, f;
    double threshold;  // in standard deviations of the pre-activations
  };
  const std::vector<Code> codes = {
      {"relu", "relu", 0}, {"relu, threshold 1", "relu", 1}, {"relu, threshold 2", "relu", 2}, {"tanh", "tanh", 0},
      {"gelu", "gelu", 0}, {"identity", "identity", 0}};
  struct Problem {
    std::string name;
    double noise;
  };
  const std::vector<Problem> problems = {{"spirals", 0.2}, {"moons", 0.3}, {"teacher", 0}};
  // Two numbers a trial: accuracy, share of zeros; a trial a problem, code and seed.
  const int per_problem = static_cast<int>(codes.size()) * plan_.nets;
  const std::vector<std::vector<double>> results =
      trials_.run("probes", static_cast<int>(problems.size()) * per_problem, 0.15, [&](int i) {
        const Problem& problem = problems[static_cast<std::size_t>(i / per_problem)];
        const Code& code = codes[static_cast<std::size_t>(i % per_problem / plan_.nets)];
        const auto seed = static_cast<std::uint64_t>(i % plan_.nets);
        Split<double> data = load_data<double>({.name = problem.name,
                                                .samples = 1000,
                                                .noise = problem.noise,
                                                .test_fraction = 0.5,
                                                .seed = seed_ + seed});
        for (Dataset<double>* part : {&data.train, &data.test}) {
          if (part->task == Task::classification) continue;
          part->labels.clear();
          for (Index r = 0; r < part->size(); ++r) part->labels.push_back(part->targets(r, 0) > 0);
        }
        Matrix<double> w(plan_.features, data.train.features() + 1);  // weights and biases
        rng_.split("features").split(seed).fill_normal(std::span<double>(w.data(), static_cast<std::size_t>(w.size())));
        const double deviation = std::sqrt(static_cast<double>(w.cols()));
        const Activation f = activation(code.f);
        const auto features = [&](const Matrix<double>& x) {
          Matrix<double> z = product(x, w.leftCols(x.cols()).transpose());
          z.rowwise() += w.col(x.cols()).transpose();
          z.array() = z.array() / deviation - code.threshold;
          f(z.data(), z.data(), static_cast<double*>(nullptr), z.size());
          return z;
        };
        const Matrix<double> h = features(data.train.inputs);
        const double accuracy = probe_accuracy(h, data.train.labels, features(data.test.inputs), data.test.labels);
        return std::vector<double>{accuracy,
                                   static_cast<double>((h.array() == 0).count()) / static_cast<double>(h.size())};
      });
  const auto column = [&](std::size_t problem, std::size_t code, std::size_t number) {
    std::vector<double> samples;
    const std::size_t first =
        problem * static_cast<std::size_t>(per_problem) + code * static_cast<std::size_t>(plan_.nets);
    for (std::size_t i = 0; i < static_cast<std::size_t>(plan_.nets); ++i)
      samples.push_back(results[first + i][number]);
    return samples;
  };
  Table table{.name = "linear_probes",
              .title = text("Test accuracy of a linear classifier on ", plan_.features, " random features"),
              .columns = {"data", "features", "accuracy", "zeros"}};
  // The sparser code and the other one.
  const std::vector<std::pair<std::size_t, std::size_t>> pairs = {{0, 3}, {0, 4}, {1, 0}, {2, 1}};
  std::vector<MeasuredCase> cases;
  for (std::size_t p = 0; p < problems.size(); ++p) {
    for (std::size_t c = 0; c < codes.size(); ++c) {
      table.rows.push_back(
          {problems[p].name, codes[c].name, mean_interval(column(p, c, 0)), mean_interval(column(p, c, 1))});
    }
    for (const auto& [sparse, dense] : pairs) {
      std::vector<double> lost = column(p, dense, 0);
      const std::vector<double> of_sparse = column(p, sparse, 0);
      for (std::size_t i = 0; i < lost.size(); ++i) lost[i] -= of_sparse[i];
      cases.push_back(
          {text(codes[sparse].name, " against ", codes[dense].name, ", ", problems[p].name), mean_interval(lost)});
    }
  }
  report_.tables.push_back(std::move(table));
  add({.id = "R3",
       .statement = "Sparse codes are better representations: they are more linearly separable.",
       .source = text(guide, ", part 3"),
       .measured = cases.front().measured,
       .rule =
           text("On ", plan_.features,
                " random features of equal pre-activations, a linear classifier is more accurate "
                "on test data (paired over draws) with the sparser code: confirmed if so for relu against tanh and "
                "gelu, and for relu with a higher threshold against a lower one, on spirals, moons and the sign of a "
                "random net's answer; refuted if in no case. The numbers are the accuracy of the denser code minus "
                "that of the sparser.")},
      all_below(cases, 0));
}

void Run::elementwise() {
  std::vector<std::vector<std::function<void()>>> by_size;
  struct Buffers {
    std::vector<float> z, value, derivative, gradient;
  };
  std::vector<Buffers> buffers;
  for (const Index size : plan_.sizes) {
    const std::vector<float> z = normals(size, rng_.split("numbers"));
    buffers.push_back({z, z, z, z});
  }
  std::vector<Activation> activations;
  for (const std::string& f : timed) activations.push_back(activation(f));
  const kernels::Table<float>& k = kernels::kernels<float>();
  for (std::size_t s = 0; s < plan_.sizes.size(); ++s) {
    Buffers& b = buffers[s];
    const Index size = plan_.sizes[s];
    std::vector<std::function<void()>>& actions = by_size.emplace_back();
    for (const Activation& f : activations) {
      actions.push_back([&b, &f, size] { f(b.z.data(), b.value.data(), static_cast<float*>(nullptr), size); });
      actions.push_back([&b, &f, &k, size] {
        f(b.z.data(), b.value.data(), b.derivative.data(), size);
        k.multiply(b.gradient.data(), b.derivative.data(), b.value.data(), size, false);
      });
    }
  }
  elementwise_ = trials_.run_alone("elementwise", plan_.rounds, 0.2, [&](int) {
    std::vector<double> all;
    for (std::size_t s = 0; s < plan_.sizes.size(); ++s) {
      const bool large = plan_.sizes[s] > (1 << 20);
      const std::vector<double> times = shortest_times(by_size[s], large ? 2 : plan_.repetitions);
      for (const double t : times) all.push_back(t / static_cast<double>(plan_.sizes[s]) * 1e9);
    }
    return all;
  });
  // As a layer, on a tape: PReLU's slope wants a gradient too.
  const Index cols = 256;
  const Matrix<float> x = Eigen::Map<const Matrix<float>>(buffers[1].z.data(), plan_.sizes[1] / cols, cols);
  ActivationLayer<float> relu(activation("relu")), leaky(activation("leaky_relu"));
  PReLULayer<float> prelu;
  std::vector<std::function<void()>> layers;
  Tape<float> tape;
  for (Layer<float>* layer :
       {static_cast<Layer<float>*>(&relu), static_cast<Layer<float>*>(&leaky), static_cast<Layer<float>*>(&prelu)}) {
    layers.push_back([&x, &tape, layer] {
      tape.clear();
      const Var<float> y = layer->forward(tape.variable(x), {});
      tape.backward(y, x);
    });
  }
  for (const std::string& f : plain_loops) layers.push_back([&, f] { plain_loop(f, buffers[0].z, buffers[0].value); });
  loops_ = trials_.run_alone("layers and loops", plan_.rounds, 0.05,
                             [&](int) { return shortest_times(layers, plan_.repetitions); });

  Table table{.name = "activation_times",
              .title = "Time of an activation, ns a number (float), one thread",
              .columns = {"activation", "numbers", "forward", "forward and backward", "forward / relu", "both / relu"}};
  for (std::size_t s = 0; s < plan_.sizes.size(); ++s) {
    for (const std::string& f : timed) {
      const auto time = [&](bool backward) {
        std::vector<double> samples;
        for (const std::vector<double>& round : elementwise_)
          samples.push_back(round[elementwise_column(f, s, backward)]);
        return median_interval(samples);
      };
      table.rows.push_back({f, static_cast<double>(plan_.sizes[s]), time(false), time(true), ratio(f, "relu", s, false),
                            ratio(f, "relu", s, true)});
    }
  }
  report_.tables.push_back(std::move(table));
  Table loops{.name = "plain_loops",
              .title = "Plain loops with the C library's functions, time over ReLU's",
              .columns = {"activation", "over relu"}};
  for (std::size_t f = 0; f < plain_loops.size(); ++f)
    loops.rows.push_back({plain_loops[f], time_ratio(loops_, 3 + f, 3)});
  report_.tables.push_back(std::move(loops));
}

void Run::feed_forward() {
  struct Block {
    Sequential<float> net;
    Matrix<float> x;
  };
  std::vector<Block> all;
  for (const Index d : plan_.models) {
    for (const std::string& f : blocks) {
      auto net = mlp<float>({.inputs = d, .hidden = {4 * d}, .outputs = d, .activations = {activation(f)}});
      net.initialize(initializer("he"), rng_.split("block"));
      all.push_back({std::move(net), normal_matrix(plan_.tokens, d, rng_.split("tokens"))});
    }
  }
  Tape<float> tape;
  blocks_ = trials_.run_alone("feed-forward blocks", plan_.rounds, 0.25, [&](int) {
    std::vector<double> times;
    for (std::size_t first = 0; first < all.size(); first += blocks.size()) {
      std::vector<std::function<void()>> actions;
      for (std::size_t i = first; i < first + blocks.size(); ++i) {
        actions.push_back([&tape, &block = all[i]] {
          tape.clear();
          const Var<float> y = block.net.forward(tape.variable(block.x), {.training = true});
          tape.backward(y, block.x);
        });
      }
      for (const double t : shortest_times(actions, plan_.repetitions)) times.push_back(t);
    }
    return times;
  });

  Table table{.name = "feed_forward",
              .title = text("Forward and backward of a block (d, 4d, d) on ", plan_.tokens,
                            " tokens: time over ReLU's, less 1"),
              .columns = {"d", "milliseconds with relu", "gelu", "gelu, predicted", "silu", "sigmoid"}};
  Series line{.chart = "What GELU adds to a feed-forward block", .name = "gelu", .x_label = "d", .y_label = "overhead"};
  std::vector<Case> cases;
  std::vector<double> predicted;
  std::vector<Measurement> overhead;
  for (std::size_t m = 0; m < plan_.models.size(); ++m) {
    const std::size_t first = m * blocks.size();
    const auto less_one = [&](std::size_t f) {
      const Measurement r = time_ratio(blocks_, first + f, first);
      return Measurement{r.value - 1, *r.low - 1, *r.high - 1};
    };
    // What the elementwise times say: 4 d numbers a token, their cost in the second-level cache.
    std::vector<double> relu_times, extra;
    for (std::size_t r = 0; r < blocks_.size(); ++r) {
      relu_times.push_back(blocks_[r][first]);
      const double difference =
          elementwise_[r][elementwise_column("gelu", 1, true)] - elementwise_[r][elementwise_column("relu", 1, true)];
      extra.push_back(difference * 1e-9 * static_cast<double>(4 * plan_.models[m] * plan_.tokens) / blocks_[r][first]);
    }
    predicted.push_back(median_interval(extra).value);
    overhead.push_back(less_one(1));
    const auto d = static_cast<double>(plan_.models[m]);
    table.rows.push_back(
        {d, 1e3 * median_interval(relu_times).value, overhead.back(), predicted.back(), less_one(2), less_one(3)});
    cases.push_back({text("d = ", plan_.models[m]), near(overhead.back(), 0.125, 0.025),
                     text(in_words(100 * overhead.back().value, 2), " %")});
    line.x.push_back(d);
    line.y.push_back(overhead.back().value);
    line.low.push_back(*overhead.back().low);
    line.high.push_back(*overhead.back().high);
    line.theory.push_back(predicted.back());
  }
  report_.tables.push_back(std::move(table));
  report_.series.push_back(std::move(line));

  const auto over_relu = [&](const std::vector<std::string>& fs) {
    std::vector<MeasuredCase> found;
    for (const std::string& f : fs) {
      for (std::size_t s = 0; s < plan_.sizes.size(); ++s) {
        for (const bool backward : {false, true}) {
          found.push_back(
              {text(f, ", ", size_name(s), backward ? ", backward too" : ""), ratio(f, "relu", s, backward)});
        }
      }
    }
    return found;
  };
  std::vector<MeasuredCase> orders = over_relu({"sigmoid", "tanh"});
  orders.push_back({"sigmoid, plain loop", time_ratio(loops_, 4, 3)});
  orders.push_back({"tanh, plain loop", time_ratio(loops_, 5, 3)});
  const std::size_t relu_block = blocks_.front().size() - blocks.size();  // of the widest model
  orders.push_back(
      {text("sigmoid, a block of d = ", plan_.models.back()), time_ratio(blocks_, relu_block + 3, relu_block)});
  add({.id = "R4",
       .statement = "ReLU is a single comparison: orders of magnitude faster than computing exp for sigmoid or tanh.",
       .source = text(guide, ", part 3"),
       .measured = ratio("sigmoid", "relu", 0, false),
       .tolerance = 10,
       .rule = text(
           "The time is at least 10 times that of ReLU: confirmed if so for sigmoid and tanh at every size, forward "
           "and with backward, for plain loops with the C library's functions, and for a feed-forward block; "
           "refuted if in no case. The numbers given are sigmoid's for ",
           size_name(0), ", forward."),
       .timing = true},
      all_at_least(orders, 10));
  add({.id = "R5",
       .statement = "Sigmoid is expensive: computing exp is slower than a simple comparison.",
       .source = text(guide, ", part 2"),
       .measured = ratio("sigmoid", "relu", 0, false),
       .rule = text(
           "The time is more than ReLU's: confirmed if so at every size, forward and with backward; refuted if in no "
           "case. The numbers given are those of ",
           size_name(0), ", forward."),
       .timing = true},
      all_at_least(over_relu({"sigmoid"}), 1));

  std::vector<MeasuredCase> order;
  for (const bool backward : {false, true}) {
    const char* what = backward ? ", backward too" : ", forward";
    order.push_back({text("gelu over silu", what), ratio("gelu", "silu", 0, backward)});
    order.push_back({text("mish over gelu", what), ratio("mish", "gelu", 0, backward)});
  }
  const Measurement by_tanh = ratio("gelu_tanh", "gelu", 0, false);
  add({.id = "R6",
       .statement = "Compute cost: SiLU low (sigmoid), GELU medium (erf), Mish high (softplus and tanh).",
       .source = text(guide, ", part 5"),
       .measured = order.front().measured,
       .rule =
           text("GELU takes longer than SiLU and Mish longer than GELU: confirmed if so for ", size_name(0),
                ", forward and with backward; refuted if in no case. The numbers given are GELU over SiLU, forward."),
       .surprise = at_least(by_tanh, 1) == Verdict::confirmed
                       ? text("the tanh approximation of GELU, said to avoid the expensive erf, takes ",
                              in_words(by_tanh), " times as long as a vectorized erf")
                       : "",
       .timing = true},
      all_at_least(order, 1));

  const double octaves = std::log(static_cast<double>(plan_.models.back()) / static_cast<double>(plan_.models.front()));
  std::vector<double> powers;
  for (const std::vector<double>& round : blocks_) {
    const auto of = [&](std::size_t m) { return round[m * blocks.size() + 1] / round[m * blocks.size()] - 1; };
    powers.push_back(std::log(std::max(1e-4, of(plan_.models.size() - 1)) / std::max(1e-4, of(0))) / octaves);
  }
  Ruling seven = in_all(cases);
  seven.condition += text("; it falls as d^", in_words(median_interval(powers), 2), " (theory: d^-1)");
  add({.id = "R7",
       .statement =
           "GELU's computational overhead is modest: approximately 10-15 % more time in the feed-forward layer.",
       .source = text(guide, ", problem 3"),
       .predicted = predicted[predicted.size() / 2],
       .measured = overhead[overhead.size() / 2],
       .tolerance = 0.025,
       .rule = text(
           "Forward and backward of a block (d, 4d, d) take 10 to 15 % longer with GELU than with ReLU: confirmed if "
           "so at every d, refuted if at none. The numbers given are those of d = ",
           plan_.models[overhead.size() / 2], "; the prediction is the activation's own time over the block's."),
       .timing = true},
      seven);

  add({.id = "R9",
       .statement = "ReLU has the lowest compute cost; that of Leaky ReLU and PReLU is low.",
       .source = text(guide, ", part 4"),
       .predicted = 1,
       .measured = time_ratio(loops_, 1, 0),
       .tolerance = 0.1,
       .rule =
           "Forward and backward of a layer take at most 1.1 times as long as ReLU's: confirmed if so for Leaky ReLU "
           "and "
           "for PReLU, whose slope wants a gradient too; refuted if for neither. The numbers given are Leaky ReLU's.",
       .timing = true},
      all_below({{"leaky_relu", time_ratio(loops_, 1, 0)}, {"prelu", time_ratio(loops_, 2, 0)}}, 1.1));
}

void Run::attention() {
  struct Model {
    const char* name;
    double tokens, width;
  };
  const std::vector<Model> models = {{"BERT base", 512, 768},
                                     {"GPT-2", 1024, 768},
                                     {"GPT-3", 2048, 12288},
                                     {"ViT-B/16", 197, 768},
                                     {"T5 base", 512, 768}};
  Table table{.name = "attention_and_feed_forward",
              .title = "Multiply-adds of a Transformer layer, forward: attention over feed-forward",
              .columns = {"model", "tokens", "width", "attention / feed-forward"}};
  std::vector<MeasuredCase> cases;
  for (const Model& m : models) {
    const Measurement share{attention_flop(m.tokens, m.width) / feed_forward_flop(m.tokens, m.width)};
    table.rows.push_back({std::string(m.name), m.tokens, m.width, share.value});
    cases.push_back({text(m.name, " (", m.tokens, " tokens, width ", m.width, ")"), share});
  }
  report_.tables.push_back(std::move(table));
  Ruling ruling = all_at_least(cases, 1);
  ruling.condition += "; attention needs more from 2 d tokens on";
  add({.id = "R8",
       .statement = "The feed-forward layer is not the bottleneck of a Transformer; attention is.",
       .source = text(guide, ", problem 3"),
       .measured = cases.front().measured,
       .rule =
           "Attention needs at least as many multiply-adds (8 s d^2 + 4 s^2 d) as the feed-forward layer (16 s d^2): "
           "confirmed if so for the models the guide names, at their full context, refuted if for none. The number "
           "given is the ratio for BERT base.",
       .surprise =
           text("at ", in_words(models[0].tokens, 4), " tokens attention needs only ",
                in_words(cases.front().measured.value), " of the feed-forward layer's arithmetic in BERT base")},
      ruling);
}

Report Run::report() {
  half_is_zero();
  products();
  separable();
  elementwise();
  feed_forward();
  attention();
  std::sort(report_.claims.begin(), report_.claims.end(), [](const Claim& a, const Claim& b) { return a.id < b.id; });
  report_.answer =
      text("At the start ", in_words(100 * report_.claims[0].measured->value, 2),
           " % of the activations of the layer farthest from half are zero, and a dense product with 50 % zeros takes ",
           in_words(report_.claims[1].measured->value), " times as long as one without; sigmoid costs ",
           in_words(ratio("sigmoid", "relu", 0, false).value, 2), " times ReLU's time on ", size_name(0), " and ",
           in_words(ratio("sigmoid", "relu", plan_.sizes.size() - 1, false).value, 2), " times on ",
           size_name(plan_.sizes.size() - 1), ", and GELU adds ", in_words(100 * report_.claims[6].measured->value, 2),
           " % to a feed-forward block of d = ", plan_.models[plan_.models.size() / 2], ".");
  report_.notes.push_back(
      text("Times: ", plan_.rounds, " rounds, in each the shortest of ", plan_.repetitions,
           " interleaved repetitions, float, one thread, vector instructions of this machine; intervals are "
           "over rounds. Plain loops are compiled without special instructions."));
  return std::move(report_);
}

}  // namespace

CostPlan cost_plan(const ExperimentSettings& settings) {
  CostPlan plan;
  if (settings.profile == Profile::full) {
    plan.nets = 30;
    plan.rounds = 20;
    plan.epochs = 100;
    plan.models.push_back(1024);
  }
  if (settings.seeds > 0) plan.nets = settings.seeds;
  return plan;
}

Report relu_sparsity_and_cost(const ExperimentSettings& settings, const CostPlan& plan) {
  return Run(settings, plan).report();
}

Report relu_sparsity_and_cost(const ExperimentSettings& settings) {
  return relu_sparsity_and_cost(settings, cost_plan(settings));
}

}  // namespace evengrad
