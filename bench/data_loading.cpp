// How fast files become matrices: IDX plain and gzipped, CSV, safetensors. Files of a few megabytes, random, written to
// the temporary folder first; the page cache has them, so this is parsing and not the disk. And order/ROWS: drawing an
// epoch's order of the rows.
//
//   data_loading --benchmark_filter=csv        bytes_per_second counts what is in the file (gzipped IDX: unpacked)
#include <evengrad/data/table.hpp>
#include <evengrad/evengrad.hpp>
#include <evengrad/training/safetensors.hpp>

#include <benchmark/benchmark.h>
#include <unistd.h>
#include <zlib.h>

#include <fstream>

namespace {

using namespace evengrad;

const std::filesystem::path folder = std::filesystem::temp_directory_path() / text("evengrad_data_loading_", getpid());

// 10,000 images of MNIST's size, a third of their pixels inked.
std::string idx_images() {
  constexpr std::size_t images = 10'000, pixels = 28 * 28;
  std::string bytes{'\0', '\0', '\x08', '\x03', '\0', '\0', '\x27', '\x10',
                    '\0', '\0', '\0',   '\x1c', '\0', '\0', '\0',   '\x1c'};
  Rng rng(1);
  for (std::size_t i = 0; i < images * pixels; ++i) bytes += static_cast<char>(rng.below(3) == 0 ? rng.below(256) : 0);
  return bytes;
}

std::string csv_table() {
  std::ostringstream out;
  out << "x1,x2,x3,x4,x5,x6,x7,x8,label\n";
  Rng rng(1);
  for (int row = 0; row < 50'000; ++row) {
    for (int column = 0; column < 8; ++column) out << rng.normal() << ',';
    out << row % 3 << '\n';
  }
  return out.str();
}

void write(const std::filesystem::path& path, const std::string& bytes) {
  if (!(std::ofstream(path, std::ios::binary) << bytes).flush()) throw FileError(text("cannot write ", path));
}

template <class Load>
void run(benchmark::State& state, std::size_t bytes, const Load& load) {
  for (auto _ : state) benchmark::DoNotOptimize(load());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

template <class Load>
void add(const char* name, std::size_t bytes, const Load& load) {
  benchmark::RegisterBenchmark(name, [=](benchmark::State& state) {
    run(state, bytes, load);
  })->Unit(benchmark::kMillisecond);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  std::filesystem::create_directories(folder);

  const std::string images = idx_images();
  write(folder / "images", images);
  add("idx", images.size(), [] { return read_idx(folder / "images").values.size(); });
  const gzFile zipped = gzopen((folder / "images.gz").c_str(), "wb");
  gzwrite(zipped, images.data(), static_cast<unsigned>(images.size()));
  gzclose(zipped);
  add("idx_gzipped", images.size(), [] { return read_idx(folder / "images.gz").values.size(); });

  const std::string table = csv_table();
  write(folder / "table.csv", table);
  add("csv", table.size(), [] { return load_csv(folder / "table.csv").data.size(); });

  std::vector<float> numbers(4 << 20);
  Rng(1).fill_normal(std::span<float>(numbers));
  const std::size_t bytes = numbers.size() * sizeof(float);
  save_safetensors(folder / "weights", {{"weight", {2048, 2048}, std::move(numbers)}});
  add("safetensors", bytes, [] { return load_safetensors(folder / "weights").tensors.size(); });

  for (const Index rows : {512, 60'000}) {
    benchmark::RegisterBenchmark(("order/" + std::to_string(rows)).c_str(), [rows](benchmark::State& state) {
      BatchOrder order(rows, {}, Rng(1));
      Index epoch = 0;
      for (auto _ : state) order.start_epoch(++epoch);
      state.SetItemsProcessed(state.iterations() * rows);
    });
  }

  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  std::filesystem::remove_all(folder);
  return 0;
}
