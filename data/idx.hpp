// IDX files, the format of MNIST, plain or gzipped.
#pragma once

#include <evengrad/data/dataset.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace evengrad {

/// An array of bytes; the last index runs fastest.
struct IdxArray {
  std::vector<Index> shape;
  std::vector<std::uint8_t> values;
};

/// Reads an IDX file of unsigned bytes with one to four dimensions; a gzipped one is known by its first bytes. The
/// header is believed only as far as the file's content confirms it. Throws FileError with the path and the offset of
/// what is wrong.
IdxArray read_idx(const std::filesystem::path& path);

/// The names and the number of classes of a set of images in four IDX files.
struct ImageSet {
  std::string_view folder;  ///< below a data root
  std::vector<std::string_view> class_names;
};

/// Reads train-images-idx3-ubyte and its three usual companions (a dot before idx and .gz after it are found too) from
/// the first root that has the set, as pixels / 255; of the training set the first `samples`, or all for 0. Throws
/// FileError: for a set that is nowhere with the folders tried, or for a broken file.
template <Real S>
Split<S> load_images(const ImageSet& set, const std::vector<std::filesystem::path>& roots, Index samples);

}  // namespace evengrad
