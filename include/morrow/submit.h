// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// submit: a call that a worker of the cluster makes.

#include <morrow/detail/compiler.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include <morrow/detail/call.h>
#include <morrow/detail/checks.h>
#include <morrow/detail/core.h>
#include <morrow/detail/padding.h>
#include <morrow/future.h>
#include <morrow/options.h>
#include <morrow/unchecked.h>

namespace morrow {

namespace detail {

/// Whether F is marked as unchecked, and the callable itself.
template <class F>
struct CallableTraits {
  using type = F;
  static constexpr bool unchecked = false;
};
template <class F>
struct CallableTraits<Unchecked<F>> {
  using type = F;
  static constexpr bool unchecked = true;
};

template <class F>
concept NotOptions = !std::is_same_v<std::remove_cvref_t<F>, Options>;

/// Whether a pointer to a member function holds an address of code; that of a virtual one is an index.
inline bool holds_code_address(const std::byte* pointer_to_member) {
  std::uintptr_t words[2];
  std::memcpy(words, pointer_to_member, sizeof words);
#if defined(__aarch64__) || defined(__arm__)
  return (words[1] & 1) == 0;
#else
  return (words[0] & 1) == 0;
#endif
}

/// Appends one argument as the type that the executor decodes, or notes it as a dependency.
template <class Rule, class A>
void pack_argument(ValueWriter& out, std::vector<FutureId>& dependencies, A&& argument) {
  if constexpr (AnyFuture<A>) {
    if (!argument.valid())
      throw std::invalid_argument("submit: an argument is an empty Future: assign to it what submit returned");
  }
  if constexpr (Rule::dependency) {
    dependencies.push_back(argument.id());
  } else if constexpr (std::is_same_v<std::remove_cvref_t<A>, typename Rule::Stored>) {
    out.write(argument);
  } else {
    const auto converted = static_cast<typename Rule::Stored>(std::forward<A>(argument));
    out.write_copy(converted);
  }
}

template <class F, class... Rules, class... A>
auto pack_and_submit(std::type_identity<CallOf<F, Rules...>>, const Options& options, std::source_location where,
                     F callable, A&&... arguments) {
  using Typed = CallOf<F, Rules...>;
  using Output = typename decltype(CheckedCall<Typed>::result())::type;
  if constexpr (CheckedCall<Typed>::is_right() && is_sendable<Output>()) {
    alignas(F) std::byte closure[sizeof(F)]{};
    if constexpr (!std::is_empty_v<F>) {
      std::memcpy(closure, &callable, sizeof(F));
      clear_padding(reinterpret_cast<F*>(closure));
    }
    std::size_t code_pointer = 0;
    Call call;
    if constexpr (kIsFunctionPointer<F> || std::is_member_pointer_v<F>) {
      if (callable == nullptr) throw std::invalid_argument("submit: the function is a null pointer");
      if constexpr (kIsFunctionPointer<F>) call.code_pointers = std::span(&code_pointer, 1);
      if constexpr (std::is_member_function_pointer_v<F>) {
        if (holds_code_address(closure)) call.code_pointers = std::span(&code_pointer, 1);
      }
    }
    ValueWriter out(call.arguments);
    std::vector<FutureId> dependencies;
    (pack_argument<Rules>(out, dependencies, std::forward<A>(arguments)), ...);
    call.invoker = &Typed::run;
    call.closure = ByteView(closure, Typed::closure_size());
    call.dependencies = dependencies;
    call.handles = out.futures();
    call.function_name = kTypeName<F>.data();
    return Submitted<Output>(submit(std::move(call), options, where));
  } else {
    if constexpr (CheckedCall<Typed>::is_right())
      check_sendable<Output>();
    else
      CheckedCall<Typed>::check();
    return Submitted<Output>();
  }
}

template <class F, class... A>
auto submit_call(const Options& options, std::source_location where, F&& function, A&&... arguments) {
  using Given = std::decay_t<F>;
  using Callable = typename CallableTraits<Given>::type;
  check_callable<Callable, CallableTraits<Given>::unchecked>();
  if constexpr (callable_is_right<Callable, CallableTraits<Given>::unchecked>()) {
    using Typed = typename MakeCall<Callable, std::index_sequence_for<A...>, A...>::type;
    if constexpr (CallableTraits<Given>::unchecked)
      return pack_and_submit(std::type_identity<Typed>{}, options, where, Callable(function.function),
                             std::forward<A>(arguments)...);
    else
      return pack_and_submit(std::type_identity<Typed>{}, options, where, Callable(std::forward<F>(function)),
                             std::forward<A>(arguments)...);
  } else if constexpr (Signature<Callable>::known) {
    return Submitted<typename PlainFuture<std::decay_t<typename Signature<Callable>::result>>::type>();
  } else {
    return Submitted<void>();
  }
}

/// What a call without options is submitted with.
const Options& default_options();

}  // namespace detail

/// \addtogroup submitting
/// \{

/// Has a worker of the cluster compute `function(arguments...)`, and returns the future of its value at once.
///
///     auto sum = morrow::submit([](int a, int b) { return a + b; }, 1, 2);
///     auto twice = morrow::submit([](int v) { return 2 * v; }, sum);  // starts when the sum is there
///     std::cout << twice.get() << "\n";                                // 6
///
/// **The function** may be a lambda (a generic one too), a function of the program or its own libraries, an object with
/// operator(), or a member function, whose object is the first argument. It may capture plain values and futures, of
/// 256 kB at the most; captured pointers and references do not compile (\ref morrow::PointerFree). It may submit and
/// wait itself, to any depth. It may run more than once, when a process dies: see Options::max_retries.
///
/// **Arguments** travel as bytes and as the types of the parameters: a `const char*` given for a
/// std::string is a std::string, an int for a double a double. Types that can't travel do not compile: see \ref sending
/// "What can be sent". The parameters may be values or references; what a non-const reference refers to is the task's
/// own copy. Of a call with more than eight, the place in the source is known only when it has options, if only `{}`.
///
/// **Futures as arguments**: a parameter of type Future<T> gets the handle. A parameter of type T that is given a
/// Future<T> gets its value: the task depends on it and starts when it is there. A parameter of a generic lambda always
/// gets the value. Futures inside of containers and structs stay handles.
///
/// **The result**: Submitted<R>, where R is the type that the function returns without reference and const. A function
/// that returns a Future<T> gives a Future<Future<T>>, one that returns a MutableArray<T> a Future<Array<T>>.
///
/// Works the same in the driver and inside a task; the future belongs to the running task, Scope or session.
/// Thread-safe. Waits only while too much is submitted and not acknowledged yet, and for room for arguments of more
/// than 32 kB.
/// \throws SessionError when no Session is open.
/// \throws std::invalid_argument when an argument is an empty Future, the function is a null pointer or belongs to a
/// library of the system, or an option is outside of its limits.
/// \throws TooLargeError when the captures are more than 256 kB; where there is no object memory, the arguments too.
/// \throws ObjectMemoryError when the object memory has no room for large arguments.
#ifdef MORROW_DOXYGEN  // the reference shows the ten overloads below as the one that they stand for
template <class F, class... A>
Submitted<R> submit(F&& function, A&&... arguments, std::source_location where = std::source_location::current());
#else
template <detail::NotOptions F>
auto submit(F&& function, std::source_location where = std::source_location::current()) {
  return detail::submit_call(detail::default_options(), where, std::forward<F>(function));
}

// The location must be the last parameter, so that no parameter pack can be used: an overload for each number of
// arguments.

template <detail::NotOptions F, class A1>
auto submit(F&& function, A1&& a1, std::source_location where = std::source_location::current()) {
  return detail::submit_call(detail::default_options(), where, std::forward<F>(function), std::forward<A1>(a1));
}

template <detail::NotOptions F, class A1, class A2>
auto submit(F&& function, A1&& a1, A2&& a2, std::source_location where = std::source_location::current()) {
  return detail::submit_call(detail::default_options(), where, std::forward<F>(function), std::forward<A1>(a1),
                             std::forward<A2>(a2));
}

template <detail::NotOptions F, class A1, class A2, class A3>
auto submit(F&& function, A1&& a1, A2&& a2, A3&& a3, std::source_location where = std::source_location::current()) {
  return detail::submit_call(detail::default_options(), where, std::forward<F>(function), std::forward<A1>(a1),
                             std::forward<A2>(a2), std::forward<A3>(a3));
}

template <detail::NotOptions F, class A1, class A2, class A3, class A4>
auto submit(F&& function, A1&& a1, A2&& a2, A3&& a3, A4&& a4,
            std::source_location where = std::source_location::current()) {
  return detail::submit_call(detail::default_options(), where, std::forward<F>(function), std::forward<A1>(a1),
                             std::forward<A2>(a2), std::forward<A3>(a3), std::forward<A4>(a4));
}

template <detail::NotOptions F, class A1, class A2, class A3, class A4, class A5>
auto submit(F&& function, A1&& a1, A2&& a2, A3&& a3, A4&& a4, A5&& a5,
            std::source_location where = std::source_location::current()) {
  return detail::submit_call(detail::default_options(), where, std::forward<F>(function), std::forward<A1>(a1),
                             std::forward<A2>(a2), std::forward<A3>(a3), std::forward<A4>(a4), std::forward<A5>(a5));
}

template <detail::NotOptions F, class A1, class A2, class A3, class A4, class A5, class A6>
auto submit(F&& function, A1&& a1, A2&& a2, A3&& a3, A4&& a4, A5&& a5, A6&& a6,
            std::source_location where = std::source_location::current()) {
  return detail::submit_call(detail::default_options(), where, std::forward<F>(function), std::forward<A1>(a1),
                             std::forward<A2>(a2), std::forward<A3>(a3), std::forward<A4>(a4), std::forward<A5>(a5),
                             std::forward<A6>(a6));
}

template <detail::NotOptions F, class A1, class A2, class A3, class A4, class A5, class A6, class A7>
auto submit(F&& function, A1&& a1, A2&& a2, A3&& a3, A4&& a4, A5&& a5, A6&& a6, A7&& a7,
            std::source_location where = std::source_location::current()) {
  return detail::submit_call(detail::default_options(), where, std::forward<F>(function), std::forward<A1>(a1),
                             std::forward<A2>(a2), std::forward<A3>(a3), std::forward<A4>(a4), std::forward<A5>(a5),
                             std::forward<A6>(a6), std::forward<A7>(a7));
}

template <detail::NotOptions F, class A1, class A2, class A3, class A4, class A5, class A6, class A7, class A8>
auto submit(F&& function, A1&& a1, A2&& a2, A3&& a3, A4&& a4, A5&& a5, A6&& a6, A7&& a7, A8&& a8,
            std::source_location where = std::source_location::current()) {
  return detail::submit_call(detail::default_options(), where, std::forward<F>(function), std::forward<A1>(a1),
                             std::forward<A2>(a2), std::forward<A3>(a3), std::forward<A4>(a4), std::forward<A5>(a5),
                             std::forward<A6>(a6), std::forward<A7>(a7), std::forward<A8>(a8));
}

template <detail::NotOptions F, class A1, class A2, class A3, class A4, class A5, class A6, class A7, class A8,
          class A9, class... More>
auto submit(F&& function, A1&& a1, A2&& a2, A3&& a3, A4&& a4, A5&& a5, A6&& a6, A7&& a7, A8&& a8, A9&& a9,
            More&&... more) {
  return detail::submit_call(detail::default_options(), std::source_location(), std::forward<F>(function),
                             std::forward<A1>(a1), std::forward<A2>(a2), std::forward<A3>(a3), std::forward<A4>(a4),
                             std::forward<A5>(a5), std::forward<A6>(a6), std::forward<A7>(a7), std::forward<A8>(a8),
                             std::forward<A9>(a9), std::forward<More>(more)...);
}
#endif

/// The same with options, and any number of arguments: `morrow::submit({.cpus = 0.5, .timeout = 30s}, f, x)`.
template <detail::NotOptions F, class... A>
auto submit(const Options& options, F&& function, A&&... arguments) {
  return detail::submit_call(options, options.where, std::forward<F>(function), std::forward<A>(arguments)...);
}

/// \}

}  // namespace morrow
