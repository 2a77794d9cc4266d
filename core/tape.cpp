#include <evengrad/core/tape.hpp>

#include <algorithm>
#include <cstring>

namespace evengrad {

Index Shape::counted_rows() const {
  if (!lengths) return matrix_rows();
  Index count = 0;
  for (Index block = 0; block < blocks; ++block) count += lengths[block];
  return count;
}

std::string to_string(const Shape& shape) {
  if (shape.is_image()) {
    return text("(", shape.blocks, ", ", shape.height, " x ", shape.width, ", ", shape.cols, ")");
  }
  if (shape.rows == 1) return text("(", shape.blocks, ", ", shape.cols, ")");
  return text("(", shape.blocks, ", ", shape.rows, ", ", shape.cols, ")");
}

// ---- Var ----------------------------------------------------------------------------------------------------------

template <Real S>
Tape<S>& Var<S>::tape() const {
  if (!tape_) throw Error("empty Var: it was never recorded on a tape");
  return *tape_;
}

template <Real S>
Shape Var<S>::shape() const {
  return tape().node(*this).shape;
}

template <Real S>
ConstMap<S> Var<S>::value() const {
  return value_of(tape().node(*this));
}

template <Real S>
S Var<S>::item() const {
  const Node<S>& node = tape().node(*this);
  if (node.shape.size() != 1) throw ShapeError(text("item(): expected a (1, 1) value, got ", node.shape));
  return *node.value;
}

// ---- Gradients ----------------------------------------------------------------------------------------------------

template <Real S>
struct Gradients<S>::Storage {
  struct Slot {
    Index offset = -1;  // into numbers; -1 where no gradient is wanted
    bool touched = false;
    std::uint64_t parameter_id = 0;
    Index rows = 0, cols = 0;   // of the matrix
    std::uint32_t storage = 0;  // the slot that holds the gradient and is touched: another one's for a reshape
  };
  std::vector<Slot> slots;                // a slot a node
  std::vector<std::uint32_t> parameters;  // the nodes that are parameters, in the order of recording
  Eigen::Array<S, Eigen::Dynamic, 1> numbers;
  const Tape<S>* tape = nullptr;  // only compared: it may be gone
  std::uint32_t generation = 0;
  mutable std::size_t next_parameter = 0;  // optimizers ask in the order of recording: look there first
};

/// What a tape shares with its gradients: storage given back by those that are gone, and the threads.
template <Real S>
struct Gradients<S>::Home {
  explicit Home(int threads) : pool(threads) { spare.reserve(4); }
  std::vector<std::unique_ptr<Storage>> spare;
  ThreadPool pool;
};

template <Real S>
ThreadPool& Gradients<S>::pool() const {
  return home_->pool;
}

template <Real S>
Gradients<S>::Gradients(std::unique_ptr<Storage> storage, std::shared_ptr<Home> home)
    : storage_(std::move(storage)), home_(std::move(home)) {}

template <Real S>
Gradients<S>::Gradients(const Gradients& other)
    : storage_(std::make_unique<Storage>(*other.storage_)), home_(other.home_) {}

template <Real S>
Gradients<S>::Gradients(Gradients&& other) noexcept = default;

template <Real S>
Gradients<S>::~Gradients() {
  constexpr std::size_t kept = 4;
  if (storage_ && home_ && home_->spare.size() < kept) home_->spare.push_back(std::move(storage_));
}

template <Real S>
S* Gradients<S>::data(const Parameter<S>& parameter) const {
  const Storage& store = *storage_;
  const std::size_t count = store.parameters.size();
  for (std::size_t step = 0; step < count; ++step) {
    const std::size_t i = (store.next_parameter + step) % count;
    const auto& slot = store.slots[store.parameters[i]];
    if (slot.parameter_id != parameter.id.value()) continue;
    store.next_parameter = i + 1;
    if (!slot.touched) return nullptr;
    return const_cast<S*>(store.numbers.data()) + slot.offset;
  }
  return nullptr;
}

template <Real S>
MutableMap<S> Gradients<S>::find(const Parameter<S>& parameter) {
  S* numbers = data(parameter);
  return {numbers, numbers ? parameter.value.rows() : 0, numbers ? parameter.value.cols() : 0};
}

template <Real S>
ConstMap<S> Gradients<S>::find(const Parameter<S>& parameter) const {
  const S* numbers = data(parameter);
  return {numbers, numbers ? parameter.value.rows() : 0, numbers ? parameter.value.cols() : 0};
}

template <Real S>
ConstMap<S> Gradients<S>::of(const Parameter<S>& parameter) const {
  const ConstMap<S> map = find(parameter);
  if (!map.data()) {
    throw Error(text("a parameter (", parameter.value.rows(), ", ", parameter.value.cols(),
                     ") took no part in the loss: it has no gradient"));
  }
  return map;
}

template <Real S>
ConstMap<S> Gradients<S>::node(std::size_t index) const {
  const auto& slots = storage_->slots;
  if (index >= slots.size() || !slots[slots[index].storage].touched) return {nullptr, 0, 0};
  const auto& slot = slots[index];
  return {storage_->numbers.data() + slot.offset, slot.rows, slot.cols};
}

template <Real S>
ConstMap<S> Gradients<S>::operator[](const Var<S>& var) const {
  if (var.tape_ != storage_->tape) throw Error("gradients of one tape were asked for a Var of another");
  if (var.generation_ != storage_->generation) {
    throw Error("gradients of one step were asked for a Var of another");
  }
  const ConstMap<S> map = node(var.index_);
  if (!map.data()) throw Error("this Var took no part in the loss, or wants no gradient (a constant)");
  return map;
}

// ---- Tape ---------------------------------------------------------------------------------------------------------

template <Real S>
Tape<S>::Tape(TapeOptions options)
    : options_(options), home_(std::make_shared<typename Gradients<S>::Home>(options.threads)) {}

template <Real S>
ThreadPool& Tape<S>::pool() {
  return home_->pool;
}

template <Real S>
Tape<S>::~Tape() = default;

template <Real S>
std::uint32_t Tape<S>::add_node(std::string_view op, OpRole role, const Shape& shape,
                                std::initializer_list<Var<S>> inputs) {
  constexpr std::size_t most = std::extent_v<decltype(Node<S>::inputs)>;
  if (inputs.size() > most) {
    throw Error(text("[", op, "] an op has at most ", most, " inputs, got ", inputs.size()));
  }
  bool needs_gradient = false;
  for (const Var<S>& input : inputs) needs_gradient |= this->node(input).needs_gradient;
  const S* value = arena_.template allocate<S>(static_cast<std::size_t>(shape.size()));
  const std::uint32_t index = add_leaf(op, role, shape, value);  // written in place: nothing throws from here on
  Node<S>& node = nodes_[index];
  node.needs_gradient = needs_gradient;
  node.input_count = static_cast<std::uint8_t>(inputs.size());
  std::transform(inputs.begin(), inputs.end(), node.inputs, [](const Var<S>& input) { return input.index_; });
  return index;
}

template <Real S>
std::uint32_t Tape<S>::add_leaf(std::string_view op, OpRole role, const Shape& shape, const S* value) {
  const auto index = static_cast<std::uint32_t>(nodes_.size());
  Node<S>& node = nodes_.emplace_back();
  node.op = op;
  node.scope = scope_;
  node.role = role;
  node.shape = shape;
  node.value = value;
  node.storage = index;
  return index;
}

template <Real S>
Shape Tape<S>::kept(Shape shape) {
  if (!shape.lengths) return shape;
  auto* copy = arena_.template allocate<std::int32_t>(static_cast<std::size_t>(shape.blocks));
  for (Index i = 0; i < shape.blocks; ++i) {
    if (shape.lengths[i] < 1 || shape.lengths[i] > shape.rows) {
      throw ShapeError(text("length ", shape.lengths[i], " of sequence ", i, " is outside [1, ", shape.rows, "]"));
    }
    copy[i] = shape.lengths[i];
  }
  shape.lengths = copy;
  return shape;
}

namespace {

void require_size(std::string_view what, Index rows, Index cols, const Shape& shape) {
  if (rows == shape.matrix_rows() && cols == shape.cols) return;
  throw ShapeError(text("[", what, "] a matrix ", Shape{rows, cols}, " was given the shape ", shape, ": expected ",
                        shape.matrix_rows(), " rows of ", shape.cols));
}

}  // namespace

template <Real S>
Var<S> Tape<S>::constant(const Shape& shape, FunctionRef<void(MutableMap<S>)> fill) {
  const std::uint32_t index = add_node("constant", OpRole::constant, kept(shape), {});
  fill(MutableMap<S>(const_cast<S*>(nodes_[index].value), shape.matrix_rows(), shape.cols));
  return {this, index, generation_};
}

template <Real S>
Var<S> Tape<S>::constant(const MatrixRef<S>& x, const Shape& shape) {
  require_size("constant", x.rows(), x.cols(), shape);
  return constant(shape, [&](MutableMap<S> map) {
    if (x.outerStride() == x.cols()) {
      std::copy_n(x.data(), x.size(), map.data());  // one block: Eigen would go row by row
    } else {
      map = x;
    }
  });
}

template <Real S>
Var<S> Tape<S>::view(ConstMap<S> x, const Shape& shape) {
  require_size("view", x.rows(), x.cols(), shape);
  return {this, add_leaf("constant", OpRole::constant, kept(shape), x.data()), generation_};
}

template <Real S>
Var<S> Tape<S>::variable(const MatrixRef<S>& x, const Shape& shape) {
  const Var<S> var = constant(x, shape);
  nodes_[var.index_].op = "variable";
  nodes_[var.index_].role = OpRole::variable;
  nodes_[var.index_].needs_gradient = true;
  return var;
}

template <Real S>
Var<S> Tape<S>::reshape(const Var<S>& x, const Shape& shape) {
  const Node<S>& from = node(x);
  if (from.shape.size() != shape.size()) {
    throw ShapeError(text("[reshape] ", from.shape, " has ", from.shape.size(), " numbers, ", shape, " has ",
                          shape.size(), ": expected as many"));
  }
  const S* value = from.value;
  const bool needs_gradient = from.needs_gradient;
  const std::uint32_t storage = from.storage, index = add_leaf("reshape", OpRole::reshape, kept(shape), value);
  Node<S>& node = nodes_[index];
  node.needs_gradient = needs_gradient;
  node.storage = storage;
  node.input_count = 1;
  node.inputs[0] = x.index_;
  return {this, index, generation_};
}

template <Real S>
Var<S> Tape<S>::parameter(const Parameter<S>& parameter) {
  // A tied weight is one leaf: its uses add up. Ids grow as parameters are made, and layers are mostly called in the
  // order in which they were made, so that most are seen to be new without a search.
  const std::uint64_t id = parameter.id.value();
  for (std::uint32_t i = 0; id <= newest_parameter_ && i < nodes_.size(); ++i) {
    if (nodes_[i].parameter_id == id) return {this, i, generation_};
  }
  newest_parameter_ = std::max(newest_parameter_, id);
  const std::uint32_t index = add_leaf("parameter", OpRole::parameter, {parameter.value.rows(), parameter.value.cols()},
                                       parameter.value.data());
  nodes_[index].needs_gradient = parameter.trainable;
  nodes_[index].parameter_id = id;
  return {this, index, generation_};
}

template <Real S>
const Node<S>& Tape<S>::node(const Var<S>& var) const {
  if (var.tape_ != this) throw Error(var.tape_ ? "this Var belongs to another tape" : "empty Var");
  if (var.generation_ != generation_) {
    throw Error("this Var was recorded before tape.clear(): values live for one step only");
  }
  return nodes_[var.index_];
}

template <Real S>
Gradients<S> Tape<S>::backward(const Var<S>& loss) {
  const Shape& shape = node(loss).shape;
  if (shape.size() != 1) {
    throw ShapeError(text("[backward] expected a (1, 1) loss, got ", shape, ": reduce it with mean() or sum()"));
  }
  return run_backward(loss, nullptr);
}

template <Real S>
Gradients<S> Tape<S>::backward(const Var<S>& output, const MatrixRef<S>& gradient) {
  const Shape& shape = node(output).shape;
  if (gradient.rows() != shape.matrix_rows() || gradient.cols() != shape.cols) {
    throw ShapeError(
        text("[backward] the output is ", shape, ", the given gradient ", Shape{gradient.rows(), gradient.cols()}));
  }
  return run_backward(output, &gradient);
}

template <Real S>
Gradients<S> Tape<S>::run_backward(const Var<S>& output, const MatrixRef<S>* seed) {
  if (!options_.recording) throw Error("[backward] this tape does not record: make it with {.recording = true}");
  if (!node(output).needs_gradient) {
    throw Error("[backward] the loss depends on no parameter and on no variable: there is nothing to differentiate");
  }
  using Storage = typename Gradients<S>::Storage;
  std::unique_ptr<Storage> storage;
  if (home_->spare.empty()) {
    storage = std::make_unique<Storage>();
  } else {
    storage = std::move(home_->spare.back());
    home_->spare.pop_back();
  }
  const std::uint32_t last = output.index_;
  storage->slots.resize(last + 1);
  storage->parameters.clear();
  storage->tape = this;
  storage->generation = generation_;
  storage->next_parameter = 0;
  constexpr Index aligned = Arena::alignment / sizeof(S);
  Index total = 0;
  for (std::uint32_t i = 0; i <= last; ++i) {
    const Node<S>& n = nodes_[i];
    const bool own = n.storage == i;
    storage->slots[i] = {n.needs_gradient ? total : -1, false,        n.parameter_id,
                         n.shape.matrix_rows(),         n.shape.cols, n.storage};
    if (!own) storage->slots[i].offset = storage->slots[n.storage].offset;
    if (own && n.needs_gradient) total += (n.shape.size() + aligned - 1) / aligned * aligned;
    if (n.parameter_id) storage->parameters.push_back(i);
  }
  if (storage->numbers.size() < total) storage->numbers.resize(total);

  Gradients<S> gradients(std::move(storage), home_);
  auto& slots = gradients.storage_->slots;
  const Shape& shape = nodes_[last].shape;
  MutableMap<S> first(gradients.storage_->numbers.data() + slots[last].offset, shape.matrix_rows(), shape.cols);
  if (seed) {
    first = *seed;
  } else {
    first.setOnes();
  }
  slots[slots[last].storage].touched = true;
  const Arena::Mark mark = arena_.mark();
  Pull<S> pull(*this, gradients);
  for (std::uint32_t i = last + 1; i-- > 0;) {
    if (!nodes_[i].pull_ || !slots[i].touched) continue;
    pull.node_ = i;
    nodes_[i].pull_(nodes_[i].saved_, pull);
    arena_.release(mark);
  }
  return gradients;
}

template <Real S>
void Tape<S>::clear() {
  nodes_.clear();
  arena_.clear();
  scope_ = {};
  newest_parameter_ = 0;
  kink_regions_ = 0;
  ++generation_;
}

template <Real S>
void Tape<S>::trace_kinks(const S* z, Index count, std::span<const double> kinks) {
  for (Index i = 0; i < count; ++i) {
    std::uint64_t region = 0;  // the point of a kink is a region of its own
    for (const double kink : kinks) region += (z[i] >= kink) + (z[i] > kink);
    kink_regions_ = (kink_regions_ ^ region) * 0x100000001b3;
  }
}

template <Real S>
Tape<S>::Scope::Scope(Tape& tape, std::string_view name)
    : tape_(tape), outer_(tape.scope_), generation_(tape.generation_) {
  const std::size_t length = outer_.size() + (outer_.empty() ? 0 : 1) + name.size();
  char* full = tape.arena_.template allocate<char>(length);
  char* at = std::copy(outer_.begin(), outer_.end(), full);
  if (!outer_.empty()) *at++ = '.';
  std::copy(name.begin(), name.end(), at);
  tape.scope_ = {full, length};
}

template <Real S>
Tape<S>::Scope::Scope(Tape& tape, Index number) : Scope(tape, std::string_view(std::to_string(number))) {}

template <Real S>
ConstMap<S> Pull<S>::gradient() const {
  return gradients_.node(node_);
}

template <Real S>
Target<S> Pull<S>::target(int input) {
  auto& slots = gradients_.storage_->slots;
  auto& slot = slots[slots[node().inputs[input]].storage];
  const Target<S> to{gradients_.storage_->numbers.data() + slot.offset, slot.touched};
  slot.touched = true;
  return to;
}

template class Var<float>;
template class Var<double>;
template class Gradients<float>;
template class Gradients<double>;
template class Tape<float>;
template class Tape<double>;
template class Pull<float>;
template class Pull<double>;

}  // namespace evengrad
