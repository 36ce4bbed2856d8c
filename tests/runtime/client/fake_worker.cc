// SPDX-License-Identifier: Apache-2.0
#include "tests/runtime/client/fake_worker.h"

#include <morrow/serialize.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "wire/paths.h"

namespace morrow::test {

FakeCluster::FakeCluster() {
  std::string folder = "/tmp/morrow-runtime-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no folder for the test");
  folder_ = folder;
  setenv("XDG_RUNTIME_DIR", folder.c_str(), 1);
}

FakeCluster::~FakeCluster() { std::filesystem::remove_all(folder_); }

FakeWorker::FakeWorker(const std::string& name) : name_(name) {
  wire::run_folder(kCluster, true);
  path_ = wire::worker_socket(kCluster, name);
  listener_ = wire::listen_unix(path_);
}

void FakeWorker::accept() {
  await_readable(listener_.get(), "a connection");
  driver_ = Connection(wire::Fd(::accept(listener_.get(), nullptr, nullptr)));
  hello_ = driver_.read<wire::Hello>(wire::HELLO);
  if (hello_.kind() == wire::Hello::KNOCK) {
    welcome();
    hello_ = driver_.read<wire::Hello>(wire::HELLO);
  }
  program_ = driver_.read<wire::Program>(wire::PROGRAM);
}

void FakeWorker::welcome(std::uint64_t applied, std::uint64_t lease_ms) {
  wire::Welcome message;
  message.set_worker(name_);
  message.set_attachment(1);
  message.set_applied(applied);
  message.set_lease_ms(lease_ms);
  driver_.write(wire::WELCOME, message);
}

void FakeWorker::refuse(const std::string& sentence) {
  wire::Welcome message;
  message.set_worker(name_);
  message.set_error(sentence);
  driver_.write(wire::WELCOME, message);
}

void FakeWorker::stop() {
  listener_.reset();
  unlink(path_.c_str());
  driver_.close();
}

void FakeWorker::ack(std::uint64_t number) {
  wire::Ack message;
  message.set_number(number);
  driver_.write(wire::ACK, message);
}

void FakeWorker::answer(const wire::Await& await, std::uint32_t index, std::string bytes) {
  wire::Ready message;
  message.set_token(await.token());
  message.set_index(index);
  message.set_bytes(std::move(bytes));
  driver_.write(wire::READY, message);
}

void FakeWorker::end(std::uint64_t failed, const std::string& first) {
  for (;;) {
    const auto frame = driver_.next();
    if (!frame) throw std::runtime_error("the driver left without ending its session");
    if (frame->type != wire::END_SESSION) continue;
    wire::EndSession message;
    wire::parse(message, frame->payload);
    ack(message.number());
    wire::SessionEnded ended;
    ended.set_failed(failed);
    ended.set_first(first);
    driver_.write(wire::SESSION_ENDED, ended);
    return;
  }
}

std::string encoded(int value) {
  detail::Bytes bytes;
  detail::ValueWriter out(bytes);
  out.write(value);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace morrow::test
