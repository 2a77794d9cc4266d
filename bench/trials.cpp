// Seconds that a comparison takes by width, and the experiment of the smallest nets: each net alone or several in a
// vector, with one job or two.
//
//   trials [ROUNDS]        medians over the rounds, in turns; and what is gained
#include <evengrad/evengrad.hpp>
#include <evengrad/experiments/comparison.hpp>
#include <evengrad/experiments/linear_and_universal.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace {

using namespace evengrad;

struct Work {
  std::string name;
  std::function<void(const ExperimentSettings&)> run;
};

// As `evengrad compare` does it by default, on two moons.
Work comparison(Index width) {
  return {text("compare, width ", width), [width](const ExperimentSettings& settings) {
            static const Split<float> data = load_data<float>({.name = "moons"});
            const ComparisonOptions options{.activations = {"relu", "gelu"},
                                            .initializers = {"xavier", "he"},
                                            .widths = {width},
                                            .rates = {1e-3, 3e-3, 0.01},
                                            .trainer = {.steps = 600}};
            compare(options, data, settings);
          }};
}

double median(std::vector<double> seconds) {
  std::nth_element(seconds.begin(), seconds.begin() + std::ssize(seconds) / 2, seconds.end());
  return seconds[seconds.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 3;
  std::vector<Work> all;
  for (const Index width : {8, 16, 32, 64}) all.push_back(comparison(width));
  all.push_back({"linear-and-universal, quick", [](const ExperimentSettings& s) { linear_and_universal(s); }});
  const std::pair<int, SideBySide> ways[] = {
      {1, SideBySide::never}, {2, SideBySide::never}, {1, SideBySide::where_it_pays}, {2, SideBySide::where_it_pays}};
  std::printf("%-28s %10s %10s %10s %10s   %s\n", "seconds", "alone", "2 jobs", "together", "2 jobs",
              "together  2 jobs  2 jobs together");
  for (const Work& work : all) {
    std::vector<double> seconds[4];
    for (int round = 0; round < rounds; ++round) {
      for (std::size_t way = 0; way < 4; ++way) {
        const ExperimentSettings settings{.seed = 1, .jobs = ways[way].first, .side_by_side = ways[way].second};
        const auto start = std::chrono::steady_clock::now();
        work.run(settings);
        seconds[way].push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
      }
    }
    const double alone = median(seconds[0]), two = median(seconds[1]), together = median(seconds[2]),
                 both = median(seconds[3]);
    std::printf("%-28s %10.2f %10.2f %10.2f %10.2f   %8.2f %7.2f %16.2f\n", work.name.c_str(), alone, two, together,
                both, alone / together, alone / two, together / both);
  }
  return 0;
}
