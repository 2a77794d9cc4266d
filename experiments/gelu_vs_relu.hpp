#pragma once

#include <evengrad/experiments/experiment.hpp>
#include <evengrad/experiments/rules.hpp>

#include <evengrad/core/random.hpp>
#include <evengrad/core/types.hpp>
#include <evengrad/data/dataset.hpp>

#include <span>

namespace evengrad {

/// How large the experiment is.
struct GeluPlan {
  int seeds = 5;         ///< of nets on images
  int block_seeds = 10;  ///< of the smaller ones
  Index images = 20000;  ///< of the training set, from which those for validation are taken; 0 for all 60,000
  double validation = 0.2;
  Index depth = 8, width = 128;
  std::int64_t image_steps = 700;
  std::vector<double> image_rates = {1e-3, 3e-4, 1e-4};
  Index characters = 20000;  ///< of the text to train on
  Index teacher_samples = 5000;
  Index block_width = 64;  ///< of the feed-forward nets; their hidden layers are four times as wide
  std::int64_t block_steps = 500;
  std::int64_t stability_steps = 100;
  int timed_rounds = 5;
};

/// What the settings ask for.
GeluPlan gelu_plan(const ExperimentSettings& settings);

/// GELU and its relatives against ReLU: real images, text, feed-forward blocks, gates; claims G1 to G11. Where there
/// are no images, the claims that need them are not tested and say so.
Report gelu_vs_relu(const ExperimentSettings& settings, const GeluPlan& plan);
Report gelu_vs_relu(const ExperimentSettings& settings);

namespace gelu {

/// A text in a language that does not exist, with a known entropy.
struct Language {
  std::string text;    ///< lower-case words with a space after each
  double entropy = 0;  ///< nats a character: no model that reads on for ever has a lower loss
};

/// Words follow each other as they do in no dictionary: after each word the others are ranked in an order of its own,
/// and the one of rank r comes next with probability proportional to r^-1.5.
Language invent_language(Index characters, const Rng& rng);

/// The next character from those before it: inputs are one-hot, (samples, context * 27), with a mean square of 1,
/// labels 0 for a space, else 1 to 26.
Dataset<float> next_characters(std::string_view text, Index context);

/// The probability of so many or fewer on the rarer side of zero, were both sides equally likely; zeros are left out.
double sign_test(std::span<const double> differences);

/// G4: the statement is of Transformers, so that a net that is none can contradict its "consistently", but not confirm
/// it.
Ruling at_most_conditional(const Ruling& ruling);
/// G8: slightly better, at a higher cost; times closer than 15 % decide nothing.
Verdict better_but_costlier(const Measurement& log_ratio_of_losses, const Measurement& ratio_of_times);
/// G10: how far the derivatives jump at 0.
Verdict jumps_and_does_not(const Measurement& relu_jump, const Measurement& gelu_jump);

}  // namespace gelu

}  // namespace evengrad
