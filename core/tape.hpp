// The tape: an arena of nodes in the order in which ops were called. backward() is one loop over it in reverse and
// returns the gradients as a value. Nothing is destroyed until clear(), so every value of a step can still be read
// after it, and in the steady state nothing is allocated.
//
//   Tape<float> tape;
//   Var<float> x = tape.constant(inputs), w = tape.parameter(weight);
//   Var<float> loss = mean(affine(x, w, bias, relu));
//   Gradients<float> gradients = tape.backward(loss);   // gradients.of(weight), gradients[x], ...
//   tape.clear();                                        // x, w and loss may no longer be used
#pragma once

#include <evengrad/core/arena.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/core/parallel.hpp>
#include <evengrad/core/parameter.hpp>

#include <concepts>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace evengrad {

template <Real S>
class Tape;
template <Real S>
class Gradients;

/// A batch of `blocks` samples, each of `rows` rows of `cols` features: (batch, time, features), (batch, pixels,
/// channels); a sample of a plain batch (batch, features) has one row, and so has each row of any other matrix. In
/// memory the rows of all samples follow one another, (blocks * rows, cols), so that what works row by row never asks
/// for more than matrix_rows() and cols. A loss is (1, 1).
struct Shape {
  Index blocks = 0;
  Index rows = 1;  ///< of each block
  Index cols = 0;
  std::int32_t height = 0, width = 0;     ///< of an image, whose rows are height * width pixels; else 0
  const std::int32_t* lengths = nullptr;  ///< rows of each block that count, the others are padding; null: all count

  constexpr Shape() = default;
  /// A matrix: a block per row.
  constexpr Shape(Index matrix_rows, Index columns) : blocks(matrix_rows), cols(columns) {}
  constexpr Shape(Index samples, Index rows_of_each, Index columns)
      : blocks(samples), rows(rows_of_each), cols(columns) {}
  static constexpr Shape image(Index samples, Index high, Index wide, Index channels) {
    Shape shape(samples, high * wide, channels);
    shape.height = static_cast<std::int32_t>(high);
    shape.width = static_cast<std::int32_t>(wide);
    return shape;
  }

  constexpr Index matrix_rows() const { return blocks * rows; }
  constexpr Index size() const { return matrix_rows() * cols; }
  constexpr bool is_image() const { return height != 0; }
  constexpr Index length(Index block) const { return lengths ? lengths[block] : rows; }
  /// How many rows are not padding.
  Index counted_rows() const;
  /// The same samples and rows with another number of columns: what a row-wise layer makes of it.
  constexpr Shape with_cols(Index columns) const {
    Shape shape = *this;
    shape.cols = columns;
    return shape;
  }

  /// Lengths are not compared.
  friend constexpr bool operator==(const Shape& a, const Shape& b) {
    return a.blocks == b.blocks && a.rows == b.rows && a.cols == b.cols && a.height == b.height && a.width == b.width;
  }
};

/// "(32, 64)", "(32, 10, 64)" or "(32, 28 x 28, 1)", as errors print it.
std::string to_string(const Shape& shape);

/// The name of a shape for an error message; an alias of text().
inline std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << to_string(shape); }

template <Real S>
using ConstMap = Eigen::Map<const Matrix<S>>;
template <Real S>
using MutableMap = Eigen::Map<Matrix<S>>;

/// A handle to a value on a tape: two words, copied freely, valid until the tape is cleared.
template <Real S>
class Var {
 public:
  Var() = default;

  Tape<S>& tape() const;
  Shape shape() const;
  /// Of all samples together.
  Index rows() const { return shape().matrix_rows(); }
  Index cols() const { return shape().cols; }

  /// The value, (blocks * rows, cols); it lives until the tape is cleared.
  ConstMap<S> value() const;
  /// The value of a (1, 1) result. \throws ShapeError for any other shape.
  S item() const;

  explicit operator bool() const { return tape_ != nullptr; }

 private:
  friend class Tape<S>;
  friend class Gradients<S>;
  Var(Tape<S>* tape, std::uint32_t index, std::uint32_t generation)
      : tape_(tape), index_(index), generation_(generation) {}

  Tape<S>* tape_ = nullptr;
  std::uint32_t index_ = 0;
  std::uint32_t generation_ = 0;
};

template <Real S>
class Forward;
template <Real S>
class Pull;

/// What an op is: a name, a forward that fills the output (and saves what its derivative needs), and a pull that adds
/// to the gradients of its inputs. An op without a pull does not compile.
template <class O, class S>
concept Op = requires(O op, const O& saved, Forward<S>& forward, Pull<S>& pull) {
  { O::name } -> std::convertible_to<std::string_view>;
  op.forward(forward);
  saved.pull(pull);
}
&&std::is_trivially_destructible_v<O>;

/// What a node is to those who read a tape, whatever its op is called.
enum class OpRole : std::uint8_t {
  constant,
  variable,
  parameter,
  reshape,
  product,        ///< inputs 1 and 2, if there, are the weight and the bias; it may end in an activation
  activation,     ///< of input 0
  normalization,  ///< of input 0; inputs 1 and 2, if there, are scale and shift
  addition,       ///< of input 0 and 1: a residual sum
  loss,
  other,
};

/// An op says its role in a member `static constexpr OpRole role`.
template <class O>
constexpr OpRole role_of() {
  if constexpr (requires { O::role; }) {
    return O::role;
  } else {
    return OpRole::other;
  }
}

/// One record. Probes read these: values, saved pre-activations and derivatives, the layer they belong to.
template <Real S>
struct Node {
  std::string_view op;     ///< name of the op; "constant", "variable" or "parameter" for a leaf
  std::string_view scope;  ///< the layer it was recorded in: "layers.3"
  OpRole role = OpRole::other;
  Shape shape;
  const S* value = nullptr;
  const S* pre_activation = nullptr;         ///< z of an activation, where it was kept
  const S* activation_derivative = nullptr;  ///< f'(z), where recording
  std::uint32_t inputs[6] = {};
  std::uint8_t input_count = 0;
  bool needs_gradient = false;
  std::uint64_t parameter_id = 0;  ///< of a parameter leaf, else 0
  /// The node whose value and gradient this is under another shape (reshape); itself otherwise.
  std::uint32_t storage = 0;

 private:
  friend class Tape<S>;
  const void* saved_ = nullptr;
  void (*pull_)(const void* saved, Pull<S>& pull) = nullptr;
};

/// A node's value, (blocks * rows, cols).
template <Real S>
ConstMap<S> value_of(const Node<S>& node) {
  return {node.value, node.shape.matrix_rows(), node.shape.cols};
}

struct TapeOptions {
  bool recording = true;              ///< false: values only, for evaluation
  bool keep_pre_activations = false;  ///< fused ops also keep z; the results are the same bits
  int threads = 1;
  bool trace_kinks = false;  ///< also note between which kinks every pre-activation lies (gradient_check)
};

/// The gradients of one backward pass: of every parameter, variable and intermediate value that took part. A value: it
/// outlives the tape's clear(), and copies are independent.
template <Real S>
class Gradients {
 public:
  Gradients(const Gradients& other);
  Gradients(Gradients&& other) noexcept;
  Gradients& operator=(Gradients other) noexcept {
    std::swap(storage_, other.storage_);
    std::swap(home_, other.home_);
    return *this;
  }
  ~Gradients();

  /// dL/d(parameter), or an empty map if it took no part in the loss.
  MutableMap<S> find(const Parameter<S>& parameter);
  ConstMap<S> find(const Parameter<S>& parameter) const;
  /// dL/d(parameter). \throws Error if it took no part in the loss.
  ConstMap<S> of(const Parameter<S>& parameter) const;
  /// dL/d(value). \throws Error if it took no part, or if it is of another step or tape.
  ConstMap<S> operator[](const Var<S>& var) const;
  /// dL/d(value of node `index` of the tape), or an empty map.
  ConstMap<S> node(std::size_t index) const;
  /// The threads of the tape, for who goes on with the gradients when the tape has done its part of the step.
  ThreadPool& pool() const;

 private:
  friend class Tape<S>;
  friend class Pull<S>;
  struct Storage;
  struct Home;
  Gradients(std::unique_ptr<Storage> storage, std::shared_ptr<Home> home);
  S* data(const Parameter<S>& parameter) const;

  std::unique_ptr<Storage> storage_;
  std::shared_ptr<Home> home_;  // where the storage goes back to, so that the next step need not allocate; the threads
};

template <Real S>
class Tape {
 public:
  explicit Tape(TapeOptions options = {});
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  // Each takes a matrix as it is, a sample per row, or in a shape of as many rows. Lengths are copied.

  /// A copy of x, without gradient.
  Var<S> constant(const MatrixRef<S>& x) { return constant(x, {x.rows(), x.cols()}); }
  Var<S> constant(const MatrixRef<S>& x, const Shape& shape);
  /// A value of this shape, without gradient, that `fill(MutableMap<S>)` writes in place.
  Var<S> constant(const Shape& shape, FunctionRef<void(MutableMap<S>)> fill);
  /// x itself (no copy), without gradient: its numbers must not change or move between this call and backward().
  Var<S> view(ConstMap<S> x) { return view(x, {x.rows(), x.cols()}); }
  Var<S> view(ConstMap<S> x, const Shape& shape);
  Var<S> view(const Matrix<S>& x) { return view(ConstMap<S>(x.data(), x.rows(), x.cols())); }
  Var<S> view(const Matrix<S>& x, const Shape& shape) { return view(ConstMap<S>(x.data(), x.rows(), x.cols()), shape); }
  Var<S> view(Matrix<S>&&) = delete;  // it would be gone before it is read
  Var<S> view(Matrix<S>&&, const Shape&) = delete;
  /// A copy of x whose gradient is wanted.
  Var<S> variable(const MatrixRef<S>& x) { return variable(x, {x.rows(), x.cols()}); }
  Var<S> variable(const MatrixRef<S>& x, const Shape& shape);
  /// The parameter itself (no copy): it must not change or move between this call and backward().
  Var<S> parameter(const Parameter<S>& parameter);

  /// Runs an op and records it: `op.forward` fills a value of `shape` from `inputs`.
  /// \throws Error if an input is of another tape or was cleared.
  template <Op<S> O>
  Var<S> record(O op, const Shape& shape, std::initializer_list<Var<S>> inputs) {
    const std::uint32_t index = add_node(O::name, role_of<O>(), shape, inputs);
    Forward<S> step(*this, index);
    op.forward(step);
    if (options_.recording && nodes_[index].needs_gradient) {
      O* saved = arena_.template allocate<O>(1);
      new (saved) O(op);
      nodes_[index].saved_ = saved;
      nodes_[index].pull_ = [](const void* s, Pull<S>& pull) { static_cast<const O*>(s)->pull(pull); };
    }
    return {this, index, generation_};
  }

  /// x under another shape of as many numbers: value and gradient are those of x, not copies. Lengths are copied.
  /// \throws ShapeError if the sizes differ.
  Var<S> reshape(const Var<S>& x, const Shape& shape);

  /// The gradients of a (1, 1) loss with respect to everything on the tape.
  /// \throws ShapeError if the loss is not (1, 1), Error if nothing that it depends on wants a gradient.
  Gradients<S> backward(const Var<S>& loss);
  /// The same from given gradients of `output`, one number per number of the output.
  Gradients<S> backward(const Var<S>& output, const MatrixRef<S>& gradient);

  /// Forgets everything recorded; every Var of this step becomes invalid. Keeps the memory.
  void clear();

  const TapeOptions& options() const { return options_; }
  void keep_pre_activations(bool keep) { options_.keep_pre_activations = keep; }
  const std::vector<Node<S>>& nodes() const { return nodes_; }
  /// The node behind a handle. \throws Error if the handle is empty, of another tape, or was cleared.
  const Node<S>& node(const Var<S>& var) const;
  /// The layer that ops are recorded in now, "layers.3".
  std::string_view scope() const { return scope_; }
  /// A hash of the regions between kinks that the pre-activations of this step lie in, with trace_kinks.
  std::uint64_t kink_regions() const { return kink_regions_; }
  /// Bytes held for values and saved derivatives.
  std::size_t memory() const { return arena_.capacity(); }
  ThreadPool& pool();

  /// Names the layer that ops are recorded in; scopes nest: "layers.3".
  class Scope {
   public:
    Scope(Tape& tape, std::string_view name);
    Scope(Tape& tape, Index number);
    ~Scope() {
      if (tape_.generation_ == generation_) tape_.scope_ = outer_;  // clear() has ended all scopes
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Tape& tape_;
    std::string_view outer_;
    std::uint32_t generation_;
  };

 private:
  friend class Forward<S>;
  friend class Pull<S>;

  std::uint32_t add_node(std::string_view op, OpRole role, const Shape& shape, std::initializer_list<Var<S>> inputs);
  std::uint32_t add_leaf(std::string_view op, OpRole role, const Shape& shape, const S* value);
  Shape kept(Shape shape);  // with the lengths in the arena
  Gradients<S> run_backward(const Var<S>& output, const MatrixRef<S>* seed);
  void trace_kinks(const S* z, Index count, std::span<const double> kinks);

  TapeOptions options_;
  Arena arena_;
  std::vector<Node<S>> nodes_;
  std::uint32_t generation_ = 1;
  std::uint64_t newest_parameter_ = 0;  // the largest id on the tape
  std::uint64_t kink_regions_ = 0;
  std::string_view scope_;
  std::shared_ptr<typename Gradients<S>::Home> home_;
};

/// What an op's forward sees.
template <Real S>
class Forward {
 public:
  Forward(Tape<S>& tape, std::uint32_t node) : tape_(tape), node_(node) {}

  const Shape& shape(int input) const { return input_node(input).shape; }
  ConstMap<S> input(int i) const { return value_of(input_node(i)); }
  const Shape& shape() const { return node().shape; }
  MutableMap<S> output() { return {const_cast<S*>(node().value), shape().matrix_rows(), shape().cols}; }

  /// True if what pull needs has to be kept.
  bool recording() const { return tape_.options_.recording && node().needs_gradient; }
  bool keep_pre_activation() const { return tape_.options_.keep_pre_activations || tape_.options_.trace_kinks; }
  /// Where the z of an activation with these kinks is kept; null if it is not.
  void set_pre_activation(const S* z, std::span<const double> kinks) {
    tape_.nodes_[node_].pre_activation = z;
    if (tape_.options_.trace_kinks) tape_.trace_kinks(z, shape().size(), kinks);
  }
  void set_activation_derivative(const S* d) { tape_.nodes_[node_].activation_derivative = d; }

  /// Room that lives as long as the record.
  template <class T = S>
  T* keep(Index count) {
    return tape_.arena_.template allocate<T>(static_cast<std::size_t>(count));
  }
  Arena& arena() { return tape_.arena_; }
  ThreadPool& pool() { return tape_.pool(); }

 private:
  const Node<S>& node() const { return tape_.nodes_[node_]; }
  const Node<S>& input_node(int i) const { return tape_.nodes_[node().inputs[i]]; }

  Tape<S>& tape_;
  std::uint32_t node_;
};

/// Where a pull writes: the first contribution overwrites, later ones add.
template <Real S>
struct Target {
  S* data;
  bool accumulate;
};

/// What an op's pull sees: its inputs' and output's values, the gradient of its output, and where those of its inputs
/// go.
template <Real S>
class Pull {
 public:
  Pull(Tape<S>& tape, Gradients<S>& gradients) : tape_(tape), gradients_(gradients) {}

  const Shape& shape(int input) const { return input_node(input).shape; }
  ConstMap<S> input(int i) const { return value_of(input_node(i)); }
  const Shape& shape() const { return node().shape; }
  ConstMap<S> output() const { return value_of(node()); }
  ConstMap<S> gradient() const;

  /// True if input i wants a gradient; work for others may be skipped.
  bool wants(int input) const { return input_node(input).needs_gradient; }
  /// The memory of input i's gradient; calling this promises to write or add all of it.
  Target<S> target(int input);
  /// Adds an expression of input i's shape to its gradient, if that is wanted.
  template <class Expression>
  void add(int input, const Expression& expression) {
    if (!wants(input)) return;
    const Target<S> to = target(input);
    MutableMap<S> map(to.data, shape(input).matrix_rows(), shape(input).cols);
    if (to.accumulate) {
      map += expression;
    } else {
      map = expression;
    }
  }

  /// Room until this pull returns.
  template <class T = S>
  T* scratch(Index count) {
    return tape_.arena_.template allocate<T>(static_cast<std::size_t>(count));
  }
  Arena& arena() { return tape_.arena_; }
  ThreadPool& pool() { return tape_.pool(); }

 private:
  friend class Tape<S>;
  const Node<S>& node() const { return tape_.nodes_[node_]; }
  const Node<S>& input_node(int i) const { return tape_.nodes_[node().inputs[i]]; }

  Tape<S>& tape_;
  Gradients<S>& gradients_;
  std::uint32_t node_ = 0;
};

}  // namespace evengrad
