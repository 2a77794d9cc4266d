// What the files of the extension module share.
#pragma once

#include <evengrad/core/error.hpp>
#include <evengrad/core/names.hpp>
#include <evengrad/core/types.hpp>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace evengrad::python {

namespace nb = nanobind;
using namespace nb::literals;

template <class S>
using Array = nb::ndarray<nb::numpy, S, nb::ndim<2>, nb::c_contig>;

/// A NumPy array that owns the matrix.
template <Real S>
Array<S> to_numpy(Matrix<S>&& matrix) {
  auto* owned = new Matrix<S>(std::move(matrix));
  const nb::capsule owner(owned, [](void* p) noexcept { delete static_cast<Matrix<S>*>(p); });
  return Array<S>(owned->data(), {static_cast<std::size_t>(owned->rows()), static_cast<std::size_t>(owned->cols())},
                  owner);
}

void bind_net(nb::module_& m);

}  // namespace evengrad::python
