// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <source_location>
#include <string_view>
#include <type_traits>

/// Assertions that are always on.
///
/// What a room takes for granted about its own state it says in these, in every build. A broken one is a mistake in
/// Morrow, never one of the user's: the process says what it found, and where, and ends by SIGABRT before it does more
/// damage. The rest of the cluster survives that as it survives any death. For what may go wrong in a sound program,
/// use an exception or base::Result.

/// Ends the process unless the condition holds. The sentence says what should be true, without a full stop; the values
/// are what a reader of the report wants to know, and are looked at only then. Each may be a number, an enumeration, a
/// pointer, a string, or have an operator<< for std::ostream. An expression without a value; costs one predicted
/// branch.
///
///     MORROW_INVARIANT(task.executor != kNone, "a running task has an executor", task.number, task.state);
#define MORROW_INVARIANT(condition, sentence, ...)                                                             \
  (__builtin_expect(static_cast<bool>(condition), 1)                                                           \
       ? static_cast<void>(0)                                                                                  \
       : ::morrow::base::fail_invariant(::std::source_location::current(), #condition, sentence, #__VA_ARGS__, \
                                        {__VA_ARGS__}))

/// Ends the process: the code here is never reached. The sentence says why not; the values are as above.
#define MORROW_UNREACHABLE(sentence, ...) \
  ::morrow::base::fail_invariant(::std::source_location::current(), nullptr, sentence, #__VA_ARGS__, {__VA_ARGS__})

namespace morrow::base {

template <class T>
concept Streamable = requires(std::ostream& out, const T& value) {
  out << value;
};

/// What an invariant can report.
template <class T>
concept Reportable = std::is_scalar_v<T> || std::is_convertible_v<const T&, std::string_view> || Streamable<T>;

/// A value in the report of a broken invariant. It refers to strings and to what is streamed, so it lives no longer
/// than these.
class ReportedValue {
 public:
  /// How the value is printed.
  enum class Kind : std::uint8_t { kSigned, kUnsigned, kFloating, kBool, kPointer, kText, kStreamed };

  // Always inlined: a function that took the address of a variable would keep it out of registers where nothing fails.
  template <Reportable T>
  [[gnu::always_inline]] ReportedValue(const T& value) {  // NOLINT(google-explicit-constructor): for the braces above
    if constexpr (std::is_same_v<T, bool>) {
      set(Kind::kBool, value ? 1 : 0);
    } else if constexpr (std::signed_integral<T>) {
      set(Kind::kSigned, static_cast<std::uint64_t>(static_cast<std::int64_t>(value)));
    } else if constexpr (std::integral<T>) {
      set(Kind::kUnsigned, value);
    } else if constexpr (std::is_enum_v<T>) {
      using Number = std::underlying_type_t<T>;
      set(std::signed_integral<Number> ? Kind::kSigned : Kind::kUnsigned, static_cast<std::uint64_t>(value));
    } else if constexpr (std::floating_point<T>) {
      kind_ = Kind::kFloating;
      content_.floating = static_cast<double>(value);
    } else if constexpr (std::is_null_pointer_v<T>) {
      set(Kind::kPointer, 0);
    } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
      if constexpr (std::is_pointer_v<T>) {
        if (value == nullptr) {
          set(Kind::kPointer, 0);
          return;
        }
      }
      const std::string_view text = value;
      kind_ = Kind::kText;
      content_.text = {text.data(), text.size()};
    } else if constexpr (std::is_pointer_v<T>) {
      set(Kind::kPointer, reinterpret_cast<std::uintptr_t>(value));
    } else {
      kind_ = Kind::kStreamed;
      content_.streamed = {std::addressof(value),
                           [](std::ostream& out, const void* streamed) { out << *static_cast<const T*>(streamed); }};
    }
  }

  Kind kind() const { return kind_; }
  std::uint64_t number() const { return content_.number; }
  double floating() const { return content_.floating; }
  std::string_view text() const { return {content_.text.data, content_.text.size}; }
  void stream(std::ostream& out) const { content_.streamed.print(out, content_.streamed.value); }

 private:
  /// A text that lives as long as the report.
  struct Text {
    const char* data;
    std::size_t size;
  };
  /// A value of any other type, with the function that prints it.
  struct Streamed {
    const void* value;
    void (*print)(std::ostream& out, const void* value);
  };

  [[gnu::always_inline]] void set(Kind kind, std::uint64_t number) {
    kind_ = kind;
    content_.number = number;
  }

  Kind kind_ = Kind::kUnsigned;
  union {
    std::uint64_t number;
    double floating;
    Text text;
    Streamed streamed;
  } content_{};
};

/// What the macros call: reports and ends the process. `condition` is null where there is none; `names` are the
/// expressions of the values with commas between, or empty.
[[noreturn, gnu::cold, gnu::noinline]] void fail_invariant(std::source_location where, const char* condition,
                                                           std::string_view sentence, const char* names,
                                                           std::initializer_list<ReportedValue> values) noexcept;

/// Takes a part of the report on a broken invariant: first the sentence with its values, then the stack, in lines. So
/// the sentence is out even when the stack can't be read. It is called on the thread that broke it, which may hold any
/// lock.
using InvariantReport = void (*)(std::string_view part) noexcept;

/// Has reports go there, or with null to standard error, as at first. Thread-safe.
void set_invariant_report(InvariantReport report) noexcept;

}  // namespace morrow::base
