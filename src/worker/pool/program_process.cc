// SPDX-License-Identifier: Apache-2.0
#include "worker/pool/program_process.h"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <system_error>
#include <utility>

#include "base/invariant.h"
#include "base/process_facts.h"

namespace morrow::worker {

namespace {

constexpr std::size_t kKeepPrintedBytes = 4'096;  // more than kLastLines lines have as a rule
constexpr int kLastLines = 5;                     // of them that a message to people shows
constexpr std::chrono::seconds kLauncherEndsAfterSilence{1};
constexpr std::chrono::seconds kBetweenLooks{1};  // at one that does not answer

// How the loader of the C library says that it can't load a program: before the line that matters it names the program.
constexpr std::array<std::string_view, 4> kLoaderErrors{
    "error while loading shared libraries: ", "symbol lookup error: ", "Error loading shared library ", ": version `"};

bool has_packet(int fd) {
  pollfd readable{fd, POLLIN, 0};
  return ::poll(&readable, 1, 0) > 0 && (readable.revents & (POLLIN | POLLHUP)) != 0;
}

// By a signal: it does nothing until SIGCONT. One that a debugger holds does not count.
bool is_stopped(pid_t pid) {
  const auto facts = base::process_facts(pid);
  return facts && facts->state == 'T';
}

/// What is missing comes before the words of the loader, when that is what they say.
std::string with_missing_library(std::string text) {
  constexpr std::string_view kBefore = "error while loading shared libraries: ";
  const std::size_t end = text.find(": cannot open shared object file");
  if (!text.starts_with(kBefore) || end == std::string::npos) return text;
  return text.substr(kBefore.size(), end - kBefore.size()) + " is missing (" + text + ")";
}

}  // namespace

ProgramProcess::ProgramProcess(PoolContext& pool, ProcessOwner& owner, StartedProgram started)
    : pool_(pool), owner_(&owner), pid_(started.pid), channel_(pool.io), timer_(pool.io) {
  channel_.assign(started.channel.release());
  const auto take = [this](std::string_view text) { on_output(text); };
  output_ = std::make_shared<OutputPipe>(pool.io, std::move(started.output), take);
  errors_ = std::make_shared<OutputPipe>(pool.io, std::move(started.errors), take);
}

void ProgramProcess::start(const wire::Program& program) {
  pool_.reaper.watch(pid_, [self = shared_from_this()](int status) { self->on_end(status); });
  send_program(program);
  output_->start();
  errors_->start();
  listen();
  expect_answer();
}

void ProgramProcess::start_again(const wire::Program& program, wire::Fd channel) {
  close_channel();
  channel_.assign(channel.release());
  send_program(program);
  listen();
}

bool ProgramProcess::is_or_is_forked_as(pid_t asker) const {
  const base::FileId own = base::program_of(pid_);
  return asker == pid_ || (own != base::FileId() && own == base::program_of(asker));
}

void ProgramProcess::send_program(const wire::Program& program) {
  wire::Program checked;  // its arguments and environment it has already
  checked.set_key(program.key());
  checked.set_fork_server(program.fork_server());
  *checked.mutable_modules() = program.modules();
  std::string bytes;
  wire::append_frame(bytes, wire::PROGRAM, checked);
  try {
    wire::send_packet(channel_.native_handle(), bytes);
  } catch (const std::system_error&) {
    // it is dead already, which the reaper tells
  }
}

void ProgramProcess::fork(const std::shared_ptr<ExecutorLink>& link, bool in_place) {
  const auto ends = link->open();
  const std::array<int, 5> all{ends[0].get(), ends[1].get(), ends[2].get(), ends[3].get(), pool_.options.object_memory};
  const auto descriptors = std::span(all).first(all.back() < 0 ? 4 : 5);
  std::string bytes;
  wire::append_frame(bytes, wire::FORK, link->fork_message(in_place));
  in_place_ = in_place;
  if (asked_.empty()) expect_answer();
  const bool is_new = asked_.emplace(link->id(), link).second;
  MORROW_INVARIANT(is_new, "a process is asked once for an executor", link->id(), pid_);
  try {
    wire::send_packet(channel_.native_handle(), bytes, descriptors);
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::broken_pipe && error.code() != std::errc::connection_reset) {
      asked_.erase(link->id());
      if (asked_.empty()) timer_.cancel();
      link->recall();
      throw;
    }
    // it is dying, and its end gives back all that was asked
  }
}

std::shared_ptr<ExecutorLink> ProgramProcess::answered(ExecutorProcess id) {
  const auto found = asked_.find(id);
  if (found == asked_.end()) return nullptr;
  const auto link = found->second;
  asked_.erase(found);
  asked_.empty() ? static_cast<void>(timer_.cancel()) : expect_answer();
  return link;
}

std::map<ExecutorProcess, std::shared_ptr<ExecutorLink>> ProgramProcess::take_unanswered() {
  if (reached_) timer_.cancel();
  return std::exchange(asked_, {});
}

void ProgramProcess::expect_answer() {
  stopped_ = false;
  answer_by_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(pool_.options.reach_session_ms);
  await_answer();
}

// One that was stopped does not answer before somebody lets it go on, so there is no use in waiting for the whole time.
// Found so twice: a batch system that stops all processes, this one too, lets them go on one by one.
void ProgramProcess::await_answer() {
  const bool was_stopped = std::exchange(stopped_, is_stopped(pid_));
  const auto now = std::chrono::steady_clock::now();
  if (now >= answer_by_ || (was_stopped && stopped_)) {
    stuck_ = true;
    return owner_->process_stuck(*this);
  }
  timer_.expires_at(std::min(answer_by_, now + kBetweenLooks));
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self && self->owner_ != nullptr) self->await_answer();
  });
}

void ProgramProcess::listen() {
  channel_.async_wait(channel_.wait_read, [weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || !self || self->owner_ == nullptr) return;
    self->read_packets();
    if (self->channel_.is_open()) self->listen();
  });
}

void ProgramProcess::read_packets() {
  std::string bytes;
  std::vector<wire::Fd> descriptors;
  try {
    while (channel_.is_open() && has_packet(channel_.native_handle())) {
      if (!wire::receive_packet(channel_.native_handle(), bytes, descriptors)) return on_channel_end();
      on_packet(bytes, descriptors);
    }
  } catch (const std::exception&) {  // not of the protocol: user code writes there; it can't be trusted any more
    close_channel();
    kill();
  }
}

// Usually its death, which the reaper tells. A fork server that lives on without its channel is of no use; a program
// before its Session line has its time limit, and one that became an executor needs no channel.
void ProgramProcess::on_channel_end() {
  close_channel();
  if (!reached_ || in_place_) return;
  timer_.expires_after(kLauncherEndsAfterSilence);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self && self->owner_ != nullptr) self->kill();
  });
}

void ProgramProcess::on_packet(const std::string& bytes, std::vector<wire::Fd>& descriptors) {
  wire::FrameReader reader;
  reader.append(bytes);
  const auto frame = reader.next();
  if (!frame) throw wire::ProtocolError("half a frame in a packet");
  if (owner_ == nullptr) return;
  if (frame->type == wire::PROGRAM_READY) {
    wire::ProgramReady message;
    wire::parse(message, frame->payload);
    timer_.cancel();
    reached_ = message.error().empty();
    owner_->process_ready(*this, message);
  } else if (frame->type == wire::FORKED) {
    wire::Forked message;
    wire::parse(message, frame->payload);
    owner_->process_forked(*this, message, descriptors.empty() ? wire::Fd() : std::move(descriptors.front()));
  } else if (frame->type == wire::EXITED) {
    wire::Exited message;
    wire::parse(message, frame->payload);
    owner_->process_exited(*this, message);
  } else {
    throw wire::ProtocolError("an unexpected frame from the first process of a program");
  }
}

void ProgramProcess::on_output(std::string_view text) {
  if (!reached_) {
    printed_.append(text);
    if (printed_.size() > kKeepPrintedBytes) printed_.erase(0, printed_.size() - kKeepPrintedBytes);
  }
  if (owner_ != nullptr) owner_->process_output(text);
}

std::string ProgramProcess::last_lines() const {
  std::string_view text = printed_;
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  std::size_t begin = text.size();
  for (int line = 0; line < kLastLines && begin != std::string_view::npos; ++line) {
    begin = begin == 0 ? std::string_view::npos : text.rfind('\n', begin - 1);
  }
  return std::string(begin == std::string_view::npos ? text : text.substr(begin + 1));
}

std::string ProgramProcess::loader_error() const {
  for (const std::string_view sign : kLoaderErrors) {
    const std::size_t found = printed_.find(sign);
    if (found == std::string::npos) continue;
    const std::size_t line = printed_.rfind('\n', found) + 1;  // of the first line, npos + 1 is 0
    const std::size_t begin = std::min(found, printed_.find(": ", line) + 2);
    return with_missing_library(printed_.substr(begin, printed_.find('\n', found) - begin));
  }
  return {};
}

void ProgramProcess::on_end(int status) {
  if (owner_ == nullptr) return;
  read_packets();
  output_->drain();
  errors_->drain();
  close();
  if (owner_ != nullptr) std::exchange(owner_, nullptr)->process_ended(*this, status);
}

// Its own session, so its group is it and all that it started, without its executors.
void ProgramProcess::kill() {
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);
}

void ProgramProcess::discard() {
  owner_ = nullptr;
  kill();
  close();
}

void ProgramProcess::end_now() {
  owner_ = nullptr;
  pool_.reaper.end(pid_);
  close();
}

void ProgramProcess::close_channel() {
  boost::system::error_code ignored;
  channel_.close(ignored);
}

void ProgramProcess::close() {
  timer_.cancel();
  close_channel();
  output_->close();
  errors_->close();
}

}  // namespace morrow::worker
