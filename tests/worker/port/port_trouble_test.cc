// SPDX-License-Identifier: Apache-2.0
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <mutex>

#include "tests/worker/port/port_fixture.h"
#include "wire/remote_session.h"

// What strangers, broken connections and a machine without room do to a port.

namespace morrow::worker {
namespace {

using Clock = std::chrono::steady_clock;

std::unique_ptr<Port> port_that_says(Said& said, wire::Endpoint& endpoint) {
  wire::Fd listening = wire::listen_tcp("127.0.0.1", 0);
  wire::parse_address(wire::local_address(listening.get()), endpoint.host, endpoint.port);
  endpoint.token = "right";
  return std::make_unique<Port>(std::move(listening), PortOptions{"right", nullptr, said.log()}, PortHandlers());
}

int health(const wire::Endpoint& endpoint) {
  try {
    wire::HttpConnection connection(endpoint, std::chrono::seconds(10));
    return connection.get("/health").status;
  } catch (const wire::NetworkError&) {
    return 0;
  }
}

void limit(__rlimit_resource what, rlim_t to) {
  rlimit now{};
  getrlimit(what, &now);
  now.rlim_cur = std::min(to, now.rlim_max);
  setrlimit(what, &now);
}

/// Runs `check` in a process of its own, whose limits are no other test's; it gives the line in which it failed, or 0.
template <class Check>
int in_own_process(Check check) {
  const pid_t pid = fork();
  if (pid == 0) _exit(check());
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

TEST(Port, WithoutAThreadForAConnectionItGoesOnAndSaysWhy) {
  const int failed = in_own_process([]() -> int {
    Said said;
    wire::Endpoint endpoint;
    const auto port = port_that_says(said, endpoint);
    if (geteuid() == 0 && setuid(65534) != 0) return 1;  // root has no such limit
    limit(RLIMIT_NPROC, 0);
    if (health(endpoint) == 200) return 2;
    if (health(endpoint) == 200) return 3;
    if (said.count("no thread for a connection") != 1) return 4;
    limit(RLIMIT_NPROC, RLIM_INFINITY);
    return health(endpoint) == 200 ? 0 : 5;
  });
  EXPECT_EQ(failed, 0);
}

TEST(Port, WithoutDescriptorsItRestsAndSaysWhy) {
  const int failed = in_own_process([]() -> int {
    Said said;
    wire::Endpoint endpoint;
    const auto port = port_that_says(said, endpoint);
    std::vector<wire::Fd> fill;
    limit(RLIMIT_NOFILE, 64);
    const wire::Fd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    for (;;) {
      wire::Fd one(dup(client.get()));
      if (!one) break;
      fill.push_back(std::move(one));
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return 2;
    rusage before{};
    rusage after{};
    getrusage(RUSAGE_SELF, &before);
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    getrusage(RUSAGE_SELF, &after);
    const auto used = [](const rusage& usage) { return usage.ru_utime.tv_usec + usage.ru_stime.tv_usec; };
    if (after.ru_utime.tv_sec + after.ru_stime.tv_sec == before.ru_utime.tv_sec + before.ru_stime.tv_sec &&
        used(after) - used(before) > 200'000)
      return 3;
    if (said.count("raise the limit of open files") != 1) return 4;
    fill.clear();
    return health(endpoint) == 200 ? 0 : 5;
  });
  EXPECT_EQ(failed, 0);
}

TEST_F(PortTest, ItClosesAtOnceAlthoughTheWorkerOwesAnswers) {
  std::vector<std::function<void(std::string)>> owed;
  std::mutex mutex;
  handlers_.metrics = [&](std::function<void(std::string)> then) {
    const std::lock_guard lock(mutex);
    owed.push_back(std::move(then));
  };
  open({"right", nullptr});
  wire::HttpConnection put(endpoint_, std::chrono::seconds(10));
  wire::NetStream waits = connect();
  waits.write("GET /metrics HTTP/1.1\r\nAuthorization: Bearer right\r\n\r\n");
  while (std::lock_guard(mutex), owed.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const auto start = Clock::now();
  port_.reset();
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(5));
  for (const auto& then : owed) then("too late, and harmless");
}

TEST_F(PortTest, AFetcherGivesUpAtOnceWhatItWaitsForAndWhatWaitsForIt) {
  handlers_.object = [](std::uint64_t, bool, const PortHandlers::Lend&) {};  // never answers
  open({"right", nullptr});
  auto fetcher = std::make_unique<Fetcher>();
  std::vector<std::byte> into(1000);
  std::atomic<int> whole = 0;
  for (std::uint64_t i = 0; i < 20; ++i) {
    fetcher->fetch({endpoint_, endpoint_, endpoint_}, i, into,
                   [&](Fetcher::End end, const std::string&) { whole += end == Fetcher::End::kWhole ? 1 : 0; });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const auto start = Clock::now();
  fetcher.reset();
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(5));
  EXPECT_EQ(whole, 0);
}

TEST_F(PortTest, WhoDoesNotShowTheTokenInTimeIsSentAwayHoweverSlowlyHeSpeaks) {
  PortOptions options{"right", nullptr};
  options.limits.enter_within = std::chrono::milliseconds(300);
  open(std::move(options));
  wire::HttpConnection entered(endpoint_, std::chrono::seconds(10));
  EXPECT_EQ(entered.get("/metrics").status, 200);
  wire::NetStream slow = connect();
  const auto start = Clock::now();
  bool closed = false;
  try {
    for (; Clock::now() - start < std::chrono::seconds(10);) {
      slow.write("x");
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  } catch (const wire::NetworkError&) {
    closed = true;
  }
  EXPECT_TRUE(closed);
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(5));
  std::vector<std::byte> body(sizeof "morrow_objects 2\n" - 1);
  entered.read_body(body);
  EXPECT_EQ(entered.get("/health").status, 200);  // who has the token may stay
}

TEST_F(PortTest, ARequestThatMakesNoSenseGetsASentence) {
  const std::string token = "Authorization: Bearer right\r\n";
  const auto says = [&](const std::string& bytes, const std::string& status) {
    const std::string answer = answer_to(bytes);
    EXPECT_EQ(answer.rfind("HTTP/1.1 " + status, 0), 0U) << answer;
    EXPECT_NE(answer.find("connection: close"), std::string::npos) << answer;
    EXPECT_NE(answer.find("\r\n\r\n"), answer.size() - 4) << answer;  // a sentence
  };
  says("rubbish\r\n\r\n", "400");
  says("GET / HTTP/1.1\r\nx: " + std::string(20'000, 'y'), "431");
  says("PUT /object HTTP/1.1\r\n" + token + "morrow-session: 5\r\n\r\n", "411");
  says("PUT /object HTTP/1.1\r\n" + token + "content-length: 100000\r\n\r\n" + std::string(100'000, 'x'), "400");
  says("PUT /object HTTP/1.1\r\n" + token + "morrow-session: 5\r\nmorrow-checksum: 1\r\ncontent-length: 3\r\n\r\nabc",
       "422");
  says("GET /health HTTP/1.1\r\n" + token + "content-length: 3\r\n\r\nabc", "200");  // what comes behind is no request
  EXPECT_TRUE(given_back());
}

TEST_F(PortTest, HeadHasNoBodyEvenForAnError) {
  const std::string head = " HTTP/1.1\r\nAuthorization: bearer right\r\n";  // the word in any case: it is no secret
  const std::string missing = answer_to("HEAD /object/6" + head + "Connection: close\r\n\r\n");
  EXPECT_EQ(missing.rfind("HTTP/1.1 404", 0), 0U) << missing;
  EXPECT_EQ(missing.find("\r\n\r\n"), missing.size() - 4) << missing;
  const std::string two = answer_to("HEAD /object/6" + head + "\r\nGET /health" + head + "Connection: close\r\n\r\n");
  EXPECT_NE(two.find("HTTP/1.1 200"), std::string::npos) << two;
}

TEST_F(PortTest, RoomIsGivenBackWhenWhatWasToFillItEndsEarly) {
  {
    wire::NetStream stream = connect();
    stream.write(
        "PUT /object HTTP/1.1\r\nAuthorization: Bearer right\r\nmorrow-session: 5\r\nmorrow-checksum: 1\r\n"
        "content-length: 9000\r\n\r\nhalf");
    for (int i = 0; i < 1000 && rooms_ == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(rooms_, 1);
  }
  EXPECT_TRUE(given_back());
}

TEST_F(PortTest, BothSidesOfAWrongSchemeAreToldSo) {
  const auto sentence = [this](const std::string& ca) -> std::string {
    wire::Endpoint endpoint = endpoint_;
    endpoint.ca_fingerprint = ca;
    wire::RemoteSession session;
    try {
      session.connect(endpoint, std::chrono::seconds(5));
    } catch (const wire::NetworkError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(sentence(std::string(64, 'a')).find("does not encrypt"), std::string::npos)
      << sentence(std::string(64, 'a'));
  const wire::Certificate authority = wire::make_authority("test");
  const auto tls =
      std::make_shared<const wire::TlsServer>(wire::make_certificate(authority, "one"), authority.certificate);
  open({"right", tls});
  EXPECT_NE(sentence("").find("the line has no ca="), std::string::npos) << sentence("");
  EXPECT_NE(answer_to("GET / HTTP/1.1\r\n\r\n").find("this port speaks https"), std::string::npos);
  EXPECT_EQ(sentence(wire::fingerprint(authority.certificate)), "");
}

}  // namespace
}  // namespace morrow::worker
