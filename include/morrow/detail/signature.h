// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>

#include <morrow/detail/pack.h>

/// What can be read off a callable's type without instantiating its body.
namespace morrow::detail {

/// A callable whose parameters are not known before they are deduced: a generic lambda, an overloaded operator().
struct UnknownSignature {
  static constexpr bool known = false;
};

/// The result and the parameters of a callable.
template <class R, class... P>
struct KnownSignature {
  static constexpr bool known = true;
  using result = R;
  using parameters = TypeList<P...>;
};

/// The signature of a member function, with and without its object as the first parameter.
template <class F>
struct MemberSignature : UnknownSignature {};

// clang-format off
// NOLINTBEGIN(bugprone-macro-parentheses): types stand in no parentheses
#define MORROW_MEMBER(qualifiers, object) \
  template <class R, class C, class... P> struct MemberSignature<R (C::*)(P...) qualifiers> : KnownSignature<R, P...> { \
    using with_object = KnownSignature<R, object, P...>; };
MORROW_MEMBER(, C&)
MORROW_MEMBER(const, const C&)
MORROW_MEMBER(&, C&)
MORROW_MEMBER(const&, const C&)
MORROW_MEMBER(&&, C&&)
MORROW_MEMBER(noexcept, C&)
MORROW_MEMBER(const noexcept, const C&)
MORROW_MEMBER(& noexcept, C&)
MORROW_MEMBER(const& noexcept, const C&)
MORROW_MEMBER(&& noexcept, C&&)
#undef MORROW_MEMBER
// NOLINTEND(bugprone-macro-parentheses)
// clang-format on

template <class F>
struct Signature : UnknownSignature {};
template <class F>
requires requires { &F::operator(); }
struct Signature<F> : MemberSignature<decltype(&F::operator())> {};
template <class R, class... P>
struct Signature<R (*)(P...)> : KnownSignature<R, P...> {};
template <class R, class... P>
struct Signature<R (*)(P...) noexcept> : KnownSignature<R, P...> {};
template <class F>
requires std::is_member_function_pointer_v<F>
struct Signature<F> : MemberSignature<F>::with_object {
};
template <class R, class C>
requires std::is_object_v<R>
struct Signature<R C::*> : KnownSignature<const R&, const C&> {
};

/// The name of a type as the compiler spells it. (`auto`: a return type that is written out would be in the name.)
template <class T>
constexpr auto type_name() {
  constexpr std::string_view kWhole = __PRETTY_FUNCTION__;
  constexpr std::size_t kStart = kWhole.find("T = ") + 4;
  return kWhole.substr(kStart, kWhole.size() - kStart - 1);
}

/// The same for people, in static storage.
template <class T>
constexpr auto make_type_name() {
  constexpr std::string_view kName = type_name<T>();
  std::array<char, kName.size() + 1> text{};
  for (std::size_t i = 0; i < kName.size(); ++i) text[i] = kName[i];
  return text;
}
template <class T>
inline constexpr auto kTypeName = make_type_name<T>();

}  // namespace morrow::detail
