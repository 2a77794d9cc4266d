#include <evengrad/layers/registry.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/same_name.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/layers/attention.hpp>
#include <evengrad/layers/concat.hpp>
#include <evengrad/layers/conv.hpp>
#include <evengrad/layers/dropout.hpp>
#include <evengrad/layers/dyt.hpp>
#include <evengrad/layers/embedding.hpp>
#include <evengrad/layers/gated.hpp>
#include <evengrad/layers/last.hpp>
#include <evengrad/layers/linear.hpp>
#include <evengrad/layers/mlp.hpp>
#include <evengrad/layers/normalization.hpp>
#include <evengrad/layers/pooling.hpp>
#include <evengrad/layers/positions.hpp>
#include <evengrad/layers/presets.hpp>
#include <evengrad/layers/recurrent.hpp>
#include <evengrad/layers/residual.hpp>
#include <evengrad/layers/tied_head.hpp>

#include <algorithm>
#include <cctype>
#include <mutex>
#include <utility>

namespace evengrad {

namespace {

constexpr std::size_t most_layers = 20'000;
constexpr int deepest = 32;
constexpr std::string_view identifier = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

bool is_blank(char c) { return std::isspace(static_cast<unsigned char>(c)); }

std::string_view trimmed(std::string_view part) {
  while (!part.empty() && is_blank(part.front())) part.remove_prefix(1);
  while (!part.empty() && is_blank(part.back())) part.remove_suffix(1);
  return part;
}

// The length of what comes before the first character outside parentheses and quotes that `stops`.
template <class Stops>
std::size_t length_until(std::string_view line, Stops stops) {
  int depth = 0;
  bool quoted = false;
  std::size_t i = 0;
  for (; i < line.size() && !(depth == 0 && !quoted && stops(line[i])); ++i) {
    quoted ^= line[i] == '"';
    if (!quoted) depth += line[i] == '(' ? 1 : line[i] == ')' ? -1 : 0;
    if (depth < 0) break;
  }
  if (depth != 0 || quoted) {
    throw UsageError(text(in_quotes(line), ": ",
                          quoted      ? "a quotation mark"
                          : depth > 0 ? "an opening parenthesis"
                                      : "a closing parenthesis",
                          " has no partner"));
  }
  return i;
}

// The arguments of "name(a, key=b)", as text.
std::vector<NamedCall::Argument> arguments_of(std::string_view list) {
  std::vector<NamedCall::Argument> arguments;
  for (bool more = !trimmed(list).empty(); more;) {
    const std::size_t length = length_until(list, [](char c) { return c == ','; });
    std::string_view value = trimmed(list.substr(0, length));
    more = length < list.size();
    list.remove_prefix(std::min(list.size(), length + 1));
    std::string_view key;
    const std::size_t name = std::min(value.find_first_not_of(identifier), value.size());
    const std::string_view rest = trimmed(value.substr(name));
    if (name > 0 && rest.starts_with('=')) {
      key = value.substr(0, name);
      value = trimmed(rest.substr(1));
    }
    if (value.size() > 1 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
    if (value.empty()) throw UsageError("an argument is empty");
    arguments.push_back({std::string(key), std::string(value)});
  }
  return arguments;
}

// Says where an error is, once: the innermost word knows best.
class PlacedError : public UsageError {
 public:
  using UsageError::UsageError;
};

template <Real S>
struct Words {
  std::mutex mutex;
  std::vector<LayerWord<S>> list;
};

template <Real S>
using Made = std::unique_ptr<Layer<S>>;

template <Real S>
Made<S> normalization(std::string_view word, NetBuilder<S>& at) {
  const Index features = at.inputs().cols;
  at.claim((word == "batchnorm" ? 4 : 2) * static_cast<double>(features));
  if (word == "batchnorm") return std::make_unique<BatchNorm<S>>(BatchNormOptions{.features = features});
  return std::make_unique<LayerNorm<S>>(LayerNormOptions{.features = features});
}

template <Real S>
Made<S> convolution(const Word& word, NetBuilder<S>& at) {
  const std::string& padding = word.value("padding");
  ConvOptions options{.inputs = at.inputs().cols,
                      .outputs = word.count("channels"),
                      .size = word.count("kernel"),
                      .stride = word.count("stride"),
                      .groups = word.count("groups"),
                      .bias = word.flag("bias")};
  if (padding == "valid" || padding == "0") {
    options.padding = 0;
  } else if (padding != "same") {
    options.padding = word.count("padding");
  }
  const auto size = static_cast<double>(options.size);
  at.claim(static_cast<double>(options.outputs) *
           (static_cast<double>(options.inputs / options.groups) * size * size + (options.bias ? 1 : 0)));
  return std::make_unique<Conv<S>>(options);
}

// "k, stride=k": windows touch unless it is said.
template <class Pool>
auto pool(const Word& word) {
  return std::make_unique<Pool>(word.count("k"), word.value("stride") == "k" ? 0 : word.count("stride"));
}

template <Real S>
Made<S> embedding_layer(const Word& word, NetBuilder<S>& at) {
  const bool by_data = word.value("tokens") == "data";
  if (by_data && at.settings().tokens == 0) {
    throw UsageError("the inputs are no tokens, so say how many there are: embed(n, tokens)");
  }
  const Index tokens = by_data ? at.settings().tokens : word.count("tokens"), width = word.count("n");
  at.claim(static_cast<double>(tokens) * static_cast<double>(width));
  return std::make_unique<Embedding<S>>(EmbeddingOptions{.tokens = tokens, .width = width});
}

// `auto` is causal where the net predicts tokens from tokens.
template <Real S>
Made<S> attention_layer(const Word& word, NetBuilder<S>& at) {
  const Index width = at.inputs().cols;
  const NetSettings& net = at.settings();
  at.claim(4 * static_cast<double>(width) * static_cast<double>(width + (word.flag("bias") ? 1 : 0)));
  const bool automatic = word.value("causal") == "auto";
  return std::make_unique<SelfAttention<S>>(SelfAttentionOptions{
      .width = width,
      .attention = {.heads = word.count("heads"),
                    .causal = automatic ? net.tokens > 0 && net.outputs == net.tokens : word.flag("causal"),
                    .rope = word.number("rope"),
                    .qk_norm = word.flag("qknorm")},
      .bias = word.flag("bias")});
}

// The layer to the outputs, where it is not the one that follows by itself.
template <Real S>
Made<S> head(const Word& word, NetBuilder<S>& at) {
  const Index inputs = at.inputs().cols, outputs = at.settings().outputs;
  const bool bias = word.flag("bias");
  at.outputs_follow();
  if (word.flag("tied")) {
    if (bias) throw UsageError("a tied head has no bias");
    for (std::size_t i = at.net().size(); i-- > 0;) {
      if (auto* embedding = dynamic_cast<Embedding<S>*>(&at.net()[i])) return std::make_unique<TiedHead<S>>(*embedding);
    }
    throw UsageError("a tied head multiplies with the weight of an embedding before it, and there is none");
  }
  if (outputs == 0) throw UsageError("a head makes the net's outputs, and nothing says how many there are");
  at.claim(static_cast<double>(outputs) * static_cast<double>(inputs + (bias ? 1 : 0)));
  return std::make_unique<Linear<S>>(LinearOptions{.inputs = inputs, .outputs = outputs, .bias = bias});
}

template <CellKind kind, Real S>
Made<S> recurrent(const Word& word, NetBuilder<S>& at) {
  RecurrentOptions options{.kind = kind, .inputs = at.inputs().cols, .outputs = word.count("n")};
  if (kind != CellKind::rnn) options.gate = at.activation(word.value("gate"));
  options.state = at.activation(word.value(kind == CellKind::rnn ? "activation" : "state"));
  if (kind == CellKind::lstm) options.forget_bias = word.number("forget_bias");
  const auto n = static_cast<double>(options.outputs);
  at.claim(static_cast<double>(gates_of(kind)) * n * (static_cast<double>(options.inputs) + n + 2));
  return std::make_unique<Recurrent<S>>(options);
}

template <Real S>
std::vector<LayerWord<S>> built_in_words() {
  return {
      {"linear", "n, bias=1", "x W^T + b",
       [](const Word& word, NetBuilder<S>& at) -> Made<S> {
         const Index inputs = at.inputs().cols, outputs = word.count("n");
         at.claim(static_cast<double>(outputs) * static_cast<double>(inputs + (word.flag("bias") ? 1 : 0)));
         return std::make_unique<Linear<S>>(
             LinearOptions{.inputs = inputs, .outputs = outputs, .bias = word.flag("bias")});
       }},
      {"f", "", "the activation under test (--activation)",
       [](const Word&, NetBuilder<S>& at) { return activation_layer<S>(at.activation("f"), at.inputs().cols); }},
      {"act", "formula", "an activation given as a formula in x",
       [](const Word& word, NetBuilder<S>& at) {
         return activation_layer<S>(activation(word.value("formula")), at.inputs().cols);
       }},
      {"gated", "hidden, activation=f, bias=0, down=1", "f(x G) * (x U), projected down to the inputs' width",
       [](const Word& word, NetBuilder<S>& at) -> Made<S> {
         const Index inputs = at.inputs().cols, hidden = word.count("hidden");
         const bool down = word.flag("down"), bias = word.flag("bias");
         at.claim((down ? 3 : 2) * static_cast<double>(hidden) * static_cast<double>(inputs) +
                  (bias ? static_cast<double>(2 * hidden + (down ? inputs : 0)) : 0));
         return std::make_unique<Gated<S>>(GatedOptions{.inputs = inputs,
                                                        .hidden = hidden,
                                                        .outputs = word.flag("down") ? inputs : 0,
                                                        .bias = word.flag("bias"),
                                                        .gate = at.activation(word.value("activation"))});
       }},
      {"norm", "", "the normalization that --norm names",
       [](const Word&, NetBuilder<S>& at) -> Made<S> {
         if (at.settings().norm != "none") at.add(at.settings().norm);
         return nullptr;
       }},
      {"batchnorm", "", "each feature over the batch",
       [](const Word& word, NetBuilder<S>& at) { return normalization<S>(word.name(), at); }},
      {"layernorm", "", "the features of each row",
       [](const Word& word, NetBuilder<S>& at) { return normalization<S>(word.name(), at); }},
      {"groupnorm", "groups", "each sample over its pixels or steps, the features in so many groups",
       [](const Word& word, NetBuilder<S>& at) -> Made<S> {
         at.claim(2 * static_cast<double>(at.inputs().cols));
         return std::make_unique<GroupNorm<S>>(
             GroupNormOptions{.features = at.inputs().cols, .groups = word.count("groups")});
       }},

      {"rmsnorm", "gain=1", "the features of each row, by their root mean square",
       [](const Word& word, NetBuilder<S>& at) -> Made<S> {
         if (word.flag("gain")) at.claim(static_cast<double>(at.inputs().cols));
         return std::make_unique<RmsNorm<S>>(RmsNormOptions{.features = at.inputs().cols, .gain = word.flag("gain")});
       }},
      {"dyt", "alpha=0.5", "g tanh(alpha x) + b, all three learned, in place of a normalization",
       [](const Word& word, NetBuilder<S>& at) -> Made<S> {
         at.claim(2 * static_cast<double>(at.inputs().cols));
         return std::make_unique<DyT<S>>(DyTOptions{.features = at.inputs().cols, .alpha = word.number("alpha")});
       }},
      {"dropout", "p", "zeroes a share p in training",
       [](const Word& word, NetBuilder<S>&) -> Made<S> { return std::make_unique<Dropout<S>>(word.number("p")); }},
      {"embed", "n, tokens=data", "a learned row of n numbers for each token; how many tokens there are, the data says",
       embedding_layer<S>, Takes::tokens},
      {"positions", "kind", "adds a row for each time: learned, or sinusoidal",
       [](const Word& word, NetBuilder<S>& at) -> Made<S> {
         const Shape& in = at.inputs();
         const auto kind = parse_choice<PositionKind>("kind", word.value("kind"));
         const double numbers = static_cast<double>(in.rows) * static_cast<double>(in.cols);
         if (kind == PositionKind::learned) at.claim(numbers);
         if (numbers > 1e8) throw UsageError(text("a table of ", numbers, " numbers is more than 1e8"));
         return std::make_unique<Positions<S>>(PositionOptions{in.rows, in.cols, kind});
       }},
      {"attention", "heads, causal=auto, rope=0, qknorm=0, bias=1",
       "each row takes what it needs from the others of its sample; causal: from those before it; rope is a "
       "base",
       attention_layer<S>},
      {"rnn", "n, activation=f", "h = activation(x W^T + h' U^T + b), step by step; h' is the h of the step before",
       recurrent<CellKind::rnn, S>, Takes::sequence},
      {"lstm", "n, gate=sigmoid, state=tanh, forget_bias=1",
       "a cell that gates write, keep and read; the forget gates start from forget_bias", recurrent<CellKind::lstm, S>,
       Takes::sequence},
      {"gru", "n, gate=sigmoid, state=tanh", "a state that a gate mixes with a new one", recurrent<CellKind::gru, S>,
       Takes::sequence},
      {"last", "", "the last row of each sample",
       [](const Word&, NetBuilder<S>&) -> Made<S> { return std::make_unique<Last<S>>(); }},
      {"head", "tied=0, bias=0", "the layer to the outputs; tied: with the weight of the embedding", head<S>},
      {"conv", "channels, kernel, stride=1, padding=same, groups=1, bias=1",
       "kernel x kernel pixels of an image to channels; padding is same, valid, or so many zeros on each "
       "side",
       convolution<S>, Takes::image},
      {"maxpool", "k, stride=k", "the largest number of each k x k pixels",
       [](const Word& word, NetBuilder<S>&) -> Made<S> { return pool<MaxPool<S>>(word); }, Takes::image},
      {"avgpool", "k, stride=k", "the mean of each k x k pixels",
       [](const Word& word, NetBuilder<S>&) -> Made<S> { return pool<AvgPool<S>>(word); }, Takes::image},
      {"upsample", "k", "k x k equal pixels for each one",
       [](const Word& word, NetBuilder<S>&) -> Made<S> { return std::make_unique<Upsample<S>>(word.count("k")); },
       Takes::image},
      {"mean", "", "the mean of each feature over pixels or time",
       [](const Word&, NetBuilder<S>&) -> Made<S> { return std::make_unique<Mean<S>>(); }},
      {"flatten", "", "all numbers of a sample in one row",
       [](const Word&, NetBuilder<S>&) -> Made<S> { return std::make_unique<Flatten<S>>(); }},
      {"concat", "layers", "the input of these layers beside their output",
       [](const Word& word, NetBuilder<S>& at) -> Made<S> {
         return std::make_unique<Concat<S>>(at.sequence(word.value("layers")));
       }},
      {"residual", "layers, shortcut=identity",
       "adds the input of these layers to their output; where they change its shape, what the shortcut's "
       "layers make",
       [](const Word& word, NetBuilder<S>& at) -> Made<S> {
         if (word.value("shortcut") != "identity") {
           Sequential<S> inner = at.sequence(word.value("layers"));
           return std::make_unique<Residual<S>>(std::move(inner), at.sequence(word.value("shortcut")));
         }
         at.residual(word.value("layers"));
         return nullptr;
       }},
      {"repeat", "n, layers", "these layers n times",
       [](const Word& word, NetBuilder<S>& at) -> Made<S> {
         for (Index i = word.count("n"); i > 0; --i) at.add(word.value("layers"));
         return nullptr;
       }},
  };
}

template <Real S>
Words<S>& words() {
  static Words<S> all{{}, built_in_words<S>()};
  return all;
}

}  // namespace

// ---- Word
// -----------------------------------------------------------------------------------------------------------

Word::Word(std::string_view whole, std::string_view name, std::string_view arguments) : name_(name) {
  std::vector<std::string> keys;
  for (const std::string& entry : arguments.empty() ? std::vector<std::string>{} : split_list(arguments)) {
    const auto equals = entry.find('=');
    keys.push_back(entry.substr(0, equals));
    arguments_.push_back({keys.back(), equals == entry.npos ? "" : entry.substr(equals + 1)});
  }
  const auto open = whole.find('(');
  std::vector<bool> given(keys.size());
  std::size_t position = 0;
  const std::string_view inside = open == whole.npos ? "" : whole.substr(open + 1, whole.size() - open - 2);
  for (auto& [key, value] : arguments_of(inside)) {
    std::size_t at = position++;
    if (!key.empty()) at = static_cast<std::size_t>(std::find(keys.begin(), keys.end(), key) - keys.begin());
    if (!key.empty() && at == keys.size()) throw UsageError(unknown_name(name_ + " argument", key, keys));
    if (at >= keys.size()) throw UsageError(text("expected ", name_, "(", arguments, ")"));
    if (given[at]) throw UsageError(text("'", keys[at], "' is given twice"));
    given[at] = true;
    arguments_[at].value = std::move(value);
  }
  for (const auto& [key, value] : arguments_) {
    if (value.empty()) throw UsageError(text("expected ", name_, "(", arguments, "): '", key, "' is missing"));
  }
}

const std::string& Word::value(std::string_view key) const {
  for (const auto& argument : arguments_) {
    if (argument.key == key) return argument.value;
  }
  throw Error(text("the word ", name_, " has no argument '", key, "'"));
}

double Word::number(std::string_view key) const { return parse_number(text("'", key, "'"), value(key)); }

Index Word::count(std::string_view key) const {
  constexpr double most = 1e6;
  const double given = number(key);
  if (!(given >= 1 && given <= most) || given != static_cast<double>(static_cast<Index>(given))) {
    throw UsageError(
        text("'", key, "' must be a whole number from 1 to ", static_cast<Index>(most), ", got ", value(key)));
  }
  return static_cast<Index>(given);
}

bool Word::flag(std::string_view key) const {
  const std::string& given = value(key);
  if (given != "0" && given != "1") throw UsageError(text("'", key, "' must be 0 or 1, got ", in_quotes(given)));
  return given == "1";
}

// ---- NetBuilder
// -----------------------------------------------------------------------------------------------------

template <Real S>
void NetBuilder<S>::claim(double numbers) {
  counts_->numbers += numbers;
  if (counts_->numbers > settings_.most_parameters) {
    throw UsageError(
        text(counts_->numbers, " parameters are more than the ", settings_.most_parameters, " that this net may have"));
  }
}

template <Real S>
Activation NetBuilder<S>::activation(std::string_view name) {
  if (name != "f") return evengrad::activation(name);
  const auto& given = settings_.activations;
  if (given.empty()) throw UsageError("f stands for the activation under test, and none is given");
  const std::size_t number = counts_->activations++;
  if (given.size() > 1 && number >= given.size()) {
    throw UsageError(text("there are ", given.size(), " activations, expected one, or one for each f"));
  }
  return given[given.size() == 1 ? 0 : number];
}

template <Real S>
Sequential<S> NetBuilder<S>::sequence(std::string_view line) {
  NetBuilder inner(settings_, shape_);
  inner.counts_ = counts_;
  inner.add(line);
  return inner.finish();
}

template <Real S>
void NetBuilder<S>::add(std::unique_ptr<Layer<S>> layer) {
  if (++counts_->layers > most_layers) throw UsageError(text("a net has at most ", most_layers, " layers"));
  shape_ = layer->outputs(shape_);
  net_.add(std::move(layer));
}

template <Real S>
void NetBuilder<S>::residual(std::string_view line) {
  const std::size_t begin = net_.size();
  const Shape before = shape_;
  add(line);
  if (shape_ != before) {
    throw UsageError(text("its layers make ", shape_, " of ", before,
                          ": expected the same shape, to add them; residual(layers, shortcut=...) changes it"));
  }
  if (net_.size() > begin) net_.skip(begin, net_.size());
}

template <Real S>
void NetBuilder<S>::add(std::string_view line) {
  if (++counts_->depth > deepest) throw UsageError(text("more than ", deepest, " words lie one in another"));
  while (!(line = trimmed(line)).empty()) {
    std::string_view word = line;
    const Shape arrives = shape_;
    try {
      word = line.substr(0, length_until(line, is_blank));
      add_word(word);
    } catch (const PlacedError&) {
      throw;
    } catch (const Error& error) {
      throw PlacedError(text("net: ", in_quotes(word), ", where ", arrives, " arrives: ", error.what()));
    }
    line.remove_prefix(word.size());
  }
  --counts_->depth;
}

template <Real S>
void NetBuilder<S>::add_net(std::string_view line) {
  whole_line_ = trimmed(line);
  add(line);
}

template <Real S>
void NetBuilder<S>::add_word(std::string_view whole) {
  const std::string_view name = whole.substr(0, whole.find('('));
  const auto word = [&](const auto& entry) {
    if (whole.size() > name.size() && whole.back() != ')') throw UsageError("expected ')' at the end");
    return Word(whole, name, entry.arguments);
  };
  const Preset* preset = find_preset(name);
  if (preset && whole == std::exchange(whole_line_, {})) return add(preset->line_for(settings_, word(*preset)));
  std::vector<std::string> known;
  for (const LayerWord<S>& entry : layer_words<S>()) {
    known.push_back(entry.name);
    if (!same_name(entry.name, name)) continue;
    if (auto layer = entry.make(word(entry), *this)) add(std::move(layer));
    return;
  }
  if (preset) return add(preset->line_for(settings_, word(*preset)));
  const bool is_activation = find_activation(name) || whole.find('(') != whole.npos;
  try {
    return add(activation_layer<S>(evengrad::activation(whole), shape_.cols));
  } catch (const UsageError&) {
    if (find_activation(name)) throw;
  }
  for (const Preset& other : presets()) known.push_back(other.name);
  for (const ActivationEntry& entry : activations()) known.push_back(entry.name);
  throw UsageError(unknown_name("layer or activation", name, known) +
                   (is_activation ? "; a formula is act(\"x*tanh(x)\")" : ""));
}

template <Real S>
Takes takes(std::string_view line) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz_";
  const std::vector<LayerWord<S>> words = layer_words<S>();
  while (!line.empty()) {
    line.remove_prefix(std::min(line.find_first_of(letters), line.size()));
    const std::string_view name = line.substr(0, line.find_first_not_of(letters));
    line.remove_prefix(name.size());
    if (name == "linear") return Takes::any;
    for (const LayerWord<S>& word : words) {
      if (word.name == name && word.takes != Takes::any) return word.takes;
    }
    if (const Preset* preset = find_preset(name)) return takes<S>(default_line(*preset));
  }
  return Takes::any;
}

template <Real S>
Sequential<S> build_net(std::string_view line, const NetSettings& settings) {
  NetBuilder<S> builder(settings, settings.inputs, "layers");
  builder.add_net(line);
  if (settings.outputs > 0 && !builder.has_outputs()) builder.add(text("linear(", settings.outputs, ")"));
  if (settings.outputs > 0 && builder.inputs().cols != settings.outputs) {
    throw UsageError(
        text("net: its head makes ", builder.inputs().cols, " outputs, the data needs ", settings.outputs));
  }
  return builder.finish();
}

template <Real S>
std::vector<LayerWord<S>> layer_words() {
  const std::lock_guard lock(words<S>().mutex);
  return words<S>().list;
}

template <Real S>
void register_layer(LayerWord<S> word) {
  const std::lock_guard lock(words<S>().mutex);
  for (const LayerWord<S>& other : words<S>().list) {
    if (other.name == word.name) throw UsageError(text("the layer '", word.name, "' exists already"));
  }
  if (find_activation(word.name)) throw UsageError(text("'", word.name, "' is an activation's name"));
  words<S>().list.push_back(std::move(word));
}

#define EVENGRAD_INSTANTIATE(S)                                              \
  template class NetBuilder<S>;                                              \
  template Sequential<S> build_net<S>(std::string_view, const NetSettings&); \
  template Takes takes<S>(std::string_view);                                 \
  template std::vector<LayerWord<S>> layer_words<S>();                       \
  template void register_layer(LayerWord<S>);
EVENGRAD_INSTANTIATE(float)
EVENGRAD_INSTANTIATE(double)
#undef EVENGRAD_INSTANTIATE

}  // namespace evengrad
