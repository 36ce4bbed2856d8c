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
constexpr bool check_callable() {
  if constexpr (kIsFunctionPointer<F> || std::is_member_pointer_v<F>) {
    return true;
  } else if constexpr (std::is_pointer_v<F> || !std::is_class_v<F>) {
    static_assert(!std::is_pointer_v<F> && std::is_class_v<F>,
                  "morrow::submit: the first argument (after the options) is not a function");
    return false;
  } else if constexpr (!std::is_trivially_copyable_v<F>) {
    static_assert(
        std::is_trivially_copyable_v<F>,
        "morrow::submit: the callable captures something that is not plain values (a std::string, a container, a smart "
        "pointer, a std::function): pass it to submit as an argument instead");
    return false;
  } else if constexpr (!Unchecked && !PointerFree<F>) {
    static_assert(PointerFree<F>,
                  "morrow::submit: the callable captures a pointer or a reference, which means nothing in another "
                  "process: pass what "
                  "it refers to as an argument instead. If it captures a std::optional or a union, into which the "
                  "compiler cannot "
                  "look: pass it as an argument, or, if you know that it holds no address, wrap the callable in "
                  "morrow::unchecked(f)");
    return false;
  } else {
    return true;
  }
}

template <class Rule>
constexpr bool check_argument() {
  if constexpr (Rule::void_dependency) {
    static_assert(!Rule::void_dependency,
                  "morrow::submit: a Future<void> has no value to pass: give the function a parameter of type "
                  "morrow::Future<void>, "
                  "or capture it");
    return false;
  } else if constexpr (!Rule::convertible) {
    static_assert(Rule::convertible,
                  "morrow::submit: an argument cannot be converted to the type of the function's parameter");
    return false;
  } else if constexpr (!std::is_same_v<typename Rule::Stored, typename Rule::Parameter>) {
    return check_sendable<typename Rule::Stored>();
  } else {
    return check_sendable<typename Rule::Parameter>();
  }
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

  template <class List>
  static constexpr bool check_count() {
    static_assert(kCount<List> == sizeof...(Rules),
                  "morrow::submit: the function takes another number of arguments than it was given (arguments with a "
                  "default must be "
                  "given too)");
    return kCount<List> == sizeof...(Rules);
  }

  static constexpr bool check() {
    if constexpr (Signature<F>::known) {
      if constexpr (!check_count<typename Signature<F>::parameters>())
        return false;
      else
        return check_arguments();
    } else {
      return check_arguments();
    }
  }

  static constexpr bool check_arguments() {
    if constexpr (!(check_argument<Rules>() && ...)) {
      return false;
    } else {
      constexpr bool kCallable = std::is_invocable_v<F&, typename Rules::Passed...>;
      static_assert(kCallable, "morrow::submit: the function cannot be called with these arguments");
      return kCallable;
    }
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
