#include <evengrad/core/gradient_check.hpp>

#include <evengrad/core/random.hpp>

#include <cmath>

namespace evengrad {

namespace {

/// What f gives at one point, and where between the kinks that is.
struct Evaluation {
  Matrix<double> output;
  std::uint64_t regions = 0;
};

class Checker {
 public:
  Checker(GradientCheckFunction f, std::vector<Matrix<double>>& inputs, const GradientCheckOptions& options)
      : f_(f), inputs_(inputs), options_(options), tape_({.threads = options.threads, .trace_kinks = true}) {
    result_.skipped_fraction = options.skipped_fraction;
  }

  GradientCheckResult run(std::span<const NamedParameter> parameters) {
    const Var<double> output = record();
    here_ = tape_.kink_regions();
    weights_ = weights(output.rows(), output.cols());
    // Without a path from any input every gradient is zero: that too is compared.
    std::vector<Matrix<double>> analytic(inputs_.size() + parameters.size());
    if (tape_.node(output).needs_gradient) {
      const Gradients<double> gradients = tape_.backward(output, weights_);
      for (std::size_t i = 0; i < inputs_.size(); ++i) analytic[i] = gradients.node(i);  // the first nodes
      for (std::size_t i = 0; i < parameters.size(); ++i) {
        analytic[inputs_.size() + i] = gradients.find(*parameters[i].parameter);
      }
    }
    for (std::size_t i = 0; i < inputs_.size(); ++i) check(text("input ", i), inputs_[i], analytic[i], i);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const std::size_t at = inputs_.size() + i;
      check(parameters[i].name, parameters[i].parameter->value, analytic[at], at);
    }
    return result_;
  }

 private:
  Var<double> record() {
    tape_.clear();
    vars_.clear();
    for (const Matrix<double>& input : inputs_) vars_.push_back(tape_.variable(input));
    return f_(tape_, vars_);
  }

  Evaluation evaluate() {
    const Var<double> output = record();
    return {output.value(), tape_.kink_regions()};
  }

  // Of both signs, between 0.5 and 1.5, and no pattern; a (1, 1) output is left as it is.
  static Matrix<double> weights(Index rows, Index cols) {
    Matrix<double> w = Matrix<double>::Ones(rows, cols);
    if (w.size() == 1) return w;
    Rng rng(0x6763);
    for (Index i = 0; i < w.size(); ++i) w.data()[i] = std::copysign(0.5 + rng.uniform(), rng.uniform() - 0.5);
    return w;
  }

  void check(const std::string& where, Matrix<double>& value, const Matrix<double>& analytic, std::uint64_t number) {
    const Index count = options_.max_entries > 0 ? std::min(options_.max_entries, value.size()) : value.size();
    Rng rng = Rng(0x656e).split(number);
    for (Index n = 0; n < count; ++n) {
      // One entry drawn from each of `count` equal parts.
      const Index begin = value.size() * n / count, end = value.size() * (n + 1) / count;
      const Index at = begin + static_cast<Index>(rng.below(static_cast<std::uint64_t>(end - begin)));
      double numeric = 0;
      if (!derivative(value.data()[at], numeric)) {
        ++result_.skipped;
        continue;
      }
      compare({where, at / value.cols(), at % value.cols(), analytic.size() ? analytic.data()[at] : 0.0, numeric});
    }
  }

  // The numeric derivative with respect to one number, from three central differences, each half as wide as the one
  // before. One across a kink does not count: the narrower ones follow. False where they cross it too.
  bool derivative(double& x, double& result) {
    const double original = x;
    double difference[3];
    int smooth = 0;  // differences in a row that stay between kinks
    double step = options_.step;
    for (int halving = 0; smooth < 3 && halving < 3 + options_.halvings; ++halving, step /= 2) {
      const double up = original + step, down = original - step;
      x = up;
      const Evaluation above = evaluate();
      x = down;
      const Evaluation below = evaluate();
      if (above.regions != here_ || below.regions != here_) {
        smooth = 0;
        continue;
      }
      // Differences first: what does not depend on x then cancels without a rounding error.
      difference[smooth++] = weights_.cwiseProduct(above.output - below.output).sum() / (up - down);
    }
    x = original;
    if (smooth < 3) return false;
    result = (64 * difference[2] - 20 * difference[1] + difference[0]) / 45;  // terms in step^2 and step^4 cancel
    return true;
  }

  void compare(GradientEntry entry) {
    entry.excess =
        std::abs(entry.analytic - entry.numeric) / (options_.absolute + options_.relative * std::abs(entry.numeric));
    if (std::isnan(entry.excess)) entry.excess = HUGE_VAL;
    if (entry.excess > 1) ++result_.wrong;
    if (result_.checked++ == 0 || entry.excess > result_.worst.excess) result_.worst = std::move(entry);
  }

  GradientCheckFunction f_;
  std::vector<Matrix<double>>& inputs_;
  const GradientCheckOptions& options_;
  Tape<double> tape_;
  std::vector<Var<double>> vars_;
  std::uint64_t here_ = 0;  // the regions at the point itself
  Matrix<double> weights_;
  GradientCheckResult result_;
};

}  // namespace

std::string GradientEntry::str() const {
  std::ostringstream out;
  out.precision(12);
  out << where << " (" << row << ", " << col << "): analytic " << analytic << ", numeric " << numeric;
  out.precision(3);
  out << ", difference " << analytic - numeric << " (" << excess << " times the tolerance)";
  return out.str();
}

bool GradientCheckResult::ok() const {
  const double all = static_cast<double>(checked + skipped);
  return checked > 0 && wrong == 0 && static_cast<double>(skipped) <= skipped_fraction * all;
}

std::string GradientCheckResult::str() const {
  const std::string counts = text(checked, " checked, ", wrong, " wrong, ", skipped, " skipped at kinks");
  const char* verdict = ok()           ? "gradients agree: "
                        : wrong > 0    ? "wrong gradients: "
                        : checked == 0 ? "no gradient was checked: "
                                       : "too many entries lie at kinks: ";
  return verdict + counts + (checked > 0 ? "; worst " + worst.str() : "");
}

GradientCheckResult gradient_check(GradientCheckFunction f, std::vector<Matrix<double>> inputs,
                                   const GradientCheckOptions& options, std::span<const NamedParameter> parameters) {
  return Checker(f, inputs, options).run(parameters);
}

}  // namespace evengrad
