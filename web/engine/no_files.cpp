// What the library asks of files, where there are none.
#include <evengrad/core/error.hpp>
#include <evengrad/core/file.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/data/idx.hpp>
#include <evengrad/data/idx_folder.hpp>

namespace evengrad {

std::string read_file(const std::filesystem::path& path, std::uint64_t) {
  throw FileError(text("cannot read ", in_quotes(path.string()), ": a page has no files; paste what it holds"));
}

template <Real S>
Split<S> load_images(const ImageSet& set, const std::vector<std::filesystem::path>&, Index) {
  throw FileError(text("the images of ", set.folder, " are not in the page; the command line trains on them"));
}

template <Real S>
Split<S> load_idx_folder(const std::filesystem::path& path, Index) {
  throw FileError(text("there is no folder ", in_quotes(path.string()), ": a page has no files"));
}

Descriptor::~Descriptor() = default;
FileReader::FileReader(std::filesystem::path path) : path_(std::move(path)) {
  throw FileError(text("there is no file ", in_quotes(path_.string()), ": a page has no files"));
}
std::size_t FileReader::read(std::span<std::byte>) { return 0; }

template Split<float> load_idx_folder(const std::filesystem::path&, Index);
template Split<double> load_idx_folder(const std::filesystem::path&, Index);
template Split<float> load_images(const ImageSet&, const std::vector<std::filesystem::path>&, Index);
template Split<double> load_images(const ImageSet&, const std::vector<std::filesystem::path>&, Index);

}  // namespace evengrad
