// Any set of images and labels in IDX files: EMNIST, KMNIST, QMNIST, what torchvision downloads.
#pragma once

#include <evengrad/data/dataset.hpp>

#include <filesystem>

namespace evengrad {

/// Reads the two or four files of a folder (or its MNIST/raw, raw and the like), known by "train" or "test" or "t10k",
/// and "images" or "labels" in their names, plain or gzipped; a folder with several sets takes the beginning of their
/// names too, "FOLDER/emnist-letters". Pixels are divided by 255, labels are any integers; of several columns of labels
/// (QMNIST) the first counts. Of the training set the first `samples`, or all for 0. A note says which files. Throws
/// FileError.
template <Real S>
Split<S> load_idx_folder(const std::filesystem::path& path, Index samples);

}  // namespace evengrad
