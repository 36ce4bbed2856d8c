// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <complex>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <morrow/eigen.h>
#include <morrow/serialize.h>

#include "tests/public/round_trip.h"

namespace {

using morrow::deserialize_value;
using morrow::serialize_value;
using morrow::test::round_trip;

TEST(Eigen, MatricesAndArraysComeBackAsTheyWere) {
  const auto same = []<class M>(const M& value) {
    const M got = round_trip(value);
    ASSERT_EQ(got.rows(), value.rows());
    ASSERT_EQ(got.cols(), value.cols());
    EXPECT_TRUE((got.array() == value.array()).all());
  };
  same(Eigen::MatrixXd(Eigen::MatrixXd::Random(5, 7)));
  same(Eigen::MatrixXd(0, 3));
  same(Eigen::MatrixXd(1000, 0));
  same(Eigen::VectorXf(Eigen::VectorXf::Random(9)));
  same(Eigen::RowVectorXi(Eigen::RowVectorXi::Random(4)));
  same(Eigen::Vector2d(1, 2));
  same(Eigen::Vector3d(1, 2, 3));
  same(Eigen::Matrix4f(Eigen::Matrix4f::Random()));
  same(Eigen::MatrixXcd(Eigen::MatrixXcd::Random(2, 3)));
  same(Eigen::Matrix<double, Eigen::Dynamic, 3, Eigen::RowMajor>(Eigen::MatrixXd::Random(4, 3)));
  same(Eigen::Matrix<int, Eigen::Dynamic, Eigen::Dynamic, 0, 4, 4>(Eigen::Matrix2i::Random()));
  same(Eigen::ArrayXXd(Eigen::ArrayXXd::Random(3, 2)));
  same(Eigen::Array3i(1, 2, 3));
}

TEST(Eigen, TheyMayStandInOtherValues) {
  struct Model {
    std::string name;
    Eigen::MatrixXd weights;
    Eigen::Vector3f offset;
  };
  const Model model{"m", Eigen::MatrixXd::Identity(3, 3), Eigen::Vector3f(1, 2, 3)};
  const Model got = round_trip(model);
  EXPECT_EQ(got.weights, model.weights);
  EXPECT_EQ(got.offset, model.offset);
  const std::optional<Eigen::Vector3d> maybe(Eigen::Vector3d(1, 2, 3));
  EXPECT_EQ(*round_trip(maybe), *maybe);
  const std::vector<Eigen::Matrix3d> many(4, Eigen::Matrix3d::Constant(2));
  EXPECT_EQ(round_trip(many), many);
  const std::map<int, Eigen::VectorXd> by_number{{1, Eigen::VectorXd::Ones(2)}};
  EXPECT_EQ(round_trip(by_number), by_number);
}

TEST(Eigen, SparseMatricesComeBackAsTheyWere) {
  Eigen::SparseMatrix<double> columns(40, 30);
  columns.insert(1, 2) = 3;
  columns.insert(39, 29) = 4;
  EXPECT_FALSE(columns.isCompressed());
  EXPECT_EQ(Eigen::MatrixXd(round_trip(columns)), Eigen::MatrixXd(columns));
  const Eigen::SparseMatrix<float, Eigen::RowMajor, std::int64_t> rows(5, 6);
  EXPECT_EQ(round_trip(rows).rows(), 5);
  EXPECT_EQ(round_trip(rows).nonZeros(), 0);
}

TEST(Eigen, RotationsAndBoxesComeBackAsTheyWere) {
  const Eigen::Quaterniond turn(Eigen::AngleAxisd(0.5, Eigen::Vector3d::UnitX()));
  EXPECT_EQ(round_trip(turn).coeffs(), turn.coeffs());
  EXPECT_EQ(round_trip(Eigen::AngleAxisd(0.5, Eigen::Vector3d::UnitY())).axis(), Eigen::Vector3d::UnitY());
  const Eigen::Isometry3d isometry = Eigen::Translation3d(1, 2, 3) * turn;
  EXPECT_EQ(round_trip(isometry).matrix(), isometry.matrix());
  EXPECT_EQ(round_trip(Eigen::Translation3d(1, 2, 3)).vector(), Eigen::Vector3d(1, 2, 3));
  const Eigen::AlignedBox2d box(Eigen::Vector2d(0, 1), Eigen::Vector2d(2, 3));
  EXPECT_EQ(round_trip(box).max(), box.max());
}

template <class T>
void damage_is_a_decode_error(const T& value) {
  const auto bytes = serialize_value(value);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(deserialize_value<T>(std::span(bytes).first(size)), morrow::DecodeError) << size;
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const int change : {0x01, 0x7f, 0x80, 0xff}) {
      auto damaged = bytes;
      damaged[at] ^= static_cast<std::byte>(change);
      try {
        static_cast<void>(deserialize_value<T>(damaged));
      } catch (const morrow::DecodeError&) {
      }
    }
  }
}

TEST(Eigen, DamagedBytesOnlyEverThrowDecodeErrors) {
  damage_is_a_decode_error(Eigen::MatrixXd(Eigen::MatrixXd::Random(2, 3)));
  damage_is_a_decode_error(Eigen::Vector3d(1, 2, 3));
  Eigen::SparseMatrix<double> sparse(4, 3);
  sparse.insert(1, 2) = 3;
  damage_is_a_decode_error(sparse);
}

}  // namespace
