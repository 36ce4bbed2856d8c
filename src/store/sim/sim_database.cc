// SPDX-License-Identifier: Apache-2.0
#include "store/sim/sim_database.h"

#include <algorithm>

#include "base/invariant.h"

namespace morrow::store {

/// One watch. Leaves the database when it is destroyed.
class SimDatabase::SimWatch : public Watch {
 public:
  SimWatch(std::shared_ptr<SimDatabase> database, std::uint64_t id) : database_(std::move(database)), id_(id) {}
  ~SimWatch() override { database_->remove_watch(id_); }

 private:
  const std::shared_ptr<SimDatabase> database_;
  const std::uint64_t id_;
};

const std::string* SimDatabase::find(std::string_view key) const {
  const auto row = table_.find(key);
  return row == table_.end() ? nullptr : value_at(row->second, version_);
}

CommitResult SimDatabase::land(std::size_t index) {
  UnknownCommit landing = std::move(in_flight_.at(index));
  in_flight_.erase(in_flight_.begin() + static_cast<std::ptrdiff_t>(index));
  return apply(std::move(landing.request), landing.open, landing.number);
}

void SimDatabase::drop(std::size_t index) {
  const auto open = in_flight_.at(index).open;
  in_flight_.erase(in_flight_.begin() + static_cast<std::ptrdiff_t>(index));
  if (open) close_version(*open);
}

void SimDatabase::release_watches(std::size_t count) {
  for (; count > 0 && !held_.empty(); --count) {
    const std::uint64_t id = held_.front();
    held_.pop_front();
    call_watch(id);
  }
}

std::size_t SimDatabase::kept_versions() const {
  std::size_t count = 0;
  for (const auto& [key, versions] : table_) count += versions.size();
  return count;
}

void SimDatabase::close_version(OpenVersions::iterator position) {
  MORROW_INVARIANT(*position <= version_, "a transaction reads a version that there is", *position, version_);
  open_.erase(position);
  trim();
}

const std::string* SimDatabase::value_at(const std::vector<Version>& versions, std::uint64_t version) {
  for (auto candidate = versions.rbegin(); candidate != versions.rend(); ++candidate) {
    if (candidate->version <= version) return candidate->value ? &*candidate->value : nullptr;
  }
  return nullptr;
}

bool SimDatabase::conflicts(const Request& request) const {
  if (!request.read_version || request.reads.empty()) return false;
  for (auto commit = log_.rbegin(); commit != log_.rend() && commit->version > *request.read_version; ++commit) {
    for (const Range& read : request.reads) {
      const auto key = std::lower_bound(commit->keys.begin(), commit->keys.end(), read.begin);
      if (key != commit->keys.end() && *key < read.end) return true;
      const auto cleared =
          std::upper_bound(commit->cleared.begin(), commit->cleared.end(), read.begin,
                           [](const std::string& begin, const Range& range) { return begin < range.end; });
      if (cleared != commit->cleared.end() && cleared->begin < read.end) return true;
    }
  }
  return false;
}

CommitResult SimDatabase::apply(Request request, std::optional<OpenVersions::iterator> open, std::uint64_t number) {
  const bool conflict = conflicts(request);
  if (open) close_version(*open);
  if (conflict) return CommitResult::kConflict;

  ++version_;
  if (!open_.empty()) {
    PastCommit logged{version_, {}, request.cleared};
    for (const Mutation& mutation : request.writes) logged.keys.push_back(mutation.key);
    MORROW_INVARIANT(log_.empty() || log_.back().version < version_, "versions grow", version_);
    log_.push_back(std::move(logged));
  }
  add_cleared_keys(request);
  for (const Mutation& mutation : request.writes) write(mutation);
  trim();
  if (hooks.committed) hooks.committed(Commit{version_, number, request.writes, request.cleared});
  fire_watches(request.writes);
  return CommitResult::kCommitted;
}

void SimDatabase::add_cleared_keys(Request& request) const {
  if (request.cleared.empty()) return;
  const auto by_key = [](const Mutation& a, const Mutation& b) { return a.key < b.key; };
  const std::size_t own = request.writes.size();
  for (const Range& range : request.cleared) {
    for_each(range, [&](std::string_view key, std::string_view) {
      const auto end = request.writes.begin() + static_cast<std::ptrdiff_t>(own);
      Mutation clear{std::string(key), std::nullopt};
      if (!std::binary_search(request.writes.begin(), end, clear, by_key)) request.writes.push_back(std::move(clear));
    });
  }
  std::inplace_merge(request.writes.begin(), request.writes.begin() + static_cast<std::ptrdiff_t>(own),
                     request.writes.end(), by_key);
}

void SimDatabase::write(const Mutation& mutation) {
  auto row = table_.find(mutation.key);
  if (row == table_.end()) {
    if (!mutation.value) return;
    row = table_.emplace(mutation.key, std::vector<Version>()).first;
  }
  MORROW_INVARIANT(row->second.empty() || row->second.back().version < version_, "a commit writes a key once",
                   mutation.key, version_);
  row->second.push_back({version_, mutation.value});
  if (row->second.size() > 1) garbage_.emplace_back(version_, mutation.key);
}

void SimDatabase::trim() {
  const std::uint64_t oldest = open_.empty() ? version_ : *open_.begin();
  while (!log_.empty() && log_.front().version <= oldest) log_.pop_front();
  for (; !garbage_.empty() && garbage_.front().first <= oldest; garbage_.pop_front()) {
    const auto row = table_.find(garbage_.front().second);
    if (row == table_.end()) continue;
    // The newest version that the oldest reader sees stays, and all after it.
    std::vector<Version>& versions = row->second;
    std::size_t keep = 0;
    while (keep + 1 < versions.size() && versions[keep + 1].version <= oldest) ++keep;
    versions.erase(versions.begin(), versions.begin() + static_cast<std::ptrdiff_t>(keep));
    MORROW_INVARIANT(!versions.empty(), "the newest version of a key stays", garbage_.front().second);
    if (versions.size() == 1 && !versions.front().value) table_.erase(row);
  }
}

std::unique_ptr<Watch> SimDatabase::add_watch(std::string_view key, std::function<void()> on_change,
                                              std::shared_ptr<SimDatabase> self) {
  const std::uint64_t id = ++last_watch_;
  watches_.emplace(id, WatchEntry{std::string(key), std::move(on_change)});
  watches_by_key_[std::string(key)].insert(id);
  return std::make_unique<SimWatch>(std::move(self), id);
}

void SimDatabase::remove_watch(std::uint64_t id) {
  const auto watch = watches_.find(id);
  if (watch == watches_.end()) return;
  const auto same_key = watches_by_key_.find(watch->second.key);
  if (same_key != watches_by_key_.end()) {
    same_key->second.erase(id);
    if (same_key->second.empty()) watches_by_key_.erase(same_key);
  }
  std::erase(held_, id);
  watches_.erase(watch);
}

void SimDatabase::fire_watches(const std::vector<Mutation>& writes) {
  if (watches_by_key_.empty()) return;
  std::vector<std::uint64_t> fired;
  for (const Mutation& mutation : writes) {
    const auto same_key = watches_by_key_.find(mutation.key);
    if (same_key == watches_by_key_.end()) continue;
    fired.insert(fired.end(), same_key->second.begin(), same_key->second.end());
    watches_by_key_.erase(same_key);
  }
  for (const std::uint64_t id : fired) {
    const auto watch = watches_.find(id);
    if (watch == watches_.end()) continue;  // an earlier callback removed it
    const WatchFate fate = hooks.watch ? hooks.watch(watch->second.key) : WatchFate::kFire;
    if (fate == WatchFate::kFire) call_watch(id);
    if (fate == WatchFate::kHold) held_.push_back(id);
    if (fate == WatchFate::kLose) watches_.erase(id);
  }
}

void SimDatabase::call_watch(std::uint64_t id) {
  const auto watch = watches_.find(id);
  if (watch == watches_.end()) return;
  const std::function<void()> on_change = std::move(watch->second.on_change);
  watches_.erase(watch);
  on_change();
}

}  // namespace morrow::store
