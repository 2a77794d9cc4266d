// Runs a fuzz target on every file of the folders given, without libFuzzer and with any compiler.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <vector>

#include "target.hpp"

int main(int argc, char** argv) {
  std::size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    for (const std::filesystem::path& path : paths) {
      std::fprintf(stderr, "%s\n", path.filename().c_str());  // the last one is at fault if the process ends here
      std::ifstream file(path, std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(file), {}};
      LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    }
    files += paths.size();
  }
  std::printf("%zu inputs\n", files);
  return files > 0 ? 0 : 1;
}
