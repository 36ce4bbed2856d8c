// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <memory>
#include <string>
#include <utility>

#include <morrow/detail/failure.h>

namespace morrow::runtime {

/// A standard exception whose class takes no text, with the text of the one that it stands for.
template <class E>
class Again : public E {
 public:
  template <class... A>
  explicit Again(const std::string& text, A&&... arguments)
      : E(std::forward<A>(arguments)...), text_(std::make_shared<const std::string>(text)) {}
  const char* what() const noexcept override { return text_->c_str(); }

 private:
  std::shared_ptr<const std::string> text_;  // shared, so that copies throw nothing
};

/// The standard exception that the one which is being handled is or derives from, the most derived there is.
detail::StandardError standard_of_current();

/// Throws it once more, with this text; `type` stands for one without a name. Returns when it can't be made.
void throw_standard(const detail::StandardError& standard, const std::string& type, const std::string& text);

}  // namespace morrow::runtime
