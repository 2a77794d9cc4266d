// What the library asks of files, where there are none.
#include <evengrad/core/error.hpp>
#include <evengrad/core/file.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/data/idx.hpp>

namespace evengrad {

std::string read_file(const std::filesystem::path& path, std::uint64_t) {
  throw FileError(text("cannot read ", in_quotes(path.string()), ": a page has no files; paste what it holds"));
}

template <Real S>
Split<S> load_images(const ImageSet& set, const std::vector<std::filesystem::path>&, Index) {
  throw FileError(text("the images of ", set.folder, " are not in the page; the command line trains on them"));
}

template Split<float> load_images(const ImageSet&, const std::vector<std::filesystem::path>&, Index);
template Split<double> load_images(const ImageSet&, const std::vector<std::filesystem::path>&, Index);

}  // namespace evengrad
