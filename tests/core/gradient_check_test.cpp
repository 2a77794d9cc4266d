// The check itself: right gradients pass, and every one of a list of planted faults is caught (mutation control).
#include <evengrad/core/gradient_check.hpp>
#include <evengrad/core/ops.hpp>

#include "../matrices.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

namespace evengrad {
namespace {

using Mat = Matrix<double>;
using Vars = std::span<const Var<double>>;

const Activation& test_tanh() {
  static const Activation f = make_activation(TestTanh{});
  return f;
}
const Activation& test_relu() {
  static const Activation f = make_activation(TestRelu{});
  return f;
}

// ---- planted faults -----------------------------------------------------------------------------------------------
// A mutant inherits a real op's forward and writes its pull with Eigen, wrong in one place. Each op also has a mutant
// without a fault: what is caught is the fault and not the way the pull is written.

// Puts a gradient where it belongs, as Pull::add does, or over what is there.
void put(Pull<double>& step, int input, const Mat& gradient, bool overwrite = false) {
  if (!overwrite) return step.add(input, gradient);
  const Target<double> to = step.target(input);
  MutableMap<double>(to.data, gradient.rows(), gradient.cols()) = gradient;
}

// The element before, in memory; the last one for the first.
Mat shifted(const Mat& m) {
  Mat result = m;
  std::rotate(result.data(), result.data() + 1, result.data() + result.size());
  return result;
}

enum class Fault {
  none,
  // affine
  weight_sign,
  weight_factor_2,
  weight_factor_1e6,  // 1 + 1e-6
  weight_transposed,
  weight_batch_mean,
  weight_drops_last_sample,
  weight_drops_last_row,
  weight_drops_last_column,
  weight_overwrites,
  input_through_transposed_weight,
  input_missing,
  input_overwrites,
  bias_missing,
  bias_of_last_sample,
  bias_batch_mean,
  bias_before_activation,
  activation_forgotten,
  activation_of_neighbour,
  activation_squared,
  activation_at_output,
  // two inputs
  left_missing,
  right_missing,
  right_sign,
  right_uses_itself,
  left_overwrites,
  right_not_transposed,
  left_not_transposed,
  row_of_first_sample,
  row_added_along_columns,
  factor_forgotten,
  // one input
  sum_first_element_only,
  sum_factor_forgotten,
  scale_twice,
  scale_inverse,
  dropout_scale_forgotten,
  dropout_mask_forgotten,
  stale_value,
};

struct MutantAffine : Affine<double> {
  Fault fault;

  void pull(Pull<double>& step) const {
    const Mat x = step.input(0), w = step.input(1), g = step.gradient();
    const Index batch = x.rows();
    const ConstMap<double> kept(derivative, g.rows(), g.cols());
    Mat slope = kept;
    if (fault == Fault::activation_forgotten) slope.setOnes();
    if (fault == Fault::activation_of_neighbour) slope = shifted(slope);
    if (fault == Fault::activation_squared) slope = slope.cwiseAbs2();
    if (fault == Fault::activation_at_output) slope = 1 - step.output().array().tanh().square();
    const Mat gz = g.cwiseProduct(slope);

    Mat dw = gz.transpose() * x;
    if (fault == Fault::weight_sign) dw = -dw;
    if (fault == Fault::weight_factor_2) dw *= 2;
    if (fault == Fault::weight_factor_1e6) dw *= 1 + 1e-6;
    if (fault == Fault::weight_transposed) dw.transposeInPlace();
    if (fault == Fault::weight_batch_mean) dw /= static_cast<double>(batch);
    if (fault == Fault::weight_drops_last_sample) dw -= gz.bottomRows(1).transpose() * x.bottomRows(1);
    if (fault == Fault::weight_drops_last_row) dw.bottomRows(1).setZero();
    if (fault == Fault::weight_drops_last_column) dw.rightCols(1).setZero();
    put(step, 1, dw, fault == Fault::weight_overwrites);

    Mat db = gz.colwise().sum();
    if (fault == Fault::bias_of_last_sample) db = gz.bottomRows(1);
    if (fault == Fault::bias_batch_mean) db /= static_cast<double>(batch);
    if (fault == Fault::bias_before_activation) db = g.colwise().sum();
    if (fault != Fault::bias_missing) put(step, 2, db);

    const Mat dx = fault == Fault::input_through_transposed_weight ? Mat(gz * w.transpose()) : Mat(gz * w);
    if (fault != Fault::input_missing) put(step, 0, dx, fault == Fault::input_overwrites);
  }
};

struct MutantActivate : Activate<double> {
  Fault fault;

  void pull(Pull<double>& step) const {
    Mat slope = ConstMap<double>(derivative, step.shape().matrix_rows(), step.shape().cols);
    if (fault == Fault::activation_forgotten) slope.setOnes();
    if (fault == Fault::activation_of_neighbour) slope = shifted(slope);
    if (fault == Fault::activation_at_output) slope = 1 - step.output().array().tanh().square();
    put(step, 0, step.gradient().cwiseProduct(slope), fault == Fault::left_overwrites);
  }
};

struct MutantMatMul : MatMul<double> {
  Fault fault;

  void pull(Pull<double>& step) const {
    const Mat a = step.input(0), b = step.input(1), g = step.gradient();
    const Mat da = fault == Fault::right_not_transposed ? Mat(g * b) : Mat(g * b.transpose());
    const Mat db = fault == Fault::left_not_transposed ? Mat(a * g) : Mat(a.transpose() * g);
    if (fault != Fault::left_missing) put(step, 0, da, fault == Fault::left_overwrites);
    if (fault != Fault::right_missing) put(step, 1, fault == Fault::right_sign ? Mat(-db) : db);
  }
};

struct MutantMultiply : Multiply<double> {
  Fault fault;

  void pull(Pull<double>& step) const {
    const Mat a = step.input(0), b = step.input(1), g = step.gradient();
    if (fault != Fault::left_missing) put(step, 0, g.cwiseProduct(b), fault == Fault::left_overwrites);
    if (fault != Fault::right_missing) put(step, 1, g.cwiseProduct(fault == Fault::right_uses_itself ? b : a));
  }
};

// a - 2 row
struct MutantAddRow : AddScaled<double> {
  Fault fault;

  void pull(Pull<double>& step) const {
    const Mat g = step.gradient();
    put(step, 0, g, fault == Fault::left_overwrites);
    Mat row = g.colwise().sum();
    if (fault == Fault::row_of_first_sample) row = g.topRows(1);
    if (fault == Fault::row_added_along_columns) row = g.rowwise().sum().transpose();
    const double sign = fault == Fault::right_sign ? -1 : 1;
    put(step, 1, (fault == Fault::factor_forgotten ? 1 : factor) * sign * row);
  }
};

struct MutantSum : Sum<double> {
  Fault fault;

  void pull(Pull<double>& step) const {
    const double g = step.gradient()(0, 0) * (fault == Fault::sum_factor_forgotten ? 1 : factor);
    Mat dx = Mat::Constant(step.shape(0).matrix_rows(), step.shape(0).cols, g);
    if (fault == Fault::sum_first_element_only) dx.rightCols(dx.cols() - 1).setZero();
    put(step, 0, dx, fault == Fault::left_overwrites);
  }
};

struct MutantScale : Scale<double> {
  Fault fault;

  void pull(Pull<double>& step) const {
    double by = factor;
    if (fault == Fault::scale_twice) by *= factor;
    if (fault == Fault::scale_inverse) by = 1 / factor;
    put(step, 0, by * step.gradient());
  }
};

// x times a fixed mask over the fraction that is kept.
struct MutantDropout {
  static constexpr std::string_view name = "dropout";
  Fault fault;
  static bool keeps(Index i) { return i % 3 != 1; }
  static Mat mask(Index rows, Index cols, double kept) {
    return Mat::NullaryExpr(rows, cols, [&](Index r, Index c) { return keeps(r * cols + c) ? kept : 0.0; });
  }

  void forward(Forward<double>& step) {
    step.output() = step.input(0).cwiseProduct(mask(step.shape().matrix_rows(), step.shape().cols, 1.5));
  }
  void pull(Pull<double>& step) const {
    Mat m = mask(step.shape().matrix_rows(), step.shape().cols, fault == Fault::dropout_scale_forgotten ? 1 : 1.5);
    if (fault == Fault::dropout_mask_forgotten) m.setConstant(1.5);
    put(step, 0, step.gradient().cwiseProduct(m));
  }
};

// exp(x), whose pull reads a buffer that the next call overwrites.
struct MutantExp {
  static constexpr std::string_view name = "exp";
  Fault fault;

  static Mat& last() {
    static Mat value;
    return value;
  }
  void forward(Forward<double>& step) {
    step.output() = step.input(0).array().exp();
    last() = step.output();
  }
  void pull(Pull<double>& step) const {
    put(step, 0, step.gradient().cwiseProduct(fault == Fault::stale_value ? last() : Mat(step.output())));
  }
};

struct Mutant {
  const char* op;
  Fault fault;
  std::vector<Shape> shapes;
  std::function<Var<double>(Vars)> f;
};

std::vector<Mutant> mutants() {
  std::vector<Mutant> all;
  const auto plant = [&](const char* op, std::vector<Shape> shapes, std::vector<Fault> faults, auto f) {
    faults.insert(faults.begin(), Fault::none);
    for (const Fault fault : faults) all.push_back({op, fault, shapes, [=](Vars in) { return f(in, fault); }});
  };
  using F = Fault;
  plant("affine", {{4, 3}, {3, 3}, {1, 3}}, {F::weight_sign,           F::weight_factor_2,
                                             F::weight_factor_1e6,     F::weight_transposed,
                                             F::weight_batch_mean,     F::weight_drops_last_sample,
                                             F::weight_drops_last_row, F::weight_drops_last_column,
                                             F::weight_overwrites,     F::input_through_transposed_weight,
                                             F::input_missing,         F::input_overwrites,
                                             F::bias_missing,          F::bias_of_last_sample,
                                             F::bias_batch_mean,       F::bias_before_activation,
                                             F::activation_forgotten,  F::activation_of_neighbour,
                                             F::activation_squared,    F::activation_at_output},
        [](Vars in, Fault fault) {
          return in[0].tape().record(MutantAffine{{&test_tanh(), true}, fault}, {4, 3}, {in[0], in[1], in[2]});
        });
  plant("activate", {{4, 3}},
        {F::activation_forgotten, F::activation_of_neighbour, F::activation_at_output, F::left_overwrites},
        [](Vars in, Fault fault) {
          return in[0].tape().record(MutantActivate{{&test_tanh()}, fault}, {4, 3}, {in[0]});
        });
  plant("matmul", {{3, 3}, {3, 3}},
        {F::left_missing, F::right_missing, F::right_sign, F::right_not_transposed, F::left_not_transposed,
         F::left_overwrites},
        [](Vars in, Fault fault) {
          return in[0].tape().record(MutantMatMul{{}, fault}, {3, 3}, {in[0], in[1]});
        });
  plant("multiply", {{2, 5}, {2, 5}}, {F::left_missing, F::right_missing, F::right_uses_itself, F::left_overwrites},
        [](Vars in, Fault fault) {
          return in[0].tape().record(MutantMultiply{{}, fault}, {2, 5}, {in[0], in[1]});
        });
  plant("x * x", {{2, 5}}, {F::left_missing, F::right_missing}, [](Vars in, Fault fault) {
    return in[0].tape().record(MutantMultiply{{}, fault}, {2, 5}, {in[0], in[0]});
  });
  plant("add a row", {{3, 3}, {1, 3}},
        {F::right_sign, F::row_of_first_sample, F::row_added_along_columns, F::factor_forgotten, F::left_overwrites},
        [](Vars in, Fault fault) {
          return in[0].tape().record(MutantAddRow{{-2}, fault}, {3, 3}, {in[0], in[1]});
        });
  plant("mean", {{2, 3}}, {F::sum_first_element_only, F::sum_factor_forgotten, F::left_overwrites},
        [](Vars in, Fault fault) {
          return in[0].tape().record(MutantSum{{1.0 / 6}, fault}, {1, 1}, {in[0]});
        });
  plant("scale", {{2, 3}}, {F::scale_twice, F::scale_inverse}, [](Vars in, Fault fault) {
    return in[0].tape().record(MutantScale{{3}, fault}, {2, 3}, {in[0]});
  });
  plant("dropout", {{3, 4}}, {F::dropout_scale_forgotten, F::dropout_mask_forgotten}, [](Vars in, Fault fault) {
    return in[0].tape().record(MutantDropout{fault}, {3, 4}, {in[0]});
  });
  plant("exp", {{2, 2}}, {F::stale_value}, [](Vars in, Fault fault) {
    const Var<double> first = in[0].tape().record(MutantExp{fault}, {2, 2}, {in[0]});
    return in[0].tape().record(MutantExp{fault}, {2, 2}, {scale(first, 0.25)});
  });
  return all;
}

TEST(GradientCheck, CatchesEveryPlantedFault) {
  int planted = 0;
  for (const Mutant& mutant : mutants()) {
    std::vector<Mat> inputs;
    for (const Shape& shape : mutant.shapes)
      inputs.push_back(random_matrix<double>(shape.matrix_rows(), shape.cols, inputs.size()));
    // Recorded twice from the same inputs: contributions must add up.
    const auto twice = [&](Tape<double>&, Vars in) { return mutant.f(in) + scale(mutant.f(in), 0.5); };
    const GradientCheckResult result = gradient_check(twice, inputs);
    EXPECT_EQ(result.ok(), mutant.fault == Fault::none)
        << mutant.op << ", fault " << static_cast<int>(mutant.fault) << ": " << result.str();
    EXPECT_EQ(result.skipped, 0);
    planted += mutant.fault != Fault::none;
  }
  EXPECT_GE(planted, 40);
}

// ---- what it tells ------------------------------------------------------------------------------------------------

TEST(GradientCheck, NamesTheWorstEntry) {
  const auto f = [](Tape<double>& tape, Vars in) {
    return tape.record(MutantAffine{{&test_tanh(), true}, Fault::weight_drops_last_row}, {4, 3}, {in[0], in[1], in[2]});
  };
  const GradientCheckResult result = gradient_check(
      f, {random_matrix<double>(4, 5, 1), random_matrix<double>(3, 5, 2), random_matrix<double>(1, 3, 3)});
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.checked, 20 + 15 + 3);
  EXPECT_EQ(result.wrong, 5);
  EXPECT_EQ(result.worst.where, "input 1");
  EXPECT_EQ(result.worst.row, 2);
  EXPECT_EQ(result.worst.analytic, 0);
  EXPECT_GT(std::abs(result.worst.numeric), 1e-3);
  EXPECT_GT(result.worst.excess, 1e6);
  EXPECT_NE(result.str().find("wrong gradients: 38 checked, 5 wrong, 0 skipped at kinks; worst input 1 (2, "),
            std::string::npos)
      << result.str();
}

TEST(GradientCheck, SaysWhatARightGradientIs) {
  const auto f = [](Tape<double>&, Vars in) { return sum(in[0] * in[0]); };
  const GradientCheckResult result = gradient_check(f, {Mat{{3, 1}}});
  EXPECT_TRUE(result.ok());
  EXPECT_NEAR(result.worst.numeric, result.worst.col == 0 ? 6 : 2, 1e-10);  // a (1, 1) output is not weighted
  EXPECT_EQ(result.str().find("gradients agree: 2 checked, 0 wrong, 0 skipped at kinks; worst input 0 (0, "), 0u);
}

TEST(GradientCheck, ComparesWhatTookNoPartWithZero) {
  const auto f = [](Tape<double>&, Vars in) { return in[1] * in[1]; };
  EXPECT_TRUE(gradient_check(f, {Mat{{1}}, Mat{{2, 3}}}).ok());
  // The gradient is lost on the way: a constant where a variable belongs.
  const auto lost = [](Tape<double>& tape, Vars in) {
    const Mat copy = in[0].value();
    return sum(tape.constant(copy));
  };
  EXPECT_EQ(gradient_check(lost, {Mat{{1, 2}}}).wrong, 2);
}

TEST(GradientCheck, NotANumberIsWrong) {
  const auto f = [](Tape<double>&, Vars in) { return in[0] * in[0]; };
  EXPECT_EQ(gradient_check(f, {Mat{{1, std::nan("")}}}).wrong, 2);
}

TEST(GradientCheck, NothingCheckedIsNotRight) {
  const auto f = [](Tape<double>& tape, Vars) { return tape.constant(Mat{{1}}); };
  const GradientCheckResult result = gradient_check(f, {});
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.str(), "no gradient was checked: 0 checked, 0 wrong, 0 skipped at kinks");
}

TEST(GradientCheck, ChecksAsManyEntriesAsAsked) {
  const auto f = [](Tape<double>&, Vars in) { return matmul(in[0], in[1]); };
  const std::vector<Mat> inputs{random_matrix<double>(20, 30, 1), random_matrix<double>(30, 1, 2)};
  EXPECT_EQ(gradient_check(f, inputs, {.max_entries = 50}).checked, 50 + 30);
}

struct Model {
  Parameter<double> weight, bias, statistics;
  void visit(const Path& path, ParameterVisitor<double> visitor) {
    visitor(Path(path, "weight"), weight);
    visitor(Path(path, "bias"), bias);
    visitor(Path(path, "statistics"), statistics);
  }
};

TEST(GradientCheck, ChecksTheParametersOfAModelAndPutsThemBack) {
  Model model;
  model.weight.value = random_matrix<double>(4, 3, 1);
  model.bias.value = random_matrix<double>(1, 4, 2);
  model.statistics.value = Mat{{7}};
  model.statistics.trainable = false;
  const Mat weight = model.weight.value, bias = model.bias.value;
  bool wrong = false;
  const auto loss = [&](Tape<double>& tape, Vars in) {
    const Var<double> x = in.empty() ? tape.constant(random_matrix<double>(5, 3, 3)) : in[0];
    const Var<double> w = tape.parameter(model.weight), b = tape.parameter(model.bias);
    const Fault fault = wrong ? Fault::bias_batch_mean : Fault::none;
    const Var<double> y = tape.record(MutantAffine{{&test_tanh(), true}, fault}, {5, 4}, {x, w, b});
    return mean(y * y);
  };
  const GradientCheckResult of_parameters = gradient_check(model, loss);
  EXPECT_TRUE(of_parameters.ok()) << of_parameters.str();
  EXPECT_EQ(of_parameters.checked, 12 + 4);
  EXPECT_EQ(gradient_check(model, loss, {random_matrix<double>(5, 3, 3)}).checked, 12 + 4 + 15);
  wrong = true;
  const GradientCheckResult caught = gradient_check(model, loss);
  EXPECT_EQ(caught.wrong, 4);
  EXPECT_EQ(caught.worst.where, "bias");
  EXPECT_TRUE(same_bits(model.weight.value, weight));
  EXPECT_TRUE(same_bits(model.bias.value, bias));
}

// ---- kinks --------------------------------------------------------------------------------------------------------

GradientCheckResult check_relu(const Mat& z) {
  return gradient_check([](Tape<double>&, Vars in) { return activate(in[0], test_relu()); }, {z});
}

TEST(GradientCheck, ShrinksItsStencilNearAKink) {
  const GradientCheckResult result = check_relu(Mat{{1e-3, -1e-3, 1e-4, -1e-4, 4e-5, -4e-5, 1, -1}});
  EXPECT_TRUE(result.ok()) << result.str();
  EXPECT_EQ(result.skipped, 0);
  EXPECT_EQ(result.checked, 8);
}

TEST(GradientCheck, WithoutKnowledgeOfTheKinkTheNumericDerivativeIsWrong) {
  const Activation f("secret", std::make_shared<const TestRelu>(), formula_kernels<TestRelu>(), {});
  const auto activated = [&](Tape<double>&, Vars in) { return activate(in[0], f); };
  EXPECT_EQ(gradient_check(activated, {Mat{{1e-3, 1}}}).wrong, 1);
}

TEST(GradientCheck, SkipsAndCountsWhatLiesOnAKink) {
  Mat z = Mat::Ones(1, 100);
  z.leftCols(5) << 0, 1e-7, -1e-7, 0, 0;
  const GradientCheckResult few = check_relu(z);
  EXPECT_EQ(few.skipped, 5);
  EXPECT_EQ(few.checked, 95);
  EXPECT_TRUE(few.ok()) << few.str();
  z(0, 50) = 0;
  const GradientCheckResult many = check_relu(z);
  EXPECT_EQ(many.skipped, 6);
  EXPECT_FALSE(many.ok());
  EXPECT_EQ(many.str().find("too many entries lie at kinks: "), 0u) << many.str();
}

TEST(GradientCheck, SeesAKinkThatALaterLayerCrosses) {
  // x is far from 0, but the pre-activation of the second layer is not.
  const auto f = [](Tape<double>& tape, Vars in) {
    const Var<double> shift = tape.constant(Mat{{-6.0005}});
    return affine(scale(in[0], 3), tape.constant(Mat{{1}}), shift, test_relu());
  };
  const GradientCheckResult result = gradient_check(f, {Mat{{2}}});
  EXPECT_TRUE(result.ok()) << result.str();
  EXPECT_EQ(result.checked, 1);
}

// ---- composed nets ------------------------------------------------------------------------------------------------

template <Real S>
struct Net {
  std::vector<Parameter<S>> parameters;  // weight, bias, weight, bias, ...
  const Activation* f;

  // Weights that keep the size of signals, gradients and rounding errors through 50 layers; drawn in double, then
  // rounded to float in both types.
  Net(int depth, Index width, const Activation& activation, double gain) : parameters(2 * depth), f(&activation) {
    for (std::size_t i = 0; i < parameters.size(); i += 2) {
      Mat w = random_matrix<double>(width, width, 100 + i) * gain / std::sqrt(static_cast<double>(width));
      // So narrow a relu net would die of negative weights.
      if (width <= 2) w = (w.cwiseAbs().array() * 0.1 + 0.95) / static_cast<double>(width);
      parameters[i].value = w.template cast<float>().template cast<S>();
      parameters[i + 1].value =
          Mat(0.1 * random_matrix<double>(1, width, 101 + i)).template cast<float>().template cast<S>();
    }
  }
  void visit(const Path& path, ParameterVisitor<S> visitor) {
    for (std::size_t i = 0; i < parameters.size(); ++i) visitor(Path(path, static_cast<Index>(i)), parameters[i]);
  }
  Var<S> operator()(Tape<S>& tape, Var<S> x) const {
    for (std::size_t i = 0; i < parameters.size(); i += 2) {
      const Var<S> w = tape.parameter(parameters[i]), b = tape.parameter(parameters[i + 1]);
      x = affine(x, w, b, *f);
    }
    return x;
  }
  static Matrix<S> inputs(Index batch, Index width) {
    const Mat x = random_matrix<double>(batch, width, 7);
    return (width <= 2 ? Mat(x.cwiseAbs()) : x).template cast<float>().template cast<S>();
  }
};

struct NetCase {
  const char* name;
  const Activation& f;
  double gain;
};
std::vector<NetCase> net_cases() { return {{"tanh", test_tanh(), 1.0}, {"relu", test_relu(), std::sqrt(2.0)}}; }

TEST(GradientCheck, ComposedNetsOfEveryDepthWidthAndBatch) {
  for (const NetCase& c : net_cases()) {
    for (const int depth : {1, 2, 3, 10, 50}) {
      for (const Index width : {1, 2, 7, 64}) {
        for (const Index batch : {1, 2, 33}) {
          SCOPED_TRACE(text(c.name, " depth ", depth, " width ", width, " batch ", batch));
          Net<double> net(depth, width, c.f, c.gain);
          const double size = std::sqrt(static_cast<double>(batch * width));
          const auto f = [&](Tape<double>& tape, Vars in) { return scale(net(tape, in[0]), 1 / size); };
          const Index entries = std::max<Index>(1, 24 / depth);
          const GradientCheckResult result =
              gradient_check(net, f, {net.inputs(batch, width)}, {.max_entries = entries});
          EXPECT_TRUE(result.ok()) << result.str();
        }
      }
    }
  }
}

// The distance of all parameters' gradients in float from those in double, relative to their length.
double float_error(int depth, Index width, Index batch, const NetCase& c) {
  const auto gradients = [&]<Real S>(S) {
    Net<S> net(depth, width, c.f, c.gain);
    Tape<S> tape;
    const Mat target = random_matrix<double>(batch, width, 8);
    const Var<S> in = tape.constant(net.inputs(batch, width));
    const Var<S> error = net(tape, in) - tape.constant(Matrix<S>(target.template cast<float>().template cast<S>()));
    const Gradients<S> found = tape.backward(mean(error * error));
    std::vector<double> all;
    for (const Parameter<S>& p : net.parameters) {
      const ConstMap<S> g = found.of(p);
      all.insert(all.end(), g.data(), g.data() + g.size());
    }
    return all;
  };
  const std::vector<double> single = gradients(0.0f), exact = gradients(0.0);
  double distance = 0, length = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    distance += (single[i] - exact[i]) * (single[i] - exact[i]);
    length += exact[i] * exact[i];
  }
  EXPECT_GT(length, 0);
  return std::sqrt(distance / length);
}

TEST(GradientCheck, FloatAgreesWithDoubleInComposedNets) {
  for (const NetCase& c : net_cases()) {
    for (const int depth : {1, 2, 3, 10, 50}) {
      for (const Index width : {1, 2, 7, 64}) {
        for (const Index batch : {1, 2, 33}) {
          EXPECT_LE(float_error(depth, width, batch, c), depth <= 10 ? 1e-5 : 1e-3)
              << c.name << " depth " << depth << " width " << width << " batch " << batch;
        }
      }
    }
  }
}

}  // namespace
}  // namespace evengrad
