// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/listing.h"

#include <memory>
#include <unordered_set>
#include <utility>

#include "base/shown.h"
#include "worker/cluster/status.h"
#include "worker/shell/convert.h"
#include "worker/shell/future_search.h"

namespace morrow::worker {

namespace {

constexpr std::size_t kMostListed = 5'000;       // a frame has an end, and so has a person's patience
constexpr std::size_t kMostReasonBytes = 1'000;  // the text of an exception may be long; `why` tells all of it

void shorten(wire::FutureInfo& info) {
  if (info.reason().size() > kMostReasonBytes)
    info.set_reason(std::string(base::beginning(info.reason(), kMostReasonBytes)) + " …");
}

/// An answer that is being gathered.
struct Listing {
  wire::ListReply reply;
  std::unordered_set<control::FutureId> own;
  std::vector<control::WorkerSeen> workers;
  std::vector<control::SessionSeen> sessions;

  void add_own(const wire::ListRequest& request, const Why& why, const std::vector<TaskSeen>& tasks) {
    const std::string store_trouble = why.store_trouble();
    for (const TaskSeen& task : tasks) {
      own.insert(task.id);
      if (request.failed() || (request.running() && !is_running(task))) continue;
      if (!request.name().empty() && !matches(request.name(), task.name)) continue;
      if (reply.futures_size() == static_cast<int>(kMostListed)) {
        reply.set_more(reply.more() + 1);
        continue;
      }
      wire::FutureInfo info = why.info_of(task, store_trouble);
      if (info.has_root()) info.set_reason(info.reason() + " " + named(id_of(info.root()), ""));
      *reply.add_futures() = std::move(info);
    }
  }

  void add_failures(const wire::ListRequest& request, const std::vector<wire::FutureInfo>& failures) {
    if (!request.failed()) return;
    for (const wire::FutureInfo& failure : failures) {
      if (!request.name().empty() && !matches(request.name(), failure.name())) continue;
      if (!own.insert(id_of(failure.id())).second || reply.futures_size() == static_cast<int>(kMostListed)) continue;
      wire::FutureInfo& info = *reply.add_futures();
      info = failure;
      shorten(info);
    }
  }

  void add_found(const FoundFutures& found, const Why& why) {
    reply.set_more(reply.more() + found.more);
    for (const control::FutureSeen& future : found.futures) {
      if (own.contains(future.id)) continue;
      wire::FutureInfo& info = *reply.add_futures();
      info = why.info_of(future, workers);
      shorten(info);
    }
  }

  void add_sessions() {
    for (const control::SessionSeen& session : sessions) {
      wire::SessionInfo& info = *reply.add_sessions();
      info.set_session(session.id);
      info.set_ending(session.ending);
      for (const control::WorkerSeen& worker : workers) {
        if (worker.info.incarnation == session.worker) info.set_worker(worker.info.name);
      }
    }
  }
};

}  // namespace

void list_for_people(const wire::ListRequest& request, const Why& why, const std::vector<TaskSeen>& own,
                     const std::vector<wire::FutureInfo>& failures, const PostToStore& post,
                     const std::function<void(const wire::ListReply&)>& then) {
  const auto listing = std::make_shared<Listing>();
  if (!request.sessions()) listing->add_own(request, why, own);
  if (!request.sessions()) listing->add_failures(request, failures);
  if (!request.everywhere()) return then(listing->reply);
  post(
      StoreLane::kUpkeep,
      [listing, sessions = request.sessions()](store::Store& store) {
        listing->workers = control::workers(store);
        if (sessions) listing->sessions = control::all_sessions(store);
      },
      [listing, request, &why, post, then] {
        if (request.sessions()) {
          listing->add_sessions();
          return then(listing->reply);
        }
        const control::FutureFilter filter{
            .unfinished = request.unfinished(), .failed = request.failed(), .claimed = request.running()};
        find_futures(post, filter, request.name(), kMostListed, [listing, &why, then](const FoundFutures& found) {
          listing->add_found(found, why);
          then(listing->reply);
        });
      });
}

}  // namespace morrow::worker
