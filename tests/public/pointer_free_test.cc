// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <bitset>
#include <chrono>
#include <complex>
#include <cstddef>
#include <optional>
#include <string_view>

#include <morrow/pointer_free.h>

namespace {

using morrow::PointerFree;

struct Plain {
  bool flag;
  char letters[5];
  long double wide;
  double numbers[3];
#ifndef __clang__  // cannot look into bit-fields
  unsigned low : 3, high : 5;
#endif
};
class Closed {
 public:
  constexpr explicit Closed(long n) : n_(n) {}
  long n() const { return n_; }

 private:
  long n_;
};
/// The compiler can't look inside: its constructor is not constexpr.
class Opaque {
 public:
  explicit Opaque(int n) : n_(n) {}
  int n() const { return n_; }

 private:
  int n_;
};
union Either {
  long number;
  double real;
};
/// A type of others, of which the program says that it is plain.
class Foreign {
 public:
  explicit Foreign(long n) : either_{n} {}
  long number() const { return either_.number; }

 private:
  Either either_;
};

}  // namespace

template <>
inline constexpr bool morrow::plain_bytes<Foreign> = true;

namespace {

TEST(PointerFree, PlainValuesAreWhatTheyHold) {
  EXPECT_TRUE(PointerFree<int>);
  EXPECT_TRUE(PointerFree<const bool>);
  EXPECT_TRUE(PointerFree<long double>);
  EXPECT_TRUE(PointerFree<Plain>);
  EXPECT_TRUE(PointerFree<Closed>);
  EXPECT_TRUE(PointerFree<std::complex<double>>);
  EXPECT_TRUE(PointerFree<std::chrono::nanoseconds>);
  EXPECT_TRUE(PointerFree<std::chrono::system_clock::time_point>);
  EXPECT_TRUE(PointerFree<std::bitset<100>>);
  EXPECT_TRUE((PointerFree<std::array<Plain, 3>>));
  EXPECT_TRUE((PointerFree<std::array<double, 0>>));
  EXPECT_TRUE((PointerFree<std::array<std::complex<float>, 2>>));
}

TEST(PointerFree, AnAddressIsSeenWhereverItStands) {
  struct Field {
    int* p;
  };
  struct InArray {
    int* p[3];
  };
  struct InNestedArray {
    int n;
    Field fields[2][2];
  };
  struct InBase : InArray {
    int n;
  };
  struct Functions {
    void (*of[2])();
  };
  struct MemberFunctions {
    void (Field::*of[2])();
  };
  struct Reference {
    int& n;
  };
  struct Unions {
    Either of[2];
  };
  EXPECT_FALSE(PointerFree<int*>);
  EXPECT_FALSE(PointerFree<std::nullptr_t>);
  EXPECT_FALSE(PointerFree<Field>);
  EXPECT_FALSE(PointerFree<InArray>);
  EXPECT_FALSE(PointerFree<InNestedArray>);
  EXPECT_FALSE(PointerFree<InBase>);
  EXPECT_FALSE(PointerFree<Functions>);
  EXPECT_FALSE(PointerFree<MemberFunctions>);
  EXPECT_FALSE(PointerFree<Reference>);
  EXPECT_FALSE(PointerFree<Unions>);
  EXPECT_FALSE((PointerFree<std::array<int*, 2>>));
  EXPECT_FALSE((PointerFree<std::array<std::array<Field, 1>, 3>>));
  EXPECT_FALSE((PointerFree<std::array<std::string_view, 2>>));
  EXPECT_FALSE(PointerFree<std::string_view>);
}

TEST(PointerFree, WhereTheCompilerCannotLookTheProgramsWordCounts) {
#ifndef __clang__  // looks into it all the same
  EXPECT_FALSE(PointerFree<Opaque>);
#endif
  EXPECT_FALSE(PointerFree<std::optional<int>>);
  EXPECT_FALSE(PointerFree<Either>);
  EXPECT_TRUE(PointerFree<Foreign>);
  EXPECT_TRUE(PointerFree<const Foreign>);
  EXPECT_TRUE((PointerFree<std::array<Foreign, 2>>));
}

}  // namespace
