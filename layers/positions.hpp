#pragma once

#include <evengrad/core/option.hpp>
#include <evengrad/layers/layer.hpp>

namespace evengrad {

enum class PositionKind { learned, sinusoidal };

template <>
struct Choices<PositionKind> {
  static constexpr std::pair<std::string_view, PositionKind> words[] = {{"learned", PositionKind::learned},
                                                                        {"sinusoidal", PositionKind::sinusoidal}};
};

struct PositionOptions {
  Index rows = 0;  ///< the longest sequence
  Index width = 0;
  PositionKind kind = PositionKind::learned;
};

/// Adds row t of a table to each sample's row t: (batch, time, width) of up to `rows` rows. A learned table starts at
/// zero, an initializer fills it; the sinusoidal one (Vaswani et al. 2017, section 3.5) is sin and cos of
/// t / 10000^(2 i / width) in columns 2 i and 2 i + 1.
template <Real S>
class Positions : public ClonableLayer<Positions<S>, S> {
 public:
  /// \throws UsageError for fewer than one row or column.
  explicit Positions(const PositionOptions& options);

  using Layer<S>::forward;
  /// \throws ShapeError for longer sequences.
  Var<S> forward(const Var<S>& x, const Context& context) override;
  void visit(const Path& path, ParameterVisitor<S> visitor) override;
  void roles(Roles<S>& roles, const Path& path) override;
  std::string describe() const override;
  std::string word() const override { return text("positions(", choice_word(kind_), ")"); }
  Shape outputs(const Shape& inputs) const override;

  Parameter<S> weight;  ///< (rows, width); not a parameter of the net if it is sinusoidal

 private:
  PositionKind kind_;
};

}  // namespace evengrad
