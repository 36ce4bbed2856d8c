// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/future_search.h"

#include <memory>
#include <utility>

#include "wire/messages.pb.h"

namespace morrow::worker {

namespace {

/// A walk through the futures of the store.
struct Search {
  PostToStore post;
  control::FutureFilter filter;
  std::string pattern;
  std::size_t most = 0;
  std::function<void(FoundFutures)> then;
  control::FuturePage page = {};
  FoundFutures found = {};
};

/// One page at a time: between two of them the store's thread turns to the rounds.
void look_at_page(const std::shared_ptr<Search>& search) {
  search->post(
      StoreLane::kUpkeep,
      [search, from = search->page.next](store::Store& store) {
        search->page = control::find_futures(store, search->filter, from);
      },
      [search] {
        for (control::FutureSeen& future : search->page.futures) {
          if (!search->pattern.empty() && !matches(search->pattern, name_of(future))) continue;
          if (search->found.futures.size() == search->most) {
            ++search->found.more;
          } else {
            search->found.futures.push_back(std::move(future));
          }
        }
        if (search->page.next.empty()) return search->then(std::move(search->found));
        look_at_page(search);
      });
}

}  // namespace

bool matches(std::string_view pattern, std::string_view name) {
  // Greedy: when a later text does not fit, the last star takes one character more.
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t after_star = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      after_star = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++after_star;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

std::string name_of(const control::FutureSeen& future) {
  if (!future.name.empty() || !future.outcome || future.outcome->ok()) return future.name;
  wire::Failure failure;
  return failure.ParseFromString(future.outcome->bytes) ? failure.task() : "";
}

void find_futures(const PostToStore& post, const control::FutureFilter& filter, const std::string& pattern,
                  std::size_t most, std::function<void(FoundFutures)> then) {
  look_at_page(std::make_shared<Search>(Search{post, filter, pattern, most, std::move(then)}));
}

}  // namespace morrow::worker
