// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <thread>

#include "base/defer.h"
#include "base/must.h"
#include "runtime/backend/refusals.h"
#include "runtime/client/client.h"
#include "runtime/client/scopes.h"
#include "runtime/values/values.h"

// Detached futures, which outlive the session. Who submits one may end right after, so submit returns only when nothing
// of the session is needed any more: the future stands in the store under its name, and so do all files of its program.
// A task that is tried again gets the one that its last attempt has submitted.
namespace morrow::runtime {

namespace {

constexpr std::chrono::milliseconds kLookAgain{20};  // for the files of the program, which the background thread sends

}  // namespace

detail::FutureId Client::submit_detached(const detail::Call& call, const Options& options, std::source_location where) {
  // A scope for it alone: its large arguments are there too. It leaves this session with the submit.
  const std::uint64_t scope = open_scope();
  try {
    const detail::FutureId id = submit_here(call, options, where);
    leave_scope(scope);
    const detail::FutureId kept = wait_until_kept(id, options.name);
    if (kept != id) end_scope(scope);
    return kept;
  } catch (...) {
    end_scope(scope);
    throw;
  }
}

detail::FutureId Client::wait_until_kept(detail::FutureId id, const std::string& name) {
  flush();
  for (;;) {
    const wire::Found found = ask_for(name);
    const bool of_last_attempt = found.has_again() && read_id(found.again()) == id;
    if (read_id(found.id()) != id && !of_last_attempt) {
      throw_name_taken(name);
    }
    if (found.complete()) return read_id(found.id());
    std::this_thread::sleep_for(kLookAgain);
  }
}

std::optional<detail::FutureId> Client::find(const std::string& name) {
  check_name(name);
  const wire::Found found = ask_for(name);
  if (!found.has_id()) return std::nullopt;
  return read_id(found.id());
}

wire::Found Client::ask_for(const std::string& name) {
  const base::MutexLock lock(link_.mutex());
  check();
  Find find;
  find.question.set_token(++last_token_);
  find.question.set_name(name);
  finds_.push_back(&find);
  const base::Defer ends([&] {
    link_.mutex().assert_held();
    base::must_erase(finds_, &find, "a question for a name waits until it ends");
  });
  link_.send(wire::FIND, find.question);
  link_.write();
  wait_for_answer(find.waiter, [&find] { return find.answer.has_value(); });
  return *find.answer;
}

void Client::take_found(const wire::Found& found) {
  for (Find* find : finds_) {
    if (find->question.token() != found.token() || find->answer) continue;
    find->answer = found;
    find->waiter.changed.notify_one();
  }
}

}  // namespace morrow::runtime
