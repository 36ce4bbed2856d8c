// SPDX-License-Identifier: Apache-2.0
// A product of matrices by blocks, with Eigen: morrow/eigen.h makes its matrices arguments and results of tasks.
//
//   eigen [SIZE [BLOCK]]
//
// Matrices of SIZE x SIZE (default 768) are cut into blocks of BLOCK x BLOCK (default 256). Each block is put once and
// goes to all tasks that need it. A block of the product is a chain of tasks, each of which takes the sum of the one
// before as its first argument: Morrow starts it when that is there, and the program waits for the last ones only. The
// numbers are whole, so that the sums are exact and the product is the very one that Eigen computes.
#include <morrow/eigen.h>
#include <morrow/morrow.h>

#include <algorithm>
#include <charconv>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using Matrix = Eigen::MatrixXd;
using Index = Eigen::Index;

Matrix multiply(const Matrix& a, const Matrix& b) { return a * b; }

Matrix add_product(Matrix sum, const Matrix& a, const Matrix& b) {
  sum.noalias() += a * b;
  return sum;
}

/// A matrix by blocks, row by row.
class Blocks {
 public:
  Blocks(const Matrix& matrix, Index block) : across_((matrix.cols() + block - 1) / block) {
    for (Index row = 0; row < matrix.rows(); row += block) {
      for (Index column = 0; column < matrix.cols(); column += block)
        blocks_.push_back(morrow::put(Matrix(
            matrix.block(row, column, std::min(block, matrix.rows() - row), std::min(block, matrix.cols() - column)))));
    }
  }
  morrow::Future<Matrix> at(Index row, Index column) const {
    return blocks_[static_cast<std::size_t>(row * across_ + column)];
  }
  Index across() const { return across_; }

 private:
  Index across_;
  std::vector<morrow::Future<Matrix>> blocks_;
};

Matrix multiply_by_blocks(const Matrix& left, const Matrix& right, Index block) {
  const Blocks a(left, block);
  const Blocks b(right, block);
  const Index across = a.across();
  std::vector<morrow::Future<Matrix>> sums;
  for (Index row = 0; row < across; ++row) {
    for (Index column = 0; column < across; ++column) {
      morrow::Future<Matrix> sum = morrow::submit(multiply, a.at(row, 0), b.at(0, column));
      for (Index k = 1; k < across; ++k) {
        const morrow::Future<Matrix> before = sum;
        sum = morrow::submit(add_product, before, a.at(row, k), b.at(k, column));
        before.release();  // freed when the next one has it
      }
      sums.push_back(sum);
    }
  }

  Matrix product(left.rows(), right.cols());
  for (Index row = 0; row < across; ++row) {
    for (Index column = 0; column < across; ++column) {
      const Matrix sum = sums[static_cast<std::size_t>(row * across + column)].get();
      product.block(row * block, column * block, sum.rows(), sum.cols()) = sum;
    }
  }
  return product;
}

/// \throws std::invalid_argument
int number(const std::string& text, int least, int most) {
  int value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stopped == end && value >= least && value <= most) return value;
  throw std::invalid_argument("'" + text + "' is not a number from " + std::to_string(least) + " to " +
                              std::to_string(most));
}

}  // namespace

int main(int argc, char** argv) {
  const morrow::Session session;
  try {
    const Index size = argc > 1 ? number(argv[1], 1, 10'000) : 768;
    const Index block = argc > 2 ? number(argv[2], 1, 10'000) : 256;
    const Matrix a = Matrix::NullaryExpr(size, size, [](Index i, Index j) { return double((3 * i + 5 * j) % 11 - 5); });
    const Matrix b = Matrix::NullaryExpr(size, size, [](Index i, Index j) { return double((2 * i + 7 * j) % 13 - 6); });
    const Matrix product = multiply_by_blocks(a, b, block);
    std::cout << size << " x " << size << ", trace " << product.trace() << ", "
              << (product == a * b ? "the same" : "NOT THE SAME") << " as by Eigen alone\n";
  } catch (const std::invalid_argument& error) {
    std::cerr << "eigen: " << error.what() << "\n";
    return 2;
  }
}
