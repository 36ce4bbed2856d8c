// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <new>
#include <source_location>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <morrow/detail/core.h>
#include <morrow/detail/pack.h>
#include <morrow/detail/signature.h>
#include <morrow/future.h>
#include <morrow/pointer_free.h>
#include <morrow/serialize.h>

/// How a call is packed at the driver and unpacked at the executor. Both sides derive everything from the types of
/// the function and the arguments, so nothing but bytes travels.
namespace morrow::detail {

/// Text given as a pointer or an array is sent as a std::string.
template <class A>
using Text = std::conditional_t<std::is_same_v<std::decay_t<A>, const char*> || std::is_same_v<std::decay_t<A>, char*>,
                                std::string, typename PlainFuture<std::decay_t<A>>::type>;

/// A parameter that is deduced, or one too many.
struct Deduced {};

/// The parameter I of a list of types; Deduced where there is none.
template <class List, std::size_t I>
struct ParameterAt {
  using type = Deduced;
};
template <class... P, std::size_t I>
requires(I < sizeof...(P)) struct ParameterAt<TypeList<P...>, I> : TypeAt<TypeList<P...>, I> {
};

/// A Given has more in it than its base class.
template <class Base, class Given>
constexpr bool is_more_than() {
  if constexpr (std::is_same_v<Base, Given> || !std::is_class_v<Given> || !std::is_base_of_v<Base, Given>)
    return false;
  else
    return sizeof(Given) != sizeof(Base) || std::is_polymorphic_v<Given>;
}

/// The argument rule, for a parameter of type P (Deduced: not known) given an argument of type A.
template <class P, class A>
struct ArgumentRule {
  using Parameter = std::conditional_t<std::is_same_v<P, Deduced>, FutureValue<Text<A>>, std::remove_cvref_t<P>>;
  using Given = Text<A>;

  /// The argument is a future and the parameter takes its value.
  static constexpr bool dependency =
      AnyFuture<A> && !std::is_same_v<Parameter, Given> &&
      (std::is_same_v<P, Deduced> || std::is_convertible_v<FutureValue<Given>, Parameter> ||
       !std::is_convertible_v<Given, Parameter>);
  /// The parameter refers to a base class of what is given, which has more in it.
  static constexpr bool kSliced = std::is_reference_v<P> && is_more_than<Parameter, FutureValue<Given>>();
  /// What is decoded at the executor.
  using Stored = std::conditional_t<dependency, FutureValue<Given>, Parameter>;
  /// What the function is given.
  using Passed =
      std::conditional_t<std::is_rvalue_reference_v<P> || (!std::is_reference_v<P> && !std::is_same_v<P, Deduced>) ||
                             (std::is_same_v<P, Deduced> && !std::is_copy_constructible_v<Parameter>),
                         Parameter&&, Parameter&>;
  static constexpr bool void_dependency = dependency && std::is_void_v<Stored>;
  static constexpr bool convertible =
      void_dependency || std::is_convertible_v<std::conditional_t<dependency, Stored, A>, Parameter>;
};

/// Puts a value where results go: with at most one copy of what is large.
template <class T>
void pack_result(const T& value, Result& result) {
  if constexpr (SelfPacked<T>) {
    result.may_hold_futures = value.may_hold_futures();
    if (value.room().object != 0 && store(value.room(), result)) return;
  }
  Packed packed;
  ValueWriter out(packed);
  out.write(value);
  result.may_hold_futures = out.may_hold_futures();
  store(packed, result);
}

/// The whole call of F with arguments A.
template <class F, class... Rules>
struct CallOf {
  /// The type of the future's value.
  template <class R>
  using Decayed = typename PlainFuture<std::decay_t<R>>::type;

  /// Unpacks the arguments, calls the function and packs the result: what a task names as its code.
  static void run(const Invocation& invocation, Result& result) {
    alignas(F) std::byte storage[sizeof(F)]{};
    if (invocation.closure.size() != closure_size()) throw DecodeError("the callable of a task has the wrong size");
    if constexpr (closure_size() != 0) std::memcpy(storage, invocation.closure.data(), closure_size());
    F& function = *std::launder(reinterpret_cast<F*>(storage));
    ValueReader reader(invocation.arguments.bytes, invocation.arguments.owner);
    std::size_t next = 0;
    call(function, reader, invocation.dependencies, next, result, std::index_sequence_for<Rules...>{});
  }

  static constexpr std::size_t closure_size() { return std::is_empty_v<F> ? 0 : sizeof(F); }

 private:
  template <class Rule>
  static typename Rule::Parameter unpack(ValueReader& reader, std::span<const Value> dependencies, std::size_t& next) {
    using Stored = typename Rule::Stored;
    if constexpr (!Rule::dependency) {
      return decode_from<Stored>(reader);
    } else {
      if (next >= dependencies.size()) throw DecodeError("a task got fewer dependencies than it was submitted with");
      const Value& value = dependencies[next++];
      if constexpr (std::is_same_v<Stored, typename Rule::Parameter>)
        return decode<Stored>(value);
      else
        return static_cast<typename Rule::Parameter>(decode<Stored>(value));
    }
  }

  template <std::size_t... I>
  static void call(F& function, ValueReader& reader, [[maybe_unused]] std::span<const Value> dependencies,
                   [[maybe_unused]] std::size_t& next, Result& result, std::index_sequence<I...>) {
    [[maybe_unused]] Pack<typename Rules::Parameter...> values{{unpack<Rules>(reader, dependencies, next)}...};
    if (reader.left() != 0) throw DecodeError("the arguments of a task have bytes left over");
    const auto invoke = [&]() -> decltype(auto) {
      return std::invoke(function, static_cast<typename Rules::Passed>(at<I>(values))...);
    };
    using R = Decayed<decltype(invoke())>;
    if constexpr (std::is_void_v<R>) {
      invoke();
      result.may_hold_futures = false;
    } else {
      const R value = invoke();
      pack_result(value, result);
    }
  }
};

template <class F, class Indices, class... A>
struct MakeCall;
template <class F, std::size_t... I, class... A>
struct MakeCall<F, std::index_sequence<I...>, A...> {
  using type = CallOf<F, ArgumentRule<Deduced, A>...>;
};
template <class F, std::size_t... I, class... A>
requires Signature<F>::known struct MakeCall<F, std::index_sequence<I...>, A...> {
  using type = CallOf<F, ArgumentRule<typename ParameterAt<typename Signature<F>::parameters, I>::type, A>...>;
};

}  // namespace morrow::detail
