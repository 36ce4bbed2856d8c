// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Matrices and arrays of Eigen as arguments and results. It is not part of morrow.h: a program that has Eigen includes
/// it.

#include <morrow/detail/compiler.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <Eigen/Core>
#include <Eigen/Geometry>
#include <Eigen/SparseCore>

#include <morrow/detail/archive.h>
#include <morrow/detail/codec.h>
#include <morrow/detail/pack.h>
#include <morrow/error.h>
#include <morrow/serialize.h>

namespace morrow::detail {

/// A Matrix or Array of Eigen: its size and its elements as they lie there.
template <class M>
struct DenseCodec {
  using Parts = TypeList<typename M::Scalar>;

  static void write(ValueWriter& writer, const M& value) {
    writer.write(static_cast<std::int64_t>(value.rows()));
    writer.write(static_cast<std::int64_t>(value.cols()));
    const auto count = static_cast<std::size_t>(value.size());
    if constexpr (Raw<typename M::Scalar>) {
      writer.put_large(value.data(), count * sizeof(typename M::Scalar));
    } else {
      for (std::size_t i = 0; i < count; ++i) writer.write(value.data()[i]);
    }
  }

  static M make(ValueReader& reader) {
    const auto rows = reader.make<std::int64_t>();
    const auto columns = reader.make<std::int64_t>();
    if (!fits(rows, M::RowsAtCompileTime, M::MaxRowsAtCompileTime) ||
        !fits(columns, M::ColsAtCompileTime, M::MaxColsAtCompileTime))
      throw DecodeError("a serialized matrix of Eigen has a size that its type has not");
    if (columns != 0 && rows > static_cast<std::int64_t>(reader.left()) / columns)
      throw DecodeError("a serialized matrix of Eigen claims more elements than it has bytes");
    M value;
    value.resize(rows, columns);
    const auto count = static_cast<std::size_t>(value.size());
    if constexpr (Raw<typename M::Scalar>) {
      reader.take(value.data(), count * sizeof(typename M::Scalar));
    } else {
      for (std::size_t i = 0; i < count; ++i) reader.read(value.data()[i]);
    }
    return value;
  }

 private:
  static bool fits(std::int64_t size, int fixed, int most) {
    return size >= 0 && (fixed == Eigen::Dynamic || size == fixed) && (most == Eigen::Dynamic || size <= most);
  }
};

template <class S, int R, int C, int O, int MaxR, int MaxC>
struct Codec<Eigen::Matrix<S, R, C, O, MaxR, MaxC>> : DenseCodec<Eigen::Matrix<S, R, C, O, MaxR, MaxC>> {};
template <class S, int R, int C, int O, int MaxR, int MaxC>
struct Codec<Eigen::Array<S, R, C, O, MaxR, MaxC>> : DenseCodec<Eigen::Array<S, R, C, O, MaxR, MaxC>> {};

template <class S, int O, class I>
struct Codec<Eigen::SparseMatrix<S, O, I>> {
  using Matrix = Eigen::SparseMatrix<S, O, I>;
  using Parts = TypeList<S>;

  static void write(ValueWriter& writer, const Matrix& value) {
    if (!value.isCompressed()) {
      Matrix compressed = value;
      compressed.makeCompressed();
      return write(writer, compressed);
    }
    writer.write(static_cast<std::int64_t>(value.rows()));
    writer.write(static_cast<std::int64_t>(value.cols()));
    writer.write_copy(std::vector<I>(value.outerIndexPtr(), value.outerIndexPtr() + value.outerSize() + 1));
    writer.write_copy(std::vector<I>(value.innerIndexPtr(), value.innerIndexPtr() + value.nonZeros()));
    writer.write_copy(std::vector<S>(value.valuePtr(), value.valuePtr() + value.nonZeros()));
  }

  static Matrix make(ValueReader& reader) {
    const auto rows = reader.make<std::int64_t>();
    const auto columns = reader.make<std::int64_t>();
    const auto outer = reader.make<std::vector<I>>();
    const auto inner = reader.make<std::vector<I>>();
    const auto values = reader.make<std::vector<S>>();
    if (!is_sparse(Matrix::IsRowMajor ? rows : columns, Matrix::IsRowMajor ? columns : rows, outer, inner) ||
        values.size() != inner.size())
      throw DecodeError("a serialized sparse matrix of Eigen has indices outside of it");
    Matrix value(rows, columns);
    value.resizeNonZeros(static_cast<Eigen::Index>(values.size()));
    std::copy(outer.begin(), outer.end(), value.outerIndexPtr());
    std::copy(inner.begin(), inner.end(), value.innerIndexPtr());
    std::copy(values.begin(), values.end(), value.valuePtr());
    return value;
  }

 private:
  static bool is_sparse(std::int64_t outer_size, std::int64_t inner_size, const std::vector<I>& outer,
                        const std::vector<I>& inner) {
    if (outer_size < 0 || inner_size < 0 || outer.size() != static_cast<std::size_t>(outer_size) + 1) return false;
    if (outer.front() != 0 || static_cast<std::size_t>(outer.back()) != inner.size()) return false;
    for (std::size_t i = 1; i < outer.size(); ++i) {
      if (outer[i] < outer[i - 1]) return false;
    }
    for (const I index : inner) {
      if (index < 0 || index >= inner_size) return false;
    }
    return true;
  }
};

// What each of these types of Eigen is made of, by its name there. Closures would give it a type that differs in each
// translation unit.

/// Of a quaternion.
struct EigenCoefficients {
  auto operator()(const auto& value) const { return value.coeffs(); }
};
/// Of a translation.
struct EigenVector {
  auto operator()(const auto& value) const { return value.vector(); }
};
/// Of a transform.
struct EigenMatrix {
  auto operator()(const auto& value) const { return value.matrix(); }
};

/// A type of Eigen that is made of another one: of what Get gives for it.
template <class T, class Part, class Get>
struct WrappedCodec {
  using Parts = TypeList<Part>;
  static void write(ValueWriter& writer, const T& value) { writer.write_copy(Part(Get()(value))); }
  static T make(ValueReader& reader) { return T(reader.make<Part>()); }
};

template <class S, int O>
struct Codec<Eigen::Quaternion<S, O>>
    : WrappedCodec<Eigen::Quaternion<S, O>, Eigen::Matrix<S, 4, 1>, EigenCoefficients> {};
template <class S, int D>
struct Codec<Eigen::Translation<S, D>> : WrappedCodec<Eigen::Translation<S, D>, Eigen::Matrix<S, D, 1>, EigenVector> {};
template <class S, int D, int M, int O>
struct Codec<Eigen::Transform<S, D, M, O>>
    : WrappedCodec<Eigen::Transform<S, D, M, O>, typename Eigen::Transform<S, D, M, O>::MatrixType, EigenMatrix> {};

template <class S>
struct Codec<Eigen::AngleAxis<S>> {
  using Parts = TypeList<S>;
  static void write(ValueWriter& writer, const Eigen::AngleAxis<S>& value) {
    writer.write(value.angle());
    writer.write(value.axis());
  }
  static Eigen::AngleAxis<S> make(ValueReader& reader) {
    const S angle = reader.make<S>();
    return Eigen::AngleAxis<S>(angle, reader.make<Eigen::Matrix<S, 3, 1>>());
  }
};

template <class S, int D>
struct Codec<Eigen::AlignedBox<S, D>> {
  using Corner = Eigen::Matrix<S, D, 1>;
  using Parts = TypeList<Corner>;
  static void write(ValueWriter& writer, const Eigen::AlignedBox<S, D>& value) {
    writer.write_copy(Corner((value.min)()));
    writer.write_copy(Corner((value.max)()));
  }
  static Eigen::AlignedBox<S, D> make(ValueReader& reader) {
    const Corner low = reader.make<Corner>();
    return Eigen::AlignedBox<S, D>(low, reader.make<Corner>());
  }
};

}  // namespace morrow::detail
