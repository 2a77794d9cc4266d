// A formula between its text and its instructions: a list of nodes, each used as often as it occurs, constants folded.
#pragma once

#include <evengrad/activations/kernels/program.hpp>
#include <evengrad/core/activation.hpp>

#include <array>
#include <map>
#include <tuple>

namespace evengrad {

/// A node's place in the list; its operands come before it.
using NodeId = int;

struct Node {
  kernels::Op op = kernels::Op::x;
  std::array<NodeId, 4> operands{-1, -1, -1, -1};
  double number = 0;  ///< of a constant
  int n = 0;          ///< exponent of power_int, activation of call
};

/// Builds the nodes of a formula. Each function returns the node for its result, which may be a constant or an old one.
class FormulaGraph {
 public:
  NodeId input();
  NodeId constant(double number);
  NodeId apply(kernels::Op op, NodeId a, NodeId b = -1, NodeId c = -1, NodeId d = -1);
  NodeId power(NodeId base, NodeId exponent);
  NodeId call(const Activation& activation, NodeId argument);

  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<Activation>& activations() const { return activations_; }
  bool is_constant(NodeId id) const { return (*this)[id].op == kernels::Op::constant; }
  static bool is_leaf(const Node& node) { return node.op == kernels::Op::x || node.op == kernels::Op::constant; }
  const Node& operator[](NodeId id) const { return nodes_[static_cast<std::size_t>(id)]; }

 private:
  NodeId add(const Node& node);
  double fold(const Node& node) const;

  std::vector<Node> nodes_;
  std::vector<Activation> activations_;
  // Equal nodes are one; the number's bits, so that -0 and 0 differ.
  std::map<std::tuple<kernels::Op, std::array<NodeId, 4>, std::uint64_t, int>, NodeId> known_;
};

/// For each node the last one that uses it (a root: itself), -1 where no root needs it.
std::vector<NodeId> last_uses(const FormulaGraph& graph, const std::vector<NodeId>& roots);

/// The instruction for a node whose value, like its operands', has a register.
kernels::Instruction instruction(const FormulaGraph& graph, NodeId id, const std::vector<int>& registers,
                                 const std::vector<Activation>& activations);

/// A program that owns its code.
struct CompiledFormula {
  std::vector<kernels::Instruction> code;
  std::vector<Activation> activations;  ///< that the code calls
  kernels::Program program;
};

/// The instructions for one node. \throws UsageError if they need too many registers.
std::shared_ptr<const CompiledFormula> compile(const FormulaGraph& graph, NodeId root);

/// The points in [-50, 50] where the formula or its first two derivatives jump, ascending: where a min, max, abs, sign,
/// where, or a kinked activation switches, or a denominator, root or logarithm reaches 0. `formula` is the node `root`.
/// At most 1000; the graph gains the nodes that decide the switches.
Kinks find_kinks(FormulaGraph& graph, NodeId root, const Activation& formula);

}  // namespace evengrad
