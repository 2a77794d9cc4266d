#include <evengrad/experiments/report.hpp>

namespace evengrad {

std::string to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::confirmed:
      return "confirmed";
    case Verdict::conditional:
      return "conditional";
    case Verdict::refuted:
      return "refuted";
    case Verdict::undecided:
      return "undecided";
    case Verdict::not_tested:
      return "not_tested";
  }
  return "";
}

}  // namespace evengrad
