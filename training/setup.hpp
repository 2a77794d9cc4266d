// What a training run is asked for in words, and the net and the theory that follow from it: one place for the command
// line and for the page.
#pragma once

#include <evengrad/core/error.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/init/net_theory.hpp>
#include <evengrad/layers/mlp.hpp>
#include <evengrad/layers/registry.hpp>
#include <evengrad/training/model_file.hpp>
#include <evengrad/training/trainer.hpp>

namespace evengrad {

/// The options of `evengrad train` that its weights depend on. The seed of all of it is the trainer's.
struct TrainingSetup {
  DataOptions data;
  TrainerOptions trainer;
  std::string net = "";             ///< a line of layers/registry.hpp; empty: the MLP that the next options describe
  std::string hidden = "64,64";     ///< widths, or "none"
  std::string activation = "relu";  ///< one for all hidden layers, or one each
  std::string init = "he";
  Norm norm = Norm::none;
  double dropout = 0;
  bool residual = false;

  template <class F>
  void fields(F& f) {
    data.fields(f);
    f.group("Network");
    f({.name = "hidden", .help = "Widths of the hidden layers, or none", .type = "LIST"}, hidden);
    f({.name = "net",
       .help = "The net in one line instead: \"linear(64) f norm linear(64) f\"; evengrad list layers has the words",
       .type = "LINE",
       .excludes = "hidden",
       .show_default = false},
      net);
    f({.name = "activation", .help = "A name, a formula in x, or a list with one for each hidden layer"}, activation);
    f({.name = "init", .help = "Initializer (evengrad list initializers); auto chooses one and says why"}, init);
    f({.name = "norm", .help = "batch, layer or none, before each activation"}, norm);
    f({.name = "dropout", .help = "Share of units dropped after each activation, from 0 to below 1"}, dropout);
    f({.name = "residual", .help = "Add a layer's input to its output, h + f(Wh + b), where the widths are equal"},
      residual);
    trainer.fields(f);
  }
};

/// The MLP that the options describe, its shape. \throws UsageError for a wrong word, or a net of more than
/// `most_parameters`.
MlpOptions mlp_options(const TrainingSetup& setup, Index inputs, Index outputs, double most_parameters = 2e9);

/// Arranges the samples as the net takes them: images as such, as one row, or as a sequence.
template <Real S>
void shape_samples(Split<S>& data, const TrainingSetup& setup);
/// As a saved net took them.
template <Real S>
void shape_samples(Split<S>& data, const Shape& sample, Order order);

/// Puts the pixels of images into the order in which a net takes them: changes nothing unless that is `permuted`.
template <Real S>
void permute_pixels(Matrix<S>& images, const Shape& sample, Order order);

/// The net for these data, its weights 0. \throws UsageError for a wrong word, or a net of more than `most_parameters`.
template <Real S>
Sequential<S> make_net(const TrainingSetup& setup, const Dataset<S>& data, double most_parameters = 2e9);

/// The net, its weights 0, for samples of this shape. \throws UsageError for a wrong word, or a net of more than
/// `most_parameters`.
template <Real S>
Sequential<S> make_net(const TrainingSetup& setup, const Shape& inputs, Index outputs, double most_parameters = 2e9,
                       Index tokens = 0);

/// Draws the weights of a net for these data; `lsuv` measures on them.
template <Real S>
void initialize(Layer<S>& net, const TrainingSetup& setup, const Dataset<S>& train);

/// What theory knows of a net: a chain of layers of one activation and of about one width. Null for others.
template <Real S>
std::optional<NetOptions> theory_net(const TrainingSetup& setup, Layer<S>& net);

/// What a saved model keeps of its data.
template <Real S>
ModelData model_data(const Split<S>& data) {
  return {data.train.name,
          data.train.task,
          data.train.feature_names,
          data.train.class_names,
          data.normalization,
          data.train.target_units,
          data.encoding,
          data.train.tokens,
          data.order,
          !data.train.tokens.empty() && data.train.text.empty()};
}

}  // namespace evengrad
