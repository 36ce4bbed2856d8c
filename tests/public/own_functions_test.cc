// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <complex>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <cereal/types/base_class.hpp>
#include <cereal/types/complex.hpp>

#include <morrow/serialize.h>

#include "tests/public/round_trip.h"

// What users wrote about how a type travels is what happens, also where its bytes could be copied: each function here
// leaves out `second`.
namespace {

using morrow::test::round_trip;

struct Two {
  int first = 0;
  int second = 0;
};

struct Member : Two {
  template <class Archive>
  void serialize(Archive& archive) {
    archive(first);
  }
};
struct SaveAndLoad : Two {
  template <class Archive>
  void save(Archive& archive) const {
    archive(first);
  }
  template <class Archive>
  void load(Archive& archive) {
    archive(first);
  }
};
struct Beside : Two {};
template <class Archive>
void serialize(Archive& archive, Beside& beside) {
  archive(beside.first);
}
struct SavedBeside : Two {};
template <class Archive>
void save(Archive& archive, const SavedBeside& beside) {
  archive(beside.first);
}
template <class Archive>
void load(Archive& archive, SavedBeside& beside) {
  archive(beside.first);
}
struct Minimal : Two {
  template <class Archive>
  int save_minimal(const Archive&) const {
    return first;
  }
  template <class Archive>
  void load_minimal(const Archive&, const int& value) {
    first = value;
  }
};
class Befriended : public Two {
  friend class cereal::access;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(first);
  }
};
struct Versioned : Two {
  template <class Archive>
  void serialize(Archive& archive, std::uint32_t /*version*/) {
    archive(first);
  }
};

template <class T>
class OwnFunctions : public testing::Test {};
using AllStyles = testing::Types<Member, SaveAndLoad, Beside, SavedBeside, Minimal, Befriended, Versioned>;
TYPED_TEST_SUITE(OwnFunctions, AllStyles);

TYPED_TEST(OwnFunctions, AreUsedWhereverTheValueStands) {
  using T = TypeParam;
  struct Holder {
    T held;
    int after = 0;
  };
  struct Outer {
    Holder holder;
    double real = 0;
  };
  T value;
  value.first = 1;
  value.second = 2;
  const auto expect_first = [](const Two& two) {
    EXPECT_EQ(two.first, 1);
    EXPECT_EQ(two.second, 0);
  };
  expect_first(round_trip(value));
  expect_first(round_trip(std::vector{value})[0]);
  expect_first(round_trip(std::array{value})[0]);
  expect_first(round_trip(std::pair(value, 1)).first);
  expect_first(*round_trip(std::optional(value)));
  expect_first(round_trip(std::map<int, T>{{5, value}})[5]);
  expect_first(round_trip(Holder{value, 3}).held);
  EXPECT_EQ(round_trip(Holder{value, 3}).after, 3);
  expect_first(round_trip(Outer{{value, 3}, 0.5}).holder.held);
  expect_first(round_trip(std::vector<Outer>{{{value, 3}, 0.5}})[0].holder.held);
}

TEST(OwnFunctionsOfParts, AreFoundInArraysOfAStruct) {
  struct Row {
    Member members[2];
  };
  EXPECT_FALSE(morrow::detail::Raw<Row>);
}

struct Named {
  std::string name;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(name);
  }
};
struct Circle : Named {
  double radius = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(cereal::base_class<Named>(this), radius);
  }
};
struct Ring : Circle {
  std::vector<int> gaps;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(cereal::base_class<Circle>(this), gaps);
  }
};
struct Virtual {
  virtual ~Virtual() = default;
  int number = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(number);
  }
};
struct FromVirtual : virtual Virtual {
  std::string text;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(cereal::virtual_base_class<Virtual>(this), text);
  }
};
struct PlainBase {
  int number = 0;
};
struct OnPlainBase : PlainBase {
  std::string text;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(cereal::base_class<PlainBase>(this), text);
  }
};

TEST(OwnFunctionsOfBases, TravelAsCerealWritesThem) {
  Ring ring;
  ring.name = "ring";
  ring.radius = 2;
  ring.gaps = {1, 2};
  const Ring got = round_trip(ring);
  EXPECT_EQ(got.name, "ring");
  EXPECT_EQ(got.radius, 2);
  EXPECT_EQ(got.gaps, ring.gaps);
  FromVirtual from;
  from.number = 5;
  from.text = "text";
  EXPECT_EQ(round_trip(from).number, 5);
  EXPECT_EQ(round_trip(from).text, "text");
  OnPlainBase on;
  on.number = 7;
  on.text = "seven";
  EXPECT_EQ(round_trip(on).number, 7);
  EXPECT_EQ(round_trip(on).text, "seven");
}

/// A base class that is made for the class that derives from it, and knows its fields.
template <class Derived>
struct Serialized {
  template <class Archive>
  void serialize(Archive& archive) {
    archive(static_cast<Derived&>(*this).text);
  }
};
struct Made : Serialized<Made> {
  std::string text;
};
template <class Derived, int Version>
struct SerializedOf {
  template <class Archive>
  void serialize(Archive& archive) {
    archive(static_cast<Derived&>(*this).text);
  }
};
struct MadeOf : SerializedOf<MadeOf, 3> {
  std::string text;
};
/// Nothing is left out: it has no field of its own.
struct Renamed : Named {
  using Named::Named;
};

TEST(OwnFunctionsOfBases, ServeClassesOfWhichTheyLeaveOutNothing) {
  Made made;
  made.text = "made";
  EXPECT_EQ(round_trip(made).text, "made");
  MadeOf of;
  of.text = "of";
  EXPECT_EQ(round_trip(of).text, "of");
  Renamed renamed;
  renamed.name = "same";
  EXPECT_EQ(round_trip(renamed).name, "same");
}

TEST(OwnFunctionsOfCereal, SayNoMoreThanTheBytesOfStandardTypes) {
  EXPECT_TRUE(morrow::detail::Raw<std::complex<double>>);
  EXPECT_TRUE((morrow::detail::Raw<std::array<int, 3>>));
  EXPECT_EQ(round_trip(std::complex<double>(1, 2)), std::complex<double>(1, 2));
}

}  // namespace
