// Does the gradient check catch what can go wrong? Each op is checked as it is, and with an error planted in its pull.
#include <evengrad/core/gradient_check.hpp>
#include <evengrad/core/sequence_ops.hpp>
#include <evengrad/layers/dropout.hpp>
#include <evengrad/layers/dyt.hpp>
#include <evengrad/layers/losses.hpp>
#include <evengrad/layers/normalization.hpp>
#include <evengrad/layers/prelu.hpp>
#include <evengrad/layers/softmax.hpp>

#include "../matrices.hpp"

namespace evengrad {
namespace {

constexpr Index rows = 7, cols = 5;

// An op whose pull is followed by Change, which edits the gradients that the right pull has written.
template <class O, class Change>
struct Mutant : O {
  void pull(Pull<double>& step) const {
    O::pull(step);
    Change()(static_cast<const O&>(*this), step);
  }
};

// The gradient of an input, as written so far.
MutableMap<double> written(Pull<double>& step, int input) {
  return {step.target(input).data, step.shape(input).matrix_rows(), step.shape(input).cols};
}

template <class O>
GradientCheckResult check(const O& op, const Shape& shape, const std::vector<Matrix<double>>& inputs) {
  return gradient_check(
      [&](Tape<double>& tape, std::span<const Var<double>> in) {
        if (in.size() == 1) return tape.record(op, shape, {in[0]});
        if (in.size() == 2) return tape.record(op, shape, {in[0], in[1]});
        if (in.size() == 4) return tape.record(op, shape, {in[0], in[1], in[2], in[3]});
        return tape.record(op, shape, {in[0], in[1], in[2]});
      },
      inputs);
}

template <class O, class Change>
void expect_caught(const char* planted, const O& op, const Shape& shape, const std::vector<Matrix<double>>& inputs,
                   Change) {
  const GradientCheckResult right = check(op, shape, inputs);
  EXPECT_TRUE(right.ok()) << planted << ": the op itself: " << right.str();
  EXPECT_FALSE((check(Mutant<O, Change>{op}, shape, inputs).ok())) << planted << " went unnoticed";
}

class BatchNormMutation : public ::testing::Test {
 protected:
  using Op = BatchNormalize<double>;

  template <class Change>
  void caught(const char* planted, Change change) {
    std::vector<double> mean(cols, 0.0), variance(cols, 1.0);
    const Op op{1e-5, {mean.data(), variance.data(), 0.1, true}};
    expect_caught(
        planted, op, {rows, cols},
        {random_matrix<double>(rows, cols, 1), random_matrix<double>(1, cols, 2), random_matrix<double>(1, cols, 3)},
        change);
  }

  // factor * sum over the batch of g, or of g * normalized, a row; what dx subtracts of it, for row r.
  static Matrix<double> term(const Op& op, Pull<double>& step, bool through_deviation) {
    const ConstMap<double> n(op.normalized, rows, cols), g = step.gradient();
    Matrix<double> result(rows, cols);
    for (Index c = 0; c < cols; ++c) {
      const double factor = step.input(1)(0, c) * op.inverse_deviation[c] / rows;
      if (through_deviation) {
        result.col(c) = factor * g.col(c).dot(n.col(c)) * n.col(c);
      } else {
        result.col(c).setConstant(factor * g.col(c).sum());
      }
    }
    return result;
  }
};

TEST_F(BatchNormMutation, StatisticsTakenForConstants) {
  caught("no way through mean and deviation",
         [](const Op& op, Pull<double>& step) { written(step, 0) += term(op, step, false) + term(op, step, true); });
}
TEST_F(BatchNormMutation, MeanTakenForConstant) {
  caught("no way through the mean",
         [](const Op& op, Pull<double>& step) { written(step, 0) += term(op, step, false); });
}
TEST_F(BatchNormMutation, DeviationTakenForConstant) {
  caught("no way through the deviation",
         [](const Op& op, Pull<double>& step) { written(step, 0) += term(op, step, true); });
}
TEST_F(BatchNormMutation, UnbiasedVariance) {
  caught("unbiased variance",
         [](const Op&, Pull<double>& step) { written(step, 0) *= std::sqrt((rows - 1.0) / rows); });
}
TEST_F(BatchNormMutation, WeightForgotten) {
  caught("weight forgotten", [](const Op&, Pull<double>& step) {
    for (Index c = 0; c < cols; ++c) written(step, 0).col(c) /= step.input(1)(0, c);
  });
}
TEST_F(BatchNormMutation, WeightGradientFromTheOutput) {
  caught("weight's gradient from the output", [](const Op&, Pull<double>& step) {
    written(step, 1) = step.gradient().cwiseProduct(step.output()).colwise().sum();
  });
}
TEST_F(BatchNormMutation, BiasGradientIsAMean) {
  caught("a mean instead of a sum", [](const Op&, Pull<double>& step) { written(step, 2) /= rows; });
}

class LayerNormMutation : public ::testing::Test {
 protected:
  using Op = LayerNormalize<double>;
  template <class Change>
  void caught(const char* planted, Change change) {
    expect_caught(
        planted, Op{}, {rows, cols},
        {random_matrix<double>(rows, cols, 1), random_matrix<double>(1, cols, 2), random_matrix<double>(1, cols, 3)},
        change);
  }
};

TEST_F(LayerNormMutation, SumsOverTheBatch) {
  caught("sums over the wrong axis", [](const Op& op, Pull<double>& step) {
    const ConstMap<double> n(op.normalized, rows, cols);
    const Matrix<double> weighted = step.gradient() * step.input(1).row(0).asDiagonal();
    for (Index r = 0; r < rows; ++r) {
      for (Index c = 0; c < cols; ++c) {
        const double through = weighted.col(c).mean() + n(r, c) * weighted.col(c).dot(n.col(c)) / rows;
        written(step, 0)(r, c) = op.inverse_deviation[r] * (weighted(r, c) - through);
      }
    }
  });
}
TEST_F(LayerNormMutation, DeviationTakenForConstant) {
  caught("no way through the deviation", [](const Op& op, Pull<double>& step) {
    const ConstMap<double> n(op.normalized, rows, cols);
    const Matrix<double> weighted = step.gradient() * step.input(1).row(0).asDiagonal();
    for (Index r = 0; r < rows; ++r) {
      written(step, 0).row(r) += op.inverse_deviation[r] * weighted.row(r).dot(n.row(r)) / cols * n.row(r);
    }
  });
}
TEST_F(LayerNormMutation, BiasOfTheLastRowOnly) {
  caught("no sum over the batch",
         [](const Op&, Pull<double>& step) { written(step, 2) = step.gradient().row(rows - 1); });
}

class GroupNormMutation : public ::testing::Test {
 protected:
  using Op = GroupNormalize<double>;
  template <class Change>
  void caught(const char* planted, Change change) {  // as one row a sample, in two groups of 4 columns
    expect_caught(planted, Op{2}, {rows, 8},
                  {random_matrix<double>(rows, 8, 1), random_matrix<double>(1, 8, 2), random_matrix<double>(1, 8, 3)},
                  change);
  }
};

TEST_F(GroupNormMutation, DeviationTakenForConstant) {
  caught("no way through the deviation", [](const Op& op, Pull<double>& step) {
    const ConstMap<double> n(op.normalized, rows, 8);
    const Matrix<double> weighted = step.gradient() * step.input(1).row(0).asDiagonal();
    for (Index i = 0; i < 2 * rows; ++i) {
      const Index r = i / 2, c = i % 2 * 4;
      const auto group = n.row(r).segment(c, 4);
      written(step, 0).row(r).segment(c, 4) +=
          op.inverse_deviation[i] * weighted.row(r).segment(c, 4).dot(group) / 4 * group;
    }
  });
}
TEST_F(GroupNormMutation, WeightForgotten) {
  caught("weight forgotten", [](const Op&, Pull<double>& step) {
    for (Index c = 0; c < 8; ++c) written(step, 0).col(c) /= step.input(1)(0, c);
  });
}

class DropoutMutation : public ::testing::Test {
 protected:
  using Op = Drop<double>;
  template <class Change>
  void caught(const char* planted, Change change) {
    expect_caught(planted, Op{0.4, Rng(1)}, {rows, cols}, {random_matrix<double>(rows, cols, 1)}, change);
  }
};

TEST_F(DropoutMutation, ScaleForgotten) {
  caught("scale forgotten", [](const Op& op, Pull<double>& step) { written(step, 0) *= 1 - op.p; });
}
TEST_F(DropoutMutation, DroppedValuesGetAGradient) {
  caught("no mask", [](const Op&, Pull<double>& step) { written(step, 0) = step.gradient(); });
}
TEST_F(DropoutMutation, AnotherMask) {
  caught("the mask of the row before", [](const Op& op, Pull<double>& step) {
    for (Index r = 1; r < rows; ++r) {
      written(step, 0).row(r) = step.gradient().row(r).cwiseProduct(ConstMap<double>(op.mask, rows, cols).row(r - 1));
    }
  });
}

class PReLUMutation : public ::testing::Test {
 protected:
  using Op = ParametricReLU<double>;
  template <class Change>
  void caught(const char* planted, Change change) {
    expect_caught(planted, Op{}, {rows, cols},
                  {random_matrix<double>(rows, cols, 1), random_matrix<double>(1, cols, 2)}, change);
  }
};

TEST_F(PReLUMutation, SlopeLearnsFromThePositiveSide) {
  caught("the wrong side", [](const Op&, Pull<double>& step) {
    written(step, 1) = step.gradient().cwiseProduct(step.input(0).cwiseMax(0.0)).colwise().sum();
  });
}
TEST_F(PReLUMutation, SlopeLearnsFromTheOutput) {
  caught("output instead of input",
         [](const Op&, Pull<double>& step) { written(step, 1).array() *= step.input(1).array(); });
}
TEST_F(PReLUMutation, DeadNegativeSide) {
  caught("a ReLU's derivative", [](const Op&, Pull<double>& step) {
    written(step, 0) = (step.input(0).array() > 0).select(step.gradient(), 0.0);
  });
}

class SoftmaxMutation : public ::testing::Test {
 protected:
  using Op = RowSoftmax<double>;
  template <class Change>
  void caught(const char* planted, bool logarithm, Change change) {
    expect_caught(planted, Op{1.5, logarithm}, {rows, cols}, {random_matrix<double>(rows, cols, 1)}, change);
  }
};

TEST_F(SoftmaxMutation, DiagonalOfTheJacobianOnly) {
  caught("p (1 - p)", false, [](const Op& op, Pull<double>& step) {
    const auto p = step.output().array();
    written(step, 0) = (p * (1 - p) * step.gradient().array() / op.temperature).matrix();
  });
}
TEST_F(SoftmaxMutation, TemperatureForgotten) {
  caught("temperature forgotten", false, [](const Op& op, Pull<double>& step) { written(step, 0) *= op.temperature; });
}
TEST_F(SoftmaxMutation, LogSoftmaxWithoutTheSum) {
  caught("g (1 - p)", true, [](const Op& op, Pull<double>& step) {
    written(step, 0) = (step.gradient().array() * (1 - step.output().array().exp()) / op.temperature).matrix();
  });
}

class LossMutation : public ::testing::Test {
 protected:
  template <class O, class Change>
  void caught(const char* planted, const O& op, const std::vector<Matrix<double>>& inputs, Change change) {
    expect_caught(planted, op, {1, 1}, inputs, change);
  }

  const std::vector<std::int32_t> labels_{0, 4, 2, 2, 1, 3, 0};
  const Matrix<double> y_ = random_matrix<double>(rows, cols, 1);
  const Matrix<double> t_ = random_matrix<double>(rows, cols, 2);
};

TEST_F(LossMutation, CrossEntropySummedOverTheBatch) {
  using Op = SoftmaxCrossEntropy<double>;
  caught("a sum instead of a mean", Op{labels_, 0.1}, {y_},
         [](const Op&, Pull<double>& step) { written(step, 0) *= rows; });
}
TEST_F(LossMutation, CrossEntropyWithoutItsSmoothing) {
  using Op = SoftmaxCrossEntropy<double>;
  caught("smoothing in the value only", Op{labels_, 0.1}, {y_}, [](const Op& op, Pull<double>& step) {
    written(step, 0) = ConstMap<double>(op.probabilities, rows, cols) / rows;
    for (Index r = 0; r < rows; ++r) written(step, 0)(r, op.kept_labels[r]) -= 1.0 / rows;
  });
}
TEST_F(LossMutation, CrossEntropyOfTheNextLabel) {
  using Op = SoftmaxCrossEntropy<double>;
  caught("labels shifted by a row", Op{labels_, 0}, {y_}, [](const Op& op, Pull<double>& step) {
    for (Index r = 0; r < rows; ++r) {
      written(step, 0)(r, op.kept_labels[r]) += 1.0 / rows;
      written(step, 0)(r, op.kept_labels[(r + 1) % rows]) -= 1.0 / rows;
    }
  });
}
TEST_F(LossMutation, SquaredErrorWithoutTheTwo) {
  using Op = MeanSquaredError<double>;
  caught("factor 2 forgotten", Op{}, {y_, t_}, [](const Op&, Pull<double>& step) { written(step, 0) /= 2; });
}
TEST_F(LossMutation, SquaredErrorPullsTheTargetAlong) {
  using Op = MeanSquaredError<double>;
  caught("sign of the target", Op{}, {y_, t_}, [](const Op&, Pull<double>& step) { written(step, 1) *= -1; });
}
TEST_F(LossMutation, BinaryCrossEntropyWithoutTheSigmoid) {
  using Op = BinaryCrossEntropy<double>;
  caught("z - t", Op{}, {y_, t_.cwiseAbs()},
         [](const Op&, Pull<double>& step) { written(step, 0) = (step.input(0) - step.input(1)) / (rows * cols); });
}
TEST_F(LossMutation, BinaryCrossEntropyThroughTheSigmoidTwice) {
  using Op = BinaryCrossEntropy<double>;
  caught("times sigmoid'", Op{}, {y_, t_.cwiseAbs()}, [](const Op&, Pull<double>& step) {
    const auto p = 1 / (1 + (-step.input(0).array()).exp());
    written(step, 0).array() *= p * (1 - p);
  });
}
TEST_F(LossMutation, HuberWithoutItsLimit) {
  using Op = HuberLoss<double>;
  caught("the slope goes on", Op{0.7}, {y_, t_},
         [](const Op&, Pull<double>& step) { written(step, 0) = (step.input(0) - step.input(1)) / (rows * cols); });
}
TEST_F(LossMutation, SoftTargetsScaledOnce) {
  using Op = SoftTargets<double>;
  caught("T instead of T^2", Op{t_.data(), 3.0}, {y_},
         [](const Op& op, Pull<double>& step) { written(step, 0) /= op.temperature; });
}

class RmsNormMutation : public ::testing::Test {
 protected:
  using Op = RmsNormalize<double>;
  template <class Change>
  void caught(const char* planted, Change change) {
    expect_caught(planted, Op{}, {rows, cols},
                  {random_matrix<double>(rows, cols, 1), random_matrix<double>(1, cols, 2)}, change);
  }
};

TEST_F(RmsNormMutation, RootMeanSquareTakenForConstant) {
  caught("no way through the root mean square", [](const Op& op, Pull<double>& step) {
    for (Index r = 0; r < rows; ++r) {
      written(step, 0).row(r) = op.inverse_rms[r] * step.gradient().row(r).cwiseProduct(step.input(1));
    }
  });
}
TEST_F(RmsNormMutation, WeightLearnsFromTheInput) {
  caught("input instead of the normalized", [](const Op&, Pull<double>& step) {
    written(step, 1) = step.gradient().cwiseProduct(step.input(0)).colwise().sum();
  });
}

class DyTMutation : public ::testing::Test {
 protected:
  using Op = DynamicTanh<double>;
  template <class Change>
  void caught(const char* planted, Change change) {
    static const Activation f = make_activation(TestTanh{});
    expect_caught(planted, Op{&f}, {rows, cols},
                  {random_matrix<double>(rows, cols, 1), Matrix<double>::Constant(1, 1, 0.7),
                   random_matrix<double>(1, cols, 2), random_matrix<double>(1, cols, 3)},
                  change);
  }
};

TEST_F(DyTMutation, AlphaForgotten) {
  caught("alpha forgotten", [](const Op&, Pull<double>& step) { written(step, 0) /= 0.7; });
}
TEST_F(DyTMutation, AlphaLearnsWithoutTheWeight) {
  caught("weight forgotten", [](const Op& op, Pull<double>& step) {
    const ConstMap<double> slope(op.slope, rows, cols);
    written(step, 1)(0, 0) = step.gradient().cwiseProduct(slope).cwiseProduct(step.input(0)).sum();
  });
}
TEST_F(DyTMutation, WeightLearnsFromTheOutput) {
  caught("output instead of tanh", [](const Op&, Pull<double>& step) {
    written(step, 2) = step.gradient().cwiseProduct(step.output()).colwise().sum();
  });
}

class SequenceMutation : public ::testing::Test {
 protected:
  static constexpr Index samples = 2, time = 4, width = 4;

  // Inputs in these shapes.
  template <class O>
  static GradientCheckResult check(const O& op, const Shape& out, const std::vector<Shape>& shapes) {
    std::vector<Matrix<double>> inputs;
    for (const Shape& shape : shapes) {
      inputs.push_back(random_matrix<double>(shape.matrix_rows(), shape.cols, inputs.size() + 1));
    }
    return gradient_check(
        [&](Tape<double>& tape, std::span<const Var<double>> in) {
          const Var<double> x = tape.reshape(in[0], shapes[0]);
          return in.size() == 1 ? tape.record(op, out, {x}) : tape.record(op, out, {x, in[1]});
        },
        inputs);
  }

  template <class O, class Change>
  static void caught(const char* planted, const O& op, const Shape& out, const std::vector<Shape>& shapes, Change) {
    const GradientCheckResult right = check(op, out, shapes);
    EXPECT_TRUE(right.ok()) << planted << ": the op itself: " << right.str();
    EXPECT_FALSE((check(Mutant<O, Change>{op}, out, shapes).ok())) << planted << " went unnoticed";
  }

  template <class Change>
  static void attention_caught(const char* planted, const AttentionOptions& options, Change change) {
    caught(planted, Attend<double>{options}, {samples, time, width}, {{samples, time, 3 * width}}, change);
  }
  using Op = Attend<double>;
};

TEST_F(SequenceMutation, ScaleOfTheScoresForgotten) {
  attention_caught("1 / sqrt(d) forgotten", {.heads = 2},
                   [](const Op&, Pull<double>& step) { written(step, 0).leftCols(2 * width) *= std::sqrt(2.0); });
}
TEST_F(SequenceMutation, QueriesAndKeysExchanged) {
  attention_caught("queries and keys exchanged", {.heads = 2, .causal = true}, [](const Op&, Pull<double>& step) {
    const Matrix<double> q = written(step, 0).leftCols(width);
    written(step, 0).leftCols(width) = written(step, 0).middleCols(width, width);
    written(step, 0).middleCols(width, width) = q;
  });
}
TEST_F(SequenceMutation, ValuesWithoutWeights) {
  attention_caught("the gradient goes straight to the values", {.heads = 1},
                   [](const Op&, Pull<double>& step) { written(step, 0).rightCols(width) = step.gradient(); });
}
TEST_F(SequenceMutation, TheSoftmaxOfTheWholeMatrix) {
  attention_caught("gradients of the last sample in all", {.heads = 2}, [](const Op&, Pull<double>& step) {
    const Matrix<double> end = written(step, 0).bottomRows(time);
    written(step, 0).topRows(time) = end;
  });
}
TEST_F(SequenceMutation, RotationsTurnedTheWrongWay) {
  attention_caught("rotary gradients not turned back", {.heads = 2, .rope = 10}, [](const Op& op, Pull<double>& step) {
    for (Index r = 0; r < samples * time; ++r) {
      const double c = op.angles[r % time * 2], s = op.angles[r % time * 2 + 1];
      for (Index i = 0; i < 2 * width; i += 2) {  // pairs of heads of two columns
        double &a = written(step, 0)(r, i), &b = written(step, 0)(r, i + 1);
        const double turned = a * c - b * s;
        b = a * s + b * c;
        a = turned;
      }
    }
  });
}
TEST_F(SequenceMutation, LengthOfQueriesTakenForConstant) {
  attention_caught("no way through QK norm", {.heads = 1, .qk_norm = true}, [](const Op& op, Pull<double>& step) {
    for (Index r = 0; r < samples * time; ++r) {
      const double inverse = op.inverse_rms[r / time * 2 * time + r % time];
      written(step, 0).row(r).head(width) += 0.1 * inverse * inverse * step.input(0).row(r).head(width);
    }
  });
}
TEST_F(SequenceMutation, PositionsOfTheFirstSampleOnly) {
  caught("no sum over the batch", AddPositions<double>{}, {samples, time, width},
         {{samples, time, width}, {time, width}},
         [](const AddPositions<double>&, Pull<double>& step) { written(step, 1) = step.gradient().topRows(time); });
}
TEST_F(SequenceMutation, TheFirstRowForTheLast) {
  caught("the first row", LastRow<double>{}, {samples, width}, {{samples, time, width}},
         [](const LastRow<double>&, Pull<double>& step) {
           written(step, 0).setZero();
           for (Index b = 0; b < samples; ++b) written(step, 0).row(b * time) = step.gradient().row(b);
         });
}
TEST_F(SequenceMutation, TheLastUseOfATokenOnly) {
  Matrix<double> tokens(time, 1);
  tokens << 1, 0, 1, 2;
  const auto check_with = [&](const auto& op) {
    return gradient_check(
        [&](Tape<double>& tape, std::span<const Var<double>> in) {
          return tape.record(op, {1, time, width}, {tape.constant(tokens, {1, time, 1}), in[0]});
        },
        {random_matrix<double>(3, width, 1)});
  };
  const auto change = [](const Embed<double>&, Pull<double>& step) {
    written(step, 1).row(1) = step.gradient().row(2);
  };
  EXPECT_TRUE(check_with(Embed<double>{}).ok());
  EXPECT_FALSE(check_with(Mutant<Embed<double>, decltype(change)>{}).ok());
}

}  // namespace
}  // namespace evengrad
