// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <exception>

#include <morrow/error.h>

#include "runtime/backend/telling.h"
#include "runtime/driver/driver.h"
#include "runtime/image/program.h"

namespace morrow::runtime {

namespace {

// A change that nobody waits for goes out after so long at the most: the shorter one where something waits
// already.
constexpr std::chrono::microseconds kTick{200};
constexpr std::chrono::microseconds kLongTick{1'000};
constexpr std::chrono::microseconds kUploadTick{10'000};  // a store takes about as long for what comes meanwhile
// The program is busy with us: the foreground reads and writes.
constexpr std::chrono::milliseconds kQuietAfter{2};
constexpr std::chrono::milliseconds kTryAgain{50};
constexpr std::chrono::seconds kSayLostAfter{2};
constexpr std::chrono::seconds kSayLostWithoutReasonAfter{3};  // an attempt that gets no answer has its reason then
constexpr std::chrono::milliseconds kLookWhetherToStop{500};
constexpr std::chrono::seconds kRefusedFor{5};
constexpr std::size_t kMostUnsentBytes = 512 << 10;  // of an upload

}  // namespace

void Driver::run_background() {
  const base::MutexLock lock(link_.mutex());
  while (!stop_) {
    if (!end_.fatal.empty()) {
      background_.changed.wait(link_.mutex());
    } else if (!link_.connected()) {
      reconnect();
    } else if (!uploads_.hashes.empty()) {
      upload();
    } else {
      rest();
    }
  }
}

// Has the background thread look at once, when it does not by itself soon.
void Driver::stir() {
  if (rest_.mode == Mode::kSleeps) background_.changed.notify_one();
  if (rest_.mode == Mode::kReads) link_.interrupt_background();
  rest_.mode = Mode::kAwake;
}

void Driver::on_reader_left() {
  if (rest_.mode == Mode::kSleeps) stir();
}

void Driver::on_stuck() { stir(); }

void Driver::rest() {
  if (send_unpinned()) link_.write();
  const auto now = Clock::now();
  if (rest_.activity != rest_.seen_activity) {
    rest_.seen_activity = rest_.activity;
    rest_.quiet_since = now;
  }
  if (now - rest_.quiet_since < kQuietAfter) {
    background_.changed.wait_for(link_.mutex(), link_.unsent() != 0 ? kTick : kLongTick);
    return link_.write();
  }
  if (release_spare() && send_unpinned()) link_.write();
  // Lines of tasks are printed, say, which may take long.
  if (link_.has_foreground_reader() || link_.is_delivering()) {
    rest_.mode = Mode::kSleeps;
    background_.changed.wait(link_.mutex());
    rest_.mode = Mode::kAwake;
    rest_.quiet_since = Clock::now();
  } else {
    rest_.mode = Mode::kReads;
    link_.read_in_background(background_);
    rest_.mode = Mode::kAwake;
  }
}

void Driver::reconnect() {
  const auto lost = Clock::now();
  bool said_lost = false;
  auto not_refused = lost;
  while (!stop_ && !link_.connected() && end_.fatal.empty()) {
    std::optional<Connection> connection = connect_unlocked();
    if (!end_.fatal.empty()) return;
    const auto now = Clock::now();
    const std::string& cluster = dialer_->cluster();
    if (connection && connection->welcome.error().empty()) {
      welcome(std::move(*connection));
      if (end_.fatal.empty() && (said_lost || said_silent_)) worker_is_back();
      return;
    }
    if (connection) {
      // One that is about to stop refuses too; another one may take us.
      if (now - not_refused >= kRefusedFor) {
        end_.fatal = connection->welcome.error();
        return link_.wake_all();
      }
    } else {
      not_refused = now;
    }
    const std::string why = dialer_->why();
    if (!said_lost && now - lost >= (why.empty() ? kSayLostWithoutReasonAfter : kSayLostAfter)) {
      said_lost = true;
      say("lost worker " + worker_name_ + " of cluster " + cluster + "; waiting for another one" +
          (why.empty() ? "" : ": " + why));
    }
    if (!stop_) background_.changed.wait_for(link_.mutex(), kTryAgain);
  }
}

/// Nothing too when there is no hope: then `end_.fatal` says why.
std::optional<Connection> Driver::connect_unlocked() {
  try {
    const base::MutexUnlock unlocked(link_.mutex());
    return dialer_->connect(Clock::now() + kLookWhetherToStop);
  } catch (const SessionError& error) {
    end_.fatal = error.what();
    link_.wake_all();
  } catch (const std::exception&) {  // the folder of the sockets is gone, say: it may come back
  }
  return std::nullopt;
}

void Driver::upload() {
  const std::uint64_t round = uploads_.round;
  const std::string hash = uploads_.hashes.front();
  uploads_.hashes.pop_front();
  const auto& modules = dialer_->program().modules();
  const auto found =
      std::find_if(modules.begin(), modules.end(), [&](const wire::Module& module) { return module.sha256() == hash; });
  if (found == modules.end()) return;
  try {
    std::optional<Upload> file;
    wire::BlobChunk piece;
    const auto read_next = [&]() REQUIRES(link_.mutex()) {
      const base::MutexUnlock unlocked(link_.mutex());
      if (!file) file.emplace(*found);
      return file->next(piece);
    };
    while (read_next() && send_piece(piece, round)) {
    }
  } catch (const Error& error) {
    say(error.what());
  }
}

/// Waits until not much is unsent, and the worker has taken what was sent: it could read nothing else before. False:
/// the worker does not want it any more.
bool Driver::send_piece(const wire::BlobChunk& piece, std::uint64_t round) {
  while (!stop_ && round == uploads_.round && link_.connected() &&
         (uploads_.is_ahead() || link_.unsent() > kMostUnsentBytes)) {
    if (send_unpinned()) link_.write();
    if (link_.has_foreground_reader()) {
      background_.changed.wait_for(link_.mutex(), uploads_.is_ahead() ? kUploadTick : kTick);
    } else {
      link_.read_in_background(background_);
    }
  }
  if (stop_ || round != uploads_.round || !link_.connected()) return false;
  uploads_.sent_bytes += piece.data().size();
  link_.send(wire::BLOB_CHUNK, piece);
  link_.write();
  return true;
}

}  // namespace morrow::runtime
