// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <cereal/cereal.hpp>

#include <morrow/detail/any_field.h>
#include <morrow/detail/signature.h>
#include <morrow/pointer_free.h>
#include <morrow/sent_as.h>

/// What users wrote about how their types are sent: it is used also where the bytes of the type could be copied.
namespace morrow::detail {

class OutArchive;
class InArchive;

/// The program says as what a T travels.
template <class T>
concept HasSentAs = requires(const T& value) {
  SentAs<T>::pack(value);
};

/// Users gave T functions for cereal, or cereal brings them.
template <class T>
concept CerealKnows = cereal::traits::detail::count_output_serializers<T, OutArchive>::value != 0 ||
                      cereal::traits::detail::count_input_serializers<T, InArchive>::value != 0;

/// A type of the standard library: what cereal brings for it does not say more than its bytes.
template <class T>
constexpr bool is_standard() {
  return type_name<T>().starts_with("std::");
}

// A name that a class has in common with one beside it can't be asked for in a class derived from both: so a name is
// found though it is private.
struct NameOfSerialize {
  int serialize;
};
/// The same for the names of a pair.
struct NamesOfSave {
  int save;
  int load;
};
/// Derived from both.
template <class T, class Names>
struct Beside : T, Names {};

/// T has members of these names, which may be private.
template <class T>
constexpr bool names_own_functions() {
  if constexpr (!std::is_class_v<T> || std::is_final_v<T> || is_standard<T>())
    return false;
  else
    return !requires { &Beside<T, NameOfSerialize>::serialize; }
  || (
         !requires { &Beside<T, NamesOfSave>::save; } && !requires { &Beside<T, NamesOfSave>::load; });
}

/// The class that a member function is of.
template <class F>
struct ClassOf {
  using type = void;
};
template <class R, class C, class... P>
struct ClassOf<R (C::*)(P...)> {
  using type = C;
};
template <class R, class C, class... P>
struct ClassOf<R (C::*)(P...) const> {
  using type = C;
};

/// Base is made for T, whose fields it knows: `struct T : Base<T>`.
template <class Base, class T>
inline constexpr bool kMadeFor = false;
template <template <class...> class Base, class... Arguments, class T>
inline constexpr bool kMadeFor<Base<Arguments...>, T> = (std::is_same_v<Arguments, T> || ...);

/// T has more in it than the class of which it has this function.
template <class Class, class T>
constexpr bool has_more_than() {
  if constexpr (std::is_void_v<Class> || std::is_same_v<Class, T> || kMadeFor<Class, T>)
    return false;
  else if constexpr (std::is_empty_v<Class>)
    return false;  // it serializes nothing of its own
  else
    return sizeof(T) != sizeof(Class);
}

/// The class that T has its functions from, when that can be seen. Not by a requirement: g++ 12 looks at private
/// members there.
template <class T, class = void>
struct OwnerOfSave {
  using type = void;
};
template <class T>
struct OwnerOfSave<T, std::void_t<decltype(&T::template save<OutArchive>)>>
    : ClassOf<decltype(&T::template save<OutArchive>)> {};
/// The same for its serialize or save.
template <class T, class = void>
struct OwnerOfFunctions : OwnerOfSave<T> {};
template <class T>
struct OwnerOfFunctions<T, std::void_t<decltype(&T::template serialize<OutArchive>)>>
    : ClassOf<decltype(&T::template serialize<OutArchive>)> {};

/// Whether T has its functions for cereal from a base class, which leave out what T itself has.
template <class T>
constexpr bool inherits_functions() {
  return has_more_than<typename OwnerOfFunctions<T>::type, T>();
}

/// What stands for a base class among the fields: `cereal::base_class<Base>(this)`.
template <class T>
concept BaseClassOf = std::is_base_of_v<cereal::traits::detail::BaseCastBase, T> && requires(const T& one) {
  *one.base_ptr;
};

template <class T>
constexpr bool copied_as_bytes();

/// Converts to each part of an aggregate that is not copied as bytes.
struct AnyOtherPart {
  template <class T>
  requires(!copied_as_bytes<T>()) constexpr operator T&() const& noexcept;
  template <class T>
  requires(!copied_as_bytes<T>()) constexpr operator T&&() const&& noexcept;
};

/// Each element of a C array is a part. After so many it is taken that there is no other one: to look takes time.
inline constexpr std::size_t kMostParts = 64;

template <class T, std::size_t... Before>
constexpr bool has_other_part(std::index_sequence<Before...>) {
  if constexpr (requires { T{AnyFieldAt<Before>{}..., AnyOtherPart{}}; })
    return true;
  else if constexpr (sizeof...(Before) == kMostParts || !requires { T{AnyFieldAt<Before>{}..., AnyField{}}; })
    return false;
  else
    return has_other_part<T>(std::make_index_sequence<sizeof...(Before) + 1>{});
}

/// Whether T is a std::array.
template <class T>
struct IsStandardArray : std::false_type {};
template <class T, std::size_t N>
struct IsStandardArray<std::array<T, N>> : std::true_type {};

/// Whether the types that a standard type is made of are copied as bytes.
template <class T>
inline constexpr bool kPartsAreBytes = true;
template <template <class...> class Standard, class... Parts>
inline constexpr bool kPartsAreBytes<Standard<Parts...>> = (copied_as_bytes<std::remove_cv_t<Parts>>() && ...);

/// A generator or a distribution of <random>, whose constructors are not constexpr. Those that are trivially copyable
/// hold numbers only.
template <class T>
concept StandardRandom = std::is_class_v<T> && std::is_trivially_copyable_v<T> && is_standard<T>() &&(
    requires(T& generator) { generator.discard(1); } ||
    requires(T & distribution) {
      typename T::param_type;
      distribution.reset();
    });

/// Whether a T is sent as its bytes: they mean the same elsewhere, and users have not said otherwise of it or a part.
template <class T>
constexpr bool copied_as_bytes() {
  if constexpr (HasSentAs<T> || !(PointerFree<T> || StandardRandom<T>))
    return false;
  else if constexpr (!std::is_class_v<T> || plain_bytes<T>)
    return true;
  else if constexpr (IsStandardArray<T>::value)
    return copied_as_bytes<typename T::value_type>();
  else if constexpr (is_standard<T>())
    return kPartsAreBytes<T>;
  else if constexpr (CerealKnows<T> || names_own_functions<T>())
    return false;
  else if constexpr (std::is_aggregate_v<T>)
    return !has_other_part<T>(std::index_sequence<>{});
  else
    return true;
}

}  // namespace morrow::detail
