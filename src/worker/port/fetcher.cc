// SPDX-License-Identifier: Apache-2.0
//
// An object is at several workers, each of which may be busy, gone, slow, or have a damaged copy; the reader waits.
//
// The holders are asked one after another, in a random order, so that a thousand readers don't all begin with the
// first. A holder that is busy is no failure: others get the object now and will have it in a moment, so the reader
// asks again then, with a new list of holders. Neither is one whose port is full, or closes before any answer: it
// lives, and whoever asks again gets in. `kAbsent` is the one answer that may lead to a new computation, and is given
// only when all holders said so: a holder that did not answer may have it still.
//
// What comes is written to its final place, and counts only when its checksum is right. A wrong one may be the
// network's mistake or the holder's: it is asked for once more, and the holder is told to look at its own copy
// (morrow-verify), which it drops when that is the damaged one.
//
// One connection is served by one core at each end, which a fast network outruns. So a large object comes in two halves
// over two connections; the second half has a thread of its own.
//
// Fetches block, and are given up at `stop_` between two reads. Read next: answers.cc for the other end,
// wire/http_pool.h.
#include "worker/port/fetcher.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <random>
#include <thread>
#include <utility>

#include <boost/asio/post.hpp>

#include "base/hex.h"
#include "base/invariant.h"
#include "base/mutex.h"
#include "base/random_id.h"
#include "base/shown.h"
#include "data/blocks.h"
#include "data/checksum.h"

namespace morrow::worker {

namespace {

constexpr std::size_t kThreads = 4;            // objects that come at once: a few fill a network
constexpr std::size_t kAskers = 8;             // they only wait
constexpr std::chrono::seconds kPatience{20};  // for a holder that says nothing; then the next one is asked
constexpr std::chrono::seconds kMoment{2};     // somebody looks at a screen
constexpr std::chrono::milliseconds kAskAgain{50};
constexpr std::size_t kPartBytes = 16 << 20;  // larger objects come in two halves at once
constexpr std::size_t kReadBytes = 4 << 20;   // at once: between two reads the worker may stop
constexpr std::size_t kMaxSentenceBytes = 4096;

std::string target_of(std::uint64_t number) { return "/object/" + std::to_string(number); }

std::uint64_t checksum_of(const wire::HttpResponse& response) {
  const auto found = response.headers.find("morrow-checksum");
  return found == response.headers.end() ? 0 : base::number_of_hex(found->second).value_or(0);
}

void read_parts(wire::HttpConnection& connection, std::span<std::byte> into, const std::atomic<bool>& stop) {
  while (!into.empty()) {
    if (stop) throw wire::NetworkError("this worker stops");
    const auto part = into.first(std::min(kReadBytes, into.size()));
    connection.read_body(part);
    into = into.subspan(part.size());
  }
}

/// The second half, by a connection of its own.
class SecondHalf {
 public:
  SecondHalf(wire::HttpPool& pool, const wire::Endpoint& holder, std::uint64_t number, std::size_t begin,
             std::span<std::byte> into, const std::atomic<bool>& stop) {
    thread_ = std::thread([this, &pool, holder, number, begin, into, &stop] {
      try {
        pool.with(holder, [&](wire::HttpConnection& connection) {
          const auto response = connection.get(
              target_of(number), {{"range", "bytes=" + std::to_string(begin) + "-"}, {"morrow-part", "2"}});
          if (response.status == 503) throw wire::Busy("the other worker is busy");
          if (response.status != 206 || response.length != into.size())
            throw wire::NetworkError("the other worker gave another part than was asked for");
          read_parts(connection, into, stop);
          return true;
        });
      } catch (...) {
        error_ = std::current_exception();
      }
    });
  }
  ~SecondHalf() {
    if (thread_.joinable()) thread_.join();
  }
  SecondHalf(const SecondHalf&) = delete;
  SecondHalf& operator=(const SecondHalf&) = delete;
  void wait() {
    thread_.join();
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::thread thread_;
  std::exception_ptr error_;
};

}  // namespace

Fetcher::Fetcher(Damaged damaged)
    : damaged_(std::move(damaged)), connections_(kPatience), asking_(kMoment), threads_(kThreads), askers_(kAskers) {}

Fetcher::~Fetcher() {
  stop_ = true;
  threads_.stop();  // nothing more begins
  askers_.stop();
  connections_.stop();
  asking_.stop();
  threads_.join();
  askers_.join();
}

void Fetcher::fetch(std::vector<wire::Endpoint> holders, std::uint64_t number, std::span<std::byte> into, Done done) {
  boost::asio::post(threads_, [this, holders = std::move(holders), number, into, done = std::move(done)]() mutable {
    std::shuffle(holders.begin(), holders.end(), std::mt19937_64(base::random_id()));
    End end = End::kAbsent;
    std::string sentence = "no worker that is alive has it any more";
    for (const wire::Endpoint& holder : holders) {
      if (stop_) return done(End::kFailed, "this worker stops");
      std::string why;
      End got = End::kFailed;
      try {
        got = connections_.with(
            holder, [&](wire::HttpConnection& connection) { return fetch_from(connection, number, into, why); });
      } catch (const wire::Busy& error) {
        got = End::kBusy;
        why = error.what();
      } catch (const std::exception& error) {
        why = error.what();
      }
      if (got == End::kWhole) return done(got, "");
      // One that others get now comes sooner than one from a port that hears nobody.
      const bool better = got == End::kBusy && (end != End::kBusy || why.empty());
      if (better || (end == End::kAbsent && got == End::kFailed)) {
        end = got;
        sentence = why.empty() ? ""
                               : "it could not be fetched from the worker at " + holder.host + ":" +
                                     std::to_string(holder.port) + ": " + why;
      }
    }
    done(end, sentence);
  });
}

void Fetcher::have_copied(wire::Endpoint worker, const control::HeldValue& value,
                          std::function<void(Copied, std::string sentence)> done) {
  boost::asio::post(threads_, [this, worker = std::move(worker), value, done = std::move(done)] {
    std::string sentence;
    try {
      const int status = connections_.with(worker, [&](wire::HttpConnection& connection) {
        const auto response = connection.put("/copy",
                                             {{"morrow-scope", base::hex_of(value.future.scope)},
                                              {"morrow-sequence", base::hex_of(value.future.sequence)},
                                              {"morrow-object", std::to_string(value.number)},
                                              {"morrow-size", std::to_string(value.size)}},
                                             {});
        sentence = connection.read_text(response, kMaxSentenceBytes);
        return response.status;
      });
      done(status == 201 ? Copied::kHere : status == 503 ? Copied::kBusy : Copied::kRefused, sentence);
    } catch (const wire::Busy& error) {
      done(Copied::kBusy, error.what());
    } catch (const std::exception& error) {
      done(Copied::kUnknown, error.what());
    }
  });
}

void Fetcher::ask_all(std::vector<wire::Endpoint> workers, const std::string& target, std::size_t most_bytes,
                      std::function<void(std::vector<std::string>)> done) {
  struct Inquiry {
    Inquiry(std::size_t count, std::function<void(std::vector<std::string>)> then)
        : missing(count), answers(count), done(std::move(then)) {}
    base::Mutex mutex;
    std::size_t missing GUARDED_BY(mutex);
    std::vector<std::string> answers GUARDED_BY(mutex);
    const std::function<void(std::vector<std::string>)> done;
  };
  const auto inquiry = std::make_shared<Inquiry>(workers.size(), std::move(done));
  for (std::size_t i = 0; i < workers.size(); ++i) {
    boost::asio::post(askers_, [this, inquiry, i, worker = std::move(workers[i]), target, most_bytes] {
      std::string answer = ask(worker, target, most_bytes);
      const base::MutexLock lock(inquiry->mutex);
      MORROW_INVARIANT(inquiry->missing > 0, "each worker that was asked answers once");
      inquiry->answers[i] = std::move(answer);
      if (--inquiry->missing == 0) inquiry->done(std::move(inquiry->answers));
    });
  }
}

/// Empty: it gave no answer within a moment. One that is busy is asked again until then.
std::string Fetcher::ask(const wire::Endpoint& worker, const std::string& target, std::size_t most_bytes) {
  const auto end = std::chrono::steady_clock::now() + kMoment;
  while (!stop_) {
    try {
      return asking_.with(worker, [&](wire::HttpConnection& connection) -> std::string {
        const auto response = connection.get(target);
        if (response.status == 503) throw wire::Busy("the other worker is busy");
        return response.status == 200 ? connection.read_text(response, most_bytes) : "";
      });
    } catch (const wire::Busy&) {
      const auto pause = kAskAgain / 2 + std::chrono::milliseconds(base::random_id() % kAskAgain.count());
      if (std::chrono::steady_clock::now() + pause >= end) return {};
      std::this_thread::sleep_for(pause);
    } catch (const std::exception&) {  // it is not there, or has too much to tell
      return {};
    }
  }
  return {};
}

Fetcher::End Fetcher::fetch_from(wire::HttpConnection& connection, std::uint64_t number, std::span<std::byte> into,
                                 std::string& sentence) {
  const std::size_t first = into.size() > 2 * kPartBytes ? into.size() / 2 : into.size();
  wire::HttpHeaders headers{{"morrow-accept", "blocks"}};
  if (first != into.size()) headers["range"] = "bytes=0-" + std::to_string(first - 1);
  // An object that comes damaged is asked for once more, and the holder looks whether it is its own copy that is: then
  // it drops that one.
  for (const bool verify : {false, true}) {
    if (verify) headers["morrow-verify"] = "1";
    const auto response = connection.get(target_of(number), headers);
    if (response.status == 503 || response.status == 404) {
      const std::string said = connection.read_text(response, kMaxSentenceBytes);
      // From a port that is full, or a worker whose loop is: the connection alone does not tell.
      if (response.status == 503 && !response.keep_alive) throw wire::Busy(base::shown_text(said));
      return response.status == 503 ? End::kBusy : End::kAbsent;
    }
    const End end = read(connection, response, number, into, first, sentence);
    if (end != End::kWhole || data::checksum(into) == checksum_of(response)) return end;
    sentence = "what came has a wrong checksum";
    if (damaged_) {
      damaged_("a copy of object " + std::to_string(number) + " from the worker at " + connection.endpoint().host +
               ":" + std::to_string(connection.endpoint().port) + " has a wrong checksum and is not used");
    }
  }
  return End::kFailed;
}

/// Reads the answer to a request for the first `first` bytes, and gets the others.
Fetcher::End Fetcher::read(wire::HttpConnection& connection, const wire::HttpResponse& response, std::uint64_t number,
                           std::span<std::byte> into, std::size_t first, std::string& sentence) {
  const bool whole = first == into.size();
  if (response.status == 200 && response.chunked) {
    data::BlockReader blocks(into);
    connection.read_chunks([&](std::span<const std::byte> chunk) {
      if (stop_) throw wire::NetworkError("this worker stops");
      blocks.feed(chunk);
    });
    if (blocks.done()) return End::kWhole;
    sentence = "it ended too early";
    return End::kFailed;
  }
  if (response.status != (whole ? 200 : 206) || response.length != first) {
    sentence = "it answered with status " + std::to_string(response.status) + " and " +
               std::to_string(response.length) + " bytes";
    return End::kFailed;
  }
  if (whole) {
    read_parts(connection, into, stop_);
    return End::kWhole;
  }
  SecondHalf second(connections_, connection.endpoint(), number, first, into.subspan(first), stop_);
  read_parts(connection, into.first(first), stop_);
  second.wait();
  return End::kWhole;
}

}  // namespace morrow::worker
