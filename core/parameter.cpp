#include <evengrad/core/parameter.hpp>

#include <atomic>

namespace evengrad {

namespace {
std::uint64_t next_id() {
  static std::atomic<std::uint64_t> count{0};
  return ++count;
}
}  // namespace

ParameterId::ParameterId() : value_(next_id()) {}

ParameterId::ParameterId(ParameterId&& other) noexcept : value_(other.value_) { other.value_ = next_id(); }

ParameterId& ParameterId::operator=(ParameterId&& other) noexcept {
  if (this != &other) {
    value_ = other.value_;
    other.value_ = next_id();
  }
  return *this;
}

template <Real S>
std::vector<Index> Parameter<S>::shape() const {
  if (rank == 1) return {value.size()};
  if (rank == 4) return {value.rows(), value.cols() / (height * width), height, width};
  return {value.rows(), value.cols()};
}

template struct Parameter<float>;
template struct Parameter<double>;

std::string Path::str() const {
  if (!parent_) return {};
  const std::string before = parent_->str();
  return before + (before.empty() ? "" : ".") + (number_ >= 0 ? std::to_string(number_) : std::string(name_));
}

}  // namespace evengrad
