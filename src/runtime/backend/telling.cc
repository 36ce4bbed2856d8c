// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/telling.h"

#include <cstdio>

#include "base/shown.h"

namespace morrow::runtime {

namespace {

/// " (train, main.cc:12)", of what is known.
std::string source_of(const wire::Failure& failure) {
  std::string source = failure.task();
  if (!failure.where().empty()) source += (source.empty() ? "" : ", ") + failure.where();
  return source.empty() ? "" : " (" + base::shown_line(source) + ")";
}

}  // namespace

void say(const std::string& line) { std::fprintf(stderr, "morrow: %s\n", base::shown_text(line).c_str()); }

void tell_ending(const wire::SessionEnded& ended, bool saw_enough) {
  if (!ended.log().empty()) say("tasks failed; what tasks printed stays in " + ended.log());
  for (const wire::LeftOutLines& left_out : ended.left_out()) {
    say(std::to_string(left_out.lines()) + (left_out.lines() == 1 ? " line" : " lines") +
        " of tasks were left out here, since the connection to a worker ended before they were read; all lines are "
        "in " +
        left_out.place());
  }
  if (ended.cancelled() != 0) {
    wire::Failure unfinished;
    unfinished.ParseFromString(ended.unfinished());
    const bool one = ended.cancelled() == 1;
    say((one ? "a future had not ended and was cancelled with the session"
             : std::to_string(ended.cancelled()) + " futures had not ended and were cancelled with the session; one of "
                                                   "them") +
        source_of(unfinished) + ": wait for them before it ends, by get or morrow::wait_all()");
  }
  if (ended.failed() == 0 || saw_enough) return;
  wire::Failure first;
  first.ParseFromString(ended.first());
  std::string line = ended.failed() == 1
                         ? "a future failed and nobody looked at it: "
                         : std::to_string(ended.failed()) + " futures failed and nobody looked at them; the first: ";
  if (!first.type().empty()) line += first.type() + ": ";
  line += first.message().empty() ? "it is not known why" : first.message();
  say(line + source_of(first));
}

}  // namespace morrow::runtime
