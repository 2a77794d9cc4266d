#include <evengrad/activations/formula.hpp>

#include <evengrad/activations/builtin.hpp>
#include <evengrad/activations/formula_graph.hpp>
#include <evengrad/activations/registry.hpp>
#include <evengrad/activations/words.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/core/numbers.hpp>
#include <evengrad/core/same_name.hpp>
#include <evengrad/core/utf8.hpp>

#include <algorithm>
#include <numbers>

namespace evengrad {
namespace {

using kernels::Op;

constexpr std::size_t longest = 10000;  // characters
constexpr int deepest = 200;            // nested parentheses, signs and powers

struct Function {
  std::string_view name;
  Op op;
};

constexpr Function functions[] = {
#define EVENGRAD_FUNCTION_ENTRY(name) {#name, Op::name##_},
    EVENGRAD_FORMULA_FUNCTIONS(EVENGRAD_FUNCTION_ENTRY)
#undef EVENGRAD_FUNCTION_ENTRY
};

constexpr std::string_view other_words[] = {"x", "pi", "e", "where", "min", "max"};

const Function* find_function(std::string_view name) {
  const auto found = std::find_if(std::begin(functions), std::end(functions), [&](auto& f) { return f.name == name; });
  return found == std::end(functions) ? nullptr : found;
}

// The word of formulas that is meant: "Tanh" is tanh, and "ln" log.
std::string_view formula_word(std::string_view name) {
  if (same_name(name, "ln")) return "log";
  for (const std::string_view word : other_words) {
    if (same_name(name, word)) return word;
  }
  for (const Function& f : functions) {
    if (same_name(name, f.name)) return f.name;
  }
  return name;
}

/// Recursive descent; each rule is a function. Nodes go into the graph.
class Parser {
 public:
  Parser(std::string_view formula, FormulaGraph& graph) : text_(formula), graph_(graph) {}

  NodeId formula() {
    if (text_.size() > longest) {
      throw FormulaError(text("formula: ", text_.size(), " characters long, and ", longest, " is the most"), longest);
    }
    const NodeId root = sum();
    if (at_ < text_.size()) fail("expected an operator");
    return root;
  }

 private:
  // sum = product { (+|-) product }
  NodeId sum() {
    NodeId left = product();
    while (true) {
      if (take("+"))
        left = graph_.apply(Op::add, left, product());
      else if (take("-"))
        left = graph_.apply(Op::subtract, left, product());
      else
        return left;
    }
  }

  // product = factor { (*|/) factor }
  NodeId product() {
    NodeId left = factor();
    while (true) {
      if (take("*"))
        left = graph_.apply(Op::multiply, left, factor());
      else if (take("/"))
        left = graph_.apply(Op::divide, left, factor());
      else
        return left;
    }
  }

  // factor = (+|-) factor | value [ ^ factor ]; every recursion passes here
  NodeId factor() {
    if (++depth_ > deepest) fail(text("more than ", deepest, " levels of parentheses, signs and powers"));
    NodeId result;
    if (take("-")) {
      result = graph_.apply(Op::negate, factor());
    } else if (take("+")) {
      result = factor();
    } else {
      result = value();
      if (take("^")) result = graph_.power(result, factor());
    }
    --depth_;
    return result;
  }

  // value = number | x | pi | e | ( sum ) | name ( arguments )
  NodeId value() {
    skip_blanks();
    const std::string_view rest = text_.substr(at_);
    if (const std::size_t digits = number_length(rest)) return number(rest.substr(0, digits));
    if (const std::size_t letters = name_length(rest)) {
      const std::size_t start = at_;
      at_ += letters;
      return named(rest.substr(0, letters), start);
    }
    if (!take("(")) fail(at_ == text_.size() ? "expected a value at the end" : "expected a value");
    const NodeId inner = sum();
    expect(")");
    return inner;
  }

  NodeId number(std::string_view digits) {
    const NumberRead number = read_number(digits);
    if (!number.in_range) fail("a number out of range");
    at_ += digits.size();
    return graph_.constant(number.value);
  }

  NodeId named(std::string_view given, std::size_t start) {
    const std::string_view name = formula_word(given);
    if (name == "x") return graph_.input();
    if (name == "pi") return graph_.constant(std::numbers::pi);
    if (name == "e") return graph_.constant(std::numbers::e);
    const Function* function = find_function(name);
    const ActivationEntry* entry = function ? nullptr : find_activation(name);
    if (!function && !entry && name != "where" && name != "min" && name != "max") unknown(given, start);
    expect("(");
    if (name == "where") return where();
    const NodeId first = sum();
    if (entry) return activation(*entry, first, start);
    if (function) {
      expect(")");
      return graph_.apply(function->op, first);
    }
    expect(",");
    const NodeId second = sum();
    expect(")");
    return graph_.apply(name == "min" ? Op::minimum : Op::maximum, first, second);
  }

  // after "where(": sum comparison sum , sum , sum )
  NodeId where() {
    const NodeId left = sum();
    struct Comparison {
      std::string_view sign;
      Op op;
      bool swap_sides, swap_results;
    };
    static constexpr Comparison comparisons[] = {
        {"<=", Op::less_equal, false, false}, {">=", Op::less_equal, true, false}, {"==", Op::equal, false, false},
        {"!=", Op::equal, false, true},       {"<", Op::less, false, false},       {">", Op::less, true, false}};
    const auto found =
        std::find_if(std::begin(comparisons), std::end(comparisons), [&](auto& c) { return take(c.sign); });
    if (found == std::end(comparisons)) fail("expected a comparison (< <= > >= == !=)");
    const NodeId right = sum();
    expect(",");
    const NodeId yes = sum();
    expect(",");
    const NodeId no = sum();
    expect(")");
    return graph_.apply(found->op, found->swap_sides ? right : left, found->swap_sides ? left : right,
                        found->swap_results ? no : yes, found->swap_results ? yes : no);
  }

  // after "name(sum": { , [key =] sum } ) with constant sums
  NodeId activation(const ActivationEntry& entry, NodeId argument, std::size_t start) {
    NamedCall call{entry.name, {}};
    while (take(",")) {
      skip_blanks();
      const std::size_t before = at_;
      const std::size_t letters = name_length(text_.substr(at_));
      std::string key(text_.substr(at_, letters));
      at_ += letters;
      if (letters == 0 || !take("=")) {
        key.clear();
        at_ = before;
      }
      const NodeId parameter = sum();
      if (!graph_.is_constant(parameter)) {
        at_ = before;
        fail(text("a parameter of ", entry.name, " that depends on x"));
      }
      call.arguments.push_back({std::move(key), number_text(graph_[parameter].number)});
    }
    expect(")");
    try {
      return graph_.call(make({&entry, activation_values(entry, call)}), argument);
    } catch (const UsageError& error) {
      at_ = start;
      fail(error.what());
    }
  }

  [[noreturn]] void unknown(std::string_view name, std::size_t start) {
    std::vector<std::string> known(std::begin(other_words), std::end(other_words));
    for (const Function& f : functions) known.emplace_back(f.name);
    for (const ActivationEntry& e : activations()) {
      if (!find_function(e.name)) known.push_back(e.name);
    }
    at_ = start;
    fail(unknown_name("name", name, known));
  }

  void skip_blanks() {
    while (at_ < text_.size() && trimmed(text_.substr(at_, 1)).empty()) ++at_;
  }

  bool take(std::string_view sign) {
    skip_blanks();
    if (text_.substr(at_, sign.size()) != sign) return false;
    at_ += sign.size();
    return true;
  }

  void expect(std::string_view sign) {
    if (!take(sign)) fail(text("expected '", sign, "'"));
  }

  /// The message, the place, and the text up to there.
  [[noreturn]] void fail(const std::string& message) {
    constexpr std::size_t shown = 60;
    skip_blanks();
    std::size_t last = at_;  // shows the offending word whole
    last += std::max({name_length(text_.substr(at_)), number_length(text_.substr(at_)), std::size_t{1}});
    while (last < text_.size() && (text_[last] & 0xc0) == 0x80) ++last;  // the rest of a UTF-8 character
    last = std::min({last, text_.size(), at_ + shown});
    const std::size_t first = last > shown ? last - shown : 0;
    throw FormulaError(text("formula: ", message, " at character ", at_ + 1, ": ", first > 0 ? "..." : "",
                            in_quotes(text_.substr(first, last - first)), " <- here"),
                       at_);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  FormulaGraph& graph_;
};

/// A call of the built-in activation whose own formula this is, or else the root as it is: a formula that somebody
/// typed from the list of built-in ones gets the same kernel, to the bit. Equal formulas are one node.
NodeId as_builtin(FormulaGraph& graph, NodeId root) {
  const std::vector<ActivationEntry>& all = activations();
  for (std::size_t i = 0; i < BuiltinFormulas::size; ++i) {
    const NamedActivation builtin{&all[i], activation_values(all[i], {all[i].name, {}})};
    const std::string formula = formula_text(all[i].info.formula, builtin);
    if (Parser(formula, graph).formula() == root) return graph.call(make(builtin), graph.input());
  }
  return root;
}

}  // namespace

Activation formula_activation(std::string_view given, Isa isa) {
  std::string name(trimmed(given));
  FormulaGraph graph;
  const NodeId root = as_builtin(graph, Parser(name, graph).formula());
  const auto compiled = compile(graph, root);
  const std::shared_ptr<const void> program(compiled, &compiled->program);
  const FormulaKernels& kernels = kernels::programs(isa)->formula;
  Kinks kinks = find_kinks(graph, root, Activation(name, program, kernels, {}));
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '\t' || c == '\r' || c == '\n'; }, ' ');
  return Activation(std::move(name), program, kernels, std::move(kinks));
}

bool is_formula_word(std::string_view name) {
  return find_function(name) ||
         std::find(std::begin(other_words), std::end(other_words), name) != std::end(other_words);
}

namespace kernels {

const ProgramKernels* programs(Isa isa) {
  if (isa > best_isa()) return nullptr;
#if defined(EVENGRAD_DISPATCH)
  if (isa == Isa::avx512) return &avx512_programs();
  if (isa == Isa::avx2) return &avx2_programs();
#endif
  return &baseline_programs();
}

}  // namespace kernels
}  // namespace evengrad
