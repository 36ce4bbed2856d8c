// SPDX-License-Identifier: Apache-2.0
#include "base/invariant.h"

#include <poll.h>
#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <ostream>
#include <span>
#include <streambuf>
#include <string>

#include "base/code_lines.h"
#include "base/hex.h"

namespace morrow::base {

namespace {

constexpr std::size_t kSentenceBytes = 4096;  // what is longer is cut: memory may be what is broken
constexpr std::size_t kTextBytes = 200;       // of a string among the values
constexpr std::size_t kMaxFrames = 64;
constexpr int kOtherThreadMs = 10'000;  // for the report of the thread that failed first

std::atomic<InvariantReport> report_to = nullptr;
std::atomic<pid_t> reporting = 0;  // the thread that failed first

/// Text of a limited size that allocates nothing.
class FixedText : public std::streambuf {
 public:
  FixedText() { setp(bytes_.data(), bytes_.data() + bytes_.size()); }
  std::string_view text() const { return {pbase(), static_cast<std::size_t>(pptr() - pbase())}; }

 private:
  std::array<char, kSentenceBytes> bytes_;
};

void write_to_stderr(std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void report(std::string_view part) noexcept {
  if (const InvariantReport to = report_to.load()) return to(part);
  write_to_stderr(part);
  write_to_stderr("\n");
}

void put_text(std::ostream& out, std::string_view text) {
  out << '"';
  for (const char letter : text.substr(0, kTextBytes)) {
    const bool plain = letter >= ' ' && letter <= '~' && letter != '"' && letter != '\\';
    if (plain) {
      out << letter;
    } else {
      out << "\\x" << hex_of(std::string_view(&letter, 1));
    }
  }
  out << '"';
  if (text.size() > kTextBytes) out << "... of " << text.size() << " bytes";
}

void put(std::ostream& out, const ReportedValue& value) {
  switch (value.kind()) {
    case ReportedValue::Kind::kSigned:
      out << static_cast<std::int64_t>(value.number());
      break;
    case ReportedValue::Kind::kUnsigned:
      out << value.number();
      break;
    case ReportedValue::Kind::kFloating:
      out << value.floating();
      break;
    case ReportedValue::Kind::kBool:
      out << (value.number() != 0 ? "true" : "false");
      break;
    case ReportedValue::Kind::kPointer:
      out << (value.number() == 0 ? "null" : short_hex_of(value.number()));
      break;
    case ReportedValue::Kind::kText:
      put_text(out, value.text());
      break;
    case ReportedValue::Kind::kStreamed:
      value.stream(out);
      break;
  }
}

/// Takes the first expression off a list with commas between, as the preprocessor writes the arguments of a macro.
std::string_view take_name(std::string_view& names) {
  int depth = 0;
  char quote = 0;
  std::size_t at = 0;
  for (; at < names.size(); ++at) {
    const char letter = names[at];
    if (quote != 0) {
      if (letter == '\\') {
        ++at;
      } else if (letter == quote) {
        quote = 0;
      }
      continue;
    }
    const bool in_number = letter == '\'' && at > 0 && std::isxdigit(static_cast<unsigned char>(names[at - 1])) != 0;
    if (letter == '"' || (letter == '\'' && !in_number)) quote = letter;
    if (letter == '(' || letter == '[' || letter == '{') ++depth;
    if (letter == ')' || letter == ']' || letter == '}') --depth;
    if (letter == ',' && depth == 0) break;
  }
  const std::string_view name = names.substr(0, at);
  names.remove_prefix(std::min(at + 1, names.size()));
  if (names.starts_with(' ')) names.remove_prefix(1);
  return name;
}

/// None when they can't be told apart, as with a comma between template arguments.
bool are_names_of(std::string_view names, std::size_t values) {
  std::size_t count = 0;
  for (; !names.empty(); ++count) take_name(names);
  return count == values;
}

void put_values(std::ostream& out, std::string_view names, std::span<const ReportedValue> values) {
  const bool named = are_names_of(names, values.size());
  const char* between = "; ";
  for (const ReportedValue& value : values) {
    out << between;
    between = ", ";
    if (named) out << take_name(names) << " = ";
    try {
      put(out, value);
    } catch (const std::exception& error) {
      out << '(' << error.what() << ')';
    }
  }
}

/// The return addresses on the way from here to the thread's beginning.
struct Stack {
  std::array<std::uintptr_t, kMaxFrames> addresses;
  std::size_t count = 0;
  std::uintptr_t begin;  ///< what stands before it belongs to the report itself
};

_Unwind_Reason_Code step(_Unwind_Context* context, void* data) {
  Stack& stack = *static_cast<Stack*>(data);
  int before_instruction = 0;
  const std::uintptr_t address = _Unwind_GetIPInfo(context, &before_instruction);
  if (address == 0 || stack.count == kMaxFrames) return _URC_END_OF_STACK;
  if (address == stack.begin) stack.count = 0;
  stack.addresses[stack.count++] = before_instruction != 0 ? address : address - 1;
  return _URC_NO_REASON;
}

/// The stack from where `begin` is a return address.
std::string stack_text(std::uintptr_t begin) {
  Stack stack{};
  stack.begin = begin;
  _Unwind_Backtrace(step, &stack);
  const CodeLines code;
  std::string text;
  int number = 0;
  for (std::size_t i = 0; i < stack.count; ++i) {
    for (const CodeLine& line : code.at(stack.addresses[i])) {
      if (number != 0) text += '\n';
      text += '#' + std::to_string(number++) + ' ' + text_of(line);
    }
  }
  return text;
}

/// Only one thread reports, and only once.
void begin_report(std::string_view sentence) noexcept {
  pid_t first = 0;
  const pid_t self = gettid();
  if (reporting.compare_exchange_strong(first, self)) return;
  write_to_stderr(first == self ? "an invariant is broken while a broken one is reported: "
                                : "an invariant is broken in another thread too: ");
  write_to_stderr(sentence);
  write_to_stderr("\n");
  // The other thread may wait for a lock that this one holds, so not for ever.
  if (first != self) poll(nullptr, 0, kOtherThreadMs);
  std::abort();
}

}  // namespace

void fail_invariant(std::source_location where, const char* condition, std::string_view sentence, const char* names,
                    std::initializer_list<ReportedValue> values) noexcept {
  begin_report(sentence);
  FixedText buffer;
  std::ostream out(&buffer);
  out << "broken invariant of Morrow, which ends this process: " << sentence;
  if (condition != nullptr) out << "; " << condition << " is false";
  put_values(out, names, {values.begin(), values.size()});
  out << "; at " << where.file_name() << ':' << where.line();
  report(buffer.text());
  try {
    report(stack_text(reinterpret_cast<std::uintptr_t>(__builtin_return_address(0))));
  } catch (const std::exception&) {  // no memory: the sentence is out
  }
  std::abort();
}

void set_invariant_report(InvariantReport report) noexcept { report_to.store(report); }

}  // namespace morrow::base
