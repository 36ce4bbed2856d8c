// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <type_traits>

#include <morrow/detail/call.h>
#include <morrow/detail/sendable.h>
#include <morrow/pointer_free.h>

/// All that can be wrong with a call, found before anything of it is instantiated: a sentence each.
namespace morrow::detail {

template <class F>
inline constexpr bool kIsFunctionPointer = std::is_pointer_v<F>&& std::is_function_v<std::remove_pointer_t<F>>;

/// F may be sent: plain values, or a pointer to a function, which is sent as the code it points to.
template <class F, bool Unchecked>
constexpr bool callable_is_right() {
  if constexpr (kIsFunctionPointer<F> || std::is_member_pointer_v<F>)
    return true;
  else
    return std::is_class_v<F> && std::is_trivially_copyable_v<F> && (Unchecked || PointerFree<F>);
}

template <class F, bool Unchecked>
void check_callable() {
  if constexpr (callable_is_right<F, Unchecked>()) {
    return;
  } else if constexpr (!std::is_class_v<F>) {
    static_assert(std::is_class_v<F>, "morrow::submit: the first argument (after the options) is not a function");
  } else if constexpr (!std::is_trivially_copyable_v<F>) {
    static_assert(
        std::is_trivially_copyable_v<F>,
        "morrow::submit: the callable captures something that is not plain values (a std::string, a container, a smart "
        "pointer, a std::function): pass it to submit as an argument instead");
  } else if constexpr (!__is_literal_type(F)) {
    static_assert(
        PointerFree<F>,
        "morrow::submit: the callable captures an object that the compiler cannot look into, of a class with no "
        "constexpr "
        "constructor, so that it may refer to memory of this process: pass it to submit as an argument instead; or "
        "give "
        "its class constexpr constructors or = default; or, if you know that it holds no address, wrap the callable in "
        "morrow::unchecked(f)");
  } else {
    static_assert(
        PointerFree<F>,
        "morrow::submit: the callable captures a pointer or a reference, which means nothing in another process: pass "
        "what it refers to as an argument instead. If it captures a std::optional or a union, into which the compiler "
        "cannot look: pass it as an argument, or, if you know that it holds no address, wrap the callable in "
        "morrow::unchecked(f)");
  }
}

template <class Rule>
constexpr bool argument_is_right() {
  if constexpr (Rule::void_dependency || !Rule::convertible || Rule::kSliced)
    return false;
  else
    return is_sendable<typename Rule::Stored>();
}

template <class Rule>
void check_argument() {
  if constexpr (Rule::void_dependency)
    static_assert(!Rule::void_dependency,
                  "morrow::submit: a Future<void> has no value to pass: give the function a parameter of type "
                  "morrow::Future<void>, or capture it");
  else if constexpr (!Rule::convertible)
    static_assert(Rule::convertible,
                  "morrow::submit: an argument cannot be converted to the type of the function's parameter");
  else if constexpr (Rule::kSliced)
    static_assert(!Rule::kSliced,
                  "morrow::submit: an argument would lose what its class adds to the base class that the function's "
                  "parameter refers to, for what is sent is the parameter's type: give the function a parameter of the "
                  "argument's own class");
  else
    check_sendable<typename Rule::Stored>();
}

template <class Call>
struct CheckedCall;
template <class F, class... Rules>
struct CheckedCall<CallOf<F, Rules...>> {
  /// The result as the function declares it, for when the call is wrong.
  static constexpr auto declared() {
    if constexpr (Signature<F>::known)
      return std::type_identity<typename Signature<F>::result>{};
    else
      return std::type_identity<void>{};
  }

  static constexpr bool count_is_right() {
    if constexpr (Signature<F>::known)
      return kCount<typename Signature<F>::parameters> == sizeof...(Rules);
    else
      return true;
  }
  static constexpr bool arguments_are_right() { return (argument_is_right<Rules>() && ...); }
  static constexpr bool is_right() {
    if constexpr (count_is_right() && arguments_are_right())
      return std::is_invocable_v<F&, typename Rules::Passed...>;
    else
      return false;
  }

  static void check() {
    if constexpr (!count_is_right())
      static_assert(
          count_is_right(),
          "morrow::submit: the function takes another number of arguments than it was given (arguments with a "
          "default must be given too)");
    else if constexpr (!arguments_are_right())
      (check_argument<Rules>(), ...);
    else
      static_assert(is_right(), "morrow::submit: the function cannot be called with these arguments");
  }

  static constexpr auto result() {
    using Declared = typename decltype(declared())::type;
    if constexpr (!std::is_void_v<Declared>)
      return std::type_identity<typename PlainFuture<std::decay_t<Declared>>::type>{};
    else if constexpr (std::is_invocable_v<F&, typename Rules::Passed...>)
      return std::type_identity<
          typename PlainFuture<std::decay_t<std::invoke_result_t<F&, typename Rules::Passed...>>>::type>{};
    else
      return std::type_identity<void>{};
  }
};

}  // namespace morrow::detail
