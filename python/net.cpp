// A net that Python trains: options, fit, predict, parameters that share memory with NumPy.
#include "bindings.hpp"

#include <evengrad/activations/registry.hpp>
#include <evengrad/training/model_file.hpp>
#include <evengrad/training/predict.hpp>
#include <evengrad/training/setup.hpp>
#include <evengrad/training/trainer.hpp>

#include <nanobind/stl/pair.h>

#include <algorithm>
#include <chrono>

namespace evengrad::python {

namespace {

using Inputs = nb::ndarray<const float, nb::ndim<2>, nb::c_contig>;
using Labels = nb::ndarray<const std::int32_t, nb::ndim<1>, nb::c_contig>;

Matrix<float> to_matrix(const Inputs& x) {
  return Eigen::Map<const Matrix<float>>(x.data(), static_cast<Index>(x.shape(0)), static_cast<Index>(x.shape(1)));
}

Dataset<float> classes_of(const Inputs& x, const Labels& labels, Index classes) {
  Dataset<float> data{.name = "python", .inputs = to_matrix(x), .classes = classes};
  data.labels.assign(labels.data(), labels.data() + labels.shape(0));
  if (x.shape(0) > 0) check(data);  // validation data may be none
  return data;
}

Dataset<float> targets_of(const Inputs& x, const Inputs& targets) {
  Dataset<float> data{
      .name = "python", .task = Task::regression, .inputs = to_matrix(x), .targets = to_matrix(targets)};
  if (x.shape(0) > 0) check(data);
  return data;
}

nb::dict to_dict(const Metrics& metrics) {
  nb::dict dict;
  dict["loss"] = metrics.loss;
  if (metrics.accuracy) dict["accuracy"] = *metrics.accuracy;
  return dict;
}

// Whether Ctrl-C was pressed, asked ten times a second at most.
class Interrupt {
 public:
  bool operator()() {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return raised_;
    next_ = now + std::chrono::milliseconds(100);
    const nb::gil_scoped_acquire gil;
    raised_ = PyErr_CheckSignals() != 0;
    return raised_;
  }
  bool raised() const { return raised_; }

 private:
  std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now();
  bool raised_ = false;
};

// Sets the option of this name among the fields of a TrainingSetup: those of its network and its training. A Python
// name is that of the command line with _ for -, and "shuffle" for "no-shuffle".
class OptionSetter {
 public:
  OptionSetter(const std::string& key, const nb::handle& value) : key_(key), value_(value) {}

  void group(std::string_view name) { data_ = name == "Data"; }
  template <class T>
  void operator()(const OptionInfo& info, T& field) {
    if (data_) return;  // data are arrays here
    std::string name(info.name);
    std::replace(name.begin(), name.end(), '-', '_');
    if (info.turns_off) name.erase(0, std::string_view("no_").size());
    set(name, field);
  }
  template <class T>
  void set(const std::string& name, T& field) {
    known_.push_back(name);
    if (name != key_) return;
    found_ = true;
    try {
      if constexpr (Choice<T>)
        field = parse_choice<T>(key_, nb::cast<std::string>(value_));
      else
        field = nb::cast<typename OptionValue<T>::type>(value_);
    } catch (const nb::cast_error&) {
      throw UsageError(text(key_, ": ", nb::repr(value_).c_str(), " is not ", kind<typename OptionValue<T>::type>()));
    }
  }
  /// \throws UsageError if there is no such option.
  void require_found() const {
    if (!found_) throw UsageError(unknown_name("option", key_, known_));
  }

 private:
  template <class T>
  static const char* kind() {
    return std::is_same_v<T, bool>       ? "True or False"
           : std::is_integral_v<T>       ? "a whole number"
           : std::is_floating_point_v<T> ? "a number"
                                         : "text";
  }

  const std::string& key_;
  const nb::handle& value_;
  std::vector<std::string> known_;
  bool data_ = false, found_ = false;
};

class Net {
 public:
  explicit Net(const nb::dict& options) {
    for (const auto& [key, value] : options) set(nb::cast<std::string>(key), value);
    // Wrong words are refused before there are data.
    if (setup_.net.empty()) mlp_options(setup_, 1, 1);
    if (setup_.init != "lsuv") initializer(setup_.init);
  }

  void set(const std::string& key, const nb::handle& value) {
    OptionSetter setter(key, value);
    setup_.fields(setter);
    setter.set("threads", setup_.trainer.threads);
    setter.set("seed", setup_.trainer.seed);
    setter.require_found();
  }

  // Trains; a net without weights is built and initialized first. on_epoch returns false to stop.
  nb::dict fit(const Dataset<float>& train, const Dataset<float>& test, const nb::object& on_epoch) {
    Interrupt interrupt;
    bool failed = false;
    TrainResult result;
    {
      const nb::gil_scoped_release released;
      if (!model_) {
        model_ = std::make_unique<Sequential<float>>(
            make_net<float>(setup_, {1, train.features()}, required_outputs(train, setup_.trainer.loss)));
        initialize(*model_, setup_, train);
        inputs_ = train.features();
      }
      task_ = train.task;
      Trainer<float> trainer(*model_, train, test, setup_.trainer);
      trainer.stop = std::ref(interrupt);
      trainer.on_epoch = [&](const EpochReport& report) {
        const nb::gil_scoped_acquire gil;
        try {
          if (on_epoch.is_none()) return true;
          const nb::object test_metrics = report.test ? nb::object(to_dict(*report.test)) : nb::none();
          return on_epoch(report.epoch, to_dict(report.train), test_metrics).ptr() != Py_False;
        } catch (nb::python_error& error) {
          error.restore();
          failed = true;
          return false;
        }
      };
      result = trainer.run();
    }
    if (failed || interrupt.raised()) throw nb::python_error();
    nb::dict dict = to_dict(result.train);
    dict["steps"] = result.steps;
    dict["epochs"] = result.epochs;
    dict["seconds"] = result.seconds;
    if (result.test) dict["test"] = to_dict(*result.test);
    return dict;
  }

  Sequential<float>& model() {
    if (!model_) throw UsageError("this net has no weights yet: call fit() or build() first");
    return *model_;
  }

  void build(Index inputs, Index outputs, bool classification) {
    task_ = classification ? Task::classification : Task::regression;
    model_ = std::make_unique<Sequential<float>>(make_net<float>(setup_, {1, inputs}, outputs));
    inputs_ = inputs;
    Dataset<float> nothing{.inputs = Matrix<float>::Zero(1, inputs)};
    if (setup_.init == "lsuv") throw UsageError("init lsuv measures on data: call fit()");
    initialize(*model_, setup_, nothing);
  }

  nb::dict evaluate(const Dataset<float>& data) {
    Sequential<float>& net = model();
    const Dataset<float> none{.task = data.task, .inputs = Matrix<float>(0, data.features()), .classes = data.classes};
    Trainer<float> trainer(net, data, none, setup_.trainer);
    return to_dict(trainer.evaluate(data));
  }

  Array<double> predict(const Inputs& x) {
    Sequential<float>& net = model();
    if (static_cast<Index>(x.shape(1)) != inputs_) {
      throw ShapeError(text("predict: x is (", x.shape(0), ", ", x.shape(1), "), expected ", inputs_, " columns"));
    }
    Matrix<double> result;
    {
      const nb::gil_scoped_release released;
      result = evengrad::predict<float>(net, to_matrix(x), task_);
    }
    return to_numpy(std::move(result));
  }

  void save(const std::string& path) { save_model<float>(path, model(), {.name = "python", .task = task_}); }

  void load(const std::string& path) {
    SavedModel<float> saved = load_model<float>(path);
    task_ = saved.data.task;
    inputs_ = saved.inputs.cols;
    model_ = std::make_unique<Sequential<float>>(std::move(saved.model));
  }

  TrainingSetup setup_;
  Task task_ = Task::classification;
  std::unique_ptr<Sequential<float>> model_;
  Index inputs_ = 0;  // features of a sample
};

}  // namespace

void bind_net(nb::module_& m) {
  nb::class_<Net>(m, "Net")
      .def(nb::init<const nb::dict&>(), "options"_a)
      .def("set", &Net::set, "option"_a, "value"_a)
      .def("build", &Net::build, "inputs"_a, "outputs"_a, "classification"_a)
      .def(
          "fit_classes",
          [](Net& net, const Inputs& x, const Labels& y, Index classes, const Inputs& test_x, const Labels& test_y,
             const nb::object& on_epoch) {
            return net.fit(classes_of(x, y, classes), classes_of(test_x, test_y, classes), on_epoch);
          },
          "x"_a, "labels"_a, "classes"_a, "test_x"_a, "test_labels"_a, "on_epoch"_a.none())
      .def(
          "fit_targets",
          [](Net& net, const Inputs& x, const Inputs& y, const Inputs& test_x, const Inputs& test_y,
             const nb::object& on_epoch) { return net.fit(targets_of(x, y), targets_of(test_x, test_y), on_epoch); },
          "x"_a, "targets"_a, "test_x"_a, "test_targets"_a, "on_epoch"_a.none())
      .def("evaluate_classes", [](Net& net, const Inputs& x, const Labels& y,
                                  Index classes) { return net.evaluate(classes_of(x, y, classes)); })
      .def("evaluate_targets",
           [](Net& net, const Inputs& x, const Inputs& y) { return net.evaluate(targets_of(x, y)); })
      .def("predict", &Net::predict, "x"_a)
      .def("save", &Net::save, "path"_a)
      .def("load", &Net::load, "path"_a)
      .def_prop_ro("classification", [](const Net& net) { return net.task_ == Task::classification; })
      .def_prop_ro("built", [](const Net& net) { return net.model_ != nullptr; })
      .def_prop_ro("description", [](Net& net) { return widths<float>(net.model()); })
      .def_prop_ro("line", [](Net& net) { return net.model().word(); })
      .def_prop_ro("shape",
                   [](Net& net) {
                     return std::pair(net.inputs_, net.model().outputs({1, net.inputs_}).cols);
                   })
      .def_prop_ro("layers",
                   [](Net& net) {
                     std::vector<std::pair<std::string, std::string>> words;
                     for (const LayerSummary& layer : net.model().summary({1, net.inputs_}))
                       words.emplace_back(layer.name, layer.layer);
                     return words;
                   })
      .def("state_dict", [](nb::handle self) {
        nb::dict dict;
        nb::cast<Net&>(self).model().visit(Path(), [&](const Path& path, Parameter<float>& parameter) {
          const std::vector<Index> dimensions = parameter.shape();
          const std::vector<std::size_t> shape(dimensions.begin(), dimensions.end());
          dict[path.str().c_str()] =
              nb::ndarray<nb::numpy, float>(parameter.value.data(), shape.size(), shape.data(), self);
        });
        return dict;
      });
}

}  // namespace evengrad::python
