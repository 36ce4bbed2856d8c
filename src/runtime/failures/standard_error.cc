// SPDX-License-Identifier: Apache-2.0
#include "runtime/failures/standard_error.h"

#include <any>
#include <filesystem>
#include <functional>
#include <future>
#include <ios>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <regex>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <typeinfo>
#include <variant>

#include <morrow/error.h>

#include "base/mutex.h"

// An exception is caught in another process than the one that threw it, as what it was: `catch (const
// std::out_of_range&)` is to work there. A class of the user's own can't be made from bytes that nobody wrote, but the
// standard class that it derives from can: of a text, for some of a code and its category, or paths. One table has them
// all, each class before those that it derives from; the first row that an exception is an instance of names it.
namespace morrow::runtime {

namespace {

using detail::StandardError;

constexpr std::size_t kMostPathBytes = 4096;  // longer ones are no paths
constexpr std::size_t kMostCategories = 100;  // a program has a few

/// A category that the standard library does not have: it stands for one of the same name in the process of the task.
class OtherCategory : public std::error_category {
 public:
  explicit OtherCategory(std::string name) : name_(std::move(name)) {}
  const char* name() const noexcept override { return name_.c_str(); }
  std::string message(int code) const override { return name_ + " error " + std::to_string(code); }

 private:
  const std::string name_;
};

/// The categories that were met. Codes point at them, so they stay for ever.
struct OtherCategories {
  base::Mutex mutex;
  std::map<std::string, OtherCategory> all GUARDED_BY(mutex);
};

const std::error_category& category_of(const std::string& name) {
  for (const std::error_category* one :
       {&std::generic_category(), &std::system_category(), &std::iostream_category(), &std::future_category()}) {
    if (name == one->name()) return *one;
  }
  static OtherCategories& others = *new OtherCategories;
  const base::MutexLock lock(others.mutex);
  if (const auto known = others.all.find(name); known != others.all.end()) return known->second;
  const std::string kept = others.all.size() < kMostCategories ? name : "unknown";
  return others.all.try_emplace(kept, kept).first->second;
}

std::error_code code_of(const StandardError& standard) { return {standard.code, category_of(standard.category)}; }

void note_code(StandardError& standard, const std::error_code& code) {
  standard.code = code.value();
  standard.category = code.category().name();
}

std::string path_text(const std::filesystem::path& path) {
  return path.native().size() <= kMostPathBytes ? path.native() : std::string();
}

/// What is to be known of one beside its text.
template <class E>
void note(StandardError& standard, const E& error) {
  if constexpr (std::is_base_of_v<std::system_error, E> || std::is_same_v<E, std::future_error>) {
    note_code(standard, error.code());
  } else if constexpr (std::is_same_v<E, std::regex_error>) {
    standard.code = static_cast<int>(error.code());
  }
  if constexpr (std::is_same_v<E, std::filesystem::filesystem_error>) {
    standard.path1 = path_text(error.path1());
    standard.path2 = path_text(error.path2());
  }
}

template <class E>
[[noreturn]] void throw_again(const StandardError& standard, const std::string& text) {
  if constexpr (std::is_same_v<E, std::filesystem::filesystem_error>) {
    throw Again<E>(text, "", std::filesystem::path(standard.path1), std::filesystem::path(standard.path2),
                   code_of(standard));
  } else if constexpr (std::is_same_v<E, std::ios_base::failure>) {
    throw Again<E>(text, "", code_of(standard));
  } else if constexpr (std::is_same_v<E, std::system_error>) {
    throw Again<E>(text, code_of(standard));
  } else if constexpr (std::is_same_v<E, std::future_error>) {
    throw Again<E>(text, static_cast<std::future_errc>(standard.code));
  } else if constexpr (std::is_same_v<E, std::regex_error>) {
    throw Again<E>(text, static_cast<std::regex_constants::error_type>(standard.code));
  } else if constexpr (std::is_constructible_v<E, const std::string&>) {
    throw E(text);
  } else {
    throw Again<E>(text);
  }
}

/// A class: how it is looked for, and thrown.
struct Row {
  std::string_view name;
  /// Nothing when the error is none of the class.
  std::optional<StandardError> (*look)(const std::exception& error, std::string_view name);
  void (*throw_again)(const StandardError& standard, const std::string& text);
};

template <class E>
std::optional<StandardError> look(const std::exception& error, std::string_view name) {
  const E* const found = dynamic_cast<const E*>(&error);
  if (found == nullptr) return std::nullopt;
  StandardError standard{.name = std::string(name)};
  note(standard, *found);
  return standard;
}

template <class E>
constexpr Row row(std::string_view name) {
  return {name, look<E>, throw_again<E>};
}

constexpr Row kRows[] = {
    row<std::filesystem::filesystem_error>("std::filesystem::filesystem_error"),
    row<std::ios_base::failure>("std::ios_base::failure"),
    row<std::system_error>("std::system_error"),
    row<std::regex_error>("std::regex_error"),
    row<std::range_error>("std::range_error"),
    row<std::overflow_error>("std::overflow_error"),
    row<std::underflow_error>("std::underflow_error"),
    row<std::future_error>("std::future_error"),
    row<std::out_of_range>("std::out_of_range"),
    row<std::invalid_argument>("std::invalid_argument"),
    row<std::length_error>("std::length_error"),
    row<std::domain_error>("std::domain_error"),
    row<std::logic_error>("std::logic_error"),
    row<std::bad_array_new_length>("std::bad_array_new_length"),
    row<std::bad_alloc>("std::bad_alloc"),
    row<std::bad_any_cast>("std::bad_any_cast"),
    row<std::bad_cast>("std::bad_cast"),
    row<std::bad_typeid>("std::bad_typeid"),
    row<std::bad_exception>("std::bad_exception"),
    row<std::bad_function_call>("std::bad_function_call"),
    row<std::bad_optional_access>("std::bad_optional_access"),
    row<std::bad_variant_access>("std::bad_variant_access"),
    row<std::bad_weak_ptr>("std::bad_weak_ptr"),
    row<SessionError>("morrow::SessionError"),
    row<DecodeError>("morrow::DecodeError"),
    row<TooLargeError>("morrow::TooLargeError"),
    row<ObjectMemoryError>("morrow::ObjectMemoryError"),
    row<ObjectLostError>("morrow::ObjectLostError"),
    row<StoreFullError>("morrow::StoreFullError"),
    row<DeadlockError>("morrow::DeadlockError"),
    row<ProgramError>("morrow::ProgramError"),
    row<NameTakenError>("morrow::NameTakenError"),
    row<NotFoundError>("morrow::NotFoundError"),
    row<CancelledError>("morrow::CancelledError"),
    row<ReleasedError>("morrow::ReleasedError"),
    row<UnschedulableError>("morrow::UnschedulableError"),
    row<Error>("morrow::Error"),
    row<std::runtime_error>("std::runtime_error"),
    row<std::exception>("std::exception"),
};

}  // namespace

StandardError standard_of_current() {
  try {
    throw;
  } catch (const std::exception& error) {
    for (const Row& one : kRows) {
      if (auto found = one.look(error, one.name)) return *std::move(found);
    }
  } catch (...) {  // no standard one
  }
  return {};
}

void throw_standard(const StandardError& standard, const std::string& type, const std::string& text) {
  const std::string& name = standard.name.empty() ? type : standard.name;
  for (const Row& one : kRows) {
    if (one.name == name) one.throw_again(standard, text);
  }
}

}  // namespace morrow::runtime
