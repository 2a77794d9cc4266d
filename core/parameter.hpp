// Parameters belong to layers, by value. A model's visit() is the one enumeration of them: names, counts, checkpoints
// and optimizer state all come from it.
#pragma once

#include <evengrad/core/types.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace evengrad {

/// Identifies one parameter object for as long as it lives, wherever it is moved; a copy is another parameter.
class ParameterId {
 public:
  ParameterId();
  ParameterId(const ParameterId&) : ParameterId() {}
  ParameterId(ParameterId&& other) noexcept;
  ParameterId& operator=(const ParameterId&) { return *this; }
  ParameterId& operator=(ParameterId&& other) noexcept;

  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_;
};

/// What training changes: a weight (out, in), the kernels of a convolution (out, in * height * width), or a vector kept
/// as one row.
template <Real S>
struct Parameter {
  Matrix<S> value;
  int rank = 2;                 ///< dimensions in a saved file: 1, 2 or 4
  bool trainable = true;        ///< false for running statistics: saved with the model, never updated
  Index height = 1, width = 1;  ///< of kernels, whose rank is 4
  ParameterId id;

  /// As PyTorch has it and files say it: (out), (out, in) or (out, in, height, width).
  std::vector<Index> shape() const;
};

/// Where a parameter stands in a model, "layers.0.weight"; written out only when somebody asks.
class Path {
 public:
  Path() = default;
  Path(const Path& parent, std::string_view name) : parent_(&parent), name_(name) {}
  Path(const Path& parent, Index number) : parent_(&parent), number_(number) {}

  std::string str() const;

 private:
  const Path* parent_ = nullptr;
  std::string_view name_;
  Index number_ = -1;
};

/// A call through a pointer: passes a lambda on without an allocation. The lambda must outlive the call.
template <class Signature>
class FunctionRef;

template <class Result, class... Arguments>
class FunctionRef<Result(Arguments...)> {
 public:
  template <class F>
  requires(!std::same_as<std::remove_cvref_t<F>, FunctionRef>) FunctionRef(F&& f)
      : context_(const_cast<void*>(static_cast<const void*>(&f))),
        call_([](void* context, Arguments... arguments) -> Result {
          return (*static_cast<std::remove_reference_t<F>*>(context))(static_cast<Arguments>(arguments)...);
        }) {}

  Result operator()(Arguments... arguments) const { return call_(context_, static_cast<Arguments>(arguments)...); }

 private:
  void* context_;
  Result (*call_)(void*, Arguments...);
};

/// What visit() calls for each parameter, in the order of the model's definition.
template <Real S>
using ParameterVisitor = FunctionRef<void(const Path&, Parameter<S>&)>;
template <Real S>
using ConstParameterVisitor = FunctionRef<void(const Path&, const Parameter<S>&)>;

}  // namespace evengrad
