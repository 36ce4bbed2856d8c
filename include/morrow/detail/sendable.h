// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <type_traits>

#include <morrow/detail/aggregate.h>
#include <morrow/detail/archive.h>
#include <morrow/detail/codec.h>
#include <morrow/detail/own_functions.h>
#include <morrow/detail/pack.h>
#include <morrow/detail/standard_types.h>

/// Finds out whether a type can be sent to another process, before any archive touches it, so that the compiler says
/// one sentence and not a page.
namespace morrow::detail {

/// Why a type can't be sent.
enum class Problem {
  kNone,
  kPointer,
  kView,
  kStandardView,
  kNoDefault,
  kAggregate,
  kHidden,
  kInherited,
  kNotOnePair,
  kStandard,
  kClosure,
  kEigen,
  kUnknown
};

/// What was found, and in which type.
template <Problem P, class T>
struct Verdict {
  static constexpr Problem problem = P;
  using type = T;
};
using Fine = Verdict<Problem::kNone, void>;

/// The types that T is made of, when cereal's functions for T just pass its parts on.
template <class T>
struct Parts {
  using type = void;
};
template <class T, class D>
requires(!std::is_polymorphic_v<T>) struct Parts<std::unique_ptr<T, D>> {
  using type = TypeList<T>;
};
template <class T>
requires(!std::is_polymorphic_v<T>) struct Parts<std::shared_ptr<T>> {
  using type = TypeList<T>;
};
template <class T>
requires(requires { typename T::value_type; } && !std::is_same_v<typename T::value_type, T> &&
         !cereal::traits::has_member_serialize<T, OutArchive>::value &&
         !cereal::traits::has_member_save<T, OutArchive>::value) struct Parts<T> {
  using type = TypeList<typename T::value_type>;
};

/// Whether cereal makes a T by itself, so that T must have a default constructor.
template <class T>
inline constexpr bool kMadeByCereal = false;
template <class T, class D>
inline constexpr bool kMadeByCereal<std::unique_ptr<T, D>> = !std::is_default_constructible_v<T>;
template <class T>
inline constexpr bool kMadeByCereal<std::shared_ptr<T>> = !std::is_default_constructible_v<T>;

/// A type of Eigen, whose header may not be included.
template <class T>
constexpr bool is_of_eigen() {
  return type_name<T>().starts_with("Eigen::");
}

/// The type of a lambda, by its name.
template <class T>
constexpr bool is_closure() {
  constexpr std::string_view kName = type_name<T>();
  return kName.find("<lambda(") != kName.npos || kName.find("(lambda at ") != kName.npos;
}

/// Whether a T is an address in this process.
template <class T>
struct IsPointerLike : std::bool_constant<std::is_pointer_v<T> || std::is_member_pointer_v<T> ||
                                          std::is_null_pointer_v<T> || std::is_reference_v<T>> {};

template <class T, class... Seen>
constexpr auto inspect();

/// The first problem in a row of types; the types of SeenList are being inspected further out.
template <class SeenList, class... Rest>
struct InspectAll {
  static constexpr auto run() { return Fine{}; }
};
template <class... Seen, class First, class... Rest>
struct InspectAll<TypeList<Seen...>, First, Rest...> {
  static constexpr auto run() {
    using Found = decltype(inspect<First, Seen...>());
    if constexpr (Found::problem != Problem::kNone)
      return Found{};
    else
      return InspectAll<TypeList<Seen...>, Rest...>::run();
  }
};

template <class T, class... Seen, class... Types>
constexpr auto inspect_types(TypeList<Types...>) {
  return InspectAll<TypeList<T, Seen...>, Types...>::run();
}

/// Whether T and all its parts can be sent; the first part that cannot. `Seen` ends the walk of recursive types.
template <class Given, class... Seen>
constexpr auto inspect() {
  using T = std::remove_cv_t<Given>;
  if constexpr (IsPointerLike<T>::value) {
    return Verdict<Problem::kPointer, T>{};
  } else if constexpr (std::is_void_v<T> || AnyFuture<T> || SelfPacked<T> || (std::is_same_v<T, Seen> || ...)) {
    return Fine{};
  } else if constexpr (std::is_array_v<T>) {
    return inspect<std::remove_all_extents_t<T>, Seen...>();
  } else if constexpr (Raw<T>) {
    return Fine{};
  } else if constexpr (HasCodec<T>) {
    return inspect_types<T, Seen...>(typename Codec<T>::Parts{});
  } else if constexpr (CerealKnows<T>) {
    if constexpr (cereal::traits::detail::count_output_serializers<T, OutArchive>::value != 1 ||
                  cereal::traits::detail::count_input_serializers<T, InArchive>::value != 1)
      return Verdict<Problem::kNotOnePair, T>{};
    else if constexpr (inherits_functions<T>())
      return Verdict<Problem::kInherited, T>{};
    else if constexpr (kMadeByCereal<T>)
      return Verdict<Problem::kNoDefault, typename T::element_type>{};
    else if constexpr (!std::is_void_v<typename Parts<T>::type>)
      return inspect_types<T, Seen...>(typename Parts<T>::type{});
    else if constexpr (!std::is_default_constructible_v<T>)
      return Verdict<Problem::kNoDefault, T>{};
    else
      return Fine{};
  } else if constexpr (names_own_functions<T>()) {
    return Verdict<Problem::kHidden, T>{};
  } else if constexpr (is_plain_aggregate<T>()) {
    return inspect_types<T, Seen...>(FieldTypes<T>{});
  } else if constexpr (std::is_aggregate_v<T> && std::is_class_v<T>) {
    return Verdict<Problem::kAggregate, T>{};
  } else if constexpr (is_of_eigen<T>()) {
    return Verdict<Problem::kEigen, T>{};
  } else if constexpr (is_closure<T>()) {
    return Verdict<Problem::kClosure, T>{};
  } else if constexpr (std::is_trivially_copyable_v<T>) {
    constexpr Problem kView = is_standard<T>() ? Problem::kStandardView : Problem::kView;
    return Verdict<kView, T>{};
  } else if constexpr (is_standard<T>()) {
    return Verdict<Problem::kStandard, T>{};
  } else {
    return Verdict<Problem::kUnknown, T>{};
  }
}

/// Its instantiation is what names the type in the compiler's message.
template <class Type, Problem P>
struct CannotBeSent {
  static_assert(
      P != Problem::kPointer,
      "morrow: a pointer or a reference cannot be sent to another process (the type named above as CannotBeSent<...>): "
      "send the value itself, a std::string, a container or a std::unique_ptr");
  static_assert(
      P != Problem::kStandardView,
      "morrow: this type of the standard library (named above as CannotBeSent<...>) may refer to memory of this "
      "process: send what it refers to, a std::string for a std::string_view, a std::vector for a std::span");
  static_assert(
      P != Problem::kView,
      "morrow: the compiler cannot see whether this type (named above as CannotBeSent<...>) refers to memory of this "
      "process: send what it refers to; or, if it holds only values, give it constexpr constructors or = default, or "
      "say so: template <> inline constexpr bool morrow::plain_bytes<TYPE> = true; or give it a function: "
      "template <class Archive> void serialize(Archive& archive) { archive(field, ...); }");
  static_assert(
      P != Problem::kNoDefault,
      "morrow: this type (named above as CannotBeSent<...>) needs a default constructor to be received; or say as what "
      "else it travels: template <> struct morrow::SentAs<TYPE>");
  static_assert(P != Problem::kAggregate,
                "morrow: this struct (named above as CannotBeSent<...>) has a base class, a C array, a field that "
                "cannot be moved or more than 120 fields, so its fields cannot be found by themselves; add to it: "
                "template <class Archive> void serialize(Archive& archive) { archive(field, ...); }");
  static_assert(
      P != Problem::kHidden,
      "morrow: this type (named above as CannotBeSent<...>) has a serialize, or save and load, that cannot be called: "
      "make it public or befriend cereal::access, and let it take any archive: "
      "template <class Archive> void serialize(Archive& archive)");
  static_assert(
      P != Problem::kInherited,
      "morrow: this type (named above as CannotBeSent<...>) has its serialize from a base class, which leaves out its "
      "own fields; add to it: template <class Archive> void serialize(Archive& archive) { "
      "archive(cereal::base_class<BASE>(this), field, ...); }");
  static_assert(
      P != Problem::kNotOnePair,
      "morrow: this type (named above as CannotBeSent<...>) has more than one way to be serialized, or only half of "
      "one: give it serialize, or save and load, as members or as functions beside it");
  static_assert(
      P != Problem::kStandard,
      "morrow: this type of the standard library (named above as CannotBeSent<...>) cannot be sent: send the values "
      "that it holds");
  static_assert(
      P != Problem::kClosure,
      "morrow: a lambda that is sent as a value (named above as CannotBeSent<...>) may capture plain values only: make "
      "it a struct with operator() that has as fields what it captures");
  static_assert(P != Problem::kEigen,
                "morrow: this type of Eigen (named above as CannotBeSent<...>) cannot be sent: include "
                "<morrow/eigen.h>, and send "
                "a matrix or an array; an expression refers to its operands, so send its value, expression.eval()");
  static_assert(P != Problem::kUnknown,
                "morrow: this type (named above as CannotBeSent<...>) cannot be serialized; add to it: "
                "template <class Archive> void serialize(Archive& archive) { archive(field, ...); } (a class that "
                "stands in a function can have none: move it out) or, if it is not yours, say as what it travels: "
                "template <> struct morrow::SentAs<TYPE>");
};

/// Whether values of T can be sent.
template <class T>
constexpr bool is_sendable() {
  return decltype(inspect<T>())::problem == Problem::kNone;
}

/// A compile error that names the part of T that cannot be sent and says what to do, if there is one. It is no
/// condition itself: after an error clang takes no value for constant.
template <class T>
void check_sendable() {
  using Found = decltype(inspect<T>());
  if constexpr (Found::problem != Problem::kNone) {
    [[maybe_unused]] const CannotBeSent<typename Found::type, Found::problem> sentence{};
  }
}

}  // namespace morrow::detail
